//! Products, diagonals, traces and eigenvalue ranges against the dense twin.

use hbp::backend::OutputBlock::{Dense, Diagonal, Kronecker, Root, ScaledIdentity, Sum, Zero};
use hbp::backend::{Element, OutputBlock};
use hbp::curvature::{LogDeterminant, Operator};
use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;

use crate::blocks::{Draw, close, outline, tolerance, top, twin};

fn check<T: Element>(seed: u64, size: usize) {
    let mut draw = Draw::new(seed);
    let block: OutputBlock<T> = draw.block(size, 3);
    let (what, dense) = (outline(&block), twin(&block));
    let operator = Operator::new(&block).unwrap();
    let scale = tolerance::<T>() * top(&dense).max(1.0) * size as f64;
    let wide = |m: &DMatrix<T>| m.map(Element::double);

    close(&what, &wide(&operator.dense().unwrap()), &dense, scale);
    let count = 1 + draw.below(3);
    let columns: DMatrix<T> = draw.matrix(size, count);
    let product = wide(&operator.product(&columns).unwrap());
    close(&what, &product, &(&dense * wide(&columns)), 2.0 * scale);
    let first = columns.column(0).into_owned();
    let image = operator.product_vector(&first).unwrap();
    close(
        &what,
        &DMatrix::from_fn(size, 1, |i, _| image[i].double()),
        &product.columns(0, 1).into_owned(),
        scale,
    );
    let diagonal = operator.diagonal().unwrap();
    let diagonal = DMatrix::from_fn(size, 1, |i, _| diagonal[i].double());
    let expected = DMatrix::from_fn(size, 1, |i, _| dense[(i, i)]);
    close(&what, &diagonal, &expected, scale);
    let trace = (operator.trace().unwrap().double() - dense.trace()).abs();
    assert!(trace <= scale * size as f64, "{what}: trace off by {trace}");

    let range = operator.range().unwrap();
    let eigenvalues = dense.symmetric_eigenvalues();
    let expected = dmatrix![eigenvalues.min(), eigenvalues.max()];
    close(
        &what,
        &dmatrix![range.min, range.max],
        &expected,
        10.0 * scale,
    );
    let mut sorted = eigenvalues.as_slice().to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = (size - 1).max(1) as f64;
    let shares: Vec<f64> = (0..size).map(|place| place as f64 / last).collect();
    let found = operator.quantiles(&shares).unwrap();
    let column = |values: Vec<f64>| DMatrix::from_vec(size, 1, values);
    close(&what, &column(found), &column(sorted), 10.0 * scale);
}

proptest! {
    #[test]
    fn the_structure_answers_as_the_dense_twin(seed in any::<u64>(), size in 1usize..13) {
        check::<f64>(seed, size);
        check::<f32>(seed, size);
    }
}

#[test]
fn vec_stacks_columns_so_a_kronecker_product_acts_as_b_v_a_transposed() {
    let (a, b) = (
        dmatrix![1.0, 2.0; 3.0, 5.0],
        dmatrix![1.0, 0.0, 2.0; 4.0, 1.0, 1.0],
    );
    let v = dmatrix![1.0, 4.0; 2.0, 5.0; 3.0, 6.0];
    let block = Kronecker {
        left: Box::new(Dense(a.clone())),
        right: Box::new(Dense(b.clone())),
    };
    let image = Operator::new(&block)
        .unwrap()
        .product_vector(&DVector::from_column_slice(v.as_slice()))
        .unwrap();
    assert_eq!(image.as_slice(), (b * v * a.transpose()).as_slice());
}

/// a' ⊗ b is the square b a', though its factors are not square.
#[test]
fn factors_need_not_be_square() {
    let block = Kronecker {
        left: Box::new(Dense(dmatrix![1.0, 2.0, -1.0])),
        right: Box::new(Dense(dmatrix![2.0; 4.0; -2.0])),
    };
    let operator = Operator::new(&block).unwrap();
    assert_eq!(operator.diagonal().unwrap(), dvector![2.0, 8.0, 2.0]);
    assert!((operator.trace().unwrap() - 12.0f64).abs() < 1e-15);
    let range = operator.range().unwrap();
    assert!(range.min.abs() < 1e-14 && (range.max - 12.0).abs() < 1e-13);
    assert_eq!(
        operator.log_determinant().unwrap(),
        LogDeterminant::Singular
    );
}

