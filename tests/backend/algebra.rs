//! The fast algebra against its plain twin and against sums written out: every operation, however its operands are stored.

use hbp::backend::{Algebra, Element, Faer, MatrixRef, Nalgebra, Singular};
use proptest::prelude::*;

use crate::matrices::{LAYOUTS, Layout, Stored, dirty, noise};

/// Entry (i, j) of `left * right`, and the sum of what is added up in absolute value.
fn written_out<T: Element>(
    left: MatrixRef<'_, T>,
    right: MatrixRef<'_, T>,
    (i, j): (usize, usize),
) -> (f64, f64) {
    let terms = (0..left.cols).map(|k| left.at(i, k).double() * right.at(k, j).double());
    terms.fold((0.0, 0.0), |(sum, size), x| (sum + x, size + x.abs()))
}

/// Both results against each other, and against sums written out; of a large product not at every entry.
fn compare<T: Element>(
    [fast, plain]: [&[T]; 2],
    scale: T,
    left: MatrixRef<'_, T>,
    right: MatrixRef<'_, T>,
) {
    let (m, k, n) = (left.rows, left.cols, right.cols);
    let what = || {
        format!(
            "{m} × {k} × {n}, {:?} and {:?}",
            left.strides, right.strides
        )
    };
    let unit = scale.double().abs() * T::default_epsilon().double() * (k + 2) as f64;
    for (e, (a, b)) in fast.iter().zip(plain).enumerate() {
        // Entries are below one.
        let error = (a.double() - b.double()).abs();
        assert!(
            error <= unit * k as f64,
            "entry {e} of {}: {error:e}",
            what()
        );
    }
    for e in (0..m * n).step_by(m * n * k / 100_000 + 1) {
        let (value, size) = written_out(left, right, (e % m, e / m));
        let error = (fast[e].double() - scale.double() * value).abs();
        assert!(error <= unit * size, "entry {e} of {}: {error:e}", what());
    }
}

fn check_product<T: Element>(
    (m, k, n): (usize, usize, usize),
    layouts: (Layout, Layout),
    scale: f64,
) {
    let left = Stored::<T>::new(m, k, layouts.0, noise(1));
    let right = Stored::<T>::new(k, n, layouts.1, noise(2));
    let (left, right, scale) = (left.view(), right.view(), T::number(scale));
    let (mut fast, mut plain) = (dirty(m * n), dirty(m * n));
    Faer::default().product(&mut fast, scale, left, right);
    Nalgebra.product(&mut plain, scale, left, right);
    compare([&fast, &plain], scale, left, right);
}

#[test]
fn products_agree_in_every_layout_at_every_odd_size() {
    let sizes = [1, 2, 5, 6, 19];
    for (m, k) in sizes.iter().flat_map(|m| sizes.map(|k| (*m, k))) {
        for n in sizes {
            for layouts in LAYOUTS.map(|a| LAYOUTS.map(|b| (a, b))).concat() {
                check_product::<f32>((m, k, n), layouts, 1.0);
                check_product::<f64>((m, k, n), layouts, -0.37);
            }
        }
    }
}

/// Large enough to be cut: by rows, by columns, and by both; and vectors with matrices that are cut.
#[test]
fn products_that_run_on_several_threads_agree() {
    for (m, k, n) in [
        (330, 120, 270),
        (40, 300, 900),
        (1025, 12, 1030),
        (65, 3, 60_001),
    ] {
        for (a, b) in [
            (Layout::Columns, Layout::Rows),
            (Layout::RowsWithGaps, Layout::Columns),
        ] {
            check_product::<f32>((m, k, n), (a, b), 0.5);
            check_product::<f64>((m, k, n), (a, b), 1.0);
        }
    }
}

fn check_symmetric<T: Element>(n: usize, k: usize, layout: Layout, scale: f64) {
    let root = Stored::<T>::new(n, k, layout, noise(3));
    let (left, right) = (root.view(), root.view().transpose());
    let scale = T::number(scale);
    let (mut fast, mut plain) = (dirty(n * n), dirty(n * n));
    Faer::default().symmetric_product(&mut fast, scale, left, right);
    Nalgebra.symmetric_product(&mut plain, scale, left, right);
    compare([&fast, &plain], scale, left, right);
    let is_symmetric = (0..n * n).all(|e| fast[e] == fast[e / n + e % n * n]);
    assert!(is_symmetric, "{n} × {k}, {layout:?}");
}

