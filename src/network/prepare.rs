//! The modules of a network made ready to run. Why keyed by content: two layers of one shape are one module, whatever
//! they are called, and are compiled once; two of any shapes are derived once.

use std::collections::BTreeSet;
use std::time::Instant;

use super::compiled::{Pass, Preparation, compiled};
use super::compose::compose;
use super::draft::{Stage, draft};
use super::graph::nodes;
use super::module::named_sizes;
use super::pass::concrete;
use super::programs::Bounds;
use super::{RunError, RunOptions};
use crate::expr::{Name, Sizes};
use crate::language::{File, Network};

/// A network with the dimensions that data must bind.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) network: Network,
    pub(crate) dimensions: BTreeSet<Name>,
}

/// Reads a network and refuses what cannot be run.
pub(crate) fn define(
    file: &File,
    name: &str,
    options: &RunOptions,
) -> Result<Definition, RunError> {
    let network = file.network_at(name, &options.sizes)?;
    let network = compose(&network, &options.grouping, &options.rewriter)?;
    let dimensions = dimensions(&network);
    check_sizes(file, name, &dimensions, options)?;
    for node in nodes(&network) {
        concrete(&node.module).map_err(|error| error.within(&format!("`{}`", node.name)))?;
    }
    Ok(Definition {
        network,
        dimensions,
    })
}

/// A network with the sizes of all its dimensions, and the options without sizes that it does not read.
pub(crate) fn sized(
    file: &File,
    name: &str,
    options: &RunOptions,
) -> Result<(Definition, Sizes, RunOptions), RunError> {
    let definition = define(file, name, options)?;
    let mut options = options.clone();
    let dimensions = &definition.dimensions;
    options.sizes.retain(|name, _| dimensions.contains(name));
    let sizes = named_sizes(dimensions, &options.sizes)?;
    Ok((definition, sizes, options))
}

fn dimensions(network: &Network) -> BTreeSet<Name> {
    let declared = network
        .inputs
        .iter()
        .chain(&network.targets)
        .chain(&network.parameters);
    let mut names: BTreeSet<Name> = declared
        .flat_map(|value| [value.shape.rows.names(), value.shape.cols.names()])
        .flatten()
        .collect();
    for node in nodes(network) {
        names.extend(node.module.dimensions());
    }
    names
}

/// Refuses a size for a name that is no dimension; where the text alone leaves dimensions open, the names are not
/// known, and nothing can be said.
fn check_sizes(
    file: &File,
    name: &str,
    open: &BTreeSet<Name>,
    options: &RunOptions,
) -> Result<(), RunError> {
    if options.sizes.is_empty() {
        return Ok(());
    }
    let Ok(network) = file.network(name) else {
        return Ok(());
    };
    let mut known = dimensions(&network);
    known.extend(open.iter().cloned());
    for (given, size) in &options.sizes {
        if !known.contains(given) {
            let names = super::binding::list(known.iter().map(|n| format!("`{n}`")));
            let help = if known.is_empty() {
                "all sizes stand in its text".to_owned()
            } else {
                format!("its dimensions are {names}")
            };
            return Err(RunError::input(
                format!("`--dims {given}={size}` names no dimension of the network `{name}`"),
                help,
            ));
        }
    }
    Ok(())
}

/// A network ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// The distinct modules.
    pub(crate) passes: Vec<Pass>,
    /// The nodes, the loss last.
    pub(crate) stages: Vec<Stage>,
    pub(crate) time: Preparation,
    /// How many modules were derived.
    pub(crate) derivations: usize,
}

/// Derives every distinct module once, and compiles it once for every set of sizes and so many samples.
pub(crate) fn prepare(
    network: &Network,
    sizes: &Sizes,
    samples: usize,
    options: &RunOptions,
) -> Result<Prepared, RunError> {
    let draft = draft(network, sizes, options)?;
    let start = Instant::now();
    let mut passes = Vec::with_capacity(draft.modules.len());
    for (place, module) in draft.modules.iter().enumerate() {
        let bounds = Bounds {
            sizes: &module.sizes,
            samples: Some(samples),
            limit: options.limit,
        };
        let first = draft.stages.iter().find(|stage| stage.pass == place);
        let pass = compiled(&module.derived, bounds);
        passes.push(match first {
            Some(stage) => pass.map_err(|error| stage.within(error))?,
            None => pass?,
        });
    }
    Ok(Prepared {
        passes,
        stages: draft.stages,
        time: Preparation {
            derive: draft.time,
            compile: start.elapsed(),
        },
        derivations: draft.derivations,
    })
}
