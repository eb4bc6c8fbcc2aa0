//! Expressions: symbolic dimensions, operations, a hash-consed graph, and a slow, obviously right evaluator.
//!
//! This floor knows no text, no rules and no curvature. Everything above it speaks in its terms.

mod dimension;
mod graph;
mod infer;
pub(crate) mod layout;
mod module;
mod op;
mod print;
pub(crate) mod reading;

pub use dimension::{Dimension, Shape, Sizes};
pub use graph::{Facts, Function as FunctionDefinition, Graph, Id, Node, Role, Variable};
pub use infer::{infer, ShapeError, Sort};
pub use module::Module;
pub use print::{print, print_definition, print_sexpr, printed_size, size};
pub use reading::Names;
pub use op::{Function, Op, TABLE};

/// A name in a file: interned text, compared by its letters.
pub type Name = std::sync::Arc<str>;

/// An exact number.
pub type Rational = num_rational::BigRational;
