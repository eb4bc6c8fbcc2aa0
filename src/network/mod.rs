//! Networks and modules on real numbers. Why one floor: the passes of a network are those of its modules, put together
//! by the graph alone, and everything that comes from outside is checked here, before anything is computed.

mod arrays;
mod average;
mod averaged;
mod batch;
mod binding;
mod blocks;
mod digits;
mod draw;
mod error;
mod file;
mod frontier;
mod generic;
mod graph;
mod machine;
mod memory;
mod module;
mod options;
mod pass;
mod plan;
mod prepare;
mod products;
mod run;

pub use crate::hbp::{Batch, Curvature};
pub use arrays::Items;
pub use digits::{DIGITS, DigitsRun, ParameterSummary, digits_items, run_digits};
pub use draw::draw_network;
pub use error::RunError;
pub use file::{Target, check_arrays, not_finite, plan_file, run_file, target};
pub(crate) use generic::generic;
pub use module::run_module;
pub use options::{Blocks, Precision, RunOptions, Vectorisation};
pub use pass::Preparation;
pub use plan::{plan_module, plan_network};
pub use products::{Extent, Products, check_product_modes, product_file};
pub use run::{NetworkRun, run_network};