#[test]
fn symmetric_products_agree_and_are_symmetric() {
    for n in [1, 2, 3, 15, 16, 17, 40, 63, 64, 65, 130] {
        for layout in LAYOUTS {
            for k in [1, 4, 33] {
                check_symmetric::<f32>(n, k, layout, 1.0);
                check_symmetric::<f64>(n, k, layout, 0.25);
            }
        }
    }
    check_symmetric::<f32>(601, 100, Layout::Columns, 1.0);
    check_symmetric::<f64>(512, 120, Layout::Rows, -2.0);
}

/// A matrix far from singular: noise, and `n` on the diagonal. Symmetric if asked for.
fn regular<T: Element>(n: usize, layout: Layout, is_symmetric: bool) -> Stored<T> {
    let mut entry = noise(4);
    Stored::new(n, n, layout, |i, j| {
        let (a, b) = if is_symmetric && i < j {
            (j, i)
        } else {
            (i, j)
        };
        entry(a, b) + if i == j { 2.0 * n as f64 } else { 0.0 }
    })
}

/// The largest difference of `matrix * solution` and `right`, in units of rounding.
fn residual<T: Element>(matrix: MatrixRef<'_, T>, solution: &[T], right: MatrixRef<'_, T>) -> f64 {
    let solution = MatrixRef {
        data: solution,
        rows: right.rows,
        cols: right.cols,
        strides: (1, right.rows),
    };
    let n = right.rows;
    let entries = (0..n * right.cols).step_by(n * n * right.cols / 100_000 + 1);
    let worst = entries.map(|e| {
        let (value, size) = written_out(matrix, solution, (e % n, e / n));
        let error = value - right.at(e % n, e / n).double();
        if error.is_nan() {
            f64::INFINITY
        } else {
            error.abs() / size
        }
    });
    worst.fold(0.0, f64::max) / (T::default_epsilon().double() * n as f64)
}

fn check_solve<T: Element>(n: usize, cols: usize, layouts: (Layout, Layout)) {
    let right = Stored::<T>::new(n, cols, layouts.1, noise(5));
    let identity = Stored::<T>::new(n, n, Layout::Columns, |i, j| f64::from(u8::from(i == j)));
    let what = || format!("{n} × {n}, {cols} columns, {layouts:?}");
    let mut fast = Faer::default();
    for algebra in [&mut fast as &mut dyn Algebra<T>, &mut Nalgebra] {
        for is_symmetric in [false, true] {
            let matrix = regular::<T>(n, layouts.0, is_symmetric);
            let mut out = dirty(n * cols);
            algebra
                .solve(&mut out, matrix.view(), right.view())
                .unwrap();
            assert!(
                residual(matrix.view(), &out, right.view()) <= 16.0,
                "{}",
                what()
            );
            let mut inverse = dirty(n * n);
            algebra.inverse(&mut inverse, matrix.view()).unwrap();
            assert!(
                residual(matrix.view(), &inverse, identity.view()) <= 16.0,
                "{}",
                what()
            );
        }
        // Positive definite, negative definite, and indefinite.
        for sign in [1.0, -1.0, 0.0] {
            let positive = regular::<T>(n, layouts.0, true);
            let matrix = Stored::<T>::new(n, n, layouts.0, |i, j| {
                let sign = if sign == 0.0 {
                    1.0 - 2.0 * ((i + j) % 2) as f64
                } else {
                    sign
                };
                let flip = if i == j && sign == 0.0 && i % 2 == 1 {
                    -1.0
                } else {
                    1.0
                };
                positive.view().at(i, j).double() * sign * flip
            });
            let mut out = dirty(n * cols);
            algebra
                .solve_positive(&mut out, matrix.view(), right.view())
                .unwrap();
            assert!(
                residual(matrix.view(), &out, right.view()) <= 16.0,
                "{}",
                what()
            );
        }
    }
}

