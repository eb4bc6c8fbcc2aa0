//! Networks and modules on real numbers. Why one floor: the passes of a network are those of its modules, put together
//! by the graph alone, and everything that comes from outside is checked here, before anything is computed.

mod arrays;
mod average;
mod averaged;
mod batch;
mod binding;
mod blocks;
mod compiled;
mod compose;
mod digits;
mod draw;
mod error;
mod file;
mod frontier;
mod generic;
mod graph;
mod grouping;
mod loss;
mod machine;
mod memory;
mod modes;
mod module;
mod options;
mod pairs;
mod pass;
mod plan;
mod prepare;
mod programs;
mod rooted;
mod run;

pub use crate::hbp::{Batch, Curvature, Message};
pub use arrays::Items;
pub use compiled::Preparation;
pub use compose::{compose, node_modules};
pub use digits::{DIGITS, DigitsRun, ParameterSummary, digits_items, run_digits};
pub use draw::draw_network;
pub use error::RunError;
pub use file::{Target, check_arrays, not_finite, plan_file, run_file, target};
pub(crate) use generic::generic;
pub use grouping::Grouping;
pub use module::run_module;
pub use options::{Precision, RunOptions, Sampling, Vectorisation};
pub(crate) use pairs::{Pair, pairs};
pub use plan::{plan_module, plan_network};
pub use run::{NetworkRun, run_network};
