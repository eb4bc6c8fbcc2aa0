//! Determinants, inverses and eigenvalues. Why elimination with pivots chosen by real parts: it then runs
//! unchanged on dual numbers and carries exact derivatives along.

use nalgebra::{DMatrix, SymmetricEigen};

use super::{EvaluateError, Matrix, Scalar};

/// An eigenvalue problem that needs more sweeps than this does not converge.
const EIGEN_ITERATIONS: usize = 10_000;

/// How far a matrix may be from symmetric, relative to its largest entry.
const SYMMETRY_TOLERANCE: f64 = 1e-6;

/// Gauss–Jordan elimination of `a` with `right` carried along: the pivots, with the sign of the row exchanges
/// in the last one, and a⁻¹ right. `None` when no pivot is left.
fn eliminate<S: Scalar>(a: &Matrix<S>, right: &Matrix<S>) -> Option<(Vec<S>, Matrix<S>)> {
    let n = a.rows();
    let (mut a, mut right) = (a.clone(), right.clone());
    let mut pivots = Vec::with_capacity(n);
    for k in 0..n {
        let largest =
            (k..n).max_by(|i, j| magnitude(&a[(*i, k)]).total_cmp(&magnitude(&a[(*j, k)])))?;
        if magnitude(&a[(largest, k)]) == 0.0 {
            return None;
        }
        swap_rows(&mut a, k, largest);
        swap_rows(&mut right, k, largest);
        let pivot = a[(k, k)].clone();
        for row in (0..n).filter(|row| *row != k) {
            let factor = a[(row, k)].clone() / pivot.clone();
            subtract_row(&mut a, row, k, &factor);
            subtract_row(&mut right, row, k, &factor);
        }
        for j in 0..right.cols() {
            right[(k, j)] = right[(k, j)].clone() / pivot.clone();
        }
        for j in 0..n {
            a[(k, j)] = a[(k, j)].clone() / pivot.clone();
        }
        pivots.push(if largest == k { pivot } else { -pivot });
    }
    Some((pivots, right))
}

fn magnitude<S: Scalar>(entry: &S) -> f64 {
    entry.value().abs()
}

fn swap_rows<S: Scalar>(a: &mut Matrix<S>, i: usize, k: usize) {
    for column in a.values_mut_columns() {
        column.swap(i, k);
    }
}

/// row ← row − factor · row k
fn subtract_row<S: Scalar>(a: &mut Matrix<S>, row: usize, k: usize, factor: &S) {
    for column in a.values_mut_columns() {
        column[row] = column[row].clone() - factor.clone() * column[k].clone();
    }
}

/// The inverse.
pub(super) fn inverse<S: Scalar>(a: &Matrix<S>) -> Result<Matrix<S>, EvaluateError> {
    square(a, "inverse")?;
    let (_, inverse) = eliminate(a, &Matrix::identity(a.rows())).ok_or(EvaluateError::Singular)?;
    Ok(inverse)
}

/// The determinant: the product of the pivots, or without division where there are none.
pub(super) fn determinant<S: Scalar>(a: &Matrix<S>) -> S {
    match eliminate(a, &Matrix::filled(a.rows(), 0, 0.0)) {
        Some((pivots, _)) => pivots
            .into_iter()
            .fold(S::from_f64(1.0), |product, pivot| product * pivot),
        None => division_free_determinant(a),
    }
}

/// log|det|: the sum of log|pivot|, which neither overflows nor vanishes; −∞ for a singular matrix.
pub(super) fn log_determinant<S: Scalar>(a: &Matrix<S>) -> S {
    let Some((pivots, _)) = eliminate(a, &Matrix::filled(a.rows(), 0, 0.0)) else {
        let det = division_free_determinant(a);
        return det.compose(&super::builtins::log_taylor(0.0, det.order()));
    };
    pivots.into_iter().fold(S::from_f64(0.0), |sum, pivot| {
        let positive = if pivot.value() < 0.0 { -pivot } else { pivot };
        sum + positive.compose(&super::builtins::log_taylor(
            positive.value(),
            positive.order(),
        ))
    })
}

/// Bird's algorithm, det A = (−1)^(n−1) [F^(n−1)(A)]₁₁ with F(X) = μ(X) A, where μ(X) keeps what lies above
/// the diagonal and has −Σ X(j, j) over j > i on it. It needs no pivots, so derivatives at singular matrices are right.
fn division_free_determinant<S: Scalar>(a: &Matrix<S>) -> S {
    let n = a.rows();
    let zero = || S::from_f64(0.0);
    let mut x = a.clone();
    for _ in 1..n {
        let mu = Matrix::from_fn(n, n, |i, j| match i.cmp(&j) {
            std::cmp::Ordering::Less => x[(i, j)].clone(),
            std::cmp::Ordering::Equal => (i + 1..n).fold(zero(), |sum, k| sum - x[(k, k)].clone()),
            std::cmp::Ordering::Greater => zero(),
        });
        x = Matrix::from_fn(n, n, |i, j| {
            (0..n).fold(zero(), |sum, k| {
                sum + mu[(i, k)].clone() * a[(k, j)].clone()
            })
        });
    }
    match x.values().first() {
        Some(first) if n.is_multiple_of(2) => -first.clone(),
        Some(first) => first.clone(),
        None => S::from_f64(1.0),
    }
}

/// Q f(Λ) Q' of a symmetric matrix Q Λ Q'. Not differentiated: refused where an entry carries a derivative.
pub(super) fn map_eigenvalues<S: Scalar>(
    a: &Matrix<S>,
    name: &'static str,
    f: impl Fn(f64) -> f64,
) -> Result<Matrix<S>, EvaluateError> {
    square(a, name)?;
    if !a.values().iter().all(S::is_constant) {
        return Err(EvaluateError::Derivative(format!("`{name}`")));
    }
    let (n, real) = (a.rows(), a.real());
    if !real.values().iter().all(|v| v.is_finite()) {
        return Ok(Matrix::filled(n, n, f64::NAN));
    }
    let largest = real.values().iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    // Halved before they are subtracted, so that the test does not overflow.
    let skew = |i, j| (real[(i, j)] / 2.0 - real[(j, i)] / 2.0).abs();
    if (0..n).any(|i| (0..i).any(|j| skew(i, j) > SYMMETRY_TOLERANCE * largest)) {
        return Err(EvaluateError::Asymmetric(name));
    }
    if largest == 0.0 {
        return Ok(Matrix::from_fn(n, n, |i, j| {
            S::from_f64(if i == j { f(0.0) } else { 0.0 })
        }));
    }
    // Brought to largest entry 1: squares inside the solver neither overflow nor vanish.
    let scaled = DMatrix::from_fn(n, n, |i, j| {
        f64::midpoint(real[(i, j)] / largest, real[(j, i)] / largest)
    });
    let Some(eigen) = SymmetricEigen::try_new(scaled, f64::EPSILON, EIGEN_ITERATIONS) else {
        return Ok(Matrix::filled(n, n, f64::NAN));
    };
    let (q, mapped) = (
        eigen.eigenvectors,
        eigen.eigenvalues.map(|lambda| f(lambda * largest)),
    );
    Ok(Matrix::from_fn(n, n, |i, j| {
        S::from_f64((0..n).map(|k| q[(i, k)] * mapped[k] * q[(j, k)]).sum())
    }))
}

fn square<S: Scalar>(a: &Matrix<S>, operation: &'static str) -> Result<(), EvaluateError> {
    if a.rows() == a.cols() {
        return Ok(());
    }
    Err(EvaluateError::Operands {
        operation,
        left: a.shape(),
        right: a.shape(),
    })
}
