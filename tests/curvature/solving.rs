//! Damped solves, inertia and log-determinants against the dense twin.

use hbp::backend::OutputBlock::{Dense, Diagonal, Kronecker, Root, ScaledIdentity};
use hbp::backend::{Element, OutputBlock};
use hbp::curvature::{CurvatureError, Inertia, LogDeterminant, Operator, Sign};
use nalgebra::{DMatrix, dmatrix, dvector};
use proptest::prelude::*;

use crate::blocks::{Draw, outline, twin};

/// α: none, the paper's, and the largest.
const DAMPINGS: [f64; 4] = [0.0, 0.02, 0.5, 1.0];

fn check<T: Element>(seed: u64, size: usize) {
    let mut draw = Draw::new(seed);
    let block: OutputBlock<T> = draw.block(size, 3);
    let operator = Operator::new(&block).unwrap();
    let right: DMatrix<T> = draw.matrix(size, 2);
    for alpha in DAMPINGS {
        let what = format!("α = {alpha}, {}", outline(&block));
        let dense = twin(&block) * (1.0 - alpha) + DMatrix::identity(size, size) * alpha;
        let eigenvalues = dense.symmetric_eigenvalues();
        let largest = eigenvalues.amax();
        // Far from singular, and singular: what lies between depends on rounding.
        let epsilon = if T::BYTES == 4 { 1e-7 } else { 1e-15 };
        let is_regular = eigenvalues
            .iter()
            .all(|v| v.abs() > 1e5 * epsilon * largest);
        let is_singular = eigenvalues.iter().any(|v| v.abs() <= epsilon * largest);
        let damped = operator.damped(alpha).unwrap();
        let inertia = damped.inertia();
        assert_eq!(
            inertia.positive + inertia.zero + inertia.negative,
            size,
            "{what}"
        );
        let solved = damped.solve(&right);
        if is_regular {
            let count = |sign: f64| eigenvalues.iter().filter(|v| sign * **v > 0.0).count();
            let expected = Inertia {
                positive: count(1.0),
                zero: 0,
                negative: count(-1.0),
            };
            assert_eq!(inertia, expected, "{what}");
            let logs: f64 = eigenvalues.iter().map(|v| v.abs().ln()).sum();
            let negative = expected.negative % 2 == 1;
            let LogDeterminant::Regular { sign, log_abs } = damped.log_determinant() else {
                panic!("{what}: singular");
            };
            assert_eq!(sign == Sign::Negative, negative, "{what}");
            // Each logarithm is as far off as its eigenvalue, relatively.
            let slack: f64 = eigenvalues.iter().map(|v| largest / v.abs()).sum();
            let tolerance = 1e2 * size as f64 * epsilon * slack;
            assert!(
                (log_abs - logs).abs() <= tolerance,
                "{what}: {log_abs} {logs}"
            );
            let solved = solved.unwrap().map(Element::double);
            let rest = (&dense * &solved - right.map(Element::double)).norm();
            let scale = largest * solved.norm() + right.map(Element::double).norm();
            let condition = largest / eigenvalues.iter().fold(f64::MAX, |m, v| m.min(v.abs()));
            let tolerance = 1e2 * size as f64 * epsilon * scale * condition.sqrt();
            assert!(rest <= tolerance, "{what}: {rest:e} {tolerance:e}");
        } else if is_singular && alpha == 0.0 {
            assert_eq!(damped.log_determinant(), LogDeterminant::Singular, "{what}");
            let refused = matches!(solved, Err(CurvatureError::Singular { .. }));
            assert!(refused, "{what}");
        }
    }
}

proptest! {
    #[test]
    fn damped_blocks_are_solved_as_their_dense_twins(seed in any::<u64>(), size in 1usize..13) {
        check::<f64>(seed, size);
        check::<f32>(seed, size);
    }
}

/// Δ = −(1/α) [G + (1−α) c B u a'], u = −(αI + (1−α) c s B)⁻¹ G a, for c a a' ⊗ B with s = a'a.
#[test]
fn a_rank_one_factor_solves_as_its_closed_form() {
    let (alpha, c) = (0.02, 0.25);
    let a = dvector![1.0, -2.0, 0.5];
    let b = dmatrix![2.0, 0.5; 0.5, -1.0];
    let g = dmatrix![1.0, 2.0, -1.0; 0.5, 0.0, 3.0];
    let block = Kronecker {
        left: Box::new(Root(DMatrix::from_columns(&[&a * 0.5]))),
        right: Box::new(Dense(b.clone())),
    };
    let inner: DMatrix<f64> =
        DMatrix::identity(2, 2) * alpha + &b * ((1.0 - alpha) * c * a.norm_squared());
    let u = -inner.try_inverse().unwrap() * &g * &a;
    let expected = -(&g + &b * u * a.transpose() * ((1.0 - alpha) * c)) / alpha;
    let found = Operator::new(&block)
        .unwrap()
        .damped(alpha)
        .unwrap()
        .step(&g)
        .unwrap();
    assert!(
        (&found - &expected).norm() < 1e-12 * expected.norm(),
        "{found}{expected}"
    );
}

