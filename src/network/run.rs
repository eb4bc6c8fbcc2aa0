//! The passes of a network: forward, gradients, Hessian blocks in every mode. Why one front: what is refused, prepared and
//! timed is the same whatever travels between the nodes.

use std::time::{Duration, Instant};

use super::arrays::Items;
use super::batch::{Data, read};
use super::compiled::Preparation;
use super::estimate::Estimate;
use super::ledger::estimated;
use super::machine::Machine;
use super::memory::{check_frontiers, check_memory, check_split};
use super::modes::check_modes;
use super::prepare::prepare;
use super::{Batch, Message, Precision, RunError, RunOptions};
use crate::backend::Element;
use crate::language::File;

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
    /// The memory that the run was expected to take.
    pub estimate: Estimate,
    /// The time that the passes took.
    pub execute: Duration,
}

/// Runs a network on a batch: the mean loss, and for every parameter the mean gradient and the Hessian block in the
/// curvature and batch mode of the options.
///
/// `items` holds inputs and targets with a leading axis of samples, and parameters by name. Whole numbers of shape
/// (B,) for a target `R[n]` are class labels.
///
/// # Errors
/// When the network is not defined; when an array is missing, left over, of the wrong shape, not finite or not true to a declared fact; when a module is abstract, cannot be derived, or a block
/// does not fit the memory limit, nor all that is kept together.
pub fn run_network(
    file: &File,
    name: &str,
    items: &Items,
    options: &RunOptions,
) -> Result<NetworkRun, RunError> {
    run_network_telling(file, name, items, options, &mut |_| ())
}

/// As [`run_network`]; `tell` is called with the memory that the run will take, before it runs.
///
/// # Errors
/// As [`run_network`].
pub fn run_network_telling(
    file: &File,
    name: &str,
    items: &Items,
    options: &RunOptions,
    tell: &mut dyn FnMut(&Estimate),
) -> Result<NetworkRun, RunError> {
    match options.precision {
        Precision::Double => run::<f64>(file, name, items, options, tell),
        Precision::Single => run::<f32>(file, name, items, options, tell),
    }
}

fn run<T: Element>(
    file: &File,
    name: &str,
    items: &Items,
    options: &RunOptions,
    tell: &mut dyn FnMut(&Estimate),
) -> Result<NetworkRun, RunError> {
    let definition = super::prepare::define(file, name, options)?;
    let network = &definition.network;
    check_modes(network, options)?;
    let data: Data<T> = read(network, items, &definition.dimensions, options)?;
    check_split(network, &data.sizes, options)?;
    check_memory(network, &data, options)?;
    check_frontiers(network, &data, options)?;
    let prepared = prepare(network, &data.sizes, data.samples, options)?;
    let estimate = estimated(network, &prepared, &data.sizes, data.samples, options)?;
    estimate.check(options)?;
    tell(&estimate);
    let start = Instant::now();
    let mut machine = Machine::new(network, &prepared, &data, options);
    match (options.message, options.batch) {
        (Message::Root, _) => machine.rooted(&data)?,
        (Message::Hessian, Batch::Exact) => machine.exact(&data)?,
        (Message::Hessian, _) => machine.average(&data)?,
    }
    let items = machine.results(network, &data, options)?;
    Ok(NetworkRun {
        items,
        preparation: prepared.time,
        derivations: prepared.derivations,
        modules: prepared.passes.len(),
        samples: data.samples,
        estimate,
        execute: start.elapsed(),
    })
}
