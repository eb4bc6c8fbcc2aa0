//! hbp, a compiler for curvature.
pub mod expr;
pub mod hbp;
pub mod report;
pub mod rewrite;
