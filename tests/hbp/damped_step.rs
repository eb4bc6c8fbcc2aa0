//! The damped step: every form of it against the dense system, expression by expression and kernel by kernel.

use hbp::backend::{Inputs, OutputBlock, execute};
use hbp::curvature::{Operator, Stop, conjugate_gradients};
use hbp::expr::{
    Dimension, Draw, Environment, Facts, Graph, Id, Matrix, Name, Rational, Role, Shape, Sizes,
    Variable, evaluate, print_sexpr, random_environment,
};
use hbp::hbp::{Solver, StepForm, step, steps};
use hbp::kernel::{MEMORY_LIMIT, compile};
use hbp::rewrite::Rewriter;
use nalgebra::{DMatrix, DVector};
use proptest::prelude::*;

use crate::support::expression;

/// α = 0.3, β = 0.7 and all that the cases below are made of.
pub(crate) fn graph() -> Graph {
    let mut graph = Graph::default();
    let plain = Facts::default();
    let positive = Facts {
        positive_definite: true,
        ..plain
    };
    let symmetric = Facts {
        symmetric: true,
        ..plain
    };
    let [m, n, samples] = ["m", "n", "B"].map(Dimension::named);
    let mut declare = |name: &str, rows: &Dimension, cols: &Dimension, facts| {
        let shape = Shape::matrix(rows.clone(), cols.clone());
        let role = Role::Parameter;
        graph.declare(name, Variable { shape, role, facts });
    };
    let one = Dimension::one();
    declare("alpha", &one, &one, positive);
    declare("beta", &one, &one, positive);
    declare("c", &one, &one, positive);
    declare("X", &n, &samples, plain);
    declare("D", &m, &samples, plain);
    declare("W", &n, &n, plain);
    declare("a", &n, &one, plain);
    declare("A", &n, &n, symmetric);
    declare("B", &m, &m, symmetric);
    declare("P", &m, &m, positive);
    declare("Q", &n, &n, positive);
    declare("G", &m, &n, plain);
    declare("g", &m, &one, plain);
    let entries = m.times(&n);
    declare("H", &entries, &entries, positive);
    declare("d", &m, &one, plain);
    declare("k", &n, &one, plain);
    declare("v", &entries, &one, plain);
    graph
}

/// Block, gradient, whether the block is positive semidefinite, and how many forms the exact step has.
const CASES: &[(&str, &str, bool, usize)] = &[
    ("(kron A B)", "G", false, 1),
    ("(kron Q P)", "G", true, 1),
    ("(scale c (kron Q P))", "(scale c G)", true, 1),
    ("(kron (scale c Q) P)", "(mul D (t X))", true, 1),
    // Eq. 7: rank one, whatever the gradient.
    ("(kron (mul a (t a)) P)", "G", true, 1),
    ("(kron (mul a (t a)) B)", "G", false, 1),
    (
        "(scale c (kron (mul a (t a)) P))",
        "(scale c (mul g (t a)))",
        true,
        1,
    ),
    (
        "(kron (mul (mul X d2) (t (mul X d2))) P)",
        "(mul D (t X))",
        true,
        1,
    ),
    // Eq. 6: one column a sample.
    ("(kron (mul X (t X)) B)", "(mul D (t X))", false, 2),
    (
        "(kron (scale (pow #B -1) (mul X (t X))) P)",
        "(scale (pow #B -1) (mul D (t X)))",
        true,
        2,
    ),
    (
        "(scale c (kron (mul (mul W X) (t (mul W X))) P))",
        "(mul (mul P D) (mul (t X) (t W)))",
        true,
        2,
    ),
    (
        "(kron (mul X (t X)) (mul D (t D)))",
        "(mul D (t X))",
        true,
        2,
    ),
    ("(kron (mul X (t X)) P)", "G", true, 1),
    // Diagonal factors, identities and nothing.
    ("(kron A (diag d))", "G", false, 1),
    ("(kron (diag k) B)", "G", false, 1),
    ("(kron (diag k) (diag d))", "G", false, 1),
    ("(kron (eye #n) P)", "G", true, 1),
    ("(kron Q (eye #m))", "G", true, 1),
    ("(kron (diag k) (eye #m))", "G", false, 1),
    ("(kron (eye #n) (diag d))", "G", false, 1),
    ("(kron (mul X (t X)) (eye #m))", "(mul D (t X))", true, 1),
    ("(kron (zeros #n #n) P)", "G", true, 1),
    ("(kron Q (zeros #m #m))", "G", true, 1),
    // Vectors, and blocks without factors.
    ("P", "g", true, 1),
    ("B", "g", false, 1),
    ("(scale c P)", "(scale c g)", true, 1),
    ("(diag d)", "g", false, 1),
    ("(eye #m)", "g", true, 1),
    ("(mul D (t D))", "g", true, 1),
    ("H", "G", true, 1),
    ("(kron Q P)", "v", true, 1),
    ("(add (kron Q P) (kron (mul a (t a)) P))", "G", true, 1),
];

pub(crate) fn read(graph: &mut Graph, text: &str) -> Id {
    expression(
        graph,
        &[],
        &text.replace("(mul X d2)", "(mul X (t (ones #1 #B)))"),
    )
}

fn environment(
    graph: &Graph,
    (m, n, samples): (usize, usize, usize),
    seed: u64,
) -> Environment<f64> {
    let sizes: Sizes = [("m", m), ("n", n), ("B", samples)]
        .map(|(name, size)| (Name::from(name), size))
        .into();
    let mut environment = random_environment(graph, &sizes, 1, seed, Draw::Normal).unwrap();
    environment.set("alpha", &Matrix::scalar(0.3));
    environment.set("beta", &Matrix::scalar(0.7));
    environment
}

