//! Optimisers: what becomes of parameters, gradients and curvature in a step. Why apart from the passes: a pass knows numbers and no state; what is kept
//! from one step to the next, velocities, moments, damping, is here.

mod accuracy;
mod apart;
mod blocks;
mod choice;
mod compiled;
mod damping;
mod engine;
mod error;
mod evaluate;
mod first_order;
mod free;
mod implicit;
mod initial;
mod parameters;
mod problem;

pub use choice::{Adam, Damping, HessianFree, Method, Momentum, Newton, Parts};
pub use compiled::Compiled;
pub use engine::{Optimizer, StepReport};
pub use error::OptimizerError;
pub use evaluate::{Evaluation, Evaluator, EvaluatorPass};
pub use initial::Initialisation;
pub use parameters::{Parameter, Parameters};
pub use problem::{Batch, Problem, Sample, Value};
