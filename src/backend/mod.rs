//! Execution of compiled programs. Why a floor of its own: a program knows no library, and any can stand behind
//! [`Algebra`] without change above.
//!
//! `execute` walks the steps; `algebra` is the trait of products and factorisations, `faer` the fast one (`products` its
//! products on all cores) and `plain` its twin on nalgebra, `loops` does fused elementwise work, `reduce` reductions,
//! `arena` owns the buffers, `outputs` is what comes out.

mod algebra;
mod arena;
mod element;
mod execute;
mod faer;
mod loops;
mod outputs;
mod plain;
mod products;
mod reduce;
mod roots;

pub use algebra::{Algebra, MatrixRef, Singular};
pub use element::Element;
pub use execute::{ExecuteError, Executor, Inputs, execute};
pub use faer::Faer;
pub(crate) use faer::symmetric_eigen;
pub use outputs::{OutputBlock, Outputs, khatri_rao};
pub use plain::Nalgebra;
