//! The equation α M + β B M K = R by definition. Why here: it is what a damped step with a Kronecker block solves, and both
//! ways to solve it, exactly and by conjugate gradients, need a value that no clever form of them shares.

use super::elimination::inverse;
use super::{EvaluateError, Matrix, Scalar};

/// How conjugate gradients measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InnerProduct {
    /// ⟨M, N⟩ = tr(M'N).
    Entries,
    /// ⟨M, N⟩ = tr(M'NK).
    Gram,
}

/// M by the dense system (αI + βK' ⊗ B) vec M = vec R; operands: α, β, B, K, R.
pub(super) fn solution<S: Scalar>(operands: &[&Matrix<S>]) -> Result<Matrix<S>, EvaluateError> {
    let [alpha, beta, b, k, r] = operands else {
        return Err(EvaluateError::NotAValue);
    };
    let (alpha, beta) = (&alpha[(0, 0)], &beta[(0, 0)]);
    let size = r.values().len();
    let damping = Matrix::identity(size).map(|entry: &S| alpha.clone() * entry.clone());
    let block = (k.transpose().kron(b)).map(|entry| beta.clone() * entry.clone());
    let system = damping.plus(&block)?;
    let m = inverse(&system)?.times(&r.reshaped(size, 1)?)?;
    m.reshaped(r.rows(), r.cols())
}

/// Conjugate gradients (Hestenes & Stiefel 1952) from M = 0; operands: α, β, B, K, R, tolerance, steps. They end where the
/// residual is at most tolerance · ‖R‖, after so many steps, or with what they have at a direction of curvature ≤ 0.
pub(super) fn iterate<S: Scalar>(
    operands: &[&Matrix<S>],
    inner: InnerProduct,
) -> Result<Matrix<S>, EvaluateError> {
    let [alpha, beta, b, k, r, tolerance, steps] = operands else {
        return Err(EvaluateError::NotAValue);
    };
    let (alpha, beta) = (alpha[(0, 0)].clone(), beta[(0, 0)].clone());
    let (tolerance, steps) = (tolerance[(0, 0)].value(), steps[(0, 0)].value());
    let times = |s: &S, m: &Matrix<S>| m.map(|entry| s.clone() * entry.clone());
    // Where K is singular or nearly so, what is left of the residual is orthogonal to X, and tr(R'RK) is rounding.
    let weight = match inner {
        InnerProduct::Entries => 0.0,
        InnerProduct::Gram => {
            let diagonal = k.diagvec().real();
            f64::EPSILON
                * diagonal
                    .values()
                    .iter()
                    .fold(0.0, |top: f64, v| top.max(*v))
        }
    };
    let rounding = |residual: &Matrix<S>| {
        let entries = residual.real();
        weight * entries.values().iter().map(|v| v * v).sum::<f64>()
    };
    let inner = |m: &Matrix<S>, n: &Matrix<S>| {
        let n = match inner {
            InnerProduct::Entries => n.clone(),
            InnerProduct::Gram => n.times(k)?,
        };
        Ok::<S, EvaluateError>(m.hadamard(&n)?.sum())
    };
    let mut m = Matrix::filled(r.rows(), r.cols(), 0.0);
    let (mut residual, mut direction) = ((*r).clone(), (*r).clone());
    let mut square = inner(&residual, &residual)?;
    let target = tolerance * tolerance * square.value();
    let mut taken = 0.0;
    while square.value() > target.max(rounding(&residual)) && taken < steps {
        let image = times(&beta, &b.times(&direction)?.times(k)?);
        let image = times(&alpha, &direction).plus(&image)?;
        let curvature = inner(&direction, &image)?;
        if curvature.value() <= 0.0 {
            break;
        }
        let length = square.clone() / curvature;
        m = m.plus(&times(&length, &direction))?;
        residual = residual.minus(&times(&length, &image))?;
        let next = inner(&residual, &residual)?;
        direction = residual.plus(&times(&(next.clone() / square), &direction))?;
        square = next;
        taken += 1.0;
    }
    Ok(m)
}
