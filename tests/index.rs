//! The index core: normal forms, equality, derivatives, numbers, structure. Expressions are written in the language.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

#[path = "index/agreement.rs"]
mod agreement;
#[path = "index/algebra.rs"]
mod algebra;
#[path = "index/derivatives.rs"]
mod derivatives;
#[path = "index/numbers.rs"]
mod numbers;
#[path = "index/random.rs"]
mod random;
#[path = "index/structure.rs"]
mod structure;
#[path = "index/support.rs"]
mod support;
