//! hbp, a compiler for curvature.
pub mod expr;
pub mod hbp;
pub mod report;
pub mod cli;
pub mod rewrite;
