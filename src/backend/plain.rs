//! The plain algebra: nalgebra behind [`Algebra`]. Why kept beside the fast one: it shares no code with it, so each is
//! tested against the other.

use nalgebra::{
    Cholesky, ComplexField, DMatrix, DMatrixView, DMatrixViewMut, Dyn, LU, SymmetricEigen,
};

use super::algebra::{Algebra, MatrixRef, Singular};
use super::element::{Element, max};

/// nalgebra: products through `gemm` with swapped strides for transposes, LU and symmetric eigenvalues.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nalgebra;

/// Columns of a symmetric product computed at once.
const PANEL: usize = 64;

impl<T: Element> Algebra<T> for Nalgebra {
    fn product(
        &mut self,
        out: &mut [T],
        scale: T,
        left: MatrixRef<'_, T>,
        right: MatrixRef<'_, T>,
    ) {
        if left.rows == 1 {
            // x A = (A' x')', and a row is stored like a column.
            let mut column = DMatrixViewMut::from_slice(out, right.cols, 1);
            multiply(&mut column, right.transpose(), left.transpose());
        } else {
            let mut whole = DMatrixViewMut::from_slice(out, left.rows, right.cols);
            multiply(&mut whole, left, right);
        }
        scale_by(&mut out[..left.rows * right.cols], scale);
    }

    fn symmetric_product(
        &mut self,
        out: &mut [T],
        scale: T,
        left: MatrixRef<'_, T>,
        right: MatrixRef<'_, T>,
    ) {
        let n = left.rows;
        let mut result = DMatrixViewMut::from_slice(out, n, n);
        // Panels of columns from the diagonal down, then the mirror image.
        for start in (0..n).step_by(PANEL) {
            let count = PANEL.min(n - start);
            let (below, panel) = (left.rows(start, n - start), right.columns(start, count));
            let mut part = result.view_mut((start, start), (n - start, count));
            multiply(&mut part, below, panel);
        }
        for j in 0..n {
            for i in 0..j {
                result[(i, j)] = result[(j, i)];
            }
        }
        scale_by(&mut out[..n * n], scale);
    }

    fn solve(
        &mut self,
        out: &mut [T],
        matrix: MatrixRef<'_, T>,
        right: MatrixRef<'_, T>,
    ) -> Result<(), Singular> {
        let mut out = DMatrixViewMut::from_slice(out, right.rows, right.cols);
        out.copy_from(&view(right));
        if factorised(matrix).solve_mut(&mut out) {
            Ok(())
        } else {
            Err(Singular)
        }
    }

    fn solve_positive(
        &mut self,
        out: &mut [T],
        matrix: MatrixRef<'_, T>,
        right: MatrixRef<'_, T>,
    ) -> Result<(), Singular> {
        let Some(factor) = Cholesky::new(view(matrix).into_owned()) else {
            return self.solve(out, matrix, right);
        };
        let mut out = DMatrixViewMut::from_slice(out, right.rows, right.cols);
        out.copy_from(&view(right));
        factor.solve_mut(&mut out);
        Ok(())
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

    fn symmetric_eigen(&mut self, matrix: MatrixRef<'_, T>, values: &mut [T], vectors: &mut [T]) {
        let whole = view(matrix).into_owned();
        let top = (whole.iter()).fold(T::zero(), |top, x| max(top, ComplexField::abs(*x)));
        let unit = if top == T::zero() { T::one() } else { top };
        // Entries near 1 keep the squares of the iteration in range.
        let found = if matrix.is_finite() {
            symmetric_eigen((&whole + whole.transpose()) * (T::number(0.5) / unit))
        } else {
            None
        };
        if let Some(found) = found {
            vectors.copy_from_slice(found.eigenvectors.as_slice());
            for (value, of) in values.iter_mut().zip(&found.eigenvalues) {
                *value = *of * unit;
            }
        } else {
            vectors.fill(T::number(f64::NAN));
            values.fill(T::number(f64::NAN));
        }
    }

    fn spectral(&mut self, out: &mut [T], matrix: MatrixRef<'_, T>, f: fn(T) -> T) {
        let n = matrix.rows;
        let mut out = DMatrixViewMut::from_slice(out, n, n);
        let whole = view(matrix).into_owned();
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
fn symmetric_eigen<T: Element>(matrix: DMatrix<T>) -> Option<SymmetricEigen<T, Dyn>> {
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
    let (a, b) = (view(left), view(right));
    if left.cols == 0 {
        return out.fill(T::zero());
    }
    if [left.rows, left.cols, right.cols]
        .iter()
        .all(|n| *n > SMALL)
    {
        out.gemm(T::one(), &a, &b, T::zero());
        return;
    }
    let transpose = left.transpose();
    let transpose = view(transpose);
    for j in 0..right.cols {
        let mut column = out.column_mut(j);
        if left.strides.0 == 1 {
            column.gemv(T::one(), &a, &b.column(j), T::zero());
        } else {
            column.gemv_tr(T::one(), &transpose, &b.column(j), T::zero());
        }
    }
}

/// Done after the product, so that overflow and NaN are those of the product.
fn scale_by<T: Element>(out: &mut [T], scale: T) {
    if scale != T::one() {
        for entry in out {
            *entry *= scale;
        }
    }
}

fn factorised<T: Element>(matrix: MatrixRef<'_, T>) -> LU<T, Dyn, Dyn> {
    let owned: DMatrix<T> = view(matrix).into_owned();
    LU::new(owned)
}

fn view<T: Element>(matrix: MatrixRef<'_, T>) -> DMatrixView<'_, T, Dyn, Dyn> {
    DMatrixView::from_slice_with_strides_generic(
        matrix.data,
        Dyn(matrix.rows),
        Dyn(matrix.cols),
        Dyn(matrix.strides.0),
        Dyn(matrix.strides.1),
    )
}
