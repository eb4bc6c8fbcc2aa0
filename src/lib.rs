//! hbp, a compiler for curvature.
pub mod calculus;
pub mod expr;
pub mod hbp;
