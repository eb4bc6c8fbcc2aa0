//! Blocks for every row of a parameter, with the eigenvalues of each treated. Why here and not in a program: there are as many as the parameter
//! has rows, each with eigenvalues of its own, and between rows there is nothing.

use nalgebra::DMatrix;

use crate::backend::{Algebra, Element, ExecuteError, Faer, MatrixRef, symmetric_eigen};
use crate::expr::Name;
use crate::network::linked::Treatment;

/// Where the factors of a matrix are found, as [`row_factors`](crate::hbp::row_factors) makes them.
#[derive(Clone, Debug)]
pub(super) struct RowFactors {
    pub(super) treatment: Treatment,
    /// X, a column for every sample.
    pub(super) columns: Name,
    /// W, a row for every row of the parameter.
    pub(super) weights: Name,
    /// How many matrices there are, and how large the one is whose eigenvalues are found.
    pub(super) matrices: (usize, usize),
}

/// The treated blocks of all rows.
#[derive(Clone, Debug)]
pub(super) struct TreatedRows<T: Element> {
    /// Orthonormal columns that span all x, where there are fewer of them than entries: the blocks are then between these.
    basis: Option<DMatrix<T>>,
    blocks: Vec<DMatrix<T>>,
}

impl<T: Element> TreatedRows<T> {
    /// `E[wᵢ xx']` for every row i of W, with its eigenvalues treated; NaN where they were not found.
    ///
    /// # Errors
    /// When the blocks take more than `limit` bytes together.
    pub(super) fn new(
        treatment: Treatment,
        (x, weights): (&DMatrix<T>, &DMatrix<T>),
        limit: u64,
    ) -> Result<Self, ExecuteError> {
        let size = x.nrows().min(x.ncols());
        let rows = weights.nrows().saturating_mul(size);
        let bytes = (rows as u64)
            .saturating_mul(size as u64)
            .saturating_mul(T::BYTES);
        if bytes > limit {
            let cols = size;
            return Err(ExecuteError::TooLarge {
                rows,
                cols,
                bytes,
                limit,
            });
        }
        let share = T::one() / T::number(x.ncols() as f64);
        // x = Q r: of a row, Q E[w rr'] Q'.
        let (basis, columns) = if x.ncols() < x.nrows() {
            let (q, r) = x.clone().qr().unpack();
            (Some(q), r)
        } else {
            (None, x.clone())
        };
        let of_row = |row: usize| {
            let mut scaled = columns.clone();
            for (sample, mut column) in scaled.column_iter_mut().enumerate() {
                column *= weights[(row, sample)] * share;
            }
            treated(treatment, product(&scaled, &columns))
        };
        Ok(Self {
            blocks: (0..weights.nrows()).map(of_row).collect(),
            basis,
        })
    }

    /// Adds the product with a direction, column by column as the parameter is.
    pub(super) fn add_product(&self, direction: &[T], image: &mut [T]) {
        let rows = self.blocks.len();
        let cols = direction.len() / rows.max(1);
        let mut turned = DMatrix::from_column_slice(rows, cols, direction).transpose();
        if let Some(basis) = &self.basis {
            turned = basis.tr_mul(&turned);
        }
        for (mut column, block) in turned.column_iter_mut().zip(&self.blocks) {
            let product = block * &column;
            column.copy_from(&product);
        }
        if let Some(basis) = &self.basis {
            turned = basis * turned;
        }
        for (entry, own) in image.iter_mut().zip(turned.transpose().iter()) {
            *entry += *own;
        }
    }
}

/// `A B'`, known to be symmetric.
fn product<T: Element>(a: &DMatrix<T>, b: &DMatrix<T>) -> DMatrix<T> {
    let size = a.nrows();
    let mut out = DMatrix::zeros(size, size);
    let right = view(b).transpose();
    Faer::default().symmetric_product(out.as_mut_slice(), T::one(), view(a), right);
    out
}

fn view<T>(matrix: &DMatrix<T>) -> MatrixRef<'_, T> {
    MatrixRef {
        data: matrix.as_slice(),
        rows: matrix.nrows(),
        cols: matrix.ncols(),
        strides: (1, matrix.nrows()),
    }
}

/// The same with other eigenvalues.
fn treated<T: Element>(treatment: Treatment, matrix: DMatrix<T>) -> DMatrix<T> {
    let size = matrix.nrows();
    let Some(mut eigen) = symmetric_eigen(matrix) else {
        return DMatrix::from_element(size, size, T::number(f64::NAN));
    };
    eigen.eigenvalues.apply(|value| {
        *value = match treatment {
            Treatment::Abs => value.abs(),
            Treatment::Clip => value.max(T::zero()),
        }
    });
    let mut scaled = eigen.eigenvectors.clone();
    for (mut column, value) in scaled.column_iter_mut().zip(&eigen.eigenvalues) {
        column *= *value;
    }
    product(&scaled, &eigen.eigenvectors)
}
