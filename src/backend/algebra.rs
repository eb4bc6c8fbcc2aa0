//! Linear algebra behind a small trait, and nalgebra behind it. Why a trait: products and factorisations are most of the
//! time of a pass, so a faster library must be able to take this one's place without touching anything else.

use nalgebra::{ComplexField, DMatrix, DMatrixView, DMatrixViewMut, Dyn, LU, SymmetricEigen};

use super::element::{Element, max};
use super::symmetric;

/// A matrix in a slice: entry (i, j) at `i * strides.0 + j * strides.1`.
#[derive(Clone, Copy, Debug)]
pub struct MatrixRef<'a, T> {
    /// The entries.
    pub data: &'a [T],
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// Distance of neighbouring rows and of neighbouring columns.
    pub strides: (usize, usize),
}

impl<T: Element> MatrixRef<'_, T> {
    pub(super) fn view(&self) -> DMatrixView<'_, T, Dyn, Dyn> {
        let (rows, cols) = (self.rows, self.cols);
        DMatrixView::from_slice_with_strides_generic(
            self.data,
            Dyn(rows),
            Dyn(cols),
            Dyn(self.strides.0),
            Dyn(self.strides.1),
        )
    }

    /// The transpose, by swapping strides.
    pub fn transpose(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            strides: (self.strides.1, self.strides.0),
            ..self
        }
    }

    /// Columns `start .. start + count`.
    #[must_use]
    pub fn columns(self, start: usize, count: usize) -> Self {
        Self {
            data: &self.data[start * self.strides.1..],
            cols: count,
            ..self
        }
    }

    /// Rows from `start` on.
    #[must_use]
    pub fn rows_from(self, start: usize) -> Self {
        Self {
            data: &self.data[start * self.strides.0..],
            rows: self.rows - start,
            ..self
        }
    }

    pub(super) fn is_finite(&self) -> bool {
        self.data.iter().all(ComplexField::is_finite)
    }
}

/// A matrix that has no inverse, to working precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Singular;

/// Products and factorisations of dense matrices. Results are contiguous, column by column.
pub trait Algebra<T> {
    /// `out = left * right`.
    fn product(&mut self, out: &mut [T], left: MatrixRef<'_, T>, right: MatrixRef<'_, T>);

    /// `out = left * right`, known to be symmetric: half of it need be computed.
    fn symmetric_product(&mut self, out: &mut [T], left: MatrixRef<'_, T>, right: MatrixRef<'_, T>);

    /// `out = matrix⁻¹ right`.
    ///
    /// # Errors
    /// When the matrix is singular.
    fn solve(
        &mut self,
        out: &mut [T],
        matrix: MatrixRef<'_, T>,
        right: MatrixRef<'_, T>,
    ) -> Result<(), Singular>;

