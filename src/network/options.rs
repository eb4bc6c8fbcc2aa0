//! What can be chosen of a run. Why all the modes are named already: a word of the contract is understood even where
//! this version must refuse it.

use crate::expr::Sizes;
use crate::hbp::{Batch, Curvature};
use crate::kernel::MEMORY_LIMIT;
use crate::rewrite::Rewriter;

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

/// Between which parameters blocks are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Blocks {
    /// One block a parameter.
    #[default]
    Parameter,
    /// One matrix over all parameters: each stays in the frontier until the end.
    Full,
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
    /// Between which parameters blocks are made.
    pub blocks: Blocks,
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
            blocks: Blocks::default(),
            limit: MEMORY_LIMIT,
            rewriter: Rewriter::embedded().clone(),
        }
    }
}
