//! hbp, a compiler for curvature.
pub mod backend;
pub mod data;
pub mod diagnostic;
pub mod expr;
pub mod hbp;
pub mod kernel;
pub mod language;
pub mod report;
pub mod rewrite;
