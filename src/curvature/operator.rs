//! A block to ask. Why checked once: every operation below may rely on factors and terms that fit together.

use nalgebra::DMatrix;

use super::CurvatureError;
use crate::backend::{Element, OutputBlock};
use crate::kernel::MEMORY_LIMIT;

/// A block as a linear map, in the structure in which it was computed.
///
/// ```
/// use hbp::backend::OutputBlock::{Dense, Kronecker};
/// use hbp::curvature::Operator;
/// use nalgebra::dmatrix;
/// // x x' ⊗ ℋz, the block of the weight of a linear layer with x = (1, 2)'.
/// let left = Box::new(Dense(dmatrix![1.0, 2.0; 2.0, 4.0]));
/// let right = Box::new(Dense(dmatrix![3.0, 1.0; 1.0, 2.0]));
/// let block = Kronecker { left, right };
/// let operator = Operator::new(&block).expect("well formed");
/// assert_eq!(operator.trace().expect("square"), 25.0);
/// // [αI + (1−α)ℋ] Δ = −δ for a gradient of the shape of the variable.
/// let gradient: nalgebra::DMatrix<f64> = dmatrix![1.0, 0.0; 0.5, -1.0];
/// let step = operator.damped(0.02).expect("symmetric").step(&gradient).expect("regular");
/// let back = operator.product(&step.clone().reshape_generic(nalgebra::Dyn(4), nalgebra::Dyn(1))).expect("fits");
/// assert!((step[(0, 0)] * 0.02 + back[0] * 0.98 + 1.0).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Operator<'a, T: Element> {
    pub(super) block: &'a OutputBlock<T>,
    pub(super) limit: u64,
}

impl<'a, T: Element> Operator<'a, T> {
    /// A block, whose entries are formed only up to the usual memory limit.
    ///
    /// # Errors
    /// When the block has no entries, or is a sum of blocks of different shapes.
    pub fn new(block: &'a OutputBlock<T>) -> Result<Self, CurvatureError> {
        Self::within(block, MEMORY_LIMIT)
    }

    /// A block of which no matrix larger than `limit` bytes is formed.
    ///
    /// # Errors
    /// As [`Operator::new`].
    pub fn within(block: &'a OutputBlock<T>, limit: u64) -> Result<Self, CurvatureError> {
        well_formed(block)?;
        Ok(Self { block, limit })
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        self.block.shape()
    }

    /// Rows of a square block.
    ///
    /// # Errors
    /// When it is not square.
    pub fn size(&self) -> Result<usize, CurvatureError> {
        let (rows, cols) = self.shape();
        if rows == cols {
            Ok(rows)
        } else {
            Err(CurvatureError::NotSquare { rows, cols })
        }
    }

    /// All entries.
    ///
    /// # Errors
    /// When they take more than the memory limit.
    pub fn dense(&self) -> Result<DMatrix<T>, CurvatureError> {
        Ok(self.block.to_dense(self.limit)?)
    }
}

fn well_formed<T: Element>(block: &OutputBlock<T>) -> Result<(), CurvatureError> {
    let malformed = |text: String| Err(CurvatureError::Malformed(text));
    match block {
        OutputBlock::Kronecker { left, right } => {
            well_formed(left)?;
            well_formed(right)?;
            let ((a, b), (c, d)) = (left.shape(), right.shape());
            if a.checked_mul(c).is_none() || b.checked_mul(d).is_none() {
                return malformed(format!(
                    "{a} × {b} ⊗ {c} × {d} has more rows than can be counted"
                ));
            }
        }
        OutputBlock::KhatriRao { left, right } if left.ncols() != right.ncols() => {
            let (a, b) = (left.ncols(), right.ncols());
            return malformed(format!("a Khatri-Rao product has {a} and {b} columns"));
        }
        OutputBlock::Sum(terms) => {
            if terms.is_empty() {
                return malformed("a sum has no terms".into());
            }
            for term in terms {
                well_formed(term)?;
                let ((a, b), (c, d)) = (block.shape(), term.shape());
                if (a, b) != (c, d) {
                    return malformed(format!("a sum has terms of {a} × {b} and of {c} × {d}"));
                }
            }
        }
        _ => {}
    }
    let (rows, cols) = block.shape();
    if rows == 0 || cols == 0 {
        return malformed(format!("it has no entries: it is {rows} × {cols}"));
    }
    Ok(())
}
