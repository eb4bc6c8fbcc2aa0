//! What a run hands out: the loss, gradients, blocks, and matrices over several parameters. Why last: what is a sum over the
//! samples becomes a mean here.

use nalgebra::DMatrix;

use super::arrays::Items;
use super::average::Mean;
use super::batch::Data;
use super::blocks::{value_array, write_split, write_whole};
use super::frontier::Frontier;
use super::graph::Live;
use super::machine::Machine;
use super::module::concrete_shape;
use super::{RunError, RunOptions};
use crate::backend::{Element, OutputBlock};
use crate::expr::{Name, Shape};
use crate::language::{Network, NetworkValue};

impl<T: Element> Machine<'_, T> {
    /// Takes the matrix over a node's own parameters out of the frontier.
    pub(super) fn keep_group(
        &mut self,
        place: usize,
        frontier: &mut Frontier<T>,
    ) -> Result<(), RunError> {
        let leaving = &self.stages[place].crossing.leaving;
        if leaving.is_empty() {
            return Ok(());
        }
        let sizes = leaving.iter();
        let sizes = sizes.map(|name| self.gradients.get(name).map_or(0, DMatrix::len));
        let sizes: Vec<usize> = sizes.collect();
        let matrix = frontier.joint(leaving, &sizes);
        let mut start = 0;
        for (name, size) in leaving.iter().zip(&sizes) {
            let block = matrix.view((start, start), (*size, *size)).into_owned();
            if let Some(mean) = self.blocks.get_mut(name) {
                mean.add(OutputBlock::Dense(block))?;
            }
            frontier.replace(&Live::Parameter(name.clone()), None);
            start += size;
        }
        let limit = self.limit;
        let group = self.groups.entry(place).or_insert_with(|| Mean::new(limit));
        group.add(OutputBlock::Dense(matrix))
    }

    /// Takes the blocks of shared parameters out of the last frontier.
    pub(super) fn keep_shared(&mut self, frontier: &Frontier<T>) -> Result<(), RunError> {
        if let Some(whole) = &mut self.whole {
            let sizes = self.shared.iter();
            let sizes = sizes.map(|name| self.gradients.get(name).map_or(0, DMatrix::len));
            let matrix = frontier.joint(&self.shared, &sizes.collect::<Vec<_>>());
            whole.add(OutputBlock::Dense(matrix))?;
        }
        for name in &self.shared {
            let live = Live::Parameter(name.clone());
            let size = self.gradients.get(name).map_or(0, DMatrix::len);
            let block = frontier.block(&live, &live);
            let block = block.unwrap_or_else(|| DMatrix::zeros(size, size));
            if let Some(mean) = self.blocks.get_mut(name) {
                mean.add(OutputBlock::Dense(block))?;
            }
        }
        Ok(())
    }

    pub(super) fn results(
        mut self,
        network: &Network,
        data: &Data<T>,
        options: &RunOptions,
    ) -> Result<Items, RunError> {
        let loss = DMatrix::from_element(1, 1, T::number(self.loss));
        let mut items = Items::new();
        items.insert("loss".into(), value_array(&loss, &Shape::scalar()).into());
        for parameter in &network.parameters {
            let name = &parameter.name;
            let shape = concrete_shape(&parameter.shape, &data.sizes)?;
            if let Some(mean) = self.gradients.remove(name) {
                let array = value_array(&mean, &parameter.shape);
                items.insert(format!("grad.{name}"), array.into());
            }
            if let Some(block) = self.blocks.remove(name).and_then(Mean::finish) {
                write_split(&format!("hess.{name}"), block, shape, options, &mut items)?;
            }
        }
        for (place, group) in self.groups {
            let stage = &self.stages[place];
            if let Some(OutputBlock::Dense(matrix)) = group.finish() {
                let names = &stage.crossing.leaving;
                let name = format!("hess.{}", stage.name);
                write_whole(
                    &name,
                    &matrix,
                    &chosen(network, names),
                    data,
                    options,
                    &mut items,
                )?;
            }
        }
        if let Some(OutputBlock::Dense(matrix)) = self.whole.and_then(Mean::finish) {
            let all: Vec<&NetworkValue> = network.parameters.iter().collect();
            write_whole("hess", &matrix, &all, data, options, &mut items)?;
        }
        Ok(items)
    }
}

/// The parameters of these names, in the order of the names.
fn chosen<'a>(network: &'a Network, names: &[Name]) -> Vec<&'a NetworkValue> {
    let of = |name: &Name| network.parameters.iter().find(|p| p.name == *name);
    names.iter().filter_map(of).collect()
}