#[test]
fn a_step_has_the_shape_of_its_gradient_and_descends() {
    let mut draw = Draw::new(3);
    let block = Kronecker {
        left: Box::new(Root(draw.matrix::<f64>(4, 2))),
        right: Box::new(ScaledIdentity {
            size: 3,
            scale: 2.0,
        }),
    };
    let gradient = draw.matrix::<f64>(3, 4);
    let damped = Operator::new(&block).unwrap().damped(0.02).unwrap();
    assert!(damped.inertia().is_positive_definite());
    let step = damped.step(&gradient).unwrap();
    assert_eq!(step.shape(), (3, 4));
    assert!(step.dot(&gradient) < 0.0);
}

/// Far above the range of numbers themselves, which their logarithms are not.
#[test]
fn determinants_neither_overflow_nor_vanish() {
    let size = 200;
    for scale in [1e-200f64, 1e200] {
        let factor =
            DMatrix::from_diagonal_element(2, 2, scale) + dmatrix![0.0, scale; scale, 0.0] * 0.5;
        let block = Kronecker {
            left: Box::new(ScaledIdentity { size, scale: 1.0 }),
            right: Box::new(Dense(factor)),
        };
        let expected = size as f64 * (2.0 * scale.ln() + 0.75f64.ln());
        match Operator::new(&block).unwrap().log_determinant().unwrap() {
            LogDeterminant::Regular {
                sign: Sign::Positive,
                log_abs,
            } => {
                assert!((log_abs - expected).abs() < 1e-9 * expected.abs());
            }
            other => panic!("{other:?}"),
        }
    }
}

/// What is stored as a diagonal is exact: an entry of 1e-300 beside 1 is not zero, an entry of 0 is.
#[test]
fn small_entries_of_diagonals_are_not_zero() {
    let block = Kronecker {
        left: Box::new(Diagonal(dvector![1.0, 1e-300])),
        right: Box::new(Dense(dmatrix![2.0, 1.0; 1.0, 2.0])),
    };
    let operator = Operator::new(&block).unwrap();
    let expected = 2.0 * 3.0f64.ln() + 2.0 * 1e-300f64.ln();
    match operator.log_determinant().unwrap() {
        LogDeterminant::Regular { log_abs, .. } => {
            assert!((log_abs - expected).abs() < 1e-10 * expected.abs());
        }
        LogDeterminant::Singular => panic!("regular"),
    }
    let block = Diagonal(dvector![1.0, 0.0]);
    let operator = Operator::new(&block).unwrap();
    assert_eq!(
        operator.log_determinant().unwrap(),
        LogDeterminant::Singular
    );
}

/// αI + (1−α)ℋ may be singular though ℋ is not, and is told from an indefinite one.
#[test]
fn damping_can_make_an_indefinite_block_singular() {
    let block = Dense(dmatrix![0.0, 1.0; 1.0, 0.0]);
    let operator = Operator::new(&block).unwrap();
    let inertia = |alpha: f64| operator.damped(alpha).unwrap().inertia();
    assert_eq!(
        inertia(0.25),
        Inertia {
            positive: 1,
            zero: 0,
            negative: 1
        }
    );
    assert_eq!(
        inertia(0.5),
        Inertia {
            positive: 1,
            zero: 1,
            negative: 0
        }
    );
    assert_eq!(
        inertia(0.75),
        Inertia {
            positive: 2,
            zero: 0,
            negative: 0
        }
    );
    let sign = match operator.damped(0.25).unwrap().log_determinant() {
        LogDeterminant::Regular { sign, .. } => sign,
        LogDeterminant::Singular => panic!("regular"),
    };
    assert_eq!(sign, Sign::Negative);
    let refused = operator
        .damped(0.5)
        .unwrap()
        .solve_vector(&dvector![1.0, 2.0])
        .unwrap_err();
    let expected = "the damped block is singular for α = 0.5: 1 of 2 eigenvalues are zero to working precision";
    assert_eq!(refused.to_string(), expected);
}

/// The root of this block has 250000 rows, and 100 MB; two Gram matrices of its factors are enough.
#[test]
fn a_wide_root_of_factors_is_never_formed() {
    let mut draw = Draw::new(11);
    let (left, right) = (draw.matrix::<f64>(500, 50), draw.matrix::<f64>(500, 50));
    let block = OutputBlock::KhatriRao { left, right };
    let operator = Operator::within(&block, 8 * 50 * 50).unwrap();
    let damped = operator.damped(0.02).unwrap();
    let gradient = draw.matrix::<f64>(500, 500);
    let step = damped.step(&gradient).unwrap();
    let column = DMatrix::from_column_slice(250_000, 1, step.as_slice());
    let image = operator.product(&column).unwrap() * 0.98 + &column * 0.02;
    let gradient = DMatrix::from_column_slice(250_000, 1, gradient.as_slice());
    assert!((image + &gradient).norm() <= 1e-9 * gradient.norm());
    assert_eq!(damped.inertia().positive, 250_000);
}
