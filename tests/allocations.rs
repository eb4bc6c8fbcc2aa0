//! How often the fast algebra asks the allocator. Why a room of its own: the count is of the whole process, so nothing
//! else may run beside it.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

#[allow(dead_code, reason = "shared with the tests of the backend")]
#[path = "backend/matrices.rs"]
mod matrices;

use std::alloc::System;

use hbp::backend::{Algebra, Element, Faer};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use matrices::{Layout, Stored, dirty, noise};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Every operation, at a size that runs on one thread and at one that runs on several.
fn count<T: Element>(n: usize) -> Vec<(&'static str, usize)> {
    let matrix = Stored::<T>::new(n, n, Layout::Columns, |i, j| {
        noise(1)(i.max(j), i.min(j)) + if i == j { 2.0 * n as f64 } else { 0.0 }
    });
    let right = Stored::<T>::new(n, n + 3, Layout::Columns, noise(2));
    let column = Stored::<T>::new(n, 1, Layout::Columns, noise(3));
    let (matrix, right, column) = (matrix.view(), right.view(), column.view());
    let mut out = dirty(n * (n + 3));
    let one = T::one();
    let mut algebra = Faer::<T>::default();
    let mut round = |algebra: &mut Faer<T>| {
        let mut counts = Vec::with_capacity(16);
        let mut measure = |what, work: &mut dyn FnMut(&mut Faer<T>)| {
            let region = Region::new(ALLOCATOR);
            work(algebra);
            let change = region.change();
            counts.push((what, change.allocations + change.reallocations));
        };
        measure("product", &mut |a| a.product(&mut out, one, matrix, right));
        measure("transposed", &mut |a| {
            a.product(&mut out, one, matrix.transpose(), right);
        });
        measure("vector", &mut |a| a.product(&mut out, one, matrix, column));
        measure("row", &mut |a| {
            a.product(&mut out, one, column.transpose(), matrix);
        });
        measure("symmetric", &mut |a| {
            a.symmetric_product(&mut out, one, right, right.transpose());
        });
        measure("solve", &mut |a| a.solve(&mut out, matrix, right).unwrap());
        measure("positive", &mut |a| {
            a.solve_positive(&mut out, matrix, right).unwrap();
        });
        measure("inverse", &mut |a| {
            a.inverse(&mut out[..n * n], matrix).unwrap();
        });
        measure("determinant", &mut |a| {
            a.determinant(matrix);
            a.log_determinant(matrix);
        });
        measure("spectral", &mut |a| {
            a.spectral(&mut out[..n * n], matrix, |x| x);
        });
        counts
    };
    // Each thread takes its memory for packing once.
    rayon::broadcast(|_| {
        let mut out = dirty::<T>(n * n);
        Faer::default().product(&mut out, one, matrix, matrix);
    });
    round(&mut algebra);
    round(&mut algebra)
}

#[test]
fn a_second_call_of_the_same_sizes_allocates_nothing() {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(2)
        .build()
        .unwrap();
    // On a thread of the pool: to hand it work from outside is a message, for which rayon now and then takes a block.
    pool.install(|| {
        for n in [1, 40, 230] {
            for (what, allocations) in [count::<f32>(n), count::<f64>(n)].concat() {
                assert_eq!(allocations, 0, "{what}, {n} × {n}");
            }
        }
    });
}
