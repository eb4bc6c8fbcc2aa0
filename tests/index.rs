//! The index core: normal forms, equality, derivatives, numbers, structure. Expressions are written in the language.

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
