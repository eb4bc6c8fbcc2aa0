//! Reductions and softmax. Why by hand: they must neither overflow nor swallow a NaN, which the libraries' maxima do.
//!
//! Every sum is a tree that follows from the shape alone: its parts may be computed by any number of threads, with one result.

use std::ops::Range;

use nalgebra::ComplexField;
use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::{ParallelSlice, ParallelSliceMut};

use crate::kernel::{Reduction, ScalarOp};

use super::algebra::MatrixRef;
use super::element::Element;
use super::loops::turn;
use super::vector::{self, Operand, Term, map_entries};

/// Entries summed without a tree: in lanes, so its error is that of a fraction of them.
const LEAF: usize = 2048;

/// Entries from which on two threads pay, when each is only added; an exponential takes as long as [`EXP`] additions.
const LARGE: usize = 1 << 20;

const EXP: usize = 8;

/// Entries up to which plain loops are faster than preparing for large ones.
const SMALL: usize = 1024;

/// Rows whose sums stay in the nearest cache.
const ROWS: usize = 512;

/// Columns whose sum is added to the total at once, so that the error does not grow with all of them.
const GROUP: usize = 64;

/// All entries to one number, by a tree that follows from their number alone.
pub fn reduce_entries<T: Element>(reduction: Reduction, data: &[T]) -> T {
    match reduction {
        Reduction::Sum => sum(data, Term::Entry),
        Reduction::Product => data.iter().fold(T::one(), |product, x| product * *x),
        Reduction::LogSumExp => {
            let top = vector::maximum(data);
            if !ComplexField::is_finite(&top) {
                // ±∞ is the value itself, NaN stays NaN.
                return top;
            }
            top + exp_sum(data, top).ln()
        }
        Reduction::Norm2 => {
            let top = vector::maximum_magnitude(data);
            if data.is_empty() {
                return T::zero();
            }
            if top == T::zero() || !ComplexField::is_finite(&top) {
                return top;
            }
            // Scaled, so that squares of large entries stay finite and those of small ones above 0.
            top * ComplexField::sqrt(sum(data, Term::Square(top)))
        }
    }
}

/// Where the halves of a tree meet: at a whole number of leaves.
fn half(count: usize) -> usize {
    (count / 2).next_multiple_of(LEAF)
}

/// The sum of a term of all entries, halves first: its error grows with the logarithm of their number.
fn sum<T: Element>(data: &[T], term: Term<T>) -> T {
    if data.len() <= LEAF {
        return vector::sum(term, data);
    }
    let (left, right) = data.split_at(half(data.len()));
    let (left, right) = joined(data.len(), || sum(left, term), || sum(right, term));
    left + right
}

/// Σ e^(x − top), halves first.
fn exp_sum<T: Element>(data: &[T], top: T) -> T {
    if data.len() <= LEAF {
        let mut powers = [T::zero(); LEAF];
        let powers = &mut powers[..data.len()];
        exp_below(powers, data, top);
        return vector::sum(Term::Entry, powers);
    }
    let (left, right) = data.split_at(half(data.len()));
    let (left, right) = joined(
        EXP * data.len(),
        || exp_sum(left, top),
        || exp_sum(right, top),
    );
    left + right
}

/// Both, by two threads if there is enough to do.
fn joined<R: Send>(
    entries: usize,
    left: impl FnOnce() -> R + Send,
    right: impl FnOnce() -> R + Send,
) -> (R, R) {
    if entries >= LARGE && rayon::current_num_threads() > 1 {
        rayon::join(left, right)
    } else {
        (left(), right())
    }
}

/// e^(x − top).
fn exp_below<T: Element>(out: &mut [T], data: &[T], top: T) {
    vector::combine_entries(
        ScalarOp::Subtract,
        out,
        Operand::Entries(data),
        Operand::Number(top),
    );
    exp_in_place(out);
}

/// eˣ of entries that may be overwritten: block by block through the stack.
fn exp_in_place<T: Element>(out: &mut [T]) {
    let mut block = [T::zero(); 512];
    for part in out.chunks_mut(block.len()) {
        let block = &mut block[..part.len()];
        block.copy_from_slice(part);
        map_entries(ScalarOp::Exp, part, Operand::Entries(block));
    }
}

/// The sum of each row of a matrix that is stored by columns or by rows: `out` has an entry for each.
///
/// # Panics
/// When `out` is too short, or neither stride is 1.
pub fn row_sums<T: Element>(out: &mut [T], matrix: MatrixRef<'_, T>) {
    let (rows, cols) = (matrix.rows, matrix.cols);
    let (row, col) = matrix.strides;
    assert!(
        row == 1 || col == 1 || cols <= 1,
        "a matrix is stored with gaps"
    );
    let out = &mut out[..rows];
    blocks(out, rows * cols, |start, totals| {
        if row != 1 {
            // The transpose is stored: a row is contiguous.
            for (i, total) in totals.iter_mut().enumerate() {
                let first = (start + i) * row;
                *total = sum(&matrix.data[first..first + cols], Term::Entry);
            }
            return;
        }
        let count = totals.len();
        let column = |j: usize| &matrix.data[j * col + start..][..count];
        if cols <= GROUP {
            totals.fill(T::zero());
            add_columns(totals, 0..cols, column);
            return;
        }
        let mut group = [T::zero(); ROWS];
        let group = &mut group[..count];
        let mut sums = [T::zero(); ROWS];
        let sums = &mut sums[..count];
        for first in (0..cols).step_by(GROUP) {
            let end = cols.min(first + GROUP);
            group.fill(T::zero());
            add_columns(group, first..end, column);
            vector::add_column(sums, group);
        }
        totals.copy_from_slice(sums);
    });
}