    /// `out = matrix⁻¹`.
    ///
    /// # Errors
    /// When the matrix is singular.
    fn inverse(&mut self, out: &mut [T], matrix: MatrixRef<'_, T>) -> Result<(), Singular>;

    /// The determinant.
    fn determinant(&mut self, matrix: MatrixRef<'_, T>) -> T;

    /// log |determinant|.
    fn log_determinant(&mut self, matrix: MatrixRef<'_, T>) -> T;

    /// `out` = the symmetric matrix with its eigenvalues replaced by `f` of them; NaN everywhere if it is not finite.
    fn spectral(&mut self, out: &mut [T], matrix: MatrixRef<'_, T>, f: fn(T) -> T);

    /// `out = matrix⁻¹ right` for a matrix that equals its transpose, definite or not.
    ///
    /// # Errors
    /// When the matrix is singular.
    fn solve_symmetric(
        &mut self,
        out: &mut [T],
        matrix: MatrixRef<'_, T>,
        right: MatrixRef<'_, T>,
    ) -> Result<(), Singular>
    where
        T: Element,
    {
        if symmetric::solve(out, matrix, right) {
            return Ok(());
        }
        self.solve(out, matrix, right)
    }

    /// The eigenvalues of a symmetric matrix and its orthonormal eigenvectors, one a column in the order of the values; NaN
    /// everywhere if it is not finite.
    fn symmetric_eigen(&mut self, matrix: MatrixRef<'_, T>, values: &mut [T], vectors: &mut [T])
    where
        T: Element,
    {
        symmetric::eigen(matrix, values, vectors);
    }
}

/// nalgebra: products through `gemm` with swapped strides for transposes, LU and symmetric eigenvalues.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nalgebra;

/// Columns of a symmetric product computed at once.
const PANEL: usize = 64;

impl<T: Element> Algebra<T> for Nalgebra {
    fn product(&mut self, out: &mut [T], left: MatrixRef<'_, T>, right: MatrixRef<'_, T>) {
        if left.rows == 1 {
            // x A = (A' x')', and a row is stored like a column.
            let mut column = DMatrixViewMut::from_slice(out, right.cols, 1);
            multiply(&mut column, right.transpose(), left.transpose());
        } else {
            let mut out = DMatrixViewMut::from_slice(out, left.rows, right.cols);
            multiply(&mut out, left, right);
        }
    }

    fn symmetric_product(
        &mut self,
        out: &mut [T],
        left: MatrixRef<'_, T>,
        right: MatrixRef<'_, T>,
    ) {
        let n = left.rows;
        let mut result = DMatrixViewMut::from_slice(out, n, n);
        // Panels of columns from the diagonal down, then the mirror image.
        for start in (0..n).step_by(PANEL) {
            let count = PANEL.min(n - start);
            let (below, panel) = (left.rows_from(start), right.columns(start, count));
            let mut part = result.view_mut((start, start), (n - start, count));
            multiply(&mut part, below, panel);
        }
        for j in 0..n {
            for i in 0..j {
                result[(i, j)] = result[(j, i)];
            }
        }
    }

    fn solve(
        &mut self,
        out: &mut [T],
        matrix: MatrixRef<'_, T>,
        right: MatrixRef<'_, T>,
    ) -> Result<(), Singular> {
        let mut out = DMatrixViewMut::from_slice(out, right.rows, right.cols);
        out.copy_from(&right.view());
        if factorised(matrix).solve_mut(&mut out) {
            Ok(())
        } else {
            Err(Singular)
        }
    }

    fn inverse(&mut self, out: &mut [T], matrix: MatrixRef<'_, T>) -> Result<(), Singular> {
        let mut out = DMatrixViewMut::from_slice(out, matrix.rows, matrix.rows);
        out.fill_with_identity();
        if factorised(matrix).solve_mut(&mut out) {
            Ok(())
        } else {
            Err(Singular)
        }
    }

    fn determinant(&mut self, matrix: MatrixRef<'_, T>) -> T {
        factorised(matrix).determinant()
    }

    fn log_determinant(&mut self, matrix: MatrixRef<'_, T>) -> T {
        // Factor by factor: the determinant itself may overflow.
        factorised(matrix)
            .lu_internal()
            .diagonal()
            .iter()
            .fold(T::zero(), |sum, u| sum + ComplexField::abs(*u).ln())
    }

    fn spectral(&mut self, out: &mut [T], matrix: MatrixRef<'_, T>, f: fn(T) -> T) {
        let n = matrix.rows;
        let mut out = DMatrixViewMut::from_slice(out, n, n);
        let whole = matrix.view().into_owned();
        let found = if matrix.is_finite() {
            symmetric_eigen((&whole + whole.transpose()) * T::number(0.5))
        } else {
            None
        };
        let Some(SymmetricEigen {
            eigenvectors,
            eigenvalues,
        }) = found
        else {
            return out.fill(T::number(f64::NAN));
        };
        let mut scaled = eigenvectors.clone();
        for (mut column, value) in scaled.column_iter_mut().zip(eigenvalues.iter()) {
            column *= f(*value);
        }
        out.gemm(T::one(), &scaled, &eigenvectors.transpose(), T::zero());
    }
}

/// Eigenvalues and eigenvectors of a symmetric and finite matrix.
///
/// Of a matrix of low rank nothing but rounding is left after a few reflections, smaller from each to the next until it
/// underflows: nalgebra then finds vectors that are not orthogonal, or NaN. So the vectors are looked at, and where they are
/// bad, the matrix is shifted away from zero: eigenvalues are then found to working precision of the norm.
pub(crate) fn symmetric_eigen<T: Element>(matrix: DMatrix<T>) -> Option<SymmetricEigen<T, Dyn>> {
    let size = matrix.nrows();
    let (epsilon, steps) = (T::default_epsilon(), 100 * size.max(10));
    let attempt = |matrix: DMatrix<T>| {
        let found = SymmetricEigen::try_new(matrix, epsilon, steps)?;
        let mut error = found.eigenvectors.tr_mul(&found.eigenvectors);
        for i in 0..size {
            error[(i, i)] -= T::one();
        }
        // Written so that NaN is bad.
        let tolerance = epsilon * T::number(8.0 * size as f64);
        let is_good =
            error.norm() <= tolerance && found.eigenvalues.iter().all(ComplexField::is_finite);
        is_good.then_some(found)
    };
    let shift = matrix.norm() * T::number(2.0);
    attempt(matrix.clone()).or_else(|| {
        let mut shifted = matrix;
        for i in 0..size {
            shifted[(i, i)] += shift;
        }
        let mut found = attempt(shifted)?;
        found.eigenvalues.add_scalar_mut(-shift);
        Some(found)
    })
}

/// nalgebra's `gemm` packs its operands only when every dimension is larger than this.
const SMALL: usize = 5;

/// `out = left * right`. Below nalgebra's threshold column by column: its unpacked loop reads past the end of a left
/// factor whose rows are not contiguous, so a stored transpose is multiplied by dot products instead.
fn multiply<T: Element>(
    out: &mut DMatrixViewMut<'_, T>,
    left: MatrixRef<'_, T>,
    right: MatrixRef<'_, T>,
) {
    let (a, b) = (left.view(), right.view());
    if [left.rows, left.cols, right.cols]
        .iter()
        .all(|n| *n > SMALL)
    {
        out.gemm(T::one(), &a, &b, T::zero());
        return;
    }
    let transpose = left.transpose();
    let transpose = transpose.view();
    for j in 0..right.cols {
        let mut column = out.column_mut(j);
        if left.strides.0 == 1 {
            column.gemv(T::one(), &a, &b.column(j), T::zero());
        } else {
            column.gemv_tr(T::one(), &transpose, &b.column(j), T::zero());
        }
    }
}

fn factorised<T: Element>(matrix: MatrixRef<'_, T>) -> LU<T, Dyn, Dyn> {
    let owned: DMatrix<T> = matrix.view().into_owned();
    LU::new(owned)
}

/// max(·, 0), NaN kept.
pub(crate) fn clip<T: Element>(x: T) -> T {
    max(x, T::zero())
}
