#![doc = include_str!("ARCHITECTURE.md")]

// In reading order, which is the order of the pipeline.
pub mod diagnostic;

pub mod expr;

pub mod language;

pub mod rewrite;

pub mod calculus;

pub mod hbp;

pub mod kernel;

pub mod backend;

pub mod curvature;

pub mod data;

pub mod network;

pub mod optimizer;

pub mod training;

pub mod check;

pub mod proof;

pub mod report;

pub mod cli;

pub use backend::execute;
pub use data::{read_npz, write_npz};
pub use expr::Module;
pub use hbp::{Equations, Request, derive};
pub use kernel::compile;
pub use language::parse;
pub use network::{RunOptions, run_file, run_module};
pub use proof::{Claim, Verdict, prove};
pub use rewrite::{Report, Rewriter, RuleBook};