/// Adds columns to the totals.
fn add_columns<'a, T: Element>(
    totals: &mut [T],
    columns: Range<usize>,
    column: impl Fn(usize) -> &'a [T],
) {
    let (mut j, end) = (columns.start, columns.end);
    while j + 4 <= end {
        let four = [column(j), column(j + 1), column(j + 2), column(j + 3)];
        vector::add_columns(totals, four);
        j += 4;
    }
    for j in j..end {
        vector::add_column(totals, column(j));
    }
}

/// Calls `f` for blocks of at most [`ROWS`] rows with the first row of each, by several threads if there is enough to do.
fn blocks<T: Element>(out: &mut [T], entries: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    if entries >= LARGE && rayon::current_num_threads() > 1 {
        // Blocks small enough to share; a row's sum does not depend on its block.
        let size = out.len().div_ceil(8).next_multiple_of(32).min(ROWS);
        out.par_chunks_mut(size)
            .enumerate()
            .for_each(|(k, part)| f(k * size, part));
    } else {
        for (k, part) in out.chunks_mut(ROWS).enumerate() {
            f(k * ROWS, part);
        }
    }
}

/// The diagonal of `left * right`, whatever their strides: `out` has an entry for each row of `left`.
///
/// # Panics
/// When `out` is too short.
pub fn product_diagonal<T: Element>(
    out: &mut [T],
    left: MatrixRef<'_, T>,
    right: MatrixRef<'_, T>,
) {
    let (rows, cols) = (left.rows, left.cols);
    let out = &mut out[..rows];
    // Entry (i, k) of left and entry (k, i) of right.
    let (left_steps, right_steps) = (left.strides, (right.strides.1, right.strides.0));
    if rows * cols <= SMALL {
        for (i, entry) in out.iter_mut().enumerate() {
            *entry = (0..cols).fold(T::zero(), |total, k| {
                let a = left.data[i * left_steps.0 + k * left_steps.1];
                total + a * right.data[i * right_steps.0 + k * right_steps.1]
            });
        }
        return;
    }
    blocks(out, rows * cols, |start, totals| {
        let count = totals.len();
        if left_steps.1 == 1 && right_steps.1 == 1 {
            for (i, total) in totals.iter_mut().enumerate() {
                let (a, b) = ((start + i) * left_steps.0, (start + i) * right_steps.0);
                *total = dot(&left.data[a..a + cols], &right.data[b..b + cols]);
            }
            return;
        }
        let mut group = [T::zero(); ROWS];
        let group = &mut group[..count];
        let mut turned = [[T::zero(); ROWS * TURNED]; 2];
        totals.fill(T::zero());
        for first in (0..cols).step_by(GROUP) {
            let end = cols.min(first + GROUP);
            group.fill(T::zero());
            for k in (first..end).step_by(TURNED) {
                let width = TURNED.min(end - k);
                // What is stored by rows is turned, a few columns at once.
                let operands = [(left.data, left_steps), (right.data, right_steps)];
                for ((data, steps), turned) in operands.iter().zip(&mut turned) {
                    if steps.0 != 1 {
                        let data = &data[start * steps.0 + k * steps.1..];
                        turn(turned, data, *steps, (count, width));
                    }
                }
                for c in 0..width {
                    let column = |place: usize| {
                        let (data, steps) = operands[place];
                        if steps.0 == 1 {
                            &data[start + (k + c) * steps.1..][..count]
                        } else {
                            &turned[place][c * count..][..count]
                        }
                    };
                    vector::add_products(group, column(0), column(1));
                }
            }
            vector::add_column(totals, group);
        }
    });
}

/// Columns turned at once: a cache line of them.
const TURNED: usize = 16;

/// Σ aₖ bₖ, halves first.
fn dot<T: Element>(a: &[T], b: &[T]) -> T {
    if a.len() <= LEAF {
        return vector::dot(a, b);
    }
    let middle = half(a.len());
    dot(&a[..middle], &b[..middle]) + dot(&a[middle..], &b[middle..])
}

/// The softmax of each column of `rows` entries. A column with NaN, with ∞ or of nothing but −∞ becomes NaN.
///
/// # Panics
/// When the arrays differ in length.
pub fn softmax<T: Element>(out: &mut [T], data: &[T], rows: usize) {
    if rows == 0 {
        return;
    }
    assert_eq!(out.len(), data.len(), "a result has another shape");
    // Several columns at once, so that short ones fill the vector instructions, too.
    let size = rows * LEAF.div_ceil(rows);
    let part = |out: &mut [T], data: &[T]| {
        for (out, column) in out.chunks_exact_mut(rows).zip(data.chunks_exact(rows)) {
            let top = vector::maximum(column);
            for (y, x) in out.iter_mut().zip(column) {
                *y = *x - top;
            }
        }
        exp_in_place(out);
        for out in out.chunks_exact_mut(rows) {
            let total = sum(out, Term::Entry);
            vector::divide(out, total);
        }
    };
    if EXP * data.len() >= LARGE && rayon::current_num_threads() > 1 {
        out.par_chunks_mut(size)
            .zip(data.par_chunks(size))
            .for_each(|(out, data)| part(out, data));
    } else {
        for (out, data) in out.chunks_mut(size).zip(data.chunks(size)) {
            part(out, data);
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
