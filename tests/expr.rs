//! The expression floor: the reference evaluator, its derivatives and the elementwise functions.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "expr/derivatives.rs"]
mod derivatives;
#[path = "expr/evaluation.rs"]
mod evaluation;
#[path = "expr/functions.rs"]
mod functions;
#[path = "expr/universe.rs"]
mod universe;
