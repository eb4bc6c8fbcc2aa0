//! What can be chosen of a run. Why all the modes are named already: a word of the contract is understood even where
//! this version must refuse it.

use super::{DerivationCache, Grouping};
use crate::expr::Sizes;
use crate::hbp::{Batch, Curvature, Message};
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

impl Precision {
    /// The bytes of a number.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Double => 8,
            Self::Single => 4,
        }
    }
}

/// How the expectation under the model of a loss is taken, which makes the Fisher matrix of its Hessian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sampling {
    /// By the moments of the model.
    #[default]
    Exact,
    /// As the mean over targets drawn from the model.
    Drawn {
        /// How many for every sample, at least one.
        targets: usize,
        /// The seed of the draws.
        seed: u64,
    },
}

/// Between which parameters blocks are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Blocks {
    /// One block a parameter.
    #[default]
    Parameter,
    /// One matrix over the parameters of each node.
    Module,
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
    /// Write each block of a network by so many groups of rows of its parameter.
    pub split: Option<usize>,
    /// The numbers that are computed with.
    pub precision: Precision,
    /// What becomes of the second-order term.
    pub curvature: Curvature,
    /// What becomes of the sample mean.
    pub batch: Batch,
    /// What travels backwards.
    pub message: Message,
    /// How Fisher matrices are taken.
    pub sampling: Sampling,
    /// The number of samples of a plan; a run has those of its data.
    pub batch_size: usize,
    /// Which nodes of a network are one module.
    pub grouping: Grouping,
    /// Between which parameters blocks are made.
    pub blocks: Blocks,
    /// A root of more bytes is written by the factors of its columns. Apart from the memory that is free, so that the same input has
    /// the same output.
    pub root_bytes: u64,
    /// The most bytes that one array, and all buffers together, may take.
    pub limit: u64,
    /// The rules that derive.
    pub rewriter: Rewriter,
    /// What has been derived before; clones of options share it.
    pub cache: DerivationCache,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            module: None,
            network: None,
            sizes: Sizes::new(),
            dense: false,
            vectorisation: Vectorisation::default(),
            split: None,
            precision: Precision::default(),
            curvature: Curvature::default(),
            batch: Batch::default(),
            message: Message::default(),
            sampling: Sampling::default(),
            batch_size: 32,
            grouping: Grouping::default(),
            blocks: Blocks::default(),
            root_bytes: 1 << 28,
            limit: MEMORY_LIMIT,
            rewriter: Rewriter::embedded().clone(),
            cache: DerivationCache::default(),
        }
    }
}
