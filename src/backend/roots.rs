//! Roots of small matrices, one for every sample. Why by Cholesky with pivoting: it stops at the rank, so that a root has no more
//! columns than it needs. Why on the terms: what a column leaves of a diagonal and a few outer products is again such a sum, so that a column
//! takes as many operations as it has entries.

use nalgebra::ComplexField;
use smallvec::{SmallVec, smallvec};

use super::element::Element;

/// `diag(d) + Σ u v'` for every sample, symmetric in sum, each array with a column a sample.
pub(crate) struct Terms<'a, T> {
    pub(crate) rows: usize,
    pub(crate) diagonal: &'a [T],
    pub(crate) outers: SmallVec<[(&'a [T], &'a [T]); 4]>,
}

/// What is left of a diagonal entry, relative to the terms that it is a sum of, is rounding below this many units.
const ROUNDING: f64 = 64.0;

/// Writes the roots side by side: column `c` of sample `b` of `n` is column `c n + b`. `scratch` has an entry for every row.
///
/// # Errors
/// The first sample whose matrix is not positive semidefinite, not finite, or of a rank above `columns`.
pub(crate) fn sample_roots<T: Element>(
    out: &mut [T],
    terms: &Terms<'_, T>,
    columns: usize,
    scratch: &mut [T],
) -> Result<(), usize> {
    let rows = terms.rows;
    let samples = terms.diagonal.len() / rows;
    out.fill(T::zero());
    for sample in 0..samples {
        let sums = Sums::of(terms, sample * rows);
        let columns_of = (0..columns).map(|c| (c * samples + sample) * rows);
        sample_root(out, sums, columns_of, scratch).ok_or(sample)?;
    }
    Ok(())
}

/// `diag(d) + U M U'` with U = (u₁, v₁, u₂, v₂, …): what is left of one sample's matrix.
struct Sums<'a, T> {
    diagonal: &'a [T],
    /// The columns of U.
    factors: SmallVec<[&'a [T]; 8]>,
    /// M, which is symmetric.
    middle: SmallVec<[T; 64]>,
}

impl<'a, T: Element> Sums<'a, T> {
    fn of(terms: &Terms<'a, T>, start: usize) -> Self {
        let own = start..start + terms.rows;
        let outers = terms.outers.iter();
        let factors: SmallVec<[&[T]; 8]> = outers
            .flat_map(|(u, v)| [&u[own.clone()], &v[own.clone()]])
            .collect();
        let count = factors.len();
        let mut middle: SmallVec<[T; 64]> = smallvec![T::zero(); count * count];
        for k in (0..count).step_by(2) {
            // The sum is symmetric, and so is half of it with half of its transpose.
            middle[k * count + k + 1] = T::number(0.5);
            middle[(k + 1) * count + k] = T::number(0.5);
        }
        Self {
            diagonal: &terms.diagonal[own],
            factors,
            middle,
        }
    }

    /// M times row i of U.
    fn weights(&self, i: usize) -> SmallVec<[T; 8]> {
        let rows = self.middle.chunks_exact(self.factors.len().max(1));
        let each = rows.map(|row| {
            let pairs = row.iter().zip(&self.factors);
            pairs.fold(T::zero(), |sum, (m, factor)| sum + *m * factor[i])
        });
        each.collect()
    }

    /// An entry beside the diagonal, by the weights of its column.
    fn beside(&self, weights: &[T], i: usize) -> T {
        let pairs = weights.iter().zip(&self.factors);
        pairs.fold(T::zero(), |sum, (w, factor)| sum + *w * factor[i])
    }

    fn diagonal(&self, i: usize) -> T {
        self.diagonal[i] + self.beside(&self.weights(i), i)
    }

    /// The size of the terms that a diagonal entry is a sum of.
    fn size(&self, i: usize) -> T {
        let pairs = self.factors.chunks_exact(2);
        let size = |pair: &[&[T]]| ComplexField::abs(pair[0][i] * pair[1][i]);
        pairs.fold(ComplexField::abs(self.diagonal[i]), |sum, pair| {
            sum + size(pair)
        })
    }
}

/// One root, column by column. The pivot is the diagonal entry that least is lost of, relative to its terms: of diag(p) − pp' the large
/// probability comes last, and the others keep their digits.
fn sample_root<T: Element>(
    out: &mut [T],
    mut sums: Sums<'_, T>,
    columns: impl Iterator<Item = usize>,
    sizes: &mut [T],
) -> Option<()> {
    let rows = sums.diagonal.len();
    for (i, size) in sizes.iter_mut().enumerate() {
        *size = sums.size(i);
        if !size.is_finite() {
            return None;
        }
    }
    let rounding = T::default_epsilon() * T::number(ROUNDING * rows as f64);
    let mut columns = columns;
    // A row that is done, or has no terms, has the size zero.
    loop {
        let mut best = (rounding, None);
        for (i, size) in sizes
            .iter()
            .enumerate()
            .filter(|(_, size)| **size > T::zero())
        {
            let left = sums.diagonal(i);
            let share = left / *size;
            if !share.is_finite() || share < -rounding {
                return None;
            }
            if share > best.0 {
                best = (share, Some((i, left)));
            }
        }
        let Some((pivot, left)) = best.1 else {
            break;
        };
        let start = columns.next()?;
        let weights = sums.weights(pivot);
        let share = T::one() / ComplexField::sqrt(left);
        let column = &mut out[start..start + rows];
        for (i, (entry, size)) in column.iter_mut().zip(&*sizes).enumerate() {
            if *size > T::zero() {
                *entry = sums.beside(&weights, i) * share;
            }
        }
        column[pivot] = left * share;
        sizes[pivot] = T::zero();
        // M − w w' / a, with w the weights and a the pivot.
        let count = weights.len();
        for (k, entry) in sums.middle.iter_mut().enumerate() {
            *entry -= weights[k / count] * weights[k % count] / left;
        }
    }
    // Of a positive matrix nothing is left beside its diagonal either.
    let is_empty = (0..rows).filter(|j| sizes[*j] > T::zero()).all(|j| {
        let weights = sums.weights(j);
        let others = (j + 1..rows).filter(|i| sizes[*i] > T::zero());
        let mut rest = others.map(|i| (i, ComplexField::abs(sums.beside(&weights, i))));
        rest.all(|(i, rest)| {
            rest <= rounding * T::number(4.0) * ComplexField::sqrt(sizes[i] * sizes[j])
        })
    });
    is_empty.then_some(())
}
