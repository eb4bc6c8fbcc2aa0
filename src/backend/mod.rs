//! Execution of compiled programs. Why a floor of its own: a program knows no library, and any can stand behind
//! [`Algebra`] without change above.
//!
//! `execute` walks the steps, `memory` runs one; `algebra` is the trait of products and factorisations, `faer` the fast one (`products` its
//! products on all cores) and `plain` its twin on nalgebra, `loops` does fused elementwise work by a `schedule` in `vector`
//! instructions, `reduce` reductions, `roots` small Cholesky factors, `stein` and `unformed` what is solved without being formed, `arena` owns the buffers, `outputs` is what comes out.

mod algebra;
mod arena;
mod element;
mod execute;
mod faer;
mod iterate;
mod loops;
mod memory;
mod outputs;
mod plain;
mod products;
mod reduce;
mod roots;
mod schedule;
mod scratch;
mod stein;
mod unformed;
mod vector;

pub use algebra::{Algebra, MatrixRef, Singular};
pub use element::Element;
pub use execute::{ExecuteError, Executor, Inputs, execute};
pub use faer::Faer;
pub(crate) use faer::symmetric_eigen;
pub use loops::{Read, Registers, run_loop};
pub use outputs::{OutputBlock, Outputs, khatri_rao};
pub use plain::Nalgebra;
pub use reduce::{product_diagonal, reduce_entries, row_sums, softmax};
pub use unformed::Parts;
pub use vector::{Instructions, Operand, Real, combine_entries, map_entries};
