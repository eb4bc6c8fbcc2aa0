//! Sums and maxima in lanes. Why: one running sum is a chain in which each addition waits for the one before, and its error
//! grows with its length; a fixed number of lanes is neither, and gives the same result on every machine.

#![allow(
    clippy::inline_always,
    reason = "a call would be compiled without the machine's vector instructions"
)]

use super::real::Real;

/// What is summed of each entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Term<T> {
    /// The entry.
    Entry,
    /// The square of its quotient by a number.
    Square(T),
}

/// Running sums side by side.
const LANES: usize = 32;

macro_rules! lanes {
    ($data:ident, $x:ident => $value:expr) => {{
        let mut lanes = [T::ZERO; LANES];
        let mut chunks = $data.chunks_exact(LANES);
        for chunk in &mut chunks {
            for (lane, $x) in lanes.iter_mut().zip(chunk) {
                let $x = *$x;
                *lane = *lane + $value;
            }
        }
        for (lane, $x) in lanes.iter_mut().zip(chunks.remainder()) {
            let $x = *$x;
            *lane = *lane + $value;
        }
        halved(lanes)
    }};
}

/// The sum of the lanes, halves first.
#[inline(always)]
fn halved<T: Real>(mut lanes: [T; LANES]) -> T {
    let mut count = LANES / 2;
    while count > 0 {
        for k in 0..count {
            lanes[k] = lanes[k] + lanes[k + count];
        }
        count /= 2;
    }
    lanes[0]
}

/// The sum of a term of every entry.
#[inline(always)]
pub(super) fn sum<T: Real>(term: Term<T>, data: &[T]) -> T {
    if data.len() < LANES && term == Term::Entry {
        return data.iter().fold(T::ZERO, |total, x| total + *x);
    }
    match term {
        Term::Entry => lanes!(data, x => x),
        Term::Square(scale) => lanes!(data, x => (x / scale) * (x / scale)),
    }
}

/// Σ aₖ bₖ.
#[inline(always)]
pub(super) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    let mut lanes = [T::ZERO; LANES];
    let mut others = b.chunks_exact(LANES);
    let mut chunks = a.chunks_exact(LANES);
    for (chunk, other) in (&mut chunks).zip(&mut others) {
        for ((lane, x), y) in lanes.iter_mut().zip(chunk).zip(other) {
            *lane = *lane + *x * *y;
        }
    }
    let rest = chunks.remainder().iter().zip(others.remainder());
    for (lane, (x, y)) in lanes.iter_mut().zip(rest) {
        *lane = *lane + *x * *y;
    }
    halved(lanes)
}

macro_rules! largest {
    ($data:ident, $x:ident => $value:expr) => {{
        let mut top = -T::INFINITY;
        let mut chunks = $data.chunks_exact(LANES);
        if $data.len() >= LANES {
            let mut lanes = [top; LANES];
            for chunk in &mut chunks {
                for (lane, $x) in lanes.iter_mut().zip(chunk) {
                    *lane = larger(*lane, $value);
                }
            }
            for lane in lanes {
                top = larger(top, lane);
            }
        }
        for $x in chunks.remainder() {
            top = larger(top, $value);
        }
        top
    }};
}

/// The largest entry, −∞ of none and NaN if one is.
#[inline(always)]
pub(super) fn maximum<T: Real>(data: &[T]) -> T {
    largest!(data, x => *x)
}

/// The largest magnitude, −∞ of none and NaN if an entry is.
#[inline(always)]
pub(super) fn maximum_magnitude<T: Real>(data: &[T]) -> T {
    largest!(data, x => x.magnitude())
}

/// The larger of two numbers, NaN if either is.
#[inline(always)]
#[allow(clippy::eq_op, reason = "only NaN is not itself")]
fn larger<T: Real>(a: T, b: T) -> T {
    // Comparisons with NaN are false: `a` stays if it is NaN, and `b` is taken if it is.
    if b > a || b != b { b } else { a }
}

/// Divides every entry.
#[inline(always)]
pub(super) fn divide<T: Real>(data: &mut [T], by: T) {
    for x in data {
        *x = *x / by;
    }
}

/// `totals += columns`, one entry of each column for each total. The columns of a group are added up first.
#[inline(always)]
pub(super) fn add_columns<T: Real>(totals: &mut [T], columns: [&[T]; 4]) {
    let [a, b, c, d] = columns;
    for ((((total, a), b), c), d) in totals.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        *total = *total + ((*a + *b) + (*c + *d));
    }
}

/// `totals += column`.
#[inline(always)]
pub(super) fn add_column<T: Real>(totals: &mut [T], column: &[T]) {
    for (total, x) in totals.iter_mut().zip(column) {
        *total = *total + *x;
    }
}

/// `totals += a ⊙ b`.
#[inline(always)]
pub(super) fn add_products<T: Real>(totals: &mut [T], a: &[T], b: &[T]) {
    for ((total, a), b) in totals.iter_mut().zip(a).zip(b) {
        *total = *total + *a * *b;
    }
}
