//! The backward pass with mean Hessians (Eqs. 6 and 7). Why node by node: a child hands down one matrix for all samples,
//! so every sample is seen at a node before any at its parents.

use std::collections::BTreeMap;

use nalgebra::DMatrix;

use super::RunError;
use super::batch::Data;
use super::frontier::{Frontier, Step, carried};
use super::graph::Live;
use super::machine::{Crossed, Machine, add_message, dense};
use super::prepare::Stage;
use crate::backend::{Element, Inputs, OutputBlock};
use crate::expr::Name;
use crate::hbp::Batch;

/// What differs from sample to sample, node by node.
type Sample<T> = Vec<Inputs<T>>;

impl<T: Element> Machine<'_, T> {
    /// All passes for all samples.
    pub(super) fn average(&mut self, data: &Data<T>) -> Result<(), RunError> {
        let mut samples = Vec::with_capacity(data.samples);
        for sample in 0..data.samples {
            self.load(sample, data);
            self.forward()?;
            samples.push(self.seen());
        }
        let stages = self.stages;
        let mut frontier = Frontier::of_loss(stages.len().saturating_sub(1));
        self.forget();
        for (place, stage) in stages.iter().enumerate().rev() {
            if !stage.runs_backward() {
                continue;
            }
            let sums = self.sums(place, stage, &frontier, &mut samples)?;
            self.combine(place, stage, sums, &mut frontier, data.samples)?;
        }
        self.keep_shared(&frontier)
    }

    /// The values of the sample that was run last, without the parameters.
    fn seen(&self) -> Sample<T> {
        let of = |(stage, inputs): (&Stage, &Inputs<T>)| -> Inputs<T> {
            let is_parameter = |name: &Name| stage.parameters.iter().any(|(own, _)| own == name);
            let varying = inputs.iter().filter(|(name, _)| !is_parameter(name));
            varying.map(|(n, v)| (n.clone(), v.clone())).collect()
        };
        self.stages.iter().zip(&self.inputs).map(of).collect()
    }

    /// Runs a node backwards for every sample: gradients go on, and what is averaged is summed.
    fn sums(
        &mut self,
        place: usize,
        stage: &Stage,
        frontier: &Frontier<T>,
        samples: &mut [Sample<T>],
    ) -> Result<Sums<T>, RunError> {
        let node = Live::Node(place);
        let hessian = frontier.block(&node, &node);
        let mut sums = Sums::default();
        for sample in samples {
            self.inputs[place].append(&mut sample[place]);
            self.receive(place, frontier);
            let mut crossed = Crossed::default();
            for (name, block) in self.run_backward(place)?.0 {
                if let Some(variable) = name.strip_prefix("grad.") {
                    self.gradient(stage, variable, &block, sample)?;
                } else if name.starts_with("mean(") {
                    let value = dense(Some(&block))?;
                    match sums.means.get_mut(name.as_str()) {
                        Some(sum) => *sum += value,
                        None => {
                            sums.means.insert(name.as_str().into(), value);
                        }
                    }
                } else {
                    self.take(stage, &name, block, &mut crossed)?;
                }
            }
            if self.batch == Batch::AverageHessian
                && let Some(hessian) = &hessian
            {
                crossed.step.carried = carried(&crossed.step.jacobians, hessian);
            }
            sums.step.add(crossed.step);
        }
        Ok(sums)
    }

    /// Hands a sample's gradient to the parent node, or adds it to the parameter's sum.
    fn gradient(
        &mut self,
        stage: &Stage,
        variable: &str,
        block: &OutputBlock<T>,
        sample: &mut Sample<T>,
    ) -> Result<(), RunError> {
        if let Some((_, full)) = stage.parameters.iter().find(|(own, _)| &**own == variable) {
            return self.add_gradient(full, block);
        }
        if let Some(parent) = stage.parents.iter().find(|p| &*p.input == variable) {
            add_message(&mut sample[parent.node], parent, dense(Some(block))?);
        }
        Ok(())
    }

    /// Makes the blocks of the means and moves the frontier.
    fn combine(
        &mut self,
        place: usize,
        stage: &Stage,
        sums: Sums<T>,
        frontier: &mut Frontier<T>,
        samples: usize,
    ) -> Result<(), RunError> {
        let factor = T::one() / T::number(samples as f64);
        let Sums { means, mut step } = sums;
        step.scale(factor);
        let means = means.into_iter().map(|(name, sum)| (name, sum * factor));
        self.inputs[place].extend(means);
        let carried =
            (self.batch == Batch::AverageHessian).then(|| std::mem::take(&mut step.carried));
        let mut crossed = Crossed { block: None, step };
        if let Some(executor) = &mut self.executors[stage.pass].combine {
            let outputs = executor
                .run(&self.inputs[place])
                .map(|()| executor.outputs())
                .map_err(|error| stage.failed(error))?;
            for (name, block) in outputs.0 {
                self.take(stage, &name, block, &mut crossed)?;
            }
        }
        self.cross(place, frontier, crossed, carried);
        Ok(())
    }
}

/// Sums over the samples at one node.
#[derive(Debug, Default)]
struct Sums<T: Element> {
    /// What the blocks are made of.
    means: BTreeMap<Name, DMatrix<T>>,
    /// What moves the frontier.
    step: Step<T>,
}
