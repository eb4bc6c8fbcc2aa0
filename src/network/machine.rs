//! The buffers of a run, and how messages travel. Why sample by sample: in the exact mode every sample has its own ℋz, and
//! only parameter blocks are averaged, last of all.

use std::collections::BTreeMap;

use nalgebra::DMatrix;

use super::average::Mean;
use super::batch::Data;
use super::compiled::OUTPUT;
use super::frontier::{self, Frontier, Pairs, Step, treated};
use super::graph::{Dag, Live, nodes};
use super::pass::Upstream;
use super::prepare::{Parent, Prepared, Stage};
use super::programs::Runner;
use super::{Blocks, RunError, RunOptions, Sampling};
use crate::backend::{Element, ExecuteError, Executor, Inputs, OutputBlock, Outputs};
use crate::expr::Name;
use crate::hbp::Curvature;
use crate::language::Network;

/// The buffers of a run and the sums over the samples so far.
pub(super) struct Machine<'p, T: Element> {
    pub(super) stages: &'p [Stage],
    /// One for every distinct module.
    pub(super) executors: Vec<Executors<'p, T>>,
    /// The arrays of each node.
    pub(super) inputs: Vec<Inputs<T>>,
    /// The sum of the losses so far, or their mean where all are computed at once.
    pub(super) loss: f64,
    /// Sums or means, as of the loss.
    pub(super) gradients: BTreeMap<Name, DMatrix<T>>,
    pub(super) blocks: BTreeMap<Name, Mean<T>>,
    /// What the sums are divided by.
    pub(super) divisor: f64,
    /// The parameters that several nodes read.
    pub(super) shared: Vec<Name>,
    /// The matrix over all of those, where it is asked for.
    pub(super) whole: Option<Mean<T>>,
    /// The matrices over the parameters of single nodes.
    pub(super) groups: BTreeMap<usize, Mean<T>>,
    pub(super) curvature: Curvature,
    pub(super) sampling: Sampling,
    pub(super) limit: u64,
}

/// What a node hands across the frontier.
#[derive(Debug, Default)]
pub(super) struct Crossed<T: Element> {
    /// The block of the one value that it is computed from.
    pub(super) block: Option<(Live, DMatrix<T>)>,
    /// Of several, the Jacobians and second-order terms.
    pub(super) step: Step<T>,
    /// True when the mean of `J'ℋzJ` is known, which is not that of the Jacobians.
    pub(super) is_carried: bool,
}

/// Adds a gradient to those that have arrived at a node.
pub(super) fn add_message<T: Element>(inputs: &mut Inputs<T>, parent: &Parent, value: DMatrix<T>) {
    let name: Name = format!("grad({})", parent.output).into();
    match inputs.get_mut(&name) {
        Some(sum) => *sum += value,
        None => {
            inputs.insert(name, value);
        }
    }
}

/// The programs of one module, ready to run.
pub(super) struct Executors<'p, T: Element> {
    pub(super) forward: Runner<'p, T>,
    pub(super) backward: Runner<'p, T>,
    pub(super) combine: Option<Executor<'p, T>>,
    pub(super) root: Runner<'p, T>,
    pub(super) factors: Runner<'p, T>,
    pub(super) model: Runner<'p, T>,
}

impl<'p, T: Element> Machine<'p, T> {
    pub(super) fn new(
        network: &Network,
        prepared: &'p Prepared,
        data: &Data<T>,
        options: &RunOptions,
    ) -> Self {
        let executors = prepared.passes.iter();
        let executors = executors.map(|pass| Executors {
            forward: Runner::new(&pass.forward),
            backward: Runner::new(&pass.backward),
            combine: pass.combine.as_ref().map(Executor::new),
            root: Runner::new(&pass.root),
            factors: Runner::new(&pass.factors),
            model: Runner::new(&pass.model),
        });
        let inputs = nodes(network).map(|node| {
            let mut inputs = Inputs::new();
            for (own, full) in &node.parameters {
                if let Some((_, value)) = data.parameters.iter().find(|(name, _)| name == full) {
                    inputs.insert(own.clone(), value.clone());
                }
            }
            inputs
        });
        let names = network.parameters.iter().map(|p| p.name.clone());
        Self {
            stages: &prepared.stages,
            executors: executors.collect(),
            inputs: inputs.collect(),
            loss: 0.0,
            gradients: BTreeMap::new(),
            blocks: names.map(|name| (name, Mean::new(options.limit))).collect(),
            divisor: if prepared.is_together {
                1.0
            } else {
                data.samples as f64
            },
            shared: Dag::new(network).with(options.blocks).shared(),
            whole: (options.blocks == Blocks::Full).then(|| Mean::new(options.limit)),
            groups: BTreeMap::new(),
            curvature: options.curvature,
            sampling: options.sampling,
            limit: options.limit,
        }
    }

