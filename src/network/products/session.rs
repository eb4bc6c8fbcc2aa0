//! A network at a batch, for products. Why it keeps all samples: values and gradients are the same for every vector, so
//! only tangents travel once a vector is given.

use std::collections::BTreeMap;
use std::sync::Arc;

use nalgebra::DMatrix;

use super::Extent;
use super::compile::{Moving, Prepared};
use super::draft::Node;
use super::passes::{Executors, Passes, add_to, gradient_name, run};
use crate::backend::{Element, Executor, Inputs};
use crate::expr::{Name, Sizes};
use crate::hbp::{Curvature, tangent_name};
use crate::kernel::Program;
use crate::network::batch::Data;
use crate::network::compiled::OUTPUT;
use crate::network::programs::whole;
use crate::network::{RunError, RunOptions};

/// One matrix a parameter.
pub(super) type Parameters<T> = BTreeMap<Name, DMatrix<T>>;

/// A network at a batch: the values of all samples, and the gradients that arrive at every node.
#[derive(Debug)]
pub(super) struct Session<T: Element> {
    prepared: Arc<Prepared>,
    sizes: Sizes,
    /// The arrays of each node that are the same for all samples, by the module's names.
    fixed: Vec<Inputs<T>>,
    /// Those of each sample: what is read, and `grad(z)`.
    samples: Vec<Vec<Inputs<T>>>,
    pub(super) loss: f64,
    pub(super) gradient: Parameters<T>,
}

/// The program of second-order terms: of the loss the one that the curvature asks for, of other nodes only for the Hessian.
fn turning(moving: &Moving, is_loss: bool, curvature: Curvature) -> Result<&Program, RunError> {
    match &moving.fisher {
        Some(program) if is_loss && curvature == Curvature::Fisher => {
            program.as_ref().map_err(Clone::clone)
        }
        _ => Ok(&moving.turn),
    }
}

impl<T: Element> Session<T> {
    /// The parameters laid out, and no sample yet.
    fn open(prepared: &Arc<Prepared>, data: &Data<T>) -> Self {
        let of_node = |node: &Node| -> Inputs<T> {
            let values = node.parameters.iter().filter_map(|(own, full)| {
                let (_, value) = data.parameters.iter().find(|(name, _)| name == full)?;
                Some((own.clone(), value.clone()))
            });
            values.collect()
        };
        Self {
            fixed: prepared.nodes.iter().map(of_node).collect(),
            prepared: Arc::clone(prepared),
            sizes: data.sizes.clone(),
            samples: Vec::with_capacity(data.samples),
            loss: 0.0,
            gradient: Parameters::new(),
        }
    }

    /// Runs all samples forward, and keeps of each what the loss reads.
    pub(super) fn forward(prepared: &Arc<Prepared>, data: &Data<T>) -> Result<Self, RunError> {
        let mut session = Self::open(prepared, data);
        let programs = prepared.programs.iter();
        let mut forward: Vec<_> = programs.map(|p| Executor::new(&p.forward)).collect();
        for sample in 0..data.samples {
            session.load(sample, data);
            session.values(&mut forward)?;
            let loss = session.take_back().pop();
            session.samples.push(loss.into_iter().collect());
        }
        session.loss /= data.samples as f64;
        Ok(session)
    }

    /// Runs all samples forward, and their gradients back.
    pub(super) fn new(
        prepared: &Arc<Prepared>,
        data: &Data<T>,
        options: &RunOptions,
    ) -> Result<Self, RunError> {
        let mut session = Self::open(prepared, data);
        let of = |program| Executor::new(program);
        let mut forward: Vec<_> = prepared.programs.iter().map(|p| of(&p.forward)).collect();
        let back = prepared.programs.iter().map(|p| p.moving.as_ref());
        let mut back: Vec<_> = back.map(|m| m.map(|m| of(&m.back))).collect();
        for sample in 0..data.samples {
            session.load(sample, data);
            session.values(&mut forward)?;
            session.gradients(&mut back)?;
            let values = session.take_back();
            if sample == 0 {
                check_memory(&values, data.samples, options.limit)?;
            }
            session.samples.push(values);
        }
        session.loss /= data.samples as f64;
        let share = T::one() / T::number(data.samples as f64);
        for gradient in session.gradient.values_mut() {
            *gradient *= share;
        }
        Ok(session)
    }

