//! Reductions against plain sums in double precision, in all layouts, at sizes beside every block's, with any number of threads.

#![allow(
    clippy::float_cmp,
    reason = "infinities and whole numbers are compared, and equal is what they must be"
)]

use hbp::backend::{Element, MatrixRef, product_diagonal, reduce_entries, row_sums, softmax};
use hbp::kernel::Reduction;

fn array<T: Element>(count: usize) -> Vec<T> {
    let value = |k: usize| T::number(((k * 7919) % 2003) as f64 / 1000.0 - 0.9);
    (0..count).map(value).collect()
}

fn at<T: Element>(m: &MatrixRef<'_, T>, i: usize, j: usize) -> f64 {
    m.data[i * m.strides.0 + j * m.strides.1].double()
}

/// A matrix stored by columns, or by rows.
fn stored<T>(data: &[T], rows: usize, cols: usize, by_rows: bool) -> MatrixRef<'_, T> {
    let strides = if by_rows { (cols, 1) } else { (1, rows) };
    MatrixRef {
        data,
        rows,
        cols,
        strides,
    }
}

const SIZES: [(usize, usize); 8] = [
    (1, 1),
    (5, 3),
    (33, 64),
    (64, 67),
    (513, 129),
    (3, 4099),
    (700, 400),
    (2, 150_000),
];

fn assert_near<T: Element>(found: &[T], expected: &[f64], scale: f64) {
    for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found.double() - expected).abs();
        let tolerance = 8.0 * T::default_epsilon().double() * (expected.abs() + scale);
        assert!(error <= tolerance, "entry {k} is {found}, not {expected}");
    }
}

/// The sum with what each addition rounds away added at the end.
fn total(terms: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0f64, 0.0);
    for x in terms {
        let next = sum + x;
        lost += if sum.abs() >= x.abs() {
            (sum - next) + x
        } else {
            (x - next) + sum
        };
        sum = next;
    }
    sum + lost
}

/// The same with one, two and three threads, to the last bit.
fn alike<T: Element>(count: usize, f: impl Fn(&mut [T]) + Sync) -> Vec<T> {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let mut out = vec![T::zero(); count];
        pool.build().unwrap().install(|| f(&mut out));
        out
    };
    let alone = run(1);
    for threads in [2, 3] {
        let equal = |(a, b): (&T, &T)| a.double().to_bits() == b.double().to_bits();
        assert!(alone.iter().zip(&run(threads)).all(equal));
    }
    alone
}

fn check<T: Element>() {
    for (rows, cols) in SIZES {
        let data = array::<T>(rows * cols + 1);
        let scale = (cols as f64).sqrt() + 1.0;
        for by_rows in [false, true] {
            let left = stored(&data, rows, cols, by_rows);
            let found = alike(rows, |out| row_sums(out, left));
            let sum = |i: usize| total((0..cols).map(|j| at(&left, i, j)));
            assert_near(&found, &(0..rows).map(sum).collect::<Vec<f64>>(), scale);
            for right_by_rows in [false, true] {
                let right = stored(&data[1..], cols, rows, right_by_rows);
                let found = alike(rows, |out| product_diagonal(out, left, right));
                let dot = |i: usize| total((0..cols).map(|k| at(&left, i, k) * at(&right, k, i)));
                assert_near(&found, &(0..rows).map(dot).collect::<Vec<f64>>(), scale);
            }
        }
        let data = &data[..rows * cols];
        let numbers: Vec<f64> = data.iter().map(|x| x.double()).collect();
        let entries = numbers.len() as f64;
        for (reduction, expected) in [
            (Reduction::Sum, total(numbers.iter().copied())),
            (
                Reduction::Norm2,
                total(numbers.iter().map(|x| x * x)).sqrt(),
            ),
            (
                Reduction::LogSumExp,
                total(numbers.iter().map(|x| x.exp())).ln(),
            ),
        ] {
            let found = alike(1, |out| out[0] = reduce_entries(reduction, data));
            assert_near(&found, &[expected], entries.sqrt() + 1.0);
        }
        let found = alike(rows * cols, |out| softmax(out, data, rows));
        let expected = numbers.chunks(rows).flat_map(|column| {
            let whole = total(column.iter().map(|x| x.exp()));
            column.iter().map(move |x| x.exp() / whole)
        });
        assert_near(&found, &expected.collect::<Vec<f64>>(), 1.0);
    }
}

#[test]
fn reductions_are_the_plain_sums_in_double_precision() {
    check::<f64>();
}

#[test]
fn reductions_are_the_plain_sums_in_single_precision() {
    check::<f32>();
}

#[test]
fn special_entries_are_not_swallowed() {
    let reductions = [Reduction::Sum, Reduction::LogSumExp, Reduction::Norm2];
    for place in [0, 31, 32, 99] {
        let mut data = array::<f32>(100);
        data[place] = f32::NAN;
        for reduction in reductions {
            assert!(reduce_entries(reduction, &data).is_nan());
        }
        let mut found = [0.0; 100];
        softmax(&mut found, &data, 50);
        let own = place / 50;
        for (column, part) in found.chunks(50).enumerate() {
            assert!(part.iter().all(|x| x.is_nan() == (column == own)));
        }
        data[place] = f32::INFINITY;
        for reduction in reductions {
            assert!(reduce_entries(reduction, &data) == f32::INFINITY);
        }
        data[place] = f32::NEG_INFINITY;
        assert!(reduce_entries(Reduction::LogSumExp, &data).is_finite());
        data[place] = f32::MAX;
        assert!(reduce_entries(Reduction::Norm2, &data) == f32::MAX);
        softmax(&mut found, &data, 50);
        assert!(found[place] == 1.0);
    }
    // The sums alone would not find these.
    for place in [0, 31, 32, 99] {
        let other = (place + 7) % 100;
        let mut data = [0.0f64; 100];
        data[place] = f64::NAN;
        assert!(reduce_entries(Reduction::Norm2, &data).is_nan());
        data[other] = f64::INFINITY;
        for reduction in reductions {
            assert!(reduce_entries(reduction, &data).is_nan());
        }
    }
    assert!(reduce_entries::<f64>(Reduction::LogSumExp, &[]) == f64::NEG_INFINITY);
    assert!(reduce_entries::<f64>(Reduction::Norm2, &[]) == 0.0);
    assert!(reduce_entries::<f64>(Reduction::Norm2, &[1e-310, 1e-310]) > 1e-310);
}