    /// The passes for one sample.
    pub(super) fn sample(&mut self, sample: usize, data: &Data<T>) -> Result<(), RunError> {
        self.load(sample, data);
        self.forward()?;
        self.backward(sample)
    }

    /// Lays a sample's data out for the nodes that read them.
    fn load(&mut self, sample: usize, data: &Data<T>) {
        for (stage, inputs) in self.stages.iter().zip(&mut self.inputs) {
            for (input, value) in &stage.data {
                let values = data.values.iter().find(|(name, _)| name == value);
                if let Some(value) = values.and_then(|(_, values)| values.get(sample)) {
                    inputs.insert(input.clone(), value.clone());
                }
            }
        }
    }

    fn forward(&mut self) -> Result<(), RunError> {
        // The loss is computed by its backward pass.
        let before = self.stages.len().saturating_sub(1);
        for (place, stage) in self.stages[..before].iter().enumerate() {
            let executor = &mut self.executors[stage.pass].forward;
            let outputs = executor
                .sample(&self.inputs[place])
                .map_err(|error| stage.failed(error))?;
            let value = dense(outputs.get(OUTPUT))?;
            for (reader, input) in &stage.readers {
                self.inputs[*reader].insert(input.clone(), value.clone());
            }
        }
        Ok(())
    }

    fn backward(&mut self, sample: usize) -> Result<(), RunError> {
        let stages = self.stages;
        let last = stages.len().saturating_sub(1);
        let mut frontier = Frontier::of_loss(last);
        self.forget();
        for (place, stage) in stages.iter().enumerate().rev() {
            if !stage.runs_backward() {
                continue;
            }
            self.receive(place, &frontier);
            let mut crossed = Crossed::default();
            for (name, block) in self.run_backward(place)?.0 {
                if let Some(variable) = name.strip_prefix("grad.") {
                    self.send_gradient(stage, variable, &block)?;
                } else {
                    self.take(stage, &name, block, &mut crossed)?;
                }
            }
            if stage.upstream == Upstream::Loss && self.is_drawn() {
                let inputs = self.inputs[place].clone();
                let root = self.loss_root(place, &inputs, sample)?;
                self.take_root(place, &root, T::one(), &mut crossed)?;
            }
            self.cross(place, &mut frontier, crossed)?;
        }
        self.keep_shared(&frontier)
    }

    /// Drops the messages of the sample before.
    fn forget(&mut self) {
        for inputs in &mut self.inputs {
            inputs.retain(|name, _| !name.starts_with("grad("));
        }
    }

    /// Lays out what arrives at a node: its block of the frontier, and for the loss δ = 1.
    fn receive(&mut self, place: usize, frontier: &Frontier<T>) {
        let stage = &self.stages[place];
        let inputs = &mut self.inputs[place];
        let gradient: Name = format!("grad({})", stage.output).into();
        if stage.upstream == Upstream::Loss {
            inputs.insert(gradient.clone(), DMatrix::from_element(1, 1, T::one()));
        }
        let size = inputs.get(&gradient).map_or(1, DMatrix::len);
        self.receive_hessian(place, frontier, size);
    }

    /// Lays out the Hessian at a node's value, of `size` entries.
    pub(super) fn receive_hessian(&mut self, place: usize, frontier: &Frontier<T>, size: usize) {
        let node = Live::Node(place);
        let block = frontier.block(&node, &node);
        let block = block.unwrap_or_else(|| DMatrix::zeros(size, size));
        let name = format!("hess({})", self.stages[place].output);
        self.inputs[place].insert(name.into(), block);
    }

    /// Runs a node backwards.
    fn run_backward(&mut self, place: usize) -> Result<Outputs<T>, RunError> {
        let stage = &self.stages[place];
        let executor = &mut self.executors[stage.pass].backward;
        executor
            .sample(&self.inputs[place])
            .map_err(|error| stage.failed(error))
    }

