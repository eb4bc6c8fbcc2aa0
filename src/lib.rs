//! hbp, a compiler for curvature.
pub mod cli;
pub mod diagnostic;
pub mod expr;
pub mod hbp;
pub mod language;
pub mod report;
pub mod rewrite;
