//! Dense symmetric matrices: checked, and taken to their eigenbasis. Why checked: an eigenvalue routine that looks at one half
//! of a matrix would answer for a block that is no Hessian as if it were one.

use nalgebra::DMatrix;

use super::CurvatureError;
use super::spectrum::Eigenvalue;
use crate::backend::{Element, symmetric_eigen};

/// The largest absolute value of the entries.
///
/// # Errors
/// When an entry is not finite.
pub(super) fn largest<'e, T: Element>(
    entries: impl IntoIterator<Item = &'e T>,
) -> Result<f64, CurvatureError> {
    let mut top = 0.0f64;
    for entry in entries {
        let entry = entry.double();
        if !entry.is_finite() {
            return Err(CurvatureError::NotFinite);
        }
        top = top.max(entry.abs());
    }
    Ok(top)
}

/// The machine epsilon of a type.
pub(super) fn epsilon<T: Element>() -> f64 {
    T::default_epsilon().double()
}

/// How far rounding may move an eigenvalue, relative to the norm of a matrix.
fn rounding<T: Element>(size: usize) -> f64 {
    8.0 * size as f64 * epsilon::<T>()
}

/// The symmetric part of a matrix that is symmetric but for rounding.
///
/// # Errors
/// When it is not finite, or not symmetric.
pub(super) fn symmetric_part<T: Element>(
    matrix: &DMatrix<T>,
) -> Result<DMatrix<T>, CurvatureError> {
    let largest = largest(matrix.iter())?;
    let transpose = matrix.transpose();
    let pairs = matrix.iter().zip(transpose.iter());
    let difference = pairs
        .map(|(a, b)| (a.double() - b.double()).abs())
        .fold(0.0, f64::max);
    // A block is a sum of many products: half of the digits are far above what rounding leaves.
    if difference > epsilon::<T>().sqrt() * largest {
        return Err(CurvatureError::Asymmetric {
            difference,
            largest,
        });
    }
    let half = T::number(0.5);
    Ok(matrix * half + transpose * half)
}

/// Eigenvectors, one a column, and eigenvalues of a symmetric matrix, with how far rounding may have moved them.
///
/// # Errors
/// When it is not finite or not symmetric, or the iteration does not end.
pub(super) fn eigen<T: Element>(
    matrix: &DMatrix<T>,
) -> Result<(DMatrix<T>, Vec<Eigenvalue>), CurvatureError> {
    let whole = symmetric_part(matrix)?;
    let (size, top) = (whole.nrows(), largest(whole.iter())?);
    if top == 0.0 {
        let zero = Eigenvalue::exact(0.0);
        return Ok((DMatrix::identity(size, size), vec![zero; size]));
    }
    // Entries near 1 keep the squares of the iteration in range.
    let scale = T::number(top);
    let unit = whole.map(|entry| entry / scale);
    let found = symmetric_eigen(unit).ok_or(CurvatureError::NoConvergence { size })?;
    let values: Vec<f64> = found.eigenvalues.iter().map(|v| v.double() * top).collect();
    // A backward stable routine: |λ̃ − λ| ≤ c n ε ‖A‖ (Golub & Van Loan, 8.1).
    let norm = values.iter().fold(0.0f64, |norm, v| norm.max(v.abs()));
    let error = rounding::<T>(size) * norm;
    let values = values.into_iter();
    let values = values.map(|value| Eigenvalue { value, error });
    Ok((found.eigenvectors, values.collect()))
}

/// The lower Cholesky factor of a symmetric matrix, if it is positive definite by a clear margin.
pub(super) fn cholesky<T: Element>(matrix: &DMatrix<T>) -> Option<DMatrix<T>> {
    let size = matrix.nrows();
    let factor = nalgebra::Cholesky::new(matrix.clone())?.unpack();
    let inverse = factor.solve_lower_triangular(&DMatrix::identity(size, size))?;
    // λ_min ≥ 1 / tr M⁻¹ and tr M⁻¹ = ‖L⁻¹‖². Pivots alone would pass a matrix that rounding has made definite.
    let smallest = 1.0 / inverse.norm_squared().double();
    let margin = rounding::<T>(size) * matrix.trace().double();
    (smallest > margin).then_some(factor)
}
