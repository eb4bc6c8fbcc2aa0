//! Linear algebra behind a small trait. Why a trait: products and factorisations are most of the time of a pass, so the
//! fast library stands behind it beside a plain one that it is tested against, and nothing else knows of either.

use super::element::{Element, max};
use super::unformed::Parts;

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
    /// Entry (row, column).
    pub fn at(&self, row: usize, col: usize) -> T {
        self.data[row * self.strides.0 + col * self.strides.1]
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

    /// Rows `start .. start + count`.
    #[must_use]
    pub fn rows(self, start: usize, count: usize) -> Self {
        Self {
            data: &self.data[start * self.strides.0..],
            rows: count,
            ..self
        }
    }

    pub(crate) fn is_finite(&self) -> bool {
        (0..self.cols).all(|j| (0..self.rows).all(|i| self.at(i, j).is_finite()))
    }
}

/// A matrix that has no inverse, to working precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Singular;

/// Products and factorisations of dense matrices. Results are contiguous, column by column.
pub trait Algebra<T> {
    /// `out = scale * left * right`.
    fn product(&mut self, out: &mut [T], scale: T, left: MatrixRef<'_, T>, right: MatrixRef<'_, T>);

    /// `out = scale * left * right`, known to be symmetric: the lower half is computed and mirrored.
    fn symmetric_product(
        &mut self,
        out: &mut [T],
        scale: T,
        left: MatrixRef<'_, T>,
        right: MatrixRef<'_, T>,
    );

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

    /// `out = matrix⁻¹ right` for a symmetric matrix expected to be positive definite, of which the lower half may be all
    /// that is read: by Cholesky's factors, and where there are none because it is not positive definite, by those of
    /// [`Algebra::solve`].
    ///
    /// # Errors
    /// When the matrix is singular.
    fn solve_positive(
        &mut self,
        out: &mut [T],
        matrix: MatrixRef<'_, T>,
        right: MatrixRef<'_, T>,
    ) -> Result<(), Singular>;

    /// As [`Algebra::solve_positive`] for a matrix by its parts, which is formed in `scratch` if need be.
    ///
    /// # Errors
    /// When the matrix is singular.
    fn solve_unformed(
        &mut self,
        out: &mut [T],
        matrix: &Parts<'_, T>,
        right: MatrixRef<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), Singular>
    where
        Self: Sized,
        T: Element,
    {
        let formed = matrix.form(self, scratch);
        self.solve_positive(out, formed, right)
    }

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

    /// The eigenvalues of a symmetric matrix and its orthonormal eigenvectors, one a column in the order of the values; NaN
    /// everywhere if it is not finite.
    fn symmetric_eigen(&mut self, matrix: MatrixRef<'_, T>, values: &mut [T], vectors: &mut [T]);
}

/// max(·, 0), NaN kept.
pub(crate) fn clip<T: Element>(x: T) -> T {
    max(x, T::zero())
}
