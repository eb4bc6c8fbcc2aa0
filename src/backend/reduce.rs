//! Reductions and softmax. Why by hand: they must neither overflow nor swallow a NaN, which the libraries' maxima do.

use nalgebra::ComplexField;

use crate::kernel::Reduction;

use super::algebra::MatrixRef;
use super::element::{Element, max};

/// All entries to one number.
pub(crate) fn reduce<T: Element>(reduction: Reduction, data: &[T]) -> T {
    match reduction {
        Reduction::Sum => sum(data, |x| x),
        Reduction::Product => data.iter().fold(T::one(), |product, x| product * *x),
        Reduction::LogSumExp => {
            let top = maximum(data);
            if !top.is_finite() {
                // ±∞ is the value itself, NaN stays NaN.
                return top;
            }
            top + sum(data, |x| (x - top).exp()).ln()
        }
        Reduction::Norm2 => {
            let top = data
                .iter()
                .fold(T::zero(), |top, x| max(top, ComplexField::abs(*x)));
            if top == T::zero() || !top.is_finite() {
                return top;
            }
            // Scaled, so that squares of large entries stay finite and those of small ones above 0.
            top * sum(data, |x| (x / top) * (x / top)).sqrt()
        }
    }
}

/// The sum of `f` over all entries, halves first: its error grows with the logarithm of their number.
fn sum<T: Element>(data: &[T], f: impl Fn(T) -> T + Copy) -> T {
    if data.len() <= 128 {
        return data.iter().fold(T::zero(), |total, x| total + f(*x));
    }
    let (left, right) = data.split_at(data.len() / 2);
    sum(left, f) + sum(right, f)
}

fn maximum<T: Element>(data: &[T]) -> T {
    data.iter()
        .fold(-T::one() / T::zero(), |top, x| max(*x, top))
}

/// The sum of each row.
pub(crate) fn row_sums<T: Element>(out: &mut [T], matrix: MatrixRef<'_, T>) {
    let (row, col) = matrix.strides;
    out[..matrix.rows].fill(T::zero());
    if row == 1 {
        for j in 0..matrix.cols {
            for (total, x) in out
                .iter_mut()
                .zip(&matrix.data[j * col..j * col + matrix.rows])
            {
                *total += *x;
            }
        }
    } else {
        // The transpose is stored: a row is contiguous.
        for (i, total) in out.iter_mut().enumerate().take(matrix.rows) {
            *total = sum(&matrix.data[i * row..i * row + matrix.cols], |x| x);
        }
    }
}

/// The diagonal of `left * right`.
pub(crate) fn product_diagonal<T: Element>(
    out: &mut [T],
    left: MatrixRef<'_, T>,
    right: MatrixRef<'_, T>,
) {
    let at = |m: &MatrixRef<'_, T>, i: usize, j: usize| m.data[i * m.strides.0 + j * m.strides.1];
    for (i, entry) in out.iter_mut().enumerate().take(left.rows) {
        *entry = (0..left.cols).fold(T::zero(), |total, k| {
            total + at(&left, i, k) * at(&right, k, i)
        });
    }
}

/// The softmax of each column of `rows` entries.
pub(crate) fn softmax<T: Element>(out: &mut [T], data: &[T], rows: usize) {
    for (out, column) in out.chunks_exact_mut(rows).zip(data.chunks_exact(rows)) {
        let top = maximum(column);
        for (y, x) in out.iter_mut().zip(column) {
            *y = (*x - top).exp();
        }
        let total = sum(out, |y| y);
        for y in out {
            *y /= total;
        }
    }
}

/// K with K vec A = vec A' for A of `rows × cols`.
pub(crate) fn commutation<T: Element>(out: &mut [T], rows: usize, cols: usize) {
    let n = rows * cols;
    out[..n * n].fill(T::zero());
    for i in 0..rows {
        for j in 0..cols {
            // Entry (i, j) of A is entry (j, i) of A'.
            out[(j + i * cols) + (i + j * rows) * n] = T::one();
        }
    }
}
