//! Execution of compiled programs on nalgebra. Why a floor of its own: a program knows no library, and a faster one can
//! stand behind [`Algebra`] without any change above.
//!
//! `execute` walks the steps; `algebra` does products and factorisations, `loops` fused elementwise work, `reduce`
//! reductions, `arena` owns the buffers, `outputs` is what comes out.

mod algebra;
mod arena;
mod element;
mod execute;
mod loops;
mod outputs;
mod reduce;
mod stein;
mod symmetric;

pub(crate) use algebra::symmetric_eigen;
pub use algebra::{Algebra, MatrixRef, Nalgebra, Singular};
pub use element::Element;
pub use execute::{ExecuteError, Executor, Inputs, execute};
pub use outputs::{OutputBlock, Outputs, khatri_rao};
