//! hbp, a compiler for curvature.
pub mod diagnostic;
pub mod data;
pub mod expr;
pub mod hbp;
pub mod language;
pub mod report;
pub mod rewrite;
pub mod calculus;
pub mod backend;
pub mod kernel;
pub mod network;
