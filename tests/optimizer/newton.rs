//! Eq. 8 in every mode, against the dense system; damping that follows the model; Hessian-free steps.

use hbp::network::{Batch, Curvature, Message, RunOptions, Solver};
use hbp::optimizer::{Compiled, Damping, HessianFree, Method, Newton, Optimizer};
use nalgebra::{DMatrix, DVector};

use super::{GATED, NETWORK, OWN, SAMPLES, data, first, matrix, problem, reference, stepped};

const ALPHA: f64 = 0.3;
const RATE: f64 = 0.4;

/// θ + γΔ of every parameter, by the block's entries between rows of one group.
fn moved(text: &str, options: &RunOptions, parts: usize) -> Vec<(String, DMatrix<f64>)> {
    let start = first(&problem(text));
    let items = reference(text, &start, options);
    let own = start.0.iter().map(|parameter| {
        let (rows, cols) = (parameter.rows, parameter.cols);
        let gradient = matrix(&items, &format!("grad.{}", parameter.name));
        let mut block = matrix(&items, &format!("hess.{}", parameter.name));
        let groups = hbp::curvature::row_ranges(rows, parts.min(rows)).unwrap();
        let group = |place: usize| groups.iter().position(|g| g.contains(&(place % rows)));
        let size = rows * cols;
        for (i, j) in (0..size).flat_map(|i| (0..size).map(move |j| (i, j))) {
            if group(i) != group(j) {
                block[(i, j)] = 0.0;
            }
        }
        let system = DMatrix::identity(size, size) * ALPHA + block * (1.0 - ALPHA);
        let right = DVector::from_column_slice(gradient.as_slice());
        let step = system.lu().solve(&right).unwrap() * -RATE;
        let theta = DMatrix::from_column_slice(rows, cols, &parameter.values);
        let step = DMatrix::from_column_slice(rows, cols, step.as_slice());
        (parameter.name.to_string(), theta + step)
    });
    own.collect()
}

fn check(
    text: &str,
    (curvature, batch, message): (Curvature, Batch, Message),
    parts: usize,
    solver: &Solver,
) {
    let method = Method::Newton(Newton {
        curvature,
        batch,
        message,
        damping: Damping::Fixed(ALPHA),
        rate: RATE,
        solver: solver.clone(),
        parts: parts.to_string().parse().unwrap(),
        ..Newton::default()
    });
    let (_, found) = stepped(text, &method, 1);
    let options = RunOptions {
        curvature,
        batch,
        message,
        batch_size: SAMPLES,
        ..RunOptions::default()
    };
    for (name, expected) in moved(text, &options, parts) {
        let found = found.get(&name).unwrap();
        let error = expected.iter().zip(found).map(|(a, b)| (a - b).abs());
        let error = error.fold(0.0, f64::max);
        assert!(
            error < 1e-8,
            "{curvature:?} {batch:?} {message:?} {parts} {solver:?} {name}: off by {error:e}"
        );
    }
}

/// Conjugate gradients to working precision.
fn precise() -> Solver {
    Solver::ConjugateGradients {
        tolerance: hbp::expr::Rational::from_integer(0.into()),
        iterations: 200,
    }
}

#[test]
fn steps_solve_the_damped_system_in_every_mode() {
    let precise = precise();
    for batch in [Batch::Exact, Batch::AverageHessian, Batch::AverageJacobian] {
        for curvature in [
            Curvature::GaussNewton,
            Curvature::PositiveAbs,
            Curvature::PositiveClip,
            Curvature::Fisher,
        ] {
            for parts in [1, 2, 3] {
                check(
                    NETWORK,
                    (curvature, batch, Message::Hessian),
                    parts,
                    &Solver::Exact,
                );
            }
            check(NETWORK, (curvature, batch, Message::Hessian), 2, &precise);
        }
    }
    let kflr = (Curvature::GaussNewton, Batch::AverageHessian, Message::Root);
    let roots = (Curvature::GaussNewton, Batch::Exact, Message::Root);
    for modes in [kflr, roots] {
        for parts in [1, 2] {
            check(NETWORK, modes, parts, &Solver::Exact);
        }
    }
}

