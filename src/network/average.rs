//! Means over samples. Why structure is kept where all samples share it: a mean of diagonals is a diagonal, and
//! Kronecker products with one factor in common have a mean with that factor; no other mean of Kronecker products
//! is one.

use nalgebra::{DMatrix, DVector};

use super::RunError;
use crate::backend::{Element, OutputBlock};

/// The sum of blocks that arrive one by one.
#[derive(Debug)]
pub(crate) struct Mean<T: Element> {
    sum: Option<OutputBlock<T>>,
    count: usize,
    limit: u64,
}

impl<T: Element> Mean<T> {
    /// No block yet; nothing larger than `limit` bytes is formed.
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            sum: None,
            count: 0,
            limit,
        }
    }

    /// Adds a sample's block.
    pub(crate) fn add(&mut self, block: OutputBlock<T>) -> Result<(), RunError> {
        self.count += 1;
        self.sum = Some(match self.sum.take() {
            None => block,
            Some(sum) => plus(sum, block, self.limit)?,
        });
        Ok(())
    }

    /// The mean; nothing when there was no sample.
    pub(crate) fn finish(self) -> Option<OutputBlock<T>> {
        let factor = T::one() / T::number(self.count as f64);
        let sum = self.sum?;
        Some(if self.count == 1 {
            sum
        } else {
            scaled(sum, factor)
        })
    }
}

/// The diagonal, if only the diagonal is stored.
fn diagonal<T: Element>(block: &OutputBlock<T>) -> Option<DVector<T>> {
    match block {
        OutputBlock::Zero { rows, cols } if rows == cols => Some(DVector::zeros(*rows)),
        OutputBlock::Diagonal(diagonal) => Some(diagonal.clone()),
        OutputBlock::ScaledIdentity { size, scale } => Some(DVector::from_element(*size, *scale)),
        _ => None,
    }
}

fn plus<T: Element>(
    a: OutputBlock<T>,
    b: OutputBlock<T>,
    limit: u64,
) -> Result<OutputBlock<T>, RunError> {
    use OutputBlock::{Dense, Diagonal, Kronecker, ScaledIdentity, Zero};
    match (a, b) {
        (Zero { .. }, other) | (other, Zero { .. }) => return Ok(other),
        (ScaledIdentity { size, scale }, ScaledIdentity { scale: other, .. }) => {
            let scale = scale + other;
            return Ok(ScaledIdentity { size, scale });
        }
        (Dense(mut sum), other) => {
            add_to(&mut sum, &other, limit)?;
            return Ok(Dense(sum));
        }
        (
            Kronecker { left, right },
            Kronecker {
                left: other_left,
                right: other_right,
            },
        ) => {
            // A ⊗ C + B ⊗ C = (A + B) ⊗ C
            if right == other_right {
                let left = Box::new(plus(*left, *other_left, limit)?);
                return Ok(Kronecker { left, right });
            }
            if left == other_left {
                let right = Box::new(plus(*right, *other_right, limit)?);
                return Ok(Kronecker { left, right });
            }
            let first = Kronecker { left, right };
            let second = Kronecker {
                left: other_left,
                right: other_right,
            };
            dense_sum(&first, &second, limit)
        }
        (first, second) => {
            if let (Some(a), Some(b)) = (diagonal(&first), diagonal(&second)) {
                return Ok(Diagonal(a + b));
            }
            dense_sum(&first, &second, limit)
        }
    }
}

fn dense_sum<T: Element>(
    first: &OutputBlock<T>,
    second: &OutputBlock<T>,
    limit: u64,
) -> Result<OutputBlock<T>, RunError> {
    let mut sum = first.to_dense(limit)?;
    add_to(&mut sum, second, limit)?;
    Ok(OutputBlock::Dense(sum))
}

/// Adds a block to a dense sum.
fn add_to<T: Element>(
    sum: &mut DMatrix<T>,
    block: &OutputBlock<T>,
    limit: u64,
) -> Result<(), RunError> {
    if let OutputBlock::Dense(matrix) = block {
        *sum += matrix;
    } else if let Some(diagonal) = diagonal(block) {
        for (i, d) in diagonal.iter().enumerate() {
            sum[(i, i)] += *d;
        }
    } else {
        *sum += block.to_dense(limit)?;
    }
    Ok(())
}

fn scaled<T: Element>(block: OutputBlock<T>, factor: T) -> OutputBlock<T> {
    match block {
        OutputBlock::Zero { rows, cols } => OutputBlock::Zero { rows, cols },
        OutputBlock::Dense(matrix) => OutputBlock::Dense(matrix * factor),
        OutputBlock::Diagonal(diagonal) => OutputBlock::Diagonal(diagonal * factor),
        OutputBlock::ScaledIdentity { size, scale } => OutputBlock::ScaledIdentity {
            size,
            scale: scale * factor,
        },
        OutputBlock::Kronecker { left, right } => OutputBlock::Kronecker {
            left: Box::new(scaled(*left, factor)),
            right,
        },
        // (√c S)(√c S)' = c S S'
        OutputBlock::Root(root) => OutputBlock::Root(root * nalgebra::ComplexField::sqrt(factor)),
        OutputBlock::Sum(terms) => {
            OutputBlock::Sum(terms.into_iter().map(|term| scaled(term, factor)).collect())
        }
    }
}
