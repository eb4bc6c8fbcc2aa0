//! Roots of small matrices, one for every sample. Why by Cholesky with pivoting: it stops at the rank, so that a root has no more
//! columns than it needs, and costs a fraction of eigenvalues.

use smallvec::SmallVec;

use super::element::{Element, is_nan};

/// `diag(d) + Σ u v'` for every sample, each array with a column a sample.
pub(crate) struct Terms<'a, T> {
    pub(crate) rows: usize,
    pub(crate) diagonal: &'a [T],
    pub(crate) outers: SmallVec<[(&'a [T], &'a [T]); 4]>,
}

/// What is left of a diagonal entry, relative to the largest, is rounding below this many units.
const ROUNDING: f64 = 64.0;

/// Writes the roots side by side: column `c` of sample `b` of `n` is column `c n + b`.
///
/// # Errors
/// The first sample whose matrix is not positive semidefinite, not finite, or of a rank above `columns`.
pub(crate) fn sample_roots<T: Element>(
    out: &mut [T],
    terms: &Terms<'_, T>,
    columns: usize,
) -> Result<(), usize> {
    let rows = terms.rows;
    let samples = terms.diagonal.len() / rows;
    out.fill(T::zero());
    for sample in 0..samples {
        sample_root(out, terms, (sample, samples), columns).ok_or(sample)?;
    }
    Ok(())
}

/// One root, column by column: what the columns so far leave of the pivot's column, over the root of the pivot.
fn sample_root<T: Element>(
    out: &mut [T],
    terms: &Terms<'_, T>,
    (sample, samples): (usize, usize),
    columns: usize,
) -> Option<()> {
    let rows = terms.rows;
    let own = sample * rows..(sample + 1) * rows;
    let entry = |i: usize, j: usize| {
        let at = own.start;
        let outers = terms.outers.iter();
        let sum = outers.fold(T::zero(), |sum, (u, v)| sum + u[at + i] * v[at + j]);
        if i == j {
            sum + terms.diagonal[at + i]
        } else {
            sum
        }
    };
    let mut left: SmallVec<[T; 64]> = (0..rows).map(|i| entry(i, i)).collect();
    let top = left
        .iter()
        .fold(T::zero(), |top, x| if *x > top { *x } else { top });
    if left.iter().any(|x| is_nan(*x)) || !top.is_finite() {
        return None;
    }
    let rounding = top * T::default_epsilon() * T::number(ROUNDING * rows as f64);
    for column in 0..=columns {
        let mut pivot = 0;
        for i in 1..rows {
            if left[i] > left[pivot] {
                pivot = i;
            }
        }
        if left[pivot] <= rounding {
            break;
        }
        if column == columns {
            return None;
        }
        let share = T::one() / nalgebra::ComplexField::sqrt(left[pivot]);
        let at = |c: usize, i: usize| (c * samples + sample) * rows + i;
        for i in 0..rows {
            let before =
                (0..column).fold(T::zero(), |sum, c| sum + out[at(c, i)] * out[at(c, pivot)]);
            let value = (entry(i, pivot) - before) * share;
            out[at(column, i)] = value;
            left[i] -= value * value;
        }
        left[pivot] = T::zero();
    }
    // Of a positive matrix nothing is left beside its diagonal either.
    let at = |c: usize, i: usize| (c * samples + sample) * rows + i;
    let rest = |i: usize, j: usize| {
        let root = (0..columns).fold(T::zero(), |sum, c| sum + out[at(c, i)] * out[at(c, j)]);
        nalgebra::ComplexField::abs(entry(i, j) - root)
    };
    let is_root = (0..rows).all(|j| (j..rows).all(|i| rest(i, j) <= rounding * T::number(4.0)));
    is_root.then_some(())
}