/// Blocks that are never formed.
#[test]
fn steps_of_composite_modules_solve_the_damped_system() {
    let precise = precise();
    for batch in [Batch::Exact, Batch::AverageHessian, Batch::AverageJacobian] {
        for curvature in [Curvature::GaussNewton, Curvature::PositiveAbs] {
            let modes = (curvature, batch, Message::Hessian);
            for text in [OWN, GATED] {
                check(text, modes, 1, &Solver::Exact);
                check(text, modes, 2, &precise);
            }
        }
        let hessian = (Curvature::Hessian, batch, Message::Hessian);
        check(GATED, hessian, 1, &Solver::Exact);
    }
    for batch in [Batch::AverageHessian, Batch::Exact] {
        let roots = (Curvature::GaussNewton, batch, Message::Root);
        for parts in [1, 2] {
            check(GATED, roots, parts, &Solver::Exact);
        }
    }
}

#[test]
fn hessian_free_steps_solve_with_the_exact_curvature_of_the_batch() {
    let method = Method::HessianFree(HessianFree {
        damping: Damping::Fixed(ALPHA),
        rate: RATE,
        tolerance: 0.0,
        iterations: 60,
        ..HessianFree::default()
    });
    for text in [NETWORK, OWN, GATED] {
        let (_, found) = stepped(text, &method, 1);
        let options = RunOptions {
            curvature: Curvature::GaussNewton,
            batch_size: SAMPLES,
            ..RunOptions::default()
        };
        for (name, expected) in moved(text, &options, 1) {
            let pairs = expected.iter().zip(found.get(&name).unwrap());
            let error = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(error < 1e-9, "{name}: off by {error:e}");
        }
    }
}

#[test]
fn damping_follows_the_quadratic_model() {
    let of = |rate: f64, initial: f64| {
        Method::Newton(Newton {
            curvature: Curvature::GaussNewton,
            rate,
            damping: Damping::LevenbergMarquardt { initial },
            ..Newton::default()
        })
    };
    // Short steps change the loss as foretold, and damping falls; long ones do not, and it rises, or they are taken back.
    for (rate, initial, falls) in [(0.01, 0.5, true), (1e5, 1e-3, false)] {
        let method = of(rate, initial);
        let problem = problem(NETWORK);
        let compiled = Compiled::new(&problem, &method, SAMPLES).unwrap();
        let mut optimizer = Optimizer::new(&method, [&compiled], first(&problem), 0);
        let (x, y) = data();
        let batch = hbp::optimizer::Batch {
            x: &x,
            y: &y,
            samples: SAMPLES,
        };
        optimizer.step(batch, 1).unwrap();
        let alpha = optimizer.position().0.unwrap();
        assert_eq!(alpha < initial, falls, "{rate}: {alpha}");
        assert!(optimizer.parameters().is_finite());
    }
}

/// One matrix a row, of as many rows as a sample has entries or there are samples.
#[test]
fn eigenvalues_that_take_long_are_foretold() {
    let wide = GATED.replace("linear[3](x)\n h = glu[4]", "linear[300](x)\n h = glu[301]");
    let found = |text: &str, curvature: Curvature, samples: usize| {
        let method = Method::Newton(Newton {
            curvature,
            batch: Batch::AverageJacobian,
            ..Newton::default()
        });
        let compiled = Compiled::new(&problem(text), &method, samples).unwrap();
        let own = compiled.slow_eigenvalues();
        own.map(|own| (own.matrices, own.size))
    };
    let positive = Curvature::PositiveAbs;
    assert_eq!(found(&wide, positive, 400), Some((301, 300)));
    assert_eq!(found(&wide, positive, 260), Some((301, 260)));
    assert_eq!(found(&wide, positive, 20), None);
    assert_eq!(found(&wide, Curvature::GaussNewton, 400), None);
    assert_eq!(found(GATED, positive, 400), None);
}

#[test]
fn numbers_that_cannot_be_meant_are_refused_by_name() {
    let problem = problem(NETWORK);
    for (method, part) in [
        (
            Method::Newton(Newton {
                damping: Damping::Fixed(0.0),
                ..Newton::default()
            }),
            "damping",
        ),
        (
            Method::Newton(Newton {
                rate: f64::NAN,
                ..Newton::default()
            }),
            "learning rate",
        ),
    ] {
        let error = Compiled::new(&problem, &method, SAMPLES).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
    for text in ["", "0", "4,x:2", "2:4", "1,5:2,5:3", "-1"] {
        assert!(text.parse::<hbp::optimizer::Parts>().is_err(), "{text}");
    }
    let parts: hbp::optimizer::Parts = "1,10:4,50:16".parse().unwrap();
    assert_eq!(
        [1, 9, 10, 49, 50].map(|epoch| parts.at(epoch)),
        [1, 1, 4, 4, 16]
    );
    assert_eq!(parts.to_string(), "1,10:4,50:16");
}
