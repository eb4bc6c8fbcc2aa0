//! What the fast algebra owes beside its numbers: NaN and infinity come out as they must, and the number of threads
//! changes no bit.

use hbp::backend::{Algebra, Element, Faer, MatrixRef, Nalgebra};
use rayon::ThreadPoolBuilder;

use crate::matrices::{LAYOUTS, Layout, Stored, dirty, noise};

/// What an entry is, apart from its value.
fn kind(x: f64) -> &'static str {
    match x {
        _ if x.is_nan() => "NaN",
        _ if x == f64::INFINITY => "+∞",
        _ if x == f64::NEG_INFINITY => "−∞",
        _ => "finite",
    }
}

fn kinds<T: Element>(data: &[T]) -> Vec<&'static str> {
    data.iter().map(|x| kind(x.double())).collect()
}

/// Half of the entries are zero, so that a product that skips zeros is found out.
fn sparse(seed: u64, special: f64, at: (usize, usize)) -> impl FnMut(usize, usize) -> f64 {
    let mut entry = noise(seed);
    move |i, j| match () {
        () if (i, j) == at => special,
        () if (i + j) % 2 == 0 => 0.0,
        () => entry(i, j),
    }
}

fn check_kinds<T: Element>((m, k, n): (usize, usize, usize), layouts: (Layout, Layout)) {
    for special in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for scale in [1.0, -0.5, 0.0] {
            let left = Stored::<T>::new(m, k, layouts.0, sparse(1, special, (m / 2, k / 2)));
            let right = Stored::<T>::new(k, n, layouts.1, sparse(2, special, (k - 1, n / 3)));
            for (left, right) in [
                (left.view(), right.view()),
                (
                    left.view(),
                    Stored::new(k, n, layouts.1, sparse(2, 0.0, (0, 0))).view(),
                ),
            ] {
                let (mut fast, mut plain) = (dirty(m * n), dirty(m * n));
                let scale = T::number(scale);
                Faer::default().product(&mut fast, scale, left, right);
                Nalgebra.product(&mut plain, scale, left, right);
                assert_eq!(
                    kinds(&fast),
                    kinds(&plain),
                    "{m} × {k} × {n}, {layouts:?}, {special} times {scale:?}"
                );
            }
        }
    }
}

#[test]
fn nan_and_infinity_go_through_products() {
    for shape in [
        (1, 1, 1),
        (1, 9, 4),
        (7, 5, 1),
        (3, 1, 8),
        (6, 7, 8),
        (16, 16, 16),
        (20, 18, 19),
        (100, 3, 2),
        (40, 70, 50),
    ] {
        for layouts in LAYOUTS.map(|a| LAYOUTS.map(|b| (a, b))).concat() {
            check_kinds::<f32>(shape, layouts);
            check_kinds::<f64>(shape, layouts);
        }
    }
}

#[test]
fn nan_and_infinity_go_through_symmetric_products() {
    for (n, k) in [(1, 1), (4, 3), (17, 16), (70, 20), (400, 130)] {
        for special in [f64::NAN, f64::INFINITY] {
            let root =
                Stored::<f32>::new(n, k, Layout::Columns, sparse(1, special, (n / 2, k / 2)));
            let (left, right) = (root.view(), root.view().transpose());
            let (mut fast, mut plain) = (dirty(n * n), dirty(n * n));
            Faer::default().symmetric_product(&mut fast, 2.0, left, right);
            Nalgebra.symmetric_product(&mut plain, 2.0, left, right);
            assert_eq!(kinds(&fast), kinds(&plain), "{n} × {k}, {special}");
        }
    }
}