#[test]
fn indefinite_factors_have_ranges_of_products_of_extremes() {
    let indefinite = |a: f64, b: f64| Box::new(Diagonal(dvector![a, b]));
    for (left, right, min, max) in [
        ((-3.0, 1.0), (-2.0, 5.0), -15.0, 6.0),
        ((-3.0, -1.0), (-2.0, -5.0), 2.0, 15.0),
        ((-3.0, -1.0), (2.0, 5.0), -15.0, -2.0),
    ] {
        let dense = |(a, b): (f64, f64)| {
            Box::new(Dense(
                dmatrix![a.midpoint(b), (a - b) / 2.0; (a - b) / 2.0, a.midpoint(b)],
            ))
        };
        let block = Kronecker {
            left: dense(left),
            right: indefinite(right.0, right.1),
        };
        let range = Operator::new(&block).unwrap().range().unwrap();
        assert!((range.min - min).abs() < 1e-13, "{range:?}");
        assert!((range.max - max).abs() < 1e-13, "{range:?}");
    }
}

/// The limit admits a factor and no more, so whatever forms the product fails.
#[test]
fn a_kronecker_product_is_never_formed() {
    let n = 24;
    let limit = 8 * (n * n) as u64;
    let mut draw = Draw::new(5);
    let shifted = draw.symmetric::<f64>(n) + DMatrix::identity(n, n) * 40.0;
    let right = Kronecker {
        left: Box::new(Root(draw.matrix(n, 2))),
        right: Box::new(Sum(vec![
            Dense(shifted.clone()),
            ScaledIdentity {
                size: n,
                scale: 1.0,
            },
        ])),
    };
    let block = Kronecker {
        left: Box::new(Dense(shifted)),
        right: Box::new(right),
    };
    let operator = Operator::within(&block, limit).unwrap();
    assert!(operator.dense().is_err());
    let v = DVector::from_fn(n * n * n, |i, _| (i % 7) as f64 - 3.0);
    let image = operator.product_vector(&v).unwrap();
    let trace = operator.trace().unwrap();
    assert!((operator.diagonal().unwrap().sum() - trace).abs() < 1e-9 * trace.abs());
    let range = operator.range().unwrap();
    assert!(range.min.abs() < 1e-9 && range.max > 1e3, "{range:?}");
    assert_eq!(
        operator.log_determinant().unwrap(),
        LogDeterminant::Singular
    );
    let damped = operator.damped(0.5).unwrap();
    assert!(damped.inertia().is_positive_definite());
    let back = damped.solve_vector(&(&v * 0.5 + image * 0.5)).unwrap();
    assert!((back - &v).norm() < 1e-8 * v.norm());
    assert_eq!(operator.split((n, n * n), 3).unwrap().len(), 3);
}

#[test]
fn nothing_is_answered_for_zero_columns_of_a_root_but_zero() {
    let block = Root(DMatrix::<f64>::zeros(3, 0));
    let operator = Operator::new(&block).unwrap();
    let range = operator.range().unwrap();
    assert_eq!((range.min, range.max), (0.0, 0.0));
    let v = dvector![1.0, 2.0, 3.0];
    assert_eq!(operator.product_vector(&v).unwrap(), DVector::zeros(3));
    let solved = operator.damped(0.5).unwrap().solve_vector(&v).unwrap();
    assert_eq!(solved, v * 2.0);
    let zero: OutputBlock<f64> = Zero { rows: 2, cols: 3 };
    let image = Operator::new(&zero).unwrap().product(&DMatrix::zeros(3, 4));
    assert_eq!(image.unwrap().shape(), (2, 4));
}
