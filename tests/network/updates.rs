//! Updates by Eq. 8 inside a pass, against the dense system solved with the blocks and gradients of the modules' own passes.

use hbp::expr::Rational;
use hbp::kernel::Kernel;
use hbp::network::{
    Batch, Curvature, Items, NetworkPass, RunOptions, Session, Solver, Step, Task, run_network,
};
use nalgebra::{DMatrix, DVector};

use super::linked::{NETWORKS, items};
use super::tools::{array, dense, file, matrix};

const ALPHA: f64 = 0.25;
const RATE: f64 = 0.5;
/// Dense systems of parameters with more entries take too long.
const LARGEST: usize = 600;

fn step(solver: Solver) -> Step {
    Step {
        damping: Rational::new(1.into(), 4.into()).into(),
        rate: Rational::new(1.into(), 2.into()).into(),
        solver,
        ..Step::default()
    }
}

/// θ + γΔ with `[αI + (1 − α)H] Δ = −g`, everything dense, in the order of columns.
fn moved(items: &Items, run: &Items, name: &str) -> DMatrix<f64> {
    let parameter = matrix(&array(items, name));
    let gradient = matrix(&array(run, &format!("grad.{name}")));
    let block = matrix(&array(run, &format!("hess.{name}")));
    let n = block.nrows();
    let system = DMatrix::identity(n, n) * ALPHA + block * (1.0 - ALPHA);
    let right = DVector::from_column_slice(gradient.as_slice());
    let delta = system.lu().solve(&right).expect("regular") * -RATE;
    parameter + DMatrix::from_column_slice(gradient.nrows(), gradient.ncols(), delta.as_slice())
}

fn check(text: &str, solver: &Solver, (curvature, batch): (Curvature, Batch), samples: usize) {
    let options = RunOptions {
        curvature,
        batch,
        batch_size: samples,
        ..dense()
    };
    let file = file(text);
    let items = items(text, samples, 7);
    let task = Task::Update(step(solver.clone()));
    let pass = NetworkPass::compile(&file, "n", &task, &options).unwrap();
    let mut session: Session<'_, f64> = Session::new(&pass);
    pass.load(&mut session, &items).unwrap();
    session.run().unwrap();
    let run = run_network(&file, "n", &items, &options).unwrap().items;
    let parameters = pass.network().parameters.iter();
    let small = parameters.filter(|p| array(&items, &p.name).values.len() <= LARGEST);
    for parameter in small {
        let expected = moved(&items, &run, &parameter.name);
        let found = session.input_mut(&parameter.name).unwrap();
        let found = DMatrix::from_column_slice(expected.nrows(), expected.ncols(), found);
        let error = (&found - &expected).amax() / expected.amax();
        assert!(
            error < 1e-9,
            "{} {curvature:?} {batch:?} {solver:?}: off by {error}\n{text}",
            parameter.name
        );
    }
}

#[test]
fn exact_steps_solve_the_dense_system() {
    // Five samples are fewer than inputs, two more than some; chains, a sum of branches, a skip.
    for text in &NETWORKS[..3] {
        for mode in [
            (Curvature::PositiveAbs, Batch::AverageJacobian),
            (Curvature::PositiveAbs, Batch::AverageHessian),
            (Curvature::GaussNewton, Batch::AverageHessian),
        ] {
            for samples in [2, 6] {
                check(text, &Solver::Exact, mode, samples);
            }
        }
    }
}

/// The block of a layer of 200 units that hands it to nobody is never formed.
#[test]
fn exact_steps_of_wide_layers_solve_the_dense_system() {
    let text = "network n { input x: R[2]\n target y: R[3] distribution\n h = linear[200](x)\n a = tanh(h)\n k = linear[7](a)\n b = sigmoid(k)\n o = linear[3](b)\n loss softmax_cross_entropy(o, y) }";
    for curvature in [Curvature::PositiveAbs, Curvature::GaussNewton] {
        let mode = (curvature, Batch::AverageJacobian);
        check(text, &Solver::Exact, mode, 6);
        let options = RunOptions {
            curvature,
            batch: Batch::AverageJacobian,
            batch_size: 6,
            ..dense()
        };
        let task = Task::Update(step(Solver::Exact));
        let pass = NetworkPass::compile(&file(text), "n", &task, &options).unwrap();
        let steps = pass.program().steps.iter();
        let unformed = steps.filter(|s| matches!(s.kernel, Kernel::UnformedSolve { .. }));
        // Of h.W and of h.b.
        assert_eq!(unformed.count(), 2, "{}", pass.program());
        let values = &pass.program().values;
        assert!(values.iter().all(|value| value.len() < 200 * 200));
    }
}

#[test]
fn conjugate_gradients_run_to_the_end_solve_it_too() {
    let solver = Solver::ConjugateGradients {
        tolerance: Rational::from_integer(0.into()),
        iterations: 60,
    };
    for mode in [
        (Curvature::PositiveAbs, Batch::AverageJacobian),
        (Curvature::PositiveClip, Batch::AverageHessian),
    ] {
        check(NETWORKS[0], &solver, mode, 6);
    }
}

#[test]
fn a_second_step_starts_where_the_first_ended() {
    let options = RunOptions {
        curvature: Curvature::PositiveAbs,
        batch: Batch::AverageHessian,
        batch_size: 6,
        ..dense()
    };
    let file = file(NETWORKS[0]);
    let pass =
        NetworkPass::compile(&file, "n", &Task::Update(step(Solver::Exact)), &options).unwrap();
    let mut session: Session<'_, f64> = Session::new(&pass);
    pass.load(&mut session, &items(NETWORKS[0], 6, 7)).unwrap();
    let mut losses = Vec::new();
    for _ in 0..20 {
        session.run().unwrap();
        losses.push(session.loss());
    }
    assert!(
        losses.windows(2).all(|pair| pair[1] < pair[0]),
        "{losses:?}"
    );
}
