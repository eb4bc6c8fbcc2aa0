//! Conjugate gradients against exact solves.

use std::convert::Infallible;

use hbp::backend::OutputBlock::{Dense, Diagonal, Kronecker, Root, Sum};
use hbp::curvature::{Ending, Operator, Stop, Until, conjugate_gradients, conjugate_gradients_by};
use nalgebra::{DMatrix, DVector, dvector};
use proptest::prelude::*;

use crate::blocks::Draw;

proptest! {
    #[test]
    fn iterates_reach_the_exact_solution(seed in any::<u64>(), outer in 1usize..5, inner in 1usize..5) {
        let mut draw = Draw::new(seed);
        let root = |draw: &mut Draw, size: usize| Box::new(Root(draw.matrix::<f64>(size, 2)));
        let kron = Kronecker { left: root(&mut draw, outer), right: root(&mut draw, inner) };
        let block = Sum(vec![kron, Root(draw.matrix(outer * inner, 1))]);
        let operator = Operator::new(&block).unwrap();
        let right = DVector::from_fn(outer * inner, |_, _| draw.number());
        let stop = Stop { tolerance: 1e-10, iterations: 400 };
        let found = conjugate_gradients(&operator, 0.2, &right, stop).unwrap();
        prop_assert_eq!(found.ending, Ending::Converged);
        let exact = operator.damped(0.2).unwrap().solve_vector(&right).unwrap();
        prop_assert!((&found.solution - &exact).norm() <= 1e-8 * (1.0 + exact.norm()));
    }
}

/// No more than a factor fits, so that only products are possible.
#[test]
fn a_sum_that_does_not_fit_is_solved_by_products() {
    let mut draw = Draw::new(8);
    let kron = |draw: &mut Draw| Kronecker {
        left: Box::new(Root(draw.matrix::<f64>(20, 1))),
        right: Box::new(Root(draw.matrix::<f64>(20, 1))),
    };
    let block = Sum(vec![kron(&mut draw), kron(&mut draw), kron(&mut draw)]);
    let operator = Operator::within(&block, 8 * 400).unwrap();
    let refused = operator.damped(0.02).unwrap_err();
    assert!(refused.is_limit() && refused.help().contains("conjugate gradients"));
    let right = DVector::from_fn(400, |_, _| draw.number());
    let found = conjugate_gradients(&operator, 0.02, &right, Stop::default()).unwrap();
    assert_eq!(found.ending, Ending::Converged);
    let image = operator.product_vector(&found.solution).unwrap() * 0.98 + &found.solution * 0.02;
    assert!((image - &right).norm() <= 0.1001 * right.norm());
}

#[test]
fn every_ending_is_told() {
    let block = Diagonal(DVector::from_fn(9, |i, _| (i + 1) as f64));
    let operator = Operator::new(&block).unwrap();
    let right = DVector::from_element(9, 1.0);
    let stop = |tolerance, iterations| Stop {
        tolerance,
        iterations,
    };
    let found = conjugate_gradients(&operator, 0.0, &right, stop(1e-12, 3)).unwrap();
    assert_eq!((found.ending, found.iterations), (Ending::Exhausted, 3));
    let found = conjugate_gradients(&operator, 0.0, &(right * 0.0), stop(0.1, 3)).unwrap();
    assert_eq!((found.ending, found.iterations), (Ending::Converged, 0));
    let block = Dense(DMatrix::from_diagonal(&dvector![1.0, -3.0]));
    let operator = Operator::new(&block).unwrap();
    let found = conjugate_gradients(&operator, 0.0, &dvector![1.0, 1.0], Stop::default()).unwrap();
    assert_eq!(found.ending, Ending::NegativeCurvature);
    assert_eq!(found.solution, dvector![0.0, 0.0]);
}

/// With eigenvalues from 1e-6 to 1, ‖r‖ ≤ ε ‖b‖ is never reached; the backward error is, and a Cholesky solution has no smaller one.
#[test]
fn working_precision_is_a_backward_error() {
    let size = 40;
    let eigenvalue = |k: usize| 10f64.powf(-6.0 * k as f64 / (size - 1) as f64);
    let product = |direction: &DMatrix<f64>| {
        let rows = direction.row_iter().enumerate();
        let entries = rows.map(|(k, row)| eigenvalue(k) * row[0]);
        Ok::<_, Infallible>(DMatrix::from_iterator(size, 1, entries))
    };
    let right = DVector::from_fn(size, |k, _| ((k * 29 + 7) % 13) as f64 - 6.0);
    let until = Until::WorkingPrecision { iterations: 1000 };
    let found = conjugate_gradients_by(product, 0.0, &right, until).unwrap();
    assert_eq!(found.ending, Ending::Converged);
    let solution = &found.solution;
    let image = DVector::from_fn(size, |k, _| eigenvalue(k) * solution[k]);
    let backward = (image - &right).norm() / (solution.norm() + right.norm());
    assert!(backward < 1e-14, "{backward:e}");
}
