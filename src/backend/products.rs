//! Products on all cores. Why panels of our own: faer's parallel products allocate at every call, and those with vectors
//! add in an order that depends on the number of threads. Here the output is cut by its shape alone and every piece is
//! computed by one thread, so that the same numbers come out, bit for bit, whatever the number of threads.

use faer::linalg::matmul::{matmul, triangular};
use faer::{Accum, MatMut, MatRef, Par};

use super::algebra::MatrixRef;
use super::element::Element;
use crate::kernel::SHARED_PRODUCT;

/// A product is cut into about so many pieces …
const PIECES: usize = 16;
/// … of at least so many operations, so that threads are worth their while,
const SMALLEST: usize = 2_500_000;
/// … and at most so many, so that a large product occupies any number of threads; still smaller ones would pack the operands
/// again and again.
const LARGEST: usize = 100_000_000;
/// Cuts are at multiples of this, so that pieces begin where a register does.
const ALIGNED: usize = 16;
/// Rows that are not worth cutting: a micro-kernel has 24 (AVX2) to 96 (AVX-512) of them.
const FEW_ROWS: usize = 64;
/// Columns that are not worth cutting.
const FEW_COLS: usize = 16;

/// The matrix as faer sees it; nothing when neither its columns nor its rows are contiguous.
pub(crate) fn view<T: Element>(matrix: MatrixRef<'_, T>) -> Option<MatRef<'_, T>> {
    let MatrixRef {
        data,
        rows,
        cols,
        strides,
    } = matrix;
    if strides.0 == 1 || rows == 1 {
        Some(MatRef::from_column_major_slice_with_stride(
            data, rows, cols, strides.1,
        ))
    } else if strides.1 == 1 || cols == 1 {
        Some(MatRef::from_row_major_slice_with_stride(
            data, rows, cols, strides.0,
        ))
    } else {
        None
    }
}

/// `out = scale * left * right`.
pub(crate) fn product<T: Element>(
    out: MatMut<'_, T>,
    scale: T,
    left: MatRef<'_, T>,
    right: MatRef<'_, T>,
) {
    let cut = Cut::of(operations(out.as_ref(), left), scale);
    cut.product(out, left, right);
}

/// `out = scale * left * right`, known to be symmetric: the lower half is computed, and mirrored while it is in cache.
pub(crate) fn symmetric_product<T: Element>(
    out: MatMut<'_, T>,
    scale: T,
    left: MatRef<'_, T>,
    right: MatRef<'_, T>,
) {
    let cut = Cut::of(operations(out.as_ref(), left) / 2, scale);
    cut.symmetric(out, left, right);
}

/// Calls `work` with groups of columns of `out`, whose size depends on the shape and on the operations of one column alone.
pub(crate) fn by_columns<T: Element>(
    out: MatMut<'_, T>,
    operations_of_one: usize,
    work: &(impl Fn(MatMut<'_, T>) + Sync),
) {
    let total = operations_of_one.saturating_mul(out.ncols());
    let cut = Cut::of(total, T::one());
    cut.columns(out, operations_of_one, work);
}

fn operations<T>(out: MatRef<'_, T>, left: MatRef<'_, T>) -> usize {
    let entries = out.nrows().saturating_mul(out.ncols());
    entries.saturating_mul(left.ncols()).saturating_mul(2)
}

/// How a product is cut, a function of its shape.
#[derive(Clone, Copy)]
struct Cut<T> {
    /// A piece of fewer operations is not cut.
    bound: usize,
    scale: T,
}

impl<T: Element> Cut<T> {
    fn of(operations: usize, scale: T) -> Self {
        let bound = if (operations as u64) < SHARED_PRODUCT {
            usize::MAX
        } else {
            2 * (operations / PIECES).clamp(SMALLEST, LARGEST)
        };
        Self { bound, scale }
    }

    fn product(self, out: MatMut<'_, T>, left: MatRef<'_, T>, right: MatRef<'_, T>) {
        let (rows, cols) = (out.nrows(), out.ncols());
        let is_small = operations(out.as_ref(), left) < self.bound;
        // Every piece packs its rows of the left factor, so rows are cut rather than columns.
        if !is_small && rows >= FEW_ROWS && rows.saturating_mul(4) >= cols {
            let half = (rows / 2).next_multiple_of(ALIGNED);
            let (above, below) = out.split_at_row_mut(half);
            let (upper, lower) = left.split_at_row(half);
            join(
                || self.product(above, upper, right),
                || self.product(below, lower, right),
            );
        } else if !is_small && cols >= FEW_COLS {
            let half = (cols / 2).next_multiple_of(ALIGNED / 2);
            let (before, after) = out.split_at_col_mut(half);
            let (first, last) = right.split_at_col(half);
            join(
                || self.product(before, left, first),
                || self.product(after, left, last),
            );
        } else {
            matmul(out, Accum::Replace, left, right, self.scale, Par::Seq);
        }
    }

    fn symmetric(self, mut out: MatMut<'_, T>, left: MatRef<'_, T>, right: MatRef<'_, T>) {
        use triangular::BlockStructure::{Rectangular, TriangularLower};
        let n = out.nrows();
        if operations(out.as_ref(), left) / 2 < self.bound || n < FEW_ROWS {
            triangular::matmul(
                out.as_mut(),
                TriangularLower,
                Accum::Replace,
                left,
                Rectangular,
                right,
                Rectangular,
                self.scale,
                Par::Seq,
            );
            return mirror(out);
        }
        let half = (n / 2).next_multiple_of(ALIGNED);
        let (upper, lower) = left.split_at_row(half);
        let (first, last) = right.split_at_col(half);
        let (above, image, below, after) = out.split_at_mut(half, half);
        // The block below the diagonal is as much work as both on it.
        join(
            || self.mirrored(below, image, lower, first),
            || {
                join(
                    || self.symmetric(above, upper, first),
                    || self.symmetric(after, lower, last),
                );
            },
        );
    }

    /// `out = left * right` and `image = out'`.
    fn mirrored(
        self,
        mut out: MatMut<'_, T>,
        image: MatMut<'_, T>,
        left: MatRef<'_, T>,
        right: MatRef<'_, T>,
    ) {
        let rows = out.nrows();
        if operations(out.as_ref(), left) >= self.bound && rows >= FEW_ROWS {
            let half = (rows / 2).next_multiple_of(ALIGNED);
            let (above, below) = out.split_at_row_mut(half);
            let (before, after) = image.split_at_col_mut(half);
            let (upper, lower) = left.split_at_row(half);
            join(
                || self.mirrored(above, before, upper, right),
                || self.mirrored(below, after, lower, right),
            );
        } else {
            matmul(
                out.as_mut(),
                Accum::Replace,
                left,
                right,
                self.scale,
                Par::Seq,
            );
            transpose(image, out.as_ref());
        }
    }

    fn columns(
        self,
        out: MatMut<'_, T>,
        operations_of_one: usize,
        work: &(impl Fn(MatMut<'_, T>) + Sync),
    ) {
        let cols = out.ncols();
        if operations_of_one.saturating_mul(cols) < self.bound || cols < FEW_COLS {
            return work(out);
        }
        let half = (cols / 2).next_multiple_of(ALIGNED / 2);
        let (before, after) = out.split_at_col_mut(half);
        join(
            || self.columns(before, operations_of_one, work),
            || self.columns(after, operations_of_one, work),
        );
    }
}

/// Both, on two threads if there are two.
fn join(first: impl FnOnce() + Send, second: impl FnOnce() + Send) {
    if rayon::current_num_threads() == 1 {
        first();
        second();
    } else {
        rayon::join(first, second);
    }
}

/// Rows and columns of the tiles in which matrices are transposed: a cache line of single precision.
const TILE: usize = 16;

/// Writes the lower half over the upper one.
fn mirror<T: Element>(out: MatMut<'_, T>) {
    let n = out.nrows();
    if n <= TILE {
        let mut out = out;
        for j in 1..n {
            for i in 0..j {
                out[(i, j)] = out[(j, i)];
            }
        }
        return;
    }
    let half = (n / 2).next_multiple_of(TILE);
    let (above, image, below, after) = out.split_at_mut(half, half);
    mirror(above);
    mirror(after);
    transpose(image, below.as_ref());
}

/// `out = matrix'`, tile by tile through a buffer: columns of a matrix whose height is a power of two share few lines of
/// the cache.
pub(crate) fn transpose<T: Element>(mut out: MatMut<'_, T>, matrix: MatRef<'_, T>) {
    let (rows, cols) = (matrix.nrows(), matrix.ncols());
    let mut tile = [T::zero(); TILE * TILE];
    for left in (0..cols).step_by(TILE) {
        let width = TILE.min(cols - left);
        for top in (0..rows).step_by(TILE) {
            let height = TILE.min(rows - top);
            let part = matrix.submatrix(top, left, height, width);
            let image = out.as_mut().submatrix_mut(left, top, width, height);
            transpose_tile(&mut tile, image, part);
        }
    }
}

fn transpose_tile<T: Element>(
    tile: &mut [T; TILE * TILE],
    mut out: MatMut<'_, T>,
    matrix: MatRef<'_, T>,
) {
    for (j, row) in tile.chunks_exact_mut(TILE).enumerate().take(matrix.ncols()) {
        match matrix.col(j).try_as_col_major() {
            Some(column) => row[..matrix.nrows()].copy_from_slice(column.as_slice()),
            None => {
                for (i, entry) in row.iter_mut().enumerate().take(matrix.nrows()) {
                    *entry = matrix[(i, j)];
                }
            }
        }
    }
    for i in 0..matrix.nrows() {
        if let Some(column) = out.as_mut().col_mut(i).try_as_col_major_mut() {
            for (j, entry) in column.as_slice_mut().iter_mut().enumerate() {
                *entry = tile[j * TILE + i];
            }
        }
    }
}
