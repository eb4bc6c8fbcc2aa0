//! hbp, a compiler for curvature.
pub mod backend;
pub mod expr;
pub mod hbp;
pub mod kernel;
