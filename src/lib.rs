//! hbp, a compiler for curvature.
pub mod backend;
pub mod calculus;
pub mod check;
pub mod cli;
pub mod data;
pub mod diagnostic;
pub mod expr;
pub mod hbp;
pub mod kernel;
pub mod language;
pub mod network;
pub mod proof;
pub mod report;
pub mod rewrite;
