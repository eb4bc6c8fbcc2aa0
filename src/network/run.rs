//! The passes of a network: forward, gradients, exact Hessian blocks. Why sample by sample: in the exact mode every
//! sample has its own ℋz, and only parameter blocks are averaged, last of all.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nalgebra::DMatrix;

use super::arrays::Items;
use super::average::Mean;
use super::batch::{Data, read};
use super::blocks::{value_array, write_block};
use super::graph::nodes;
use super::module::concrete_shape;
use super::pass::{OUTPUT, Preparation};
use super::prepare::{Prepared, Stage, prepare};
use super::{Precision, RunError, RunOptions};
use crate::backend::{Element, ExecuteError, Executor, Inputs, OutputBlock};
use crate::expr::{Name, Shape};
use crate::language::{File, Network};

/// What running a network gives.
#[derive(Clone, Debug)]
pub struct NetworkRun {
    /// `loss`, then `grad.p` and `hess.p` for every parameter.
    pub items: Items,
    /// The time that deriving and compiling took.
    pub preparation: Preparation,
    /// The number of distinct modules, whatever their sizes: each is derived once.
    pub derivations: usize,
    /// The number of distinct modules at their sizes: each is compiled once.
    pub modules: usize,
    /// The number of samples.
    pub samples: usize,
    /// The time that the passes took.
    pub execute: Duration,
}

/// Runs a network on a batch: the mean loss, and for every parameter the mean gradient and the mean of the exact
/// Hessian blocks.
///
/// `items` holds inputs and targets with a leading axis of samples, and parameters by name. Whole numbers of shape
/// (B,) for a target `R[n]` are class labels.
///
/// # Errors
/// When the network is not defined, reads a value twice or shares parameters; when an array is missing, left over, of
/// the wrong shape, not finite or not true to a declared fact; when a module is abstract, cannot be derived, or a block
/// does not fit the memory limit.
pub fn run_network(
    file: &File,
    name: &str,
    items: &Items,
    options: &RunOptions,
) -> Result<NetworkRun, RunError> {
    options.check_modes()?;
    match options.precision {
        Precision::Double => run::<f64>(file, name, items, options),
        Precision::Single => run::<f32>(file, name, items, options),
    }
}

fn run<T: Element>(
    file: &File,
    name: &str,
    items: &Items,
    options: &RunOptions,
) -> Result<NetworkRun, RunError> {
    let definition = super::prepare::define(file, name, options)?;
    let network = &definition.network;
    let data: Data<T> = read(network, items, &definition.dimensions, options)?;
    check_memory(network, &data, options)?;
    let prepared = prepare(network, &data.sizes, options)?;
    let start = Instant::now();
    let mut machine = Machine::new(network, &prepared, &data, options);
    for sample in 0..data.samples {
        machine.sample(sample, &data)?;
    }
    let items = machine.results(network, &data, options)?;
    Ok(NetworkRun {
        items,
        preparation: prepared.time,
        derivations: prepared.derivations,
        modules: prepared.passes.len(),
        samples: data.samples,
        execute: start.elapsed(),
    })
}

/// Refuses blocks that would not fit, before any work. A mean over samples has all its entries in general.
fn check_memory<T: Element>(
    network: &Network,
    data: &Data<T>,
    options: &RunOptions,
) -> Result<(), RunError> {
    if data.samples == 1 && !options.dense {
        return Ok(());
    }
    let mut total = 0u64;
    for parameter in &network.parameters {
        let (rows, cols) = concrete_shape(&parameter.shape, &data.sizes)?;
        let size = (rows as u64).saturating_mul(cols as u64);
        let bytes = size.saturating_mul(size).saturating_mul(T::BYTES);
        total = total.saturating_add(bytes);
        if bytes > options.limit || total > options.limit {
            let limit = options.limit;
            return Err(RunError::limit(
                format!(
                    "the block of `{}` is a {size} × {size} matrix of {bytes} bytes; with the blocks before it that is above the memory limit of {limit} bytes",
                    parameter.name
                ),
                "use a smaller width; a single sample without `--dense` keeps its blocks in factors",
            ));
        }
    }
    Ok(())
}

/// The buffers of a run and the sums over the samples so far.
struct Machine<'p, T: Element> {
    stages: &'p [Stage],
    /// One for every distinct module: forward, backward.
    executors: Vec<(Executor<'p, T>, Executor<'p, T>)>,
    /// The arrays of each node.
    inputs: Vec<Inputs<T>>,
    loss: f64,
    gradients: BTreeMap<Name, DMatrix<T>>,
    blocks: BTreeMap<Name, Mean<T>>,
}