fn inputs(environment: &Environment<f64>) -> Inputs<f64> {
    let convert = |m: &Matrix<f64>| DMatrix::from_column_slice(m.rows(), m.cols(), m.values());
    let values = environment.samples[0].iter();
    values.map(|(name, m)| (name.clone(), convert(m))).collect()
}

fn dense(m: &Matrix<f64>) -> DMatrix<f64> {
    DMatrix::from_column_slice(m.rows(), m.cols(), m.values())
}

pub(crate) fn forms(graph: &mut Graph, block: Id, gradient: Id, solver: &Solver) -> Vec<StepForm> {
    let damping = ["alpha", "beta"].map(|name| graph.variable(name).unwrap());
    let rewriter = Rewriter::embedded();
    let all = steps(graph, damping.into(), block, gradient, solver, rewriter).unwrap();
    let one = step(graph, damping.into(), block, gradient, solver, rewriter).unwrap();
    assert_eq!(all[0].step, one);
    all
}

/// Compares every form of a step with `expected`, by the evaluator and by its kernels.
fn compare(
    graph: &Graph,
    forms: &[StepForm],
    environment: &Environment<f64>,
    expected: &DVector<f64>,
    tolerance: f64,
) -> Result<(), TestCaseError> {
    let scale = 1.0 + expected.norm();
    for form in forms {
        let text = print_sexpr(graph, form.step);
        let value = evaluate(graph, form.step, environment).unwrap();
        let off = (DVector::from_column_slice(value.values()) - expected).norm();
        prop_assert!(off <= tolerance * scale, "{} is off by {:e}", text, off);
        let outputs = [("step".to_owned(), form.step)];
        let program = compile(graph, &outputs, &environment.sizes).unwrap();
        let run = execute::<f64>(&program, &inputs(environment))
            .map_err(|e| TestCaseError::fail(format!("{text}: {e}\n{program}")))?;
        let found = run.get("step").unwrap().to_dense(MEMORY_LIMIT).unwrap();
        let off = (DVector::from_column_slice(found.as_slice()) - expected).norm();
        prop_assert!(
            off <= tolerance * scale,
            "{} is off by {:e}\n{}",
            text,
            off,
            program
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, ..ProptestConfig::default() })]

    #[test]
    fn every_form_solves_the_dense_system(
        seed in any::<u64>(), m in 1usize..5, n in 1usize..6, samples in 1usize..5,
    ) {
        for (block, gradient, is_definite, count) in CASES {
            let mut graph = graph();
            let (block, gradient) = (read(&mut graph, block), read(&mut graph, gradient));
            let environment = environment(&graph, (m, n, samples), seed);
            let h = dense(&evaluate(&graph, block, &environment).unwrap());
            let g = evaluate(&graph, gradient, &environment).unwrap();
            let g = DVector::from_column_slice(g.values());
            let system = DMatrix::identity(g.len(), g.len()) * 0.3 + &h * 0.7;
            let exact = -system.clone().lu().solve(&g).unwrap();
            // Near singular systems say nothing.
            let inverse = system.try_inverse().map_or(f64::INFINITY, |inverse| inverse.norm());
            if inverse > 1e4 {
                continue;
            }
            let direct = forms(&mut graph, block, gradient, &Solver::Exact);
            prop_assert_eq!(direct.len(), *count, "{}", print_sexpr(&graph, block));
            compare(&graph, &direct, &environment, &exact, 1e-10 * inverse.max(1.0))?;
            if !is_definite {
                continue;
            }
            let converged = Solver::ConjugateGradients {
                tolerance: Rational::new(1.into(), 1_000_000_000_000u64.into()),
                iterations: 400,
            };
            let iterated = forms(&mut graph, block, gradient, &converged);
            let near = inverse.max(1.0);
            compare(&graph, &iterated[..1], &environment, &exact, 1e-10 * near)?;
            // The Gram matrix of more samples than inputs is singular: half of the digits are left of what it measures.
            compare(&graph, &iterated[1..], &environment, &exact, 1e-6 * near)?;
        }
    }

    #[test]
    fn iterates_are_those_of_the_whole_block(
        seed in any::<u64>(), m in 1usize..5, n in 1usize..6, samples in 1usize..5, iterations in 0usize..4,
    ) {
        for (block, gradient, is_definite, _) in CASES {
            let mut graph = graph();
            let (block, gradient) = (read(&mut graph, block), read(&mut graph, gradient));
            let environment = environment(&graph, (m, n, samples), seed);
            let h = OutputBlock::Dense(dense(&evaluate(&graph, block, &environment).unwrap()));
            let g = evaluate(&graph, gradient, &environment).unwrap();
            let g = DVector::from_column_slice(g.values());
            let operator = Operator::new(&h).unwrap();
            for (top, tolerance) in [(1, 0.1), (0, 0.0)] {
                let stop = Stop { tolerance, iterations };
                let expected = conjugate_gradients(&operator, 0.3, &g, stop).unwrap();
                // What is left after convergence is rounding, as is the sign of a curvature near zero.
                if expected.residual < 1e-6 * g.norm() || !is_definite {
                    continue;
                }
                let solver = Solver::ConjugateGradients {
                    tolerance: Rational::new(top.into(), 10.into()),
                    iterations,
                };
                let iterated = forms(&mut graph, block, gradient, &solver);
                compare(&graph, &iterated, &environment, &-expected.solution, 1e-9)?;
            }
        }
    }
}
