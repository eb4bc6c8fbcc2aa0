//! Blocks of groups of rows against principal parts of the dense twin.

use hbp::backend::OutputBlock::{Dense, Diagonal, Kronecker, Root, ScaledIdentity, Sum, Zero};
use hbp::backend::{Element, OutputBlock};
use hbp::curvature::{Operator, row_ranges, split};
use nalgebra::{DMatrix, dmatrix, dvector};
use proptest::prelude::*;

use crate::blocks::{Draw, close, outline, tolerance, top, twin};

/// (I ⊗ S) M (I ⊗ S)' with S the rows of a group, as the theory writes it.
fn congruence(
    dense: &DMatrix<f64>,
    (m, n): (usize, usize),
    rows: std::ops::Range<usize>,
) -> DMatrix<f64> {
    let s = DMatrix::from_fn(rows.len(), m, |i, j| {
        f64::from(u8::from(rows.start + i == j))
    });
    let wide = DMatrix::identity(n, n).kronecker(&s);
    &wide * dense * wide.transpose()
}

fn check<T: Element>(seed: u64, (m, n): (usize, usize), parts: usize) {
    let mut draw = Draw::new(seed);
    let block: OutputBlock<T> = draw.block(m * n, 3);
    let dense = twin(&block);
    let found = split(&block, (m, n), parts).unwrap();
    let ranges = row_ranges(m, parts).unwrap();
    assert_eq!(found.len(), parts);
    for (part, rows) in found.iter().zip(ranges) {
        let what = format!("rows {rows:?} of {m} × {n} in {}", outline(&block));
        let scale = tolerance::<T>() * top(&dense).max(1.0);
        close(&what, &twin(part), &congruence(&dense, (m, n), rows), scale);
    }
}

proptest! {
    #[test]
    fn parts_are_congruences_with_row_selections(seed in any::<u64>(), m in 1usize..6, n in 1usize..5, k in 0usize..6) {
        check::<f64>(seed, (m, n), 1 + k % m);
        check::<f32>(seed, (m, n), 1 + k % m);
    }

    #[test]
    fn sizes_differ_by_at_most_one(rows in 1usize..50, k in 1usize..50) {
        let parts = 1 + k % rows;
        let ranges = row_ranges(rows, parts).unwrap();
        prop_assert_eq!(ranges.len(), parts);
        prop_assert_eq!((ranges[0].start, ranges[parts - 1].end), (0, rows));
        prop_assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
        let sizes = || ranges.iter().map(ExactSizeIterator::len);
        prop_assert!(sizes().max().unwrap() - sizes().min().unwrap() <= 1);
    }
}

#[test]
fn structure_is_kept() {
    let xx = || Box::new(Root(dmatrix![1.0; 2.0]));
    let hz = dmatrix![1.0, 2.0, 3.0; 2.0, 4.0, 5.0; 3.0, 5.0, 6.0];
    let kron = |right: OutputBlock<f64>| Kronecker {
        left: xx(),
        right: Box::new(right),
    };
    let split = |block: OutputBlock<f64>| split(&block, (3, 2), 2).unwrap();
    let parts = split(kron(Dense(hz)));
    assert_eq!(parts[0], kron(Dense(dmatrix![1.0, 2.0; 2.0, 4.0])));
    assert_eq!(parts[1], kron(Dense(dmatrix![6.0])));
    let parts = split(Diagonal(dvector![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    assert_eq!(
        parts,
        [
            Diagonal(dvector![1.0, 2.0, 4.0, 5.0]),
            Diagonal(dvector![3.0, 6.0])
        ]
    );
    let identity = |size| ScaledIdentity { size, scale: 3.0 };
    assert_eq!(split(identity(6)), [identity(4), identity(2)]);
    let zero = |size| Zero {
        rows: size,
        cols: size,
    };
    assert_eq!(split(zero(6)), [zero(4), zero(2)]);
    let root = dmatrix![1.0; 2.0; 3.0; 4.0; 5.0; 6.0];
    let parts = split(Sum(vec![Root(root), kron(identity(3))]));
    let second = Sum(vec![Root(dmatrix![3.0; 6.0]), kron(identity(1))]);
    assert_eq!(parts[1], second);
}

/// Neither the whole nor factors of another grid are formed.
#[test]
fn a_part_costs_its_own_entries_only() {
    let block = Kronecker {
        left: Box::new(Dense(DMatrix::<f64>::from_fn(6, 6, |i, j| (i * j) as f64))),
        right: Box::new(Dense(DMatrix::identity(4, 4))),
    };
    let limit = 8 * 64;
    // 24 = 8 · 3, whose rows are no grid of 6 and 4.
    let parts = Operator::within(&block, limit)
        .unwrap()
        .split((3, 8), 3)
        .unwrap();
    assert_eq!(parts[0].shape(), (8, 8));
    let refused = Operator::within(&block, limit - 1)
        .unwrap()
        .split((3, 8), 3);
    assert!(refused.unwrap_err().is_limit());
}
