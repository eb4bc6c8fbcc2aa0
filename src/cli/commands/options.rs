//! What `run` and `plan` have in common.

use super::Modes;
use crate::cli::arguments::{Approximation, Composition, NetworkChoice, Source};
use crate::cli::choices::{Dtype, Scheme, Vectorisation};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::source;
use crate::expr::Sizes;
use crate::kernel::MEMORY_LIMIT;
use crate::language::File;
use crate::network::{self, Grouping, Precision, RunError, RunOptions, Sampling};
use crate::rewrite::Rewriter;

/// How a file is run, from the command line.
pub(super) fn options(
    source: &Source,
    network: &NetworkChoice,
    approximation: &Approximation,
    composition: &Composition,
    dims: &[(String, usize)],
    seed: u64,
    rewriter: Rewriter,
) -> Result<RunOptions, Failure> {
    let Modes {
        curvature,
        batch,
        message,
        samples,
    } = super::modes(approximation)?;
    let drawn = |targets: u32| Sampling::Drawn {
        targets: targets as usize,
        seed,
    };
    Ok(RunOptions {
        module: source.module.clone(),
        network: network.network.clone(),
        sizes: sizes(dims)?,
        curvature,
        batch,
        message,
        sampling: samples.map_or(Sampling::Exact, drawn),
        grouping: grouping(composition, approximation)?,
        rewriter,
        ..RunOptions::default()
    })
}

/// The sizes of `--dims`.
pub(super) fn sizes(dims: &[(String, usize)]) -> Result<Sizes, Failure> {
    let mut sizes = Sizes::new();
    for (name, size) in dims {
        if let Some(first) = sizes.insert(name.as_str().into(), *size) {
            return Err(Failure::bad_input(
                format!("--dims gives `{name}` twice: {first} and {size}"),
                "give every dimension one size",
            ));
        }
    }
    Ok(sizes)
}

/// The grouping asked for, or the one that belongs to a scheme.
pub(super) fn grouping(
    composition: &Composition,
    approximation: &Approximation,
) -> Result<Grouping, Failure> {
    match (&composition.compose, approximation.scheme) {
        (Some(text), _) => read_grouping(text),
        (None, Some(Scheme::Kfra | Scheme::BdaPch)) => Ok(Grouping::ActivationAffine),
        (None, _) => Ok(Grouping::default()),
    }
}

/// Reads a grouping.
pub(super) fn read_grouping(text: &str) -> Result<Grouping, Failure> {
    text.parse()
        .map_err(|error: RunError| Failure::bad_input(error.message(), error.help()))
}

/// Refuses to group the nodes of what has none, unless a scheme does.
pub(super) fn only_networks(
    options: &RunOptions,
    is_said: bool,
    file: &File,
) -> Result<(), Failure> {
    let target = network::target(file, options);
    let is_module = matches!(target, Ok(network::Target::Module(_)));
    if is_said && is_module && options.grouping != Grouping::Apart {
        return Err(Failure::bad_input(
            "--compose groups the nodes of a network, but a module is asked for",
            "choose a network with --network, or write the composite as a module that calls modules",
        ));
    }
    Ok(())
}

/// The memory that may be taken: what is asked for, or what the machine has free.
pub(super) fn memory_limit(asked: Option<u64>) -> u64 {
    asked.or_else(free_memory).unwrap_or(MEMORY_LIMIT)
}

/// The bytes that the system can give without swapping; nothing where it does not say.
fn free_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes.saturating_mul(1024))
}

/// Why a run stopped.
pub(super) fn failed(error: &RunError, output: &Output) -> Failure {
    match error {
        RunError::Definitions(diagnostics) => source::invalid(diagnostics, output),
        error if error.is_limit() => Failure::limit(error.message(), error.help()),
        error => Failure::bad_input(error.message(), error.help()),
    }
}

impl From<Dtype> for Precision {
    fn from(dtype: Dtype) -> Self {
        match dtype {
            Dtype::F64 => Self::Double,
            Dtype::F32 => Self::Single,
        }
    }
}

impl From<Vectorisation> for network::Vectorisation {
    fn from(order: Vectorisation) -> Self {
        match order {
            Vectorisation::Column => Self::Column,
            Vectorisation::Row => Self::Row,
        }
    }
}
