//! Expressions: symbolic dimensions, operations, a hash-consed graph, and a slow, obviously right evaluator.
//!
//! This floor knows no text, no rules and no curvature. Everything above it speaks in its terms.

pub mod builtins;
mod dimension;
mod elementwise;
mod elimination;
mod environment;
mod evaluate;
mod graph;
mod infer;
mod matrix;
mod module;
mod op;
mod operation;
mod random;
mod scalar;
mod series;
mod witness;

pub use dimension::{Dimension, Shape, Sizes};
pub use elementwise::taylor;
pub use environment::{Environment, SmoothFunction};
pub use evaluate::{evaluate, EvaluateError, ENTRY_LIMIT};
pub use graph::{Facts, Function as FunctionDefinition, Graph, Id, Node, Role, Variable};
pub use infer::{infer, ShapeError, Sort};
pub use matrix::Matrix;
pub use module::Module;
pub use op::{Function, Op, TABLE};
pub use random::{random_environment, random_function, random_matrix, random_value, Draw};
pub use scalar::{Dual, Hyper, Scalar};
pub use series::Series;
pub use witness::{finite_jacobian, witness, Witness};

/// A name in a file: interned text, compared by its letters.
pub type Name = std::sync::Arc<str>;

/// An exact number.
pub type Rational = num_rational::BigRational;
