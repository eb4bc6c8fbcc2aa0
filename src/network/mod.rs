//! Networks and modules on real numbers. Why one floor: the passes of a network are those of its modules, put together
//! by the graph alone, and everything that comes from outside is checked here, before anything is computed.

mod arrays;
mod average;
mod binding;
mod blocks;
mod error;
mod module;
mod options;
mod pass;

pub use arrays::Items;
pub use error::RunError;
pub use module::run_module;
pub use options::{Batch, Curvature, Precision, RunOptions, Vectorisation};
pub use pass::Preparation;
