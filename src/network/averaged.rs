//! The passes for all samples side by side, and the backward pass with mean Hessians (Eqs. 6 and 7). Why node by node: a
//! child hands down one matrix for all samples, so every sample is seen at a node before any at its parents.

use nalgebra::DMatrix;

use super::RunError;
use super::batch::Data;
use super::compiled::OUTPUT;
use super::draft::{Parent, Stage};
use super::frontier::Frontier;
use super::machine::{Crossed, Machine};
use super::pass::Upstream;
use super::programs::{Found, Varying};
use crate::backend::{Element, OutputBlock};
use crate::expr::Name;

/// What differs from sample to sample, side by side: the inputs of every node, and the gradient at its value.
#[derive(Clone, Debug)]
pub(super) struct Abreast<T: Element> {
    pub(super) samples: usize,
    pub(super) nodes: Vec<Varying<T>>,
}

impl<T: Element> Abreast<T> {
    /// Adds a gradient, or a column of a root, to what has arrived at a node.
    pub(super) fn send(&mut self, parent: &Parent, columns: DMatrix<T>) {
        let name: Name = format!("grad({})", parent.output).into();
        match self.nodes[parent.node].get_mut(&name) {
            Some(sum) => *sum += columns,
            None => {
                self.nodes[parent.node].insert(name, columns);
            }
        }
    }
}

impl<T: Element> Machine<'_, T> {
    /// All passes for all samples.
    pub(super) fn average(&mut self, data: &Data<T>) -> Result<(), RunError> {
        let mut abreast = self.forward_abreast(data)?;
        let stages = self.stages;
        let mut frontier = Frontier::of_loss(stages.len().saturating_sub(1));
        for (place, stage) in stages.iter().enumerate().rev() {
            if !stage.runs_backward() {
                continue;
            }
            let gradient = abreast.nodes[place].get(&*format!("grad({})", stage.output));
            let size = gradient.map_or(1, DMatrix::nrows);
            self.receive_hessian(place, &frontier, size);
            let mut crossed = self.backward_abreast(place, &mut abreast)?;
            if stage.upstream == Upstream::Loss && self.is_drawn() {
                let share = T::one() / T::number(data.samples as f64);
                for sample in 0..data.samples {
                    let root = self.loss_root_at(place, &abreast, sample)?;
                    self.take_root(place, &root, share, &mut crossed)?;
                }
            }
            self.combine(place, &mut crossed)?;
            self.cross(place, &mut frontier, crossed)?;
        }
        self.keep_shared(&frontier)
    }

    /// The values of all nodes for all samples. The loss is computed by its backward pass.
    pub(super) fn forward_abreast(&mut self, data: &Data<T>) -> Result<Abreast<T>, RunError> {
        let side_by_side = |values: &Vec<DMatrix<T>>| {
            let rows = values.first().map_or(0, DMatrix::len);
            let mut all = DMatrix::zeros(rows, values.len());
            for (mut column, value) in all.column_iter_mut().zip(values) {
                column.copy_from_slice(value.as_slice());
            }
            all
        };
        let loaded = |stage: &Stage| -> Varying<T> {
            let found = stage.data.iter().filter_map(|(input, value)| {
                let (_, values) = data.values.iter().find(|(name, _)| name == value)?;
                Some((input.clone(), side_by_side(values)))
            });
            found.collect()
        };
        let mut abreast = Abreast {
            samples: data.samples,
            nodes: self.stages.iter().map(loaded).collect(),
        };
        let before = self.stages.len().saturating_sub(1);
        for (place, stage) in self.stages[..before].iter().enumerate() {
            let runner = &mut self.executors[stage.pass].forward;
            let found = runner.all(&self.inputs[place], &abreast.nodes[place], data.samples);
            for (_, value) in found.map_err(|error| stage.within(error))? {
                let Found::Columns(value) = value else {
                    continue;
                };
                for (reader, input) in &stage.readers {
                    abreast.nodes[*reader].insert(input.clone(), value.clone());
                }
            }
        }
        Ok(abreast)
    }

    /// Runs a node backwards for all samples: gradients go on, and means are laid out for what is made of them.
    pub(super) fn backward_abreast(
        &mut self,
        place: usize,
        abreast: &mut Abreast<T>,
    ) -> Result<Crossed<T>, RunError> {
        let stage = &self.stages[place];
        if stage.upstream == Upstream::Loss {
            let ones = DMatrix::from_element(1, abreast.samples, T::one());
            abreast.nodes[place].insert(format!("grad({})", stage.output).into(), ones);
        }
        let runner = &mut self.executors[stage.pass].backward;
        let found = runner.all(&self.inputs[place], &abreast.nodes[place], abreast.samples);
        let mut crossed = Crossed::default();
        for (name, result) in found.map_err(|error| stage.within(error))? {
            match result {
                Found::Columns(columns) => {
                    let variable = name.strip_prefix("grad.");
                    let parent = variable.and_then(|v| stage.parent(v));
                    if let Some(parent) = parent {
                        abreast.send(parent, columns);
                    }
                }
                Found::Mean(mean) if name.starts_with("mean(") => {
                    self.inputs[place].insert(name.as_str().into(), mean);
                }
                Found::Mean(mean) if name == OUTPUT => self.loss += mean[(0, 0)].double(),
                Found::Mean(mean) => {
                    let block = OutputBlock::Dense(mean);
                    match name.strip_prefix("grad.").and_then(|v| stage.parameter(v)) {
                        Some(full) => self.add_gradient(full, &block)?,
                        None => self.take(stage, &name, block, &mut crossed)?,
                    }
                }
                Found::Factors(..) => {}
            }
        }
        Ok(crossed)
    }

    /// Makes the blocks of the means.
    pub(super) fn combine(
        &mut self,
        place: usize,
        crossed: &mut Crossed<T>,
    ) -> Result<(), RunError> {
        let stage = &self.stages[place];
        let Some(executor) = &mut self.executors[stage.pass].combine else {
            return Ok(());
        };
        let outputs = executor
            .run(&self.inputs[place])
            .map(|()| executor.outputs())
            .map_err(|error| stage.failed(error))?;
        for (name, block) in outputs.0 {
            self.take(stage, &name, block, crossed)?;
        }
        Ok(())
    }
}

impl Stage {
    /// Where the message of one of the module's inputs goes.
    pub(super) fn parent(&self, input: &str) -> Option<&Parent> {
        self.parents.iter().find(|parent| &*parent.input == input)
    }

    /// The network's name of one of the module's parameters.
    pub(super) fn parameter(&self, own: &str) -> Option<&Name> {
        let found = self.parameters.iter().find(|(name, _)| &**name == own);
        found.map(|(_, full)| full)
    }

    pub(super) fn within(&self, error: RunError) -> RunError {
        error.within(&format!("`{}`", self.name))
    }
}
