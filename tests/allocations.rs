//! How often the fast algebra and whole passes ask the allocator. Why a room of its own: the count is of the whole process, so nothing
//! else may run beside it.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

#[allow(dead_code, reason = "shared with the tests of the backend")]
#[path = "backend/matrices.rs"]
mod matrices;

use std::alloc::System;

use hbp::backend::{Algebra, Element, Faer};
use hbp::network::{
    Batch, Curvature, Message, NetworkPass, RunOptions, Session, Solver, Step, Task, seeded_arrays,
};
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
        warm_passes();
    });
}

/// Runs of a whole pass after the first two, in single precision.
fn of_pass(task: &Task, (batch, curvature, message): (Batch, Curvature, Message)) -> usize {
    let text = "network n { input x: R[300]\n target y: R[10] distribution\n a = linear[260](x)\n b = sigmoid(a)
        c = linear[220](b)\n d = tanh(c)\n o = linear[10](d)\n loss softmax_cross_entropy(o, y) }";
    let file = hbp::language::parse("n.hbp", text).unwrap();
    let options = RunOptions {
        batch_size: 400,
        batch,
        curvature,
        message,
        ..RunOptions::default()
    };
    let pass = NetworkPass::compile(&file, "n", task, &options).unwrap();
    let mut session: Session<'_, f32> = Session::new(&pass);
    for input in &pass.program().inputs {
        let slot = session.input_mut(&input.name).unwrap();
        for (place, entry) in slot.iter_mut().enumerate() {
            *entry = (place % 17) as f32 * 0.01 - 0.05;
        }
    }
    allocations_of(&mut session)
}

/// Runs after the first two.
fn allocations_of(session: &mut Session<'_, f32>) -> usize {
    session.run().unwrap();
    session.run().unwrap();
    let region = Region::new(ALLOCATOR);
    for _ in 0..3 {
        session.run().unwrap();
    }
    let change = region.change();
    change.allocations + change.reallocations
}

fn warm_passes() {
    let step = |solver: Solver| {
        Task::Update(Step {
            solver,
            ..Step::default()
        })
    };
    let seven = (
        Batch::AverageJacobian,
        Curvature::PositiveAbs,
        Message::Hessian,
    );
    let six = (
        Batch::AverageHessian,
        Curvature::PositiveAbs,
        Message::Hessian,
    );
    let kflr = (Batch::AverageHessian, Curvature::GaussNewton, Message::Root);
    for (task, modes) in [
        (Task::Forward, seven),
        (Task::Gradient, seven),
        (Task::Curvature, seven),
        (Task::Curvature, six),
        (Task::Curvature, kflr),
        (step(Solver::Exact), seven),
        (step(Solver::Exact), six),
        (step(Solver::conjugate_gradients()), six),
    ] {
        assert_eq!(of_pass(&task, modes), 0, "{task:?} {modes:?}");
    }
    for (text, task, modes) in [
        (MANY, Task::Gradient, seven),
        (MANY, Task::Curvature, seven),
        (MANY, step(Solver::Exact), seven),
        (NARROW, Task::Curvature, seven),
        (CLASSES, Task::Curvature, kflr),
    ] {
        assert_eq!(
            of_seeded(text, &task, modes),
            0,
            "{task:?} {modes:?} {text}"
        );
    }
}

/// A loop with many results.
const MANY: &str = "module mix(x: R[n]) -> z: R[n] { param a: R[n]\n param b: R[n]\n param c: R[n]\n param d: R[n]\n param e: R[n]\n param f: R[n]
    z = a.*sin(x) + b.*cos(x) + c.*tanh(x) + d.*sigmoid(x) + e.*softplus(x) + f.*x }
network n { input x: R[6]\n target y: R[5]\n h = linear[8](x)\n a = mix(h)\n z = linear[5](a)\n loss square_loss(z, y) }";
/// Everything of one shape, and so in one loop.
const NARROW: &str = "network n { input x: R\n target y: R\n a = linear[1](x)\n b = sigmoid(a)\n c = linear[1](b)\n d = tanh(c)
    e = linear[1](d)\n loss binary_cross_entropy_with_logits(e, y) }";
/// More classes than are kept on a stack.
const CLASSES: &str = "network n { input x: R[9]\n target y: R[70] distribution\n h = linear[70](x)\n loss softmax_cross_entropy(h, y) }";

fn of_seeded(
    text: &str,
    task: &Task,
    (batch, curvature, message): (Batch, Curvature, Message),
) -> usize {
    let file = hbp::language::parse("n.hbp", text).unwrap();
    let options = RunOptions {
        batch_size: 16,
        batch,
        curvature,
        message,
        ..RunOptions::default()
    };
    let pass = NetworkPass::compile(&file, "n", task, &options).unwrap();
    let mut session: Session<'_, f32> = Session::new(&pass);
    seeded_arrays(&file, "n", &options, 0)
        .unwrap()
        .fill(&mut session);
    allocations_of(&mut session)
}
