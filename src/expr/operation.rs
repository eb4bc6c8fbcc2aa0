//! Operations on evaluated operands, each as its definition reads. Why apart from `evaluate`: here is no
//! graph and no environment, only matrices.

use super::builtins::{exp_taylor, log_taylor, power_taylor};
use super::elimination::{determinant, inverse, log_determinant, map_eigenvalues};
use super::matrix::total;
use super::scalar::power;
use super::stein::{InnerProduct, iterate, solution};
use super::{EvaluateError, Matrix, Op, Scalar};

/// `op` on its operands; the result has `shape`.
pub(super) fn operate<S: Scalar>(
    op: &Op,
    operands: &[&Matrix<S>],
    (rows, cols): (usize, usize),
) -> Result<Matrix<S>, EvaluateError> {
    match (op, operands) {
        (Op::Number(value), []) => {
            let value = num_traits::ToPrimitive::to_f64(value).unwrap_or(f64::NAN);
            Ok(Matrix::scalar(S::from_f64(value)))
        }
        (Op::Eye, []) => Ok(Matrix::identity(rows)),
        (Op::Ones, []) => Ok(Matrix::filled(rows, cols, 1.0)),
        (Op::Zeros, []) => Ok(Matrix::filled(rows, cols, 0.0)),
        (Op::Add, [first, rest @ ..]) => rest
            .iter()
            .try_fold((*first).clone(), |sum, term| sum.plus(term)),
        (Op::Scale, [s, a]) => Ok(a.map(|entry| s[(0, 0)].clone() * entry.clone())),
        (Op::Multiply, [a, b]) => a.times(b),
        (Op::Hadamard, [a, b]) => a.hadamard(b),
        (Op::Power, [a, p]) if p.values().len() == 1 => Ok(a.map(|entry| power(entry, &p[(0, 0)]))),
        (Op::Power, [a, p]) => a.zip(p, "power", power),
        (Op::Transpose, [a]) => Ok(a.transpose()),
        (Op::Diag, [a]) => Ok(a.diag()),
        (Op::DiagVec, [a]) => Ok(a.diagvec()),
        (Op::Vec | Op::Reshape, [a]) => a.reshaped(rows, cols),
        (Op::Kronecker, [a, b]) => Ok(a.kron(b)),
        (Op::Inverse, [a]) => inverse(a),
        (Op::Determinant, [a]) => Ok(Matrix::scalar(determinant(a))),
        (Op::LogDeterminant, [a]) => Ok(Matrix::scalar(log_determinant(a))),
        (Op::Trace, [a]) => Ok(Matrix::scalar(a.trace())),
        (Op::Sum, [a]) => Ok(Matrix::scalar(a.sum())),
        (Op::Mean, [a]) => Ok(Matrix::scalar(
            a.sum() / S::from_f64(a.values().len() as f64),
        )),
        (Op::LogSumExp, [a]) => Ok(Matrix::scalar(log_sum_exp(a.values()))),
        (Op::Norm2, [a]) => Ok(Matrix::scalar(norm(a.values()))),
        (Op::ColumnLogSumExp, [a]) => Ok(of_columns(a, log_sum_exp)),
        (Op::ColumnNorm2, [a]) => Ok(of_columns(a, norm)),
        (Op::Softmax, [a]) => Ok(softmax(a)),
        (Op::EigAbs, [a]) => map_eigenvalues(a, "eigabs", f64::abs),
        (Op::EigClip, [a]) => map_eigenvalues(a, "eigclip", |lambda| lambda.max(0.0)),
        // J' H J
        (Op::Congruence, [j, h]) => j.transpose().times(h)?.times(j),
        (Op::Stein | Op::SteinGram, operands) => solution(operands),
        (Op::ConjugateGradients, operands) => iterate(operands, InnerProduct::Entries),
        (Op::ConjugateGradientsGram, operands) => iterate(operands, InnerProduct::Gram),
        _ => Err(EvaluateError::NotAValue),
    }
}

/// exp of every entry less the largest real part, so that nothing overflows, and that part.
fn shifted_exponentials<S: Scalar>(values: &[S]) -> (Vec<S>, f64) {
    let largest = values
        .iter()
        .map(S::value)
        .fold(f64::NEG_INFINITY, f64::max);
    let shift = if largest.is_finite() { largest } else { 0.0 };
    let exponentials = values.iter().map(|v| {
        let v = v.clone() - S::from_f64(shift);
        v.compose(&exp_taylor(v.value(), v.order()))
    });
    (exponentials.collect(), shift)
}

/// A row with a number for every column.
fn of_columns<S: Scalar>(a: &Matrix<S>, of: fn(&[S]) -> S) -> Matrix<S> {
    let rows = a.rows().max(1);
    let numbers: Vec<S> = a.values().chunks(rows).map(of).collect();
    Matrix::from_fn(1, a.cols(), |_, j| numbers[j].clone())
}

/// log Σ exp a
fn log_sum_exp<S: Scalar>(values: &[S]) -> S {
    let (exponentials, shift) = shifted_exponentials(values);
    let sum = total(exponentials.into_iter());
    S::from_f64(shift) + sum.compose(&log_taylor(sum.value(), sum.order()))
}

/// exp a / Σ exp a in every column
fn softmax<S: Scalar>(a: &Matrix<S>) -> Matrix<S> {
    let mut result = a.clone();
    if a.rows() > 0 {
        for column in result.values_mut().chunks_mut(a.rows()) {
            let (exponentials, _) = shifted_exponentials(column);
            let sum = total(exponentials.iter().cloned());
            for (entry, e) in column.iter_mut().zip(exponentials) {
                *entry = e / sum.clone();
            }
        }
    }
    result
}

/// √Σ a², with the entries brought near 1 first where their squares would overflow or vanish.
fn norm<S: Scalar>(values: &[S]) -> S {
    let largest = values.iter().map(|v| v.value().abs()).fold(0.0, f64::max);
    let ordinary = largest == 0.0 || !largest.is_finite() || (1e-100..1e100).contains(&largest);
    let unit = S::from_f64(if ordinary { 1.0 } else { largest });
    let squares = values.iter().map(|v| {
        let v = v.clone() / unit.clone();
        v.clone() * v
    });
    let sum = total(squares);
    unit * sum.compose(&power_taylor(0.5, sum.value(), sum.order()))
}
