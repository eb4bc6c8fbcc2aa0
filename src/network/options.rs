//! What can be chosen of a run. Why all the modes are named already: a word of the contract is understood even where
//! this version must refuse it.

use std::fmt;
use std::str::FromStr;

use super::RunError;
use crate::expr::Sizes;
use crate::kernel::MEMORY_LIMIT;
use crate::rewrite::Rewriter;

/// What becomes of the second-order term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Curvature {
    /// It is kept.
    #[default]
    Hessian,
    /// It is dropped.
    GaussNewton,
    /// Its eigenvalues become their absolute values.
    PositiveAbs,
    /// Its negative eigenvalues become zero.
    PositiveClip,
    /// It is dropped, and the loss Hessian replaced by its expectation under the model.
    Fisher,
}

/// What becomes of the sample mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Batch {
    /// Every sample has its own message.
    #[default]
    Exact,
    /// Children hand down the mean of the Hessian (Eq. 6).
    AverageHessian,
    /// The Jacobians are replaced by their mean, too (Eq. 7).
    AverageJacobian,
}

/// How a matrix becomes a vector in the rows and columns of its block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Vectorisation {
    /// Columns are stacked.
    #[default]
    Column,
    /// Rows are stacked.
    Row,
}

/// The numbers that are computed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 64 bits.
    #[default]
    Double,
    /// 32 bits.
    Single,
}

const CURVATURES: [(Curvature, &str); 5] = [
    (Curvature::Hessian, "hessian"),
    (Curvature::GaussNewton, "ggn"),
    (Curvature::PositiveAbs, "pch-abs"),
    (Curvature::PositiveClip, "pch-clip"),
    (Curvature::Fisher, "fisher"),
];

const BATCHES: [(Batch, &str); 3] = [
    (Batch::Exact, "exact"),
    (Batch::AverageHessian, "average-hessian"),
    (Batch::AverageJacobian, "average-jacobian"),
];

fn word<T: Copy + PartialEq>(table: &[(T, &'static str)], value: T) -> &'static str {
    table
        .iter()
        .find(|(known, _)| *known == value)
        .map_or("", |(_, word)| *word)
}

fn read<T: Copy>(table: &[(T, &'static str)], option: &str, text: &str) -> Result<T, RunError> {
    let found = table.iter().find(|(_, word)| *word == text);
    found.map(|(value, _)| *value).ok_or_else(|| {
        let words: Vec<&str> = table.iter().map(|(_, word)| *word).collect();
        RunError::input(
            format!("`{text}` is no value of {option}"),
            format!("it is one of {}", words.join(", ")),
        )
    })
}

impl fmt::Display for Curvature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(&CURVATURES, *self))
    }
}

impl FromStr for Curvature {
    type Err = RunError;
    fn from_str(text: &str) -> Result<Self, RunError> {
        read(&CURVATURES, "--curvature", text)
    }
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(&BATCHES, *self))
    }
}

impl FromStr for Batch {
    type Err = RunError;
    fn from_str(text: &str) -> Result<Self, RunError> {
        read(&BATCHES, "--batch", text)
    }
}

/// How a file is run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The module to run.
    pub module: Option<String>,
    /// The network to run.
    pub network: Option<String>,
    /// Sizes that the arrays do not bind.
    pub sizes: Sizes,
    /// Write every block with all its entries.
    pub dense: bool,
    /// The order of rows and columns in blocks of matrices, those that come out and the one that goes in.
    pub vectorisation: Vectorisation,
    /// The numbers that are computed with.
    pub precision: Precision,
    /// What becomes of the second-order term.
    pub curvature: Curvature,
    /// What becomes of the sample mean.
    pub batch: Batch,
    /// The most bytes that one array, and all buffers together, may take.
    pub limit: u64,
    /// The rules that derive.
    pub rewriter: Rewriter,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            module: None,
            network: None,
            sizes: Sizes::new(),
            dense: false,
            vectorisation: Vectorisation::default(),
            precision: Precision::default(),
            curvature: Curvature::default(),
            batch: Batch::default(),
            limit: MEMORY_LIMIT,
            rewriter: Rewriter::embedded().clone(),
        }
    }
}

impl RunOptions {
    /// Refuses the modes that this version does not have.
    ///
    /// # Errors
    /// For every curvature but the Hessian, and every batch mode but the exact one.
    pub fn check_modes(&self) -> Result<(), RunError> {
        let refused = |option: String| {
            Err(RunError::unavailable(
                format!("{option} is not available in this version"),
                "this version computes `--curvature hessian --batch exact`, which is the default",
            ))
        };
        if self.curvature != Curvature::Hessian {
            return refused(format!("--curvature {}", self.curvature));
        }
        if self.batch != Batch::Exact {
            return refused(format!("--batch {}", self.batch));
        }
        Ok(())
    }
}
