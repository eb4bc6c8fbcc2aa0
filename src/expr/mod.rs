//! Expressions: symbolic dimensions, operations, a hash-consed graph, and a slow, obviously right evaluator.
//!
//! This floor knows no text, no rules and no curvature. Everything above it speaks in its terms.

pub mod builtins;
mod dimension;
mod elementwise;
mod elimination;
mod environment;
mod evaluate;
pub(crate) mod form;
mod graph;
mod infer;
pub(crate) mod layout;
mod matrix;
mod model;
mod module;
mod names;
mod noisy;
mod op;
mod operation;
mod print;
mod random;
pub(crate) mod reading;
mod scalar;
mod series;
mod stein;
mod witness;

pub use dimension::{Dimension, Shape, Sizes};
pub use elementwise::taylor;
pub use environment::{Environment, SmoothFunction};
pub use evaluate::{ENTRY_LIMIT, EvaluateError, evaluate};
pub(crate) use graph::is_output_hessian;
pub use graph::{Facts, Function as FunctionDefinition, Graph, Id, Node, Role, Variable};
pub use infer::{ShapeError, Sort, infer};
pub use matrix::Matrix;
pub use model::{Distribution, Model};
pub use module::Module;
pub use names::Names;
pub use noisy::Noisy;
pub use op::{Function, Op, TABLE};
pub(crate) use print::{BUILTIN, OWN, written_function};
pub use print::{print, print_definition, print_sexpr, printed_size, size};
pub use random::{Draw, random_environment, random_function, random_matrix, random_value};
pub use scalar::{Dual, Hyper, Scalar};
pub use series::Series;
pub use witness::{Witness, finite_jacobian, witness};

/// A name in a file: interned text, compared by its letters.
pub type Name = std::sync::Arc<str>;

/// An exact number.
pub type Rational = num_rational::BigRational;
