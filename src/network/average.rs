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
    Ok(match (a, b) {
        (Zero { .. }, other) | (other, Zero { .. }) => other,
        (ScaledIdentity { size, scale }, ScaledIdentity { scale: other, .. }) => ScaledIdentity {
            size,
            scale: scale + other,
        },
        (Dense(mut sum), other) => {
            add_to(&mut sum, &other, limit)?;
            Dense(sum)
        }
        // A ⊗ C + B ⊗ C = (A + B) ⊗ C
        (Kronecker { left: a, right }, Kronecker { left: b, right: c }) if right == c => {
            let left = Box::new(plus(*a, *b, limit)?);
            Kronecker { left, right }
        }
        // A ⊗ B + A ⊗ C = A ⊗ (B + C)
        (Kronecker { left, right: b }, Kronecker { left: a, right: c }) if left == a => {
            let right = Box::new(plus(*b, *c, limit)?);
            Kronecker { left, right }
        }
        (first, second) => match (diagonal(&first), diagonal(&second)) {
            (Some(a), Some(b)) => Diagonal(a + b),
            _ => dense_sum(&first, &second, limit)?,
        },
    })
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
    } else if let OutputBlock::Kronecker { left, right } = block {
        add_kronecker(sum, &left.to_dense(limit)?, &right.to_dense(limit)?);
    } else {
        *sum += block.to_dense(limit)?;
    }
    Ok(())
}

/// Adds A ⊗ B without forming it.
fn add_kronecker<T: Element>(sum: &mut DMatrix<T>, a: &DMatrix<T>, b: &DMatrix<T>) {
    let columns = (0..a.ncols()).flat_map(|j| (0..b.ncols()).map(move |l| (j, l)));
    let rows = sum.nrows().max(1);
    for ((j, l), column) in columns.zip(sum.as_mut_slice().chunks_exact_mut(rows)) {
        let b_column = b.column(l);
        for (piece, factor) in column
            .chunks_exact_mut(b.nrows().max(1))
            .zip(a.column(j).iter())
        {
            for (entry, value) in piece.iter_mut().zip(b_column.iter()) {
                *entry += *factor * *value;
            }
        }
    }
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
        OutputBlock::KhatriRao { left, right } => OutputBlock::KhatriRao {
            left: left * nalgebra::ComplexField::sqrt(factor),
            right,
        },
        OutputBlock::Sum(terms) => {
            OutputBlock::Sum(terms.into_iter().map(|term| scaled(term, factor)).collect())
        }
    }
}
