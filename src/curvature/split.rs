//! Blocks split by rows of their variable. Why on results: with W cut into k groups of rows, each group's block is a principal
//! part of W's, `x xᵀ ⊗ (ℋz)ᵢᵢ` for a linear layer, so k may change from pass to pass and nothing is compiled again.

use std::ops::Range;

use nalgebra::{DMatrix, DVector};

use super::diagonal::entry;
use super::{CurvatureError, Operator};
use crate::backend::{Element, ExecuteError, OutputBlock};

/// The rows of each of `parts` groups; sizes differ by at most one, larger groups first.
///
/// # Errors
/// When there are more parts than rows, or none.
///
/// ```
/// assert_eq!(hbp::curvature::row_ranges(5, 2).expect("enough rows"), [0..3, 3..5]);
/// ```
pub fn row_ranges(rows: usize, parts: usize) -> Result<Vec<Range<usize>>, CurvatureError> {
    if parts == 0 || parts > rows {
        return Err(CurvatureError::Parts { rows, parts });
    }
    let (small, larger) = (rows / parts, rows % parts);
    let mut start = 0;
    let ranges = (0..parts).map(|part| {
        let first = start;
        start += small + usize::from(part < larger);
        first..start
    });
    Ok(ranges.collect())
}

impl<T: Element> Operator<'_, T> {
    /// The blocks of `parts` groups of rows of a variable of shape m × n, each in the structure of the whole where that
    /// holds for the part: `A ⊗ B` with B m × m gives `A ⊗ Bᵢᵢ`.
    ///
    /// # Errors
    /// When the block is not square of size m n, there are more parts than rows or none, or entries that a part needs in full
    /// do not fit.
    pub fn split(
        &self,
        (rows, cols): (usize, usize),
        parts: usize,
    ) -> Result<Vec<OutputBlock<T>>, CurvatureError> {
        let size = self.size()?;
        if rows.checked_mul(cols) != Some(size) {
            return Err(CurvatureError::Shape {
                what: "the variable",
                expected: size,
                found: rows.saturating_mul(cols),
                whole: true,
            });
        }
        let ranges = row_ranges(rows, parts)?.into_iter();
        let parts = ranges.map(|range| {
            // vec stacks columns: the group's rows of every column.
            let places = (0..cols).flat_map(|j| range.clone().map(move |i| j * rows + i));
            principal(self.block, &places.collect::<Vec<_>>(), self.limit)
        });
        parts.collect()
    }
}

/// The blocks of `parts` groups of rows of a variable of this shape: [`Operator::split`].
///
/// # Errors
/// As [`Operator::new`] and [`Operator::split`].
///
/// ```
/// use hbp::backend::OutputBlock::{Dense, Kronecker};
/// use nalgebra::dmatrix;
/// let left = Box::new(Dense(dmatrix![1.0, 2.0; 2.0, 4.0]));
/// let right = Box::new(Dense(dmatrix![3.0, 1.0; 1.0, 2.0]));
/// let block = Kronecker { left: left.clone(), right };
/// let parts = hbp::curvature::split(&block, (2, 2), 2).expect("two rows");
/// let second = Kronecker { left, right: Box::new(Dense(dmatrix![2.0])) };
/// assert_eq!(parts[1], second);
/// ```
pub fn split<T: Element>(
    block: &OutputBlock<T>,
    shape: (usize, usize),
    parts: usize,
) -> Result<Vec<OutputBlock<T>>, CurvatureError> {
    Operator::new(block)?.split(shape, parts)
}

/// The rows and columns at `places`, which ascend, of a square block.
fn principal<T: Element>(
    block: &OutputBlock<T>,
    places: &[usize],
    limit: u64,
) -> Result<OutputBlock<T>, CurvatureError> {
    let size = places.len();
    Ok(match block {
        OutputBlock::Zero { .. } => OutputBlock::Zero {
            rows: size,
            cols: size,
        },
        OutputBlock::Diagonal(diagonal) => {
            OutputBlock::Diagonal(DVector::from_fn(size, |i, _| diagonal[places[i]]))
        }
        OutputBlock::ScaledIdentity { scale, .. } => OutputBlock::ScaledIdentity {
            size,
            scale: *scale,
        },
        OutputBlock::Root(root) => OutputBlock::Root(root.select_rows(places)),
        OutputBlock::Sum(terms) => {
            let terms = terms.iter().map(|term| principal(term, places, limit));
            OutputBlock::Sum(terms.collect::<Result<_, _>>()?)
        }
        OutputBlock::KhatriRao { left, right } => match grid(right.nrows(), places) {
            Some((outer, inner)) => OutputBlock::KhatriRao {
                left: left.select_rows(&outer),
                right: right.select_rows(&inner),
            },
            None => entries(block, places, limit)?,
        },
        OutputBlock::Kronecker { left, right } => match square_grid(left, right, places) {
            Some((outer, inner)) => OutputBlock::Kronecker {
                left: Box::new(principal(left, &outer, limit)?),
                right: Box::new(principal(right, &inner, limit)?),
            },
            None => entries(block, places, limit)?,
        },
        OutputBlock::Dense(_) => entries(block, places, limit)?,
    })
}

/// The places of both factors, where those of the product are all pairs of them.
fn square_grid<T: Element>(
    left: &OutputBlock<T>,
    right: &OutputBlock<T>,
    places: &[usize],
) -> Option<(Vec<usize>, Vec<usize>)> {
    let inner_size = right.shape().0;
    if left.shape().0 != left.shape().1 || inner_size != right.shape().1 {
        return None;
    }
    grid(inner_size, places)
}

/// The places of an outer and of an inner factor of so many rows.
fn grid(inner_size: usize, places: &[usize]) -> Option<(Vec<usize>, Vec<usize>)> {
    let groups: Vec<&[usize]> = places
        .chunk_by(|a, b| a / inner_size == b / inner_size)
        .collect();
    let outer: Vec<usize> = groups.iter().map(|group| group[0] / inner_size).collect();
    let inner = |group: &[usize]| -> Vec<usize> { group.iter().map(|p| p % inner_size).collect() };
    let first = inner(groups.first()?);
    let is_grid = groups.iter().all(|group| inner(group) == first);
    is_grid.then_some((outer, first))
}

/// The part with all its entries, none but which are formed.
fn entries<T: Element>(
    block: &OutputBlock<T>,
    places: &[usize],
    limit: u64,
) -> Result<OutputBlock<T>, CurvatureError> {
    let size = places.len();
    fits::<T>(size, size, limit)?;
    Ok(OutputBlock::Dense(DMatrix::from_fn(size, size, |i, j| {
        entry(block, places[i], places[j])
    })))
}

/// Refuses a matrix that would not fit.
pub(super) fn fits<T: Element>(rows: usize, cols: usize, limit: u64) -> Result<(), CurvatureError> {
    let bytes = (rows as u64)
        .saturating_mul(cols as u64)
        .saturating_mul(T::BYTES);
    if bytes <= limit {
        return Ok(());
    }
    Err(CurvatureError::TooLarge(ExecuteError::TooLarge {
        rows,
        cols,
        bytes,
        limit,
    }))
}
