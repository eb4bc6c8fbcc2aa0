//! Blocks as operators. Why a floor of its own: whoever takes a second-order step needs products, solves and spectra of
//! the blocks, and a block's structure is worth keeping only if all of them use it.
//!
//! [`Operator`] is a block to ask: products, diagonal, trace, eigenvalue range; [`Operator::damped`] prepares
//! `αI + (1−α)ℋ` (Eq. 8) once for solves, inertia and log-determinant; [`conjugate_gradients`] needs products only; [`split`]
//! takes a block apart by rows of its variable. vec stacks columns: `A ⊗ B` acts on `vec V` as `vec(B V A')`.

mod conjugate;
mod damped;
mod diagonal;
mod error;
mod operator;
mod product;
mod spectrum;
mod split;
mod symmetric;

pub use conjugate::{
    Ending, Iterated, IterationError, Stop, Until, conjugate_gradients, conjugate_gradients_by,
};
pub use damped::{Damped, Inertia, LogDeterminant, Sign};
pub use error::CurvatureError;
pub use operator::Operator;
pub use spectrum::Range;
pub use split::{row_ranges, split};