/// A matrix with NaN has no solution, and no finite one is made up.
#[test]
fn nan_goes_through_factorisations() {
    for n in [1, 2, 5, 20, 70] {
        for special in [f64::NAN, f64::INFINITY] {
            for at in [(0, 0), (n - 1, n - 1), (n - 1, 0), (n / 2, n / 2)] {
                let mut entry = noise(3);
                let matrix = Stored::<f64>::new(n, n, Layout::Columns, |i, j| {
                    let is_special = (i, j) == at || (j, i) == at;
                    if is_special {
                        special
                    } else {
                        entry(i.max(j), i.min(j)) + n as f64 * f64::from(u8::from(i == j))
                    }
                });
                let right = Stored::<f64>::new(n, 3, Layout::Columns, |i, j| {
                    if special.is_nan() || (i, j) != at {
                        1.0
                    } else {
                        f64::NAN
                    }
                });
                let (mut fast, mut plain) = (Faer::default(), Nalgebra);
                let algebras = [&mut fast as &mut dyn Algebra<f64>, &mut plain];
                let found = algebras.map(|algebra| {
                    let mut outs = [dirty(n * 3), dirty(n * 3), dirty(n * n), dirty(n * n)];
                    // Filled, so that what is not written is not taken for NaN.
                    for out in &mut outs {
                        out.fill(0.0);
                    }
                    let results = [
                        algebra.solve(&mut outs[0], matrix.view(), right.view()),
                        algebra.solve_positive(&mut outs[1], matrix.view(), right.view()),
                        algebra.inverse(&mut outs[2], matrix.view()),
                    ];
                    algebra.spectral(&mut outs[3], matrix.view(), f64::abs);
                    let determinants = [
                        algebra.determinant(matrix.view()),
                        algebra.log_determinant(matrix.view()),
                    ];
                    (outs.map(|out| kinds(&out)), results, kinds(&determinants))
                });
                if special.is_nan() {
                    assert_eq!(found[0], found[1], "{n}, {at:?}");
                }
                assert!(found[0].0[3].iter().all(|kind| *kind == "NaN"));
            }
        }
    }
}

/// Every operation at sizes that are cut, as bits.
fn all<T: Element>() -> Vec<Vec<u64>> {
    let stored = |rows, cols, layout, seed| Stored::<T>::new(rows, cols, layout, noise(seed));
    let mut algebra = Faer::default();
    let mut found = Vec::new();
    let mut keep = |out: &[T]| found.push(out.iter().map(|x| x.double().to_bits()).collect());
    for (m, k, n) in [
        (333, 130, 270),
        (1000, 40, 300),
        (40, 300, 901),
        (600, 550, 130),
    ] {
        for (a, b) in [
            (Layout::Columns, Layout::Columns),
            (Layout::Rows, Layout::Rows),
        ] {
            let (left, right) = (stored(m, k, a, 1), stored(k, n, b, 2));
            let mut out = dirty(m * n);
            algebra.product(&mut out, T::number(0.3), left.view(), right.view());
            keep(&out);
        }
    }
    for layout in [Layout::Columns, Layout::Rows] {
        let root = stored(601, 300, layout, 3);
        let mut out = dirty(601 * 601);
        algebra.symmetric_product(&mut out, T::one(), root.view(), root.view().transpose());
        keep(&out);
    }
    let (matrix, right) = (
        stored(170, 170, Layout::Columns, 4),
        stored(170, 400, Layout::Columns, 5),
    );
    let mut gram = dirty(170 * 170);
    algebra.symmetric_product(
        &mut gram,
        T::one(),
        matrix.view(),
        matrix.view().transpose(),
    );
    keep(&gram);
    let gram = MatrixRef {
        data: &gram,
        ..stored(170, 170, Layout::Columns, 0).view()
    };
    let (mut out, mut square) = (dirty(170 * 400), dirty(170 * 170));
    algebra
        .solve(&mut out, matrix.view(), right.view())
        .unwrap();
    keep(&out);
    algebra
        .solve_positive(&mut out, gram, right.view())
        .unwrap();
    keep(&out);
    algebra.inverse(&mut square, matrix.view()).unwrap();
    keep(&square);
    algebra.spectral(&mut square, gram, |x| x);
    keep(&square);
    found
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let [one, two, three] = [1, 2, 3].map(|threads| {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| (all::<f32>(), all::<f64>()))
    });
    assert!(one == two && one == three);
    assert!(
        one.0
            .iter()
            .flatten()
            .all(|bits| !f64::from_bits(*bits).is_nan())
    );
}

/// Products with vectors that are cut, both ways of storing the matrix.
#[test]
fn the_number_of_threads_changes_no_bit_of_products_with_vectors() {
    let n = 3200;
    let matrix = Stored::<f32>::new(n, n, Layout::Columns, |i, j| (i * 7 + j * 13) as f64 % 1.7);
    let vector = Stored::<f32>::new(n, 1, Layout::Columns, noise(1));
    let found = [1, 2, 3].map(|threads| {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let (mut algebra, mut outs) = (Faer::default(), [(); 3].map(|()| dirty::<f32>(n)));
            let (matrix, vector) = (matrix.view(), vector.view());
            algebra.product(&mut outs[0], 1.0, matrix, vector);
            algebra.product(&mut outs[1], 1.0, matrix.transpose(), vector);
            algebra.product(&mut outs[2], 1.0, vector.transpose(), matrix);
            outs
        })
    });
    assert!(found[0] == found[1] && found[0] == found[2]);
}
