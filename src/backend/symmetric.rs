//! Factorisations of symmetric matrices on nalgebra. Why beside the algebra: they are what every algebra falls back to.

use nalgebra::{Cholesky, ComplexField, DMatrixViewMut};

use super::algebra::{MatrixRef, symmetric_eigen};
use super::element::Element;

/// `out = matrix⁻¹ right` by Cholesky; false, and `out` untouched, where the matrix is not positive definite.
pub(super) fn solve<T: Element>(
    out: &mut [T],
    matrix: MatrixRef<'_, T>,
    right: MatrixRef<'_, T>,
) -> bool {
    let Some(factor) = Cholesky::new(matrix.view().into_owned()) else {
        return false;
    };
    let mut out = DMatrixViewMut::from_slice(out, right.rows, right.cols);
    out.copy_from(&right.view());
    factor.solve_mut(&mut out);
    true
}

/// Eigenvalues and eigenvectors; NaN if the matrix is not finite or they are not found.
pub(super) fn eigen<T: Element>(matrix: MatrixRef<'_, T>, values: &mut [T], vectors: &mut [T]) {
    let size = matrix.rows;
    let mut all = DMatrixViewMut::from_slice(vectors, size, size);
    let whole = matrix.view().into_owned();
    let largest = whole.amax();
    if matrix.is_finite() && largest == T::zero() {
        all.fill_with_identity();
        values.fill(T::zero());
        return;
    }
    // Entries near 1 keep the squares of the iteration in range.
    let unit = (&whole + whole.transpose()) / (largest + largest);
    let found = if unit.iter().all(ComplexField::is_finite) {
        symmetric_eigen(unit)
    } else {
        None
    };
    if let Some(found) = found {
        all.copy_from(&found.eigenvectors);
        for (value, of) in values.iter_mut().zip(found.eigenvalues.iter()) {
            *value = *of * largest;
        }
    } else {
        all.fill(T::number(f64::NAN));
        values.fill(T::number(f64::NAN));
    }
}
