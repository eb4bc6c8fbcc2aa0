//! The backward pass of every sample's own Hessian. Why sample by sample: each has its own ℋz, so that only the values and the
//! gradients of all samples stand side by side, and parameter blocks are averaged last of all.

use nalgebra::DMatrix;

use super::RunError;
use super::averaged::Abreast;
use super::batch::Data;
use super::frontier::Frontier;
use super::machine::{Crossed, Machine};
use super::pass::Upstream;
use crate::backend::Element;

impl<T: Element> Machine<'_, T> {
    /// All passes, the Hessians of one sample after the other.
    pub(super) fn exact(&mut self, data: &Data<T>) -> Result<(), RunError> {
        let mut abreast = self.forward_abreast(data)?;
        for place in (0..self.stages.len()).rev() {
            if self.stages[place].runs_backward() {
                self.backward_abreast(place, &mut abreast)?;
            }
        }
        for sample in 0..data.samples {
            self.hessians(sample, &abreast)?;
        }
        Ok(())
    }

    /// The Hessians of one sample.
    fn hessians(&mut self, sample: usize, abreast: &Abreast<T>) -> Result<(), RunError> {
        let stages = self.stages;
        let mut frontier = Frontier::of_loss(stages.len().saturating_sub(1));
        for (place, stage) in stages.iter().enumerate().rev() {
            if !stage.runs_backward() {
                continue;
            }
            let varying = &abreast.nodes[place];
            let gradient = varying.get(&*format!("grad({})", stage.output));
            let size = gradient.map_or(1, DMatrix::nrows);
            self.receive_hessian(place, &frontier, size);
            let runner = &mut self.executors[stage.pass].each;
            runner.lay_out(varying, sample, &mut self.inputs[place]);
            let outputs = runner.sample(&self.inputs[place]);
            let mut crossed = Crossed::default();
            for (name, block) in outputs.map_err(|error| stage.failed(error))?.0 {
                self.take(stage, &name, block, &mut crossed)?;
            }
            if stage.upstream == Upstream::Loss && self.is_drawn() {
                let root = self.loss_root_at(place, abreast, sample)?;
                self.take_root(place, &root, T::one(), &mut crossed)?;
            }
            self.cross(place, &mut frontier, crossed)?;
        }
        self.keep_shared(&frontier)
    }
}