    pub(super) fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// What the loss reads of other nodes, by its own names and sample by sample.
    pub(super) fn predictions(&self) -> Vec<(String, Vec<T>)> {
        let nodes = &self.prepared.nodes;
        let loss = nodes.len().saturating_sub(1);
        let read = nodes.iter().flat_map(|node| &node.readers);
        let own = read.filter(|(reader, _)| *reader == loss);
        let of_samples = |(_, name): &(usize, Name)| {
            let values = self.samples.iter().filter_map(|nodes| nodes.last());
            let values = values.filter_map(|inputs| inputs.get(name));
            let entries = values.flat_map(|value| value.iter().copied());
            (name.to_string(), entries.collect())
        };
        own.map(of_samples).collect()
    }

    /// Lays a sample's data out for the nodes that read them.
    fn load(&mut self, sample: usize, data: &Data<T>) {
        for (node, inputs) in self.prepared.nodes.iter().zip(&mut self.fixed) {
            for (own, full) in &node.data {
                let values = data.values.iter().find(|(name, _)| name == full);
                if let Some(value) = values.and_then(|(_, values)| values.get(sample)) {
                    inputs.insert(own.clone(), value.clone());
                }
            }
        }
    }

    /// The values of a sample, and δ = 1 at the loss.
    fn values(&mut self, executors: &mut [Executor<'_, T>]) -> Result<(), RunError> {
        let nodes = &self.prepared.nodes;
        for (place, node) in nodes.iter().enumerate() {
            let outputs = run(&mut executors[node.programs], node, &self.fixed[place])?;
            let value = whole(outputs.get(OUTPUT))?;
            for (reader, own) in &node.readers {
                self.fixed[*reader].insert(own.clone(), value.clone());
            }
            if place + 1 == nodes.len() {
                self.loss += value[(0, 0)].double();
                let one = DMatrix::from_element(1, 1, T::one());
                self.fixed[place].insert(gradient_name(node), one);
            }
        }
        Ok(())
    }

    /// The gradients of a sample: those of parameters are summed, those that arrive at nodes are kept there.
    fn gradients(&mut self, executors: &mut [Option<Executor<'_, T>>]) -> Result<(), RunError> {
        let nodes = &self.prepared.nodes;
        for (place, node) in nodes.iter().enumerate().rev() {
            let Some(executor) = executors[node.programs].as_mut() else {
                continue;
            };
            if !self.fixed[place].contains_key(&gradient_name(node)) {
                continue;
            }
            for (name, block) in run(executor, node, &self.fixed[place])?.0 {
                let value = whole(Some(&block))?;
                if let Some(full) = node.parameter(&name) {
                    add_to(&mut self.gradient, full, value);
                } else if let Some(source) = node.parent(&name) {
                    let arriving = gradient_name(&nodes[source]);
                    add_to(&mut self.fixed[source], &arriving, value);
                }
            }
        }
        Ok(())
    }

    /// Takes what belongs to a sample out of the nodes' arrays.
    fn take_back(&mut self) -> Vec<Inputs<T>> {
        let nodes = self.prepared.nodes.iter().zip(&mut self.fixed);
        let of_node = |(node, fixed): (&Node, &mut Inputs<T>)| {
            let is_fixed = |name: &Name| {
                let mut own = node.parameters.iter();
                own.any(|(own, _)| own == name || tangent_name(own) == *name)
            };
            let all = std::mem::take(fixed);
            let (kept, varying) = all.into_iter().partition(|(name, _)| is_fixed(name));
            *fixed = kept;
            varying
        };
        nodes.map(of_node).collect()
    }

    /// The mean over the samples of the curvature matrix times a vector.
    pub(super) fn product(
        &mut self,
        curvature: Curvature,
        extent: Extent,
        vectors: &Parameters<T>,
    ) -> Result<Parameters<T>, RunError> {
        let moving = self.lay_out(vectors);
        let result = self.all_samples(curvature, extent, vectors, &moving);
        for inputs in &mut self.fixed {
            inputs.retain(|name, _| !name.starts_with("tangent("));
        }
        let mut sums = result?;
        let share = T::one() / T::number(self.samples.len() as f64);
        for (name, gradient) in &self.gradient {
            if extent == Extent::Whole || vectors.contains_key(name) {
                let (rows, cols) = gradient.shape();
                let sum = sums.entry(name.clone());
                *sum.or_insert_with(|| DMatrix::zeros(rows, cols)) *= share;
            }
        }
        Ok(sums)
    }

    /// Lays the tangents of parameters out for the nodes that move, and says which do: those that a parameter with a vector
    /// acts on.
    fn lay_out(&mut self, vectors: &Parameters<T>) -> Vec<bool> {
        let mut moving: Vec<bool> = Vec::with_capacity(self.fixed.len());
        for (node, inputs) in self.prepared.nodes.iter().zip(&mut self.fixed) {
            let own = node.parameters.iter();
            let moves = own.clone().any(|(_, full)| vectors.contains_key(full))
                || node.parents.iter().any(|(_, source)| moving[*source]);
            moving.push(moves);
            for (own, full) in own.filter(|_| moves) {
                let tangent = match (vectors.get(full), inputs.get(own)) {
                    (Some(vector), _) => vector.clone(),
                    (None, Some(value)) => DMatrix::zeros(value.nrows(), value.ncols()),
                    (None, None) => continue,
                };
                inputs.insert(tangent_name(own), tangent);
            }
        }
        moving
    }

    fn all_samples(
        &mut self,
        curvature: Curvature,
        extent: Extent,
        vectors: &Parameters<T>,
        moving: &[bool],
    ) -> Result<Parameters<T>, RunError> {
        let prepared = Arc::clone(&self.prepared);
        let mut executors = Vec::with_capacity(prepared.programs.len());
        let last = prepared.nodes.last().map(|node| node.programs);
        for (place, programs) in prepared.programs.iter().enumerate() {
            let of = |moving| -> Result<Executors<'_, T>, RunError> {
                let turn = turning(moving, last == Some(place), curvature)?;
                Ok(Executors {
                    tangent: Executor::new(&moving.tangent),
                    back: Executor::new(&moving.back),
                    turn: Executor::new(turn),
                })
            };
            executors.push(programs.moving.as_ref().map(of).transpose()?);
        }
        let mut passes = Passes {
            nodes: &prepared.nodes,
            executors,
            moving,
            curvature,
            every: extent == Extent::Whole,
        };
        let mut sums = Parameters::new();
        let mut read = |name: &Name, value: DMatrix<T>| {
            if extent == Extent::Whole || vectors.contains_key(name) {
                add_to(&mut sums, name, value);
            }
        };
        for sample in 0..self.samples.len() {
            let values = std::mem::take(&mut self.samples[sample]);
            for (inputs, mut values) in self.fixed.iter_mut().zip(values) {
                inputs.append(&mut values);
            }
            let done = passes.forward(&mut self.fixed);
            let done = done.and_then(|()| passes.backward(&mut self.fixed, &mut read));
            // Whatever came of it, the sample's values go back to their place.
            let mut values = self.take_back();
            for inputs in &mut values {
                inputs.retain(|name, _| !name.starts_with("tangent("));
            }
            self.samples[sample] = values;
            done?;
        }
        Ok(sums)
    }

    /// The operations of a product with the whole matrix, a sample.
    pub(super) fn flops(&self, curvature: Curvature) -> u64 {
        let nodes = &self.prepared.nodes;
        let last = nodes.len().saturating_sub(1);
        let of = |(place, node): (usize, &Node)| {
            let programs = &self.prepared.programs[node.programs];
            let Some(moving) = &programs.moving else {
                return 0;
            };
            if place == last {
                return turning(moving, true, curvature).map_or(0, Program::flops);
            }
            let turn = match curvature {
                Curvature::Hessian => moving.turn.flops(),
                _ => 0,
            };
            let first = moving.tangent.flops().saturating_add(turn);
            first.saturating_add(moving.back.flops())
        };
        let each = nodes.iter().enumerate().map(of);
        each.fold(0, u64::saturating_add)
    }
}

/// Refuses a batch whose values would not fit.
fn check_memory<T: Element>(
    values: &[Inputs<T>],
    samples: usize,
    limit: u64,
) -> Result<(), RunError> {
    let entries: usize = values
        .iter()
        .flat_map(Inputs::values)
        .map(DMatrix::len)
        .sum();
    let bytes = (entries as u64)
        .saturating_mul(samples as u64)
        .saturating_mul(T::BYTES);
    if bytes <= limit {
        return Ok(());
    }
    Err(RunError::limit(
        format!(
            "the values of {samples} samples take {bytes} bytes, above the memory limit of {limit} bytes"
        ),
        "give fewer samples at a time: the product of a mean is the mean of the products",
    ))
}