impl<'p, T: Element> Machine<'p, T> {
    fn new(
        network: &Network,
        prepared: &'p Prepared,
        data: &Data<T>,
        options: &RunOptions,
    ) -> Self {
        let executors = prepared.passes.iter();
        let executors =
            executors.map(|pass| (Executor::new(&pass.forward), Executor::new(&pass.backward)));
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
        }
    }

    /// The passes for one sample.
    fn sample(&mut self, sample: usize, data: &Data<T>) -> Result<(), RunError> {
        for (stage, inputs) in self.stages.iter().zip(&mut self.inputs) {
            for (input, value) in &stage.data {
                let values = data.values.iter().find(|(name, _)| name == value);
                if let Some(value) = values.and_then(|(_, values)| values.get(sample)) {
                    inputs.insert(input.clone(), value.clone());
                }
            }
        }
        self.forward()?;
        self.backward()
    }

    fn forward(&mut self) -> Result<(), RunError> {
        // The loss is computed by its backward pass.
        let before = self.stages.len().saturating_sub(1);
        for (place, stage) in self.stages[..before].iter().enumerate() {
            let executor = &mut self.executors[stage.pass].0;
            let outputs = executor
                .run(&self.inputs[place])
                .map(|()| executor.outputs())
                .map_err(|error| stage.failed(error))?;
            let value = dense(outputs.get(OUTPUT))?;
            for (reader, input) in &stage.readers {
                self.inputs[*reader].insert(input.clone(), value.clone());
            }
        }
        Ok(())
    }

    fn backward(&mut self) -> Result<(), RunError> {
        for (place, stage) in self.stages.iter().enumerate().rev() {
            if !stage.runs_backward() {
                continue;
            }
            let executor = &mut self.executors[stage.pass].1;
            let outputs = executor
                .run(&self.inputs[place])
                .map(|()| executor.outputs())
                .map_err(|error| stage.failed(error))?;
            for (name, block) in outputs.0 {
                self.send(stage, &name, block)?;
            }
        }
        Ok(())
    }

    /// Hands a gradient or block to the parent node, or adds it to the parameter's sum.
    fn send(&mut self, stage: &Stage, name: &str, block: OutputBlock<T>) -> Result<(), RunError> {
        if name == OUTPUT {
            self.loss += dense(Some(&block))?[(0, 0)].double();
            return Ok(());
        }
        let Some((kind, variable)) = name.split_once('.') else {
            return Ok(());
        };
        if let Some((_, full)) = stage.parameters.iter().find(|(own, _)| &**own == variable) {
            if kind == "hess" {
                return self
                    .blocks
                    .get_mut(full)
                    .map_or(Ok(()), |mean| mean.add(block));
            }
            let gradient = dense(Some(&block))?;
            match self.gradients.get_mut(full) {
                Some(sum) => *sum += gradient,
                None => {
                    self.gradients.insert(full.clone(), gradient);
                }
            }
            return Ok(());
        }
        if let Some(parent) = stage.parents.iter().find(|p| &*p.input == variable) {
            let message = format!("{kind}({})", parent.output).into();
            self.inputs[parent.node].insert(message, dense(Some(&block))?);
        }
        Ok(())
    }

    fn results(
        mut self,
        network: &Network,
        data: &Data<T>,
        options: &RunOptions,
    ) -> Result<Items, RunError> {
        let samples = data.samples as f64;
        let loss = DMatrix::from_element(1, 1, T::number(self.loss / samples));
        let mut items = Items::new();
        items.insert("loss".into(), value_array(&loss, &Shape::scalar()).into());
        for parameter in &network.parameters {
            let name = &parameter.name;
            let shape = concrete_shape(&parameter.shape, &data.sizes)?;
            if let Some(sum) = self.gradients.remove(name) {
                let mean = sum * (T::one() / T::number(samples));
                let array = value_array(&mean, &parameter.shape);
                items.insert(format!("grad.{name}"), array.into());
            }
            if let Some(block) = self.blocks.remove(name).and_then(Mean::finish) {
                write_block(&format!("hess.{name}"), block, shape, options, &mut items)?;
            }
        }
        Ok(items)
    }
}

/// A value or message with all its entries: the programs take dense arrays.
fn dense<T: Element>(block: Option<&OutputBlock<T>>) -> Result<DMatrix<T>, RunError> {
    let Some(block) = block else {
        return Err(RunError::input(
            "a pass has no output",
            "report this as a defect",
        ));
    };
    Ok(block.to_dense(crate::kernel::MEMORY_LIMIT)?)
}

impl Stage {
    fn failed(&self, error: ExecuteError) -> RunError {
        RunError::from(error).within(&format!("`{}`", self.name))
    }
}