    /// Hands a gradient to the parent node, or adds it to the parameter's sum.
    fn send_gradient(
        &mut self,
        stage: &Stage,
        variable: &str,
        block: &OutputBlock<T>,
    ) -> Result<(), RunError> {
        if let Some((_, full)) = stage.parameters.iter().find(|(own, _)| &**own == variable) {
            return self.add_gradient(full, block);
        }
        if let Some(parent) = stage.parents.iter().find(|p| &*p.input == variable) {
            add_message(&mut self.inputs[parent.node], parent, dense(Some(block))?);
        }
        Ok(())
    }

    /// Takes one of a node's results other than a gradient: the loss, a parameter's block, or what crosses the frontier.
    pub(super) fn take(
        &mut self,
        stage: &Stage,
        name: &str,
        block: OutputBlock<T>,
        crossed: &mut Crossed<T>,
    ) -> Result<(), RunError> {
        let crossing = &stage.crossing;
        let live = |own: &str| {
            let found = crossing.joint.iter().find(|(name, _)| &**name == own);
            found.map(|(_, live)| live.clone())
        };
        if name == OUTPUT {
            self.loss += dense(Some(&block))?[(0, 0)].double();
        } else if let Some(variable) = name.strip_prefix("hess.") {
            if crossing.once.iter().any(|own| &**own == variable) {
                let full = stage.parameters.iter().find(|(own, _)| &**own == variable);
                let mean = full.and_then(|(_, full)| self.blocks.get_mut(full));
                return mean.map_or(Ok(()), |mean| mean.add(block));
            }
            if let Some(live) = live(variable) {
                crossed.block = Some((live, dense(Some(&block))?));
            }
        } else if let Some(pair) = name.strip_prefix("carried|") {
            if let Some((u, v)) = pair.split_once('|')
                && let (Some(live_u), Some(live_v)) = (live(u), live(v))
            {
                let block = dense(Some(&block))?;
                (crossed.step).add_carried(&live_u, &live_v, u == v, &block);
                crossed.is_carried = true;
            }
        } else if let Some(variable) = name.strip_prefix("jac|") {
            if let Some(live) = live(variable) {
                crossed.step.add_jacobian(&live, dense(Some(&block))?);
            }
        } else if let Some(pair) = name.strip_prefix("resid|")
            && let Some((u, v)) = pair.split_once('|')
            && let (Some(live_u), Some(live_v)) = (live(u), live(v))
        {
            let block = dense(Some(&block))?;
            crossed.step.add_residual(&live_u, &live_v, u == v, &block);
        }
        Ok(())
    }

    /// Moves the frontier across a node.
    pub(super) fn cross(
        &mut self,
        place: usize,
        frontier: &mut Frontier<T>,
        crossed: Crossed<T>,
    ) -> Result<(), RunError> {
        let stage = &self.stages[place];
        let node = Live::Node(place);
        let Crossed {
            block,
            mut step,
            is_carried,
        } = crossed;
        if stage.crossing.is_alone {
            frontier.replace(&node, block);
            return Ok(());
        }
        if !is_carried {
            step.carried = match frontier.block(&node, &node) {
                Some(hessian) => frontier::carried(&step.jacobians, &hessian),
                None => Pairs::new(),
            };
        }
        step.residual = treated(std::mem::take(&mut step.residual), self.curvature);
        // What has no Jacobian, as at the loss, is reached by its second-order terms alone.
        for ((live, _), block) in &step.residual {
            let is_known = step.jacobians.iter().any(|(known, _)| known == live);
            if !is_known {
                step.jacobians
                    .push((live.clone(), DMatrix::zeros(1, block.nrows())));
            }
        }
        frontier.advance(&node, &step);
        self.keep_group(place, frontier)
    }

    pub(super) fn add_gradient(
        &mut self,
        parameter: &Name,
        gradient: &OutputBlock<T>,
    ) -> Result<(), RunError> {
        let gradient = dense(Some(gradient))?;
        match self.gradients.get_mut(parameter) {
            Some(sum) => *sum += gradient,
            None => {
                self.gradients.insert(parameter.clone(), gradient);
            }
        }
        Ok(())
    }
}

/// A value or message with all its entries: the programs take dense arrays.
pub(super) fn dense<T: Element>(block: Option<&OutputBlock<T>>) -> Result<DMatrix<T>, RunError> {
    let Some(block) = block else {
        return Err(RunError::input(
            "a pass has no output",
            "report this as a defect",
        ));
    };
    Ok(block.to_dense(crate::kernel::MEMORY_LIMIT)?)
}

impl Stage {
    pub(super) fn failed(&self, error: ExecuteError) -> RunError {
        RunError::from(error).within(&format!("`{}`", self.name))
    }
}
