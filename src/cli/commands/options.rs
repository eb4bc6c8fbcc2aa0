//! What `run` and `plan` have in common.

use super::Modes;
use crate::cli::arguments::{Approximation, NetworkChoice, Source};
use crate::cli::choices::{Dtype, Vectorisation};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::source;
use crate::expr::Sizes;
use crate::network::{self, Precision, RunError, RunOptions, Sampling};
use crate::rewrite::Rewriter;

/// How a file is run, from the command line.
pub(super) fn options(
    source: &Source,
    network: &NetworkChoice,
    approximation: &Approximation,
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
    let mut sizes = Sizes::new();
    for (name, size) in dims {
        if let Some(first) = sizes.insert(name.as_str().into(), *size) {
            return Err(Failure::bad_input(
                format!("--dims gives `{name}` twice: {first} and {size}"),
                "give every dimension one size",
            ));
        }
    }
    Ok(RunOptions {
        module: source.module.clone(),
        network: network.network.clone(),
        sizes,
        curvature,
        batch,
        message,
        sampling: samples.map_or(Sampling::Exact, drawn),
        rewriter,
        ..RunOptions::default()
    })
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
