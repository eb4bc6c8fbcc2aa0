//! What a run hands out. Why blocks: a structured output stays structured, and only the reader who needs its entries
//! pays for them.

use nalgebra::{DMatrix, DVector};

use super::element::Element;
use super::execute::ExecuteError;

/// An output, in the form in which the program computes it.
#[derive(Clone, Debug, PartialEq)]
pub enum OutputBlock<T: Element> {
    /// Identically zero.
    Zero {
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
    },
    /// A matrix.
    Dense(DMatrix<T>),
    /// A diagonal matrix, by its diagonal.
    Diagonal(DVector<T>),
    /// A multiple of the identity.
    ScaledIdentity {
        /// Rows and columns.
        size: usize,
        /// The multiple.
        scale: T,
    },
    /// `left ⊗ right`.
    Kronecker {
        /// The outer factor.
        left: Box<OutputBlock<T>>,
        /// The inner factor.
        right: Box<OutputBlock<T>>,
    },
    /// `S S'`, by S.
    Root(DMatrix<T>),
    /// `S S'` where each column of S is the Kronecker product of a column of `left` and one of `right`: S is their
    /// Khatri-Rao product.
    KhatriRao {
        /// The outer factors.
        left: DMatrix<T>,
        /// The inner factors.
        right: DMatrix<T>,
    },
    /// A sum of blocks of one shape.
    Sum(Vec<OutputBlock<T>>),
}

impl<T: Element> OutputBlock<T> {
    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Self::Zero { rows, cols } => (*rows, *cols),
            Self::Dense(matrix) => matrix.shape(),
            Self::Diagonal(diagonal) => (diagonal.len(), diagonal.len()),
            Self::ScaledIdentity { size, .. } => (*size, *size),
            Self::Kronecker { left, right } => {
                let ((a, b), (c, d)) = (left.shape(), right.shape());
                (a.saturating_mul(c), b.saturating_mul(d))
            }
            Self::Root(root) => (root.nrows(), root.nrows()),
            Self::KhatriRao { left, right } => {
                let rows = left.nrows().saturating_mul(right.nrows());
                (rows, rows)
            }
            Self::Sum(terms) => terms.first().map_or((0, 0), Self::shape),
        }
    }

    /// The matrix with all its entries.
    ///
    /// # Errors
    /// When it takes more than `limit` bytes.
    pub fn to_dense(&self, limit: u64) -> Result<DMatrix<T>, ExecuteError> {
        let (rows, cols) = self.shape();
        let bytes = (rows as u64)
            .saturating_mul(cols as u64)
            .saturating_mul(T::BYTES);
        if bytes > limit {
            return Err(ExecuteError::TooLarge {
                rows,
                cols,
                bytes,
                limit,
            });
        }
        Ok(match self {
            Self::Zero { .. } => DMatrix::zeros(rows, cols),
            Self::Dense(matrix) => matrix.clone(),
            Self::Diagonal(diagonal) => DMatrix::from_diagonal(diagonal),
            Self::ScaledIdentity { size, scale } => {
                DMatrix::from_diagonal_element(*size, *size, *scale)
            }
            Self::Kronecker { left, right } => {
                left.to_dense(limit)?.kronecker(&right.to_dense(limit)?)
            }
            Self::Root(root) => square(root),
            Self::KhatriRao { left, right } => square(&khatri_rao(left, right)),
            Self::Sum(terms) => {
                let mut total = DMatrix::zeros(rows, cols);
                for term in terms {
                    total += term.to_dense(limit)?;
                }
                total
            }
        })
    }
}

/// `S S'`
fn square<T: Element>(root: &DMatrix<T>) -> DMatrix<T> {
    let mut square = DMatrix::zeros(root.nrows(), root.nrows());
    square.gemm(T::one(), root, &root.transpose(), T::zero());
    square
}

/// The Khatri-Rao product: each column is the Kronecker product of the columns of both.
pub fn khatri_rao<T: Element>(left: &DMatrix<T>, right: &DMatrix<T>) -> DMatrix<T> {
    let rows = right.nrows();
    let mut product = DMatrix::zeros(left.nrows() * rows, left.ncols());
    for (k, mut column) in product.column_iter_mut().enumerate() {
        for (i, factor) in left.column(k).iter().enumerate() {
            let part = right.column(k) * *factor;
            column.rows_mut(i * rows, rows).copy_from(&part);
        }
    }
    product
}

/// The outputs of a run by name, in the order they were asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs<T: Element>(pub Vec<(String, OutputBlock<T>)>);

impl<T: Element> Outputs<T> {
    /// The output of this name.
    pub fn get(&self, name: &str) -> Option<&OutputBlock<T>> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, block)| block)
    }
}
