//! hbp, a compiler for curvature.
pub mod data;
pub mod expr;
pub mod hbp;