#[test]
fn solutions_and_inverses_solve() {
    for n in [1, 2, 6, 17, 70] {
        for cols in [1, 19] {
            for layouts in LAYOUTS.map(|a| LAYOUTS.map(|b| (a, b))).concat() {
                if n < 30 || layouts.0 == layouts.1 {
                    check_solve::<f32>(n, cols, layouts);
                    check_solve::<f64>(n, cols, layouts);
                }
            }
        }
    }
    check_solve::<f32>(150, 500, (Layout::Columns, Layout::Columns));
}

#[test]
fn singular_matrices_are_refused_by_both() {
    for n in [1, 2, 3, 40] {
        for matrix in [
            Stored::<f64>::new(n, n, Layout::Columns, |_, _| if n == 1 { 0.0 } else { 1.0 }),
            Stored::new(n, n, Layout::Columns, |i, j| {
                f64::from(u8::from(i == j && i > 0))
            }),
        ] {
            let right = Stored::new(n, 1, Layout::Columns, |_, _| 1.0);
            let mut fast = Faer::default();
            for algebra in [&mut fast as &mut dyn Algebra<f64>, &mut Nalgebra] {
                let mut out = dirty(n * n);
                assert_eq!(
                    algebra.solve(&mut out, matrix.view(), right.view()),
                    Err(Singular)
                );
                assert_eq!(
                    algebra.solve_positive(&mut out, matrix.view(), right.view()),
                    Err(Singular)
                );
                assert_eq!(algebra.inverse(&mut out, matrix.view()), Err(Singular));
                assert!(algebra.determinant(matrix.view()) == 0.0);
                assert!(algebra.log_determinant(matrix.view()) == f64::NEG_INFINITY);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn determinants_and_spectra_agree(n in 1usize..=60, seed in any::<u64>(), layout in 0usize..5) {
        let layout = LAYOUTS[layout];
        let any = Stored::<f64>::new(n, n, layout, noise(seed));
        let (mut fast, mut plain) = (Faer::default(), Nalgebra);
        let (a, b) = (fast.determinant(any.view()), plain.determinant(any.view()));
        prop_assert!((a - b).abs() <= 1e-9 * b.abs(), "{a} and {b}");
        let (a, b) = (fast.log_determinant(any.view()), plain.log_determinant(any.view()));
        prop_assert!((a - b).abs() <= 1e-9 * (1.0 + b.abs()), "{a} and {b}");
        let mut entry = noise(seed);
        let symmetric = Stored::<f64>::new(n, n, layout, |i, j| entry(i.max(j), i.min(j)));
        for f in [|x: f64| x, |x: f64| x.abs(), |x: f64| x.max(0.0)] {
            let (mut a, mut b) = (dirty(n * n), dirty(n * n));
            fast.spectral(&mut a, symmetric.view(), f);
            plain.spectral(&mut b, symmetric.view(), f);
            let worst = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            prop_assert!(worst <= 1e-12 * (n + 1) as f64, "off by {worst:e}");
            prop_assert!((0..n * n).all(|e| a[e].to_bits() == a[e / n + e % n * n].to_bits()));
        }
    }
}

/// Eigenvalues of rounding size are where libraries lose orthogonality; both sides of the size where faer changes its way.
#[test]
fn spectra_of_low_rank_are_found_in_single_precision() {
    for n in [1, 2, 11, 40, 140] {
        for rank in [0, 1, 2] {
            let root = Stored::<f32>::new(n, 2, Layout::Columns, noise(7));
            let root = root.view();
            let entry = |i, j| {
                (0..rank)
                    .map(|k| f64::from(root.at(i, k) * root.at(j, k)))
                    .sum()
            };
            let matrix = Stored::<f32>::new(n, n, Layout::Columns, entry);
            let negative = Stored::<f32>::new(n, n, Layout::Rows, |i, j| -entry(i, j));
            let mut out = dirty(n * n);
            Faer::default().spectral(&mut out, negative.view(), f32::abs);
            let worst = (0..n * n).map(|e| (out[e] - matrix.view().at(e % n, e / n)).abs());
            let worst = worst.fold(0.0, f32::max);
            assert!(
                worst <= 2e-6 * (n + 1) as f32,
                "{n}, rank {rank}: {worst:e}"
            );
        }
    }
}
