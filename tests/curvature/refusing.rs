//! What a block cannot be asked is refused by name.

use hbp::backend::OutputBlock::{self, Dense, Diagonal, Kronecker, Root, Sum, Zero};
use hbp::curvature::{CurvatureError, Operator, Stop, conjugate_gradients, split};
use nalgebra::{DMatrix, DVector, dmatrix, dvector};

fn message<T: std::fmt::Debug>(result: Result<T, CurvatureError>) -> String {
    let error = result.unwrap_err();
    assert!(!error.help().is_empty());
    error.to_string()
}

fn zero(rows: usize, cols: usize) -> OutputBlock<f64> {
    Zero { rows, cols }
}

#[test]
fn blocks_that_are_not_well_formed() {
    let refused = |block: OutputBlock<f64>| message(Operator::new(&block));
    let start = "the block is not well formed: ";
    for (block, expected) in [
        (Sum(vec![]), "a sum has no terms"),
        (
            Sum(vec![zero(2, 2), zero(3, 3)]),
            "a sum has terms of 2 × 2 and of 3 × 3",
        ),
        (
            Dense(DMatrix::zeros(0, 0)),
            "it has no entries: it is 0 × 0",
        ),
    ] {
        assert_eq!(refused(block), format!("{start}{expected}"));
    }
    let half = || Box::new(zero(1 << 40, 1));
    let huge = refused(Kronecker {
        left: half(),
        right: half(),
    });
    assert!(huge.contains("more rows than can be counted"), "{huge}");
}

#[test]
fn questions_to_blocks_that_have_no_answer() {
    let block = zero(2, 3);
    let operator = Operator::new(&block).unwrap();
    let expected = "the block is 2 × 3, not square";
    assert_eq!(message(operator.trace()), expected);
    assert_eq!(message(operator.diagonal()), expected);
    assert_eq!(message(operator.range()), expected);
    assert_eq!(message(operator.damped(0.1)), expected);
    assert_eq!(message(operator.split((2, 1), 1)), expected);
    let found = message(operator.product(&DMatrix::zeros(2, 1)));
    assert_eq!(
        found,
        "the matrix to multiply has 2 rows, the block takes 3"
    );
}

#[test]
fn blocks_that_are_no_hessians() {
    let skew = || Dense(dmatrix![0.0, 1.0; -1.0, 0.0]);
    let block = skew();
    let operator = Operator::new(&block).unwrap();
    let expected = "the block is not symmetric: entries differ by 2e0, the largest is 1e0";
    assert_eq!(message(operator.range()), expected);
    assert_eq!(message(operator.damped(0.5)), expected);
    // Two skew factors have a symmetric product.
    let block = Kronecker {
        left: Box::new(skew()),
        right: Box::new(skew()),
    };
    let range = Operator::new(&block).unwrap().range().unwrap();
    assert!((range.min + 1.0).abs() < 1e-14 && (range.max - 1.0).abs() < 1e-14);
    for block in [
        Dense(dmatrix![f64::NAN, 0.0; 0.0, 1.0]),
        Diagonal(dvector![f64::INFINITY, 1.0]),
        Root(dmatrix![f64::NAN; 1.0]),
    ] {
        let operator = Operator::new(&block).unwrap();
        let expected = "the block has entries that are not finite";
        assert_eq!(message(operator.range()), expected);
        assert_eq!(message(operator.damped(0.5)), expected);
        let right = dvector![1.0, 1.0];
        let iterated = conjugate_gradients(&operator, 0.5, &right, Stop::default());
        assert_eq!(message(iterated), expected);
    }
}

#[test]
fn dampings_sides_and_parts_that_do_not_fit() {
    let block = zero(4, 4);
    let operator = Operator::new(&block).unwrap();
    for alpha in [-0.1, 1.1, f64::NAN] {
        let expected = format!("the damping α = {alpha} is not between 0 and 1");
        assert_eq!(message(operator.damped(alpha)), expected);
        let right = DVector::zeros(4);
        let iterated = conjugate_gradients(&operator, alpha, &right, Stop::default());
        assert_eq!(message(iterated), expected);
    }
    let damped = operator.damped(0.5).unwrap();
    let found = message(damped.solve_vector(&DVector::zeros(3)));
    assert_eq!(found, "the right side has 3 rows, the block takes 4");
    let found = message(damped.step(&DMatrix::zeros(3, 2)));
    assert_eq!(found, "the gradient has 6 entries, the block takes 4");
    let found = message(split(&block, (3, 2), 1));
    assert_eq!(found, "the variable has 6 entries, the block takes 4");
    assert_eq!(
        message(split(&block, (2, 2), 3)),
        "2 rows cannot be split into 3 parts"
    );
    assert_eq!(
        message(split(&block, (2, 2), 0)),
        "2 rows cannot be split into 0 parts"
    );
}
