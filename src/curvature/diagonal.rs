//! Diagonals and traces. Why by structure: the diagonal of `A ⊗ B` is that of A times that of B, and its trace `tr A tr B`.

use nalgebra::DVector;

use super::{CurvatureError, Operator};
use crate::backend::{Element, OutputBlock};

impl<T: Element> Operator<'_, T> {
    /// The diagonal.
    ///
    /// # Errors
    /// When the block is not square.
    pub fn diagonal(&self) -> Result<DVector<T>, CurvatureError> {
        self.size()?;
        Ok(diagonal(self.block))
    }

    /// The sum of the diagonal.
    ///
    /// # Errors
    /// When the block is not square.
    pub fn trace(&self) -> Result<T, CurvatureError> {
        self.size()?;
        Ok(trace(self.block))
    }
}

fn is_square<T: Element>(block: &OutputBlock<T>) -> bool {
    let (rows, cols) = block.shape();
    rows == cols
}

/// The diagonal of a square block.
pub(super) fn diagonal<T: Element>(block: &OutputBlock<T>) -> DVector<T> {
    match block {
        OutputBlock::Zero { rows, .. } => DVector::zeros(*rows),
        OutputBlock::Dense(matrix) => matrix.diagonal(),
        OutputBlock::Diagonal(diagonal) => diagonal.clone(),
        OutputBlock::ScaledIdentity { size, scale } => DVector::from_element(*size, *scale),
        OutputBlock::Kronecker { left, right } if is_square(left) && is_square(right) => {
            diagonal(left).kronecker(&diagonal(right))
        }
        OutputBlock::Kronecker { .. } => {
            DVector::from_fn(block.shape().0, |i, _| entry(block, i, i))
        }
        OutputBlock::Root(root) => DVector::from_fn(root.nrows(), |i, _| square(root, i, i)),
        // Σ (lₖ ⊙ lₖ) ⊗ (rₖ ⊙ rₖ) = vec((R ⊙ R)(L ⊙ L)')
        OutputBlock::KhatriRao { left, right } => {
            let squares = right.component_mul(right) * left.component_mul(left).transpose();
            DVector::from_column_slice(squares.as_slice())
        }
        OutputBlock::Sum(terms) => {
            let zero = DVector::zeros(block.shape().0);
            terms.iter().fold(zero, |sum, term| sum + diagonal(term))
        }
    }
}

fn trace<T: Element>(block: &OutputBlock<T>) -> T {
    match block {
        OutputBlock::Kronecker { left, right } if is_square(left) && is_square(right) => {
            trace(left) * trace(right)
        }
        OutputBlock::Sum(terms) => {
            let zero = T::zero();
            terms.iter().fold(zero, |sum, term| sum + trace(term))
        }
        other => diagonal(other).sum(),
    }
}

/// One entry.
pub(super) fn entry<T: Element>(block: &OutputBlock<T>, i: usize, j: usize) -> T {
    match block {
        OutputBlock::Dense(matrix) => matrix[(i, j)],
        OutputBlock::Diagonal(diagonal) if i == j => diagonal[i],
        OutputBlock::ScaledIdentity { scale, .. } if i == j => *scale,
        OutputBlock::Zero { .. }
        | OutputBlock::Diagonal(_)
        | OutputBlock::ScaledIdentity { .. } => T::zero(),
        OutputBlock::Kronecker { left, right } => {
            let (rows, cols) = right.shape();
            entry(left, i / rows, j / cols) * entry(right, i % rows, j % cols)
        }
        OutputBlock::Root(root) => square(root, i, j),
        OutputBlock::KhatriRao { left, right } => {
            let rows = right.nrows();
            let column = |k: usize, i: usize| left[(i / rows, k)] * right[(i % rows, k)];
            let zero = T::zero();
            (0..left.ncols()).fold(zero, |sum, k| sum + column(k, i) * column(k, j))
        }
        OutputBlock::Sum(terms) => {
            let zero = T::zero();
            terms.iter().fold(zero, |sum, term| sum + entry(term, i, j))
        }
    }
}

/// Entry (i, j) of S S'.
fn square<T: Element>(root: &nalgebra::DMatrix<T>, i: usize, j: usize) -> T {
    let zero = T::zero();
    (0..root.ncols()).fold(zero, |sum, k| sum + root[(i, k)] * root[(j, k)])
}

/// True when all that is stored stands on the diagonal.
pub(super) fn is_diagonal<T: Element>(block: &OutputBlock<T>) -> bool {
    match block {
        OutputBlock::Zero { .. }
        | OutputBlock::Diagonal(_)
        | OutputBlock::ScaledIdentity { .. } => true,
        OutputBlock::Kronecker { left, right } => {
            let is_zero = |b: &OutputBlock<T>| matches!(b, OutputBlock::Zero { .. });
            let both = is_square(left) && is_square(right);
            is_zero(left) || is_zero(right) || (both && is_diagonal(left) && is_diagonal(right))
        }
        OutputBlock::Sum(terms) => terms.iter().all(is_diagonal),
        OutputBlock::Root(root) | OutputBlock::KhatriRao { left: root, .. } => root.ncols() == 0,
        OutputBlock::Dense(_) => false,
    }
}
