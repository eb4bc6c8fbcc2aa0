//! Passes that run module by module, prepared once and run on any numbers. Why beside whole passes: samples with a Hessian of their own,
//! drawn targets and blocks of modules without a form for all samples are no single program, yet are wanted step after step.

use std::collections::BTreeMap;

use nalgebra::DMatrix;

use super::average::Mean;
use super::batch::Data;
use super::machine::Machine;
use super::module::concrete_shape;
use super::prepare::{Definition, Prepared, prepare, sized};
use super::{Batch, Message, RunError, RunOptions, Sampling};
use crate::backend::{Element, OutputBlock};
use crate::expr::{Name, Sizes};
use crate::language::{File, Network};

/// A network derived and compiled, module by module, for batches of one size.
#[derive(Clone, Debug)]
pub struct ModularPass {
    definition: Definition,
    sizes: Sizes,
    options: RunOptions,
    prepared: Prepared,
}

/// What a run yields.
#[derive(Clone, Debug)]
pub struct ModularRun<T: Element> {
    /// The mean loss.
    pub loss: f64,
    /// The mean gradients, by parameter.
    pub gradients: BTreeMap<Name, DMatrix<T>>,
    /// The Hessian blocks, by parameter.
    pub blocks: BTreeMap<Name, OutputBlock<T>>,
}

/// Where the numbers of a batch are found: of a parameter column by column, of an input or target sample by sample.
pub type Numbers<'a, T> = dyn Fn(&str) -> Option<&'a [T]> + 'a;

impl ModularPass {
    /// Derives and compiles every distinct module at the sizes and the number of samples of `options`.
    ///
    /// # Errors
    /// As [`run_network`](super::run_network), but for its arrays.
    pub fn compile(file: &File, name: &str, options: &RunOptions) -> Result<Self, RunError> {
        let (definition, sizes, options) = sized(file, name, options)?;
        super::modes::check_modes(&definition.network, &options)?;
        let samples = options.batch_size;
        let prepared = prepare(&definition.network, &sizes, samples, &options)?;
        let network = &definition.network;
        super::ledger::estimated(network, &prepared, &sizes, samples, &options)?.check(&options)?;
        Ok(Self {
            definition,
            sizes,
            options,
            prepared,
        })
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.definition.network
    }

    /// The number of samples.
    pub fn samples(&self) -> usize {
        self.options.batch_size
    }

    /// Runs all passes. `sampling` is how Fisher matrices are taken this time.
    ///
    /// # Errors
    /// When numbers are missing or not as many as are declared; when a matrix to invert is singular; when a block does not fit the
    /// memory limit.
    pub fn run<T: Element>(
        &self,
        numbers: &Numbers<'_, T>,
        sampling: Sampling,
    ) -> Result<ModularRun<T>, RunError> {
        let network = &self.definition.network;
        let data = gathered(network, &self.sizes, self.samples(), numbers)?;
        let options = RunOptions {
            sampling,
            ..self.options.clone()
        };
        let mut machine = Machine::new(network, &self.prepared, &data, &options);
        match (options.message, options.batch) {
            (Message::Root, _) => machine.rooted(&data)?,
            (Message::Hessian, Batch::Exact) => machine.exact(&data)?,
            (Message::Hessian, _) => machine.average(&data)?,
        }
        let blocks = machine.blocks.into_iter();
        Ok(ModularRun {
            loss: machine.loss,
            gradients: machine.gradients,
            blocks: blocks
                .filter_map(|(name, mean)| Some((name, Mean::finish(mean)?)))
                .collect(),
        })
    }
}

/// A batch as matrices.
pub(super) fn gathered<T: Element>(
    network: &Network,
    sizes: &Sizes,
    samples: usize,
    numbers: &Numbers<'_, T>,
) -> Result<Data<T>, RunError> {
    let found = |name: &Name, entries: usize| {
        let slice = numbers(name).filter(|slice| slice.len() == entries);
        slice.ok_or_else(|| {
            RunError::input(
                format!("`{name}` has not {entries} entries"),
                "give every input, target and parameter of the network",
            )
        })
    };
    let mut data = Data {
        sizes: sizes.clone(),
        samples,
        values: Vec::new(),
        parameters: Vec::new(),
    };
    for parameter in &network.parameters {
        let (rows, cols) = concrete_shape(&parameter.shape, sizes)?;
        let entries = found(&parameter.name, rows * cols)?;
        let matrix = DMatrix::from_column_slice(rows, cols, entries);
        data.parameters.push((parameter.name.clone(), matrix));
    }
    for value in network.inputs.iter().chain(&network.targets) {
        let (rows, cols) = concrete_shape(&value.shape, sizes)?;
        let entries = found(&value.name, rows * cols * samples)?;
        let each = entries.chunks_exact((rows * cols).max(1));
        let each = each.map(|entries| DMatrix::from_column_slice(rows, cols, entries));
        data.values.push((value.name.clone(), each.collect()));
    }
    Ok(data)
}
