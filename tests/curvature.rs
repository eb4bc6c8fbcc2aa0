//! Blocks as operators: every question is asked of the structure and of the dense twin.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

#[path = "curvature/blocks.rs"]
mod blocks;
#[path = "curvature/iterating.rs"]
mod iterating;
#[path = "curvature/operations.rs"]
mod operations;
#[path = "curvature/refusing.rs"]
mod refusing;
#[path = "curvature/solving.rs"]
mod solving;
#[path = "curvature/splitting.rs"]
mod splitting;
