//! Execution against the reference evaluator: whatever the kernels do, the numbers are the expression's.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

#[path = "backend/algebra.rs"]
mod algebra;
#[path = "backend/derivatives.rs"]
mod derivatives;
#[path = "backend/edges.rs"]
mod edges;
#[path = "backend/functions.rs"]
mod functions;
#[path = "backend/loops.rs"]
mod loops;
#[path = "backend/matrices.rs"]
mod matrices;
#[path = "backend/random.rs"]
mod random;
#[path = "backend/reductions.rs"]
mod reductions;
#[path = "backend/stein.rs"]
mod stein;
#[path = "backend/unformed.rs"]
mod unformed;
#[allow(dead_code, reason = "shared with the tests of the expression floor")]
#[path = "expr/universe.rs"]
mod universe;

use hbp::backend::{Element, ExecuteError, Executor, Inputs, OutputBlock, execute};
use hbp::expr::{Draw, Environment, Graph, Id, Matrix, Sizes, evaluate, random_environment};
use hbp::kernel::{MEMORY_LIMIT, Program, compile};
use nalgebra::DMatrix;
use proptest::prelude::*;

use random::Pool;

fn sized(n: usize, m: usize, q: usize) -> Sizes {
    Sizes::from([("n".into(), n), ("m".into(), m), ("q".into(), q)])
}

fn inputs<T: Element>(environment: &Environment<f64>) -> Inputs<T> {
    let convert =
        |m: &Matrix<f64>| DMatrix::from_fn(m.rows(), m.cols(), |i, j| T::number(m[(i, j)]));
    environment.samples[0]
        .iter()
        .map(|(name, m)| (name.clone(), convert(m)))
        .collect()
}

/// The largest difference of an output to the expected value.
fn difference<T: Element>(found: &OutputBlock<T>, expected: &Matrix<f64>) -> f64 {
    assert_eq!(found.shape(), (expected.rows(), expected.cols()));
    let found = found.to_dense(MEMORY_LIMIT).unwrap();
    let pairs = found.iter().zip(expected.values());
    pairs.fold(0.0, |worst: f64, (a, b)| {
        let d = (a.double() - b).abs();
        // NaN must not be swallowed.
        if d > worst || d.is_nan() { d } else { worst }
    })
}

/// Expected values, and the largest number met on the way to them; nothing when there is no finite value.
fn expected(
    graph: &Graph,
    ids: &[Id],
    environment: &Environment<f64>,
) -> Option<(Vec<Matrix<f64>>, f64)> {
    let mut top = 1.0f64;
    for id in graph.topological(ids) {
        if let hbp::expr::Sort::Value(_) = graph[id].sort {
            let value = evaluate(graph, id, environment).ok()?;
            for x in value.values() {
                if !x.is_finite() {
                    return None;
                }
                top = top.max(x.abs());
            }
        }
    }
    let values = ids
        .iter()
        .map(|id| evaluate(graph, *id, environment).ok())
        .collect::<Option<Vec<_>>>()?;
    Some((values, top))
}

fn check(text: &str, sizes: &Sizes) -> Program {
    let mut graph = universe::graph();
    let id = universe::read(&mut graph, text).unwrap();
    let environment = random_environment(&graph, sizes, 1, 3, Draw::Normal).unwrap();
    let (values, top) = expected(&graph, &[id], &environment)
        .unwrap_or_else(|| panic!("{text} has no finite value"));
    let program =
        compile(&graph, &[("z".into(), id)], sizes).unwrap_or_else(|e| panic!("{text}: {e}"));
    let outputs = execute::<f64>(&program, &inputs(&environment)).unwrap();
    let worst = difference(outputs.get("z").unwrap(), &values[0]);
    assert!(
        worst <= 1e-11 * top,
        "{text} is off by {worst:e}\n{program}"
    );
    let outputs = execute::<f32>(&program, &inputs(&environment)).unwrap();
    let worst = difference(outputs.get("z").unwrap(), &values[0]);
    assert!(
        worst <= 2e-4 * top * top,
        "{text} in f32 is off by {worst:e}\n{program}"
    );
    program
}

#[test]
fn every_operation_agrees_with_the_evaluator() {
    let texts = include_str!("backend/expressions.txt");
    for (n, m, q) in [(3, 4, 2), (1, 3, 2), (5, 2, 1), (2, 1, 6), (7, 8, 6)] {
        for text in texts
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            check(text, &sized(n, m, q));
        }
    }
}

fn random_case(seed: u64, sizes: &Sizes, steps: usize) -> Result<(), TestCaseError> {
    let mut graph = universe::graph();
    let mut pool = Pool::new(&mut graph, sizes, seed);
    for _ in 0..steps {
        pool.grow();
    }
    let nodes = pool.nodes;
    let ids: Vec<Id> = nodes[nodes.len().saturating_sub(4)..].to_vec();
    let environment = random_environment(&graph, sizes, 1, seed, Draw::Normal).unwrap();
    let Some((values, top)) = expected(&graph, &ids, &environment) else {
        return Err(TestCaseError::reject("no finite value"));
    };
    prop_assume!(top <= 1e5);
    let outputs: Vec<(String, Id)> = ids
        .iter()
        .enumerate()
        .map(|(k, id)| (format!("z{k}"), *id))
        .collect();
    let program =
        compile(&graph, &outputs, sizes).map_err(|e| TestCaseError::fail(e.to_string()))?;
    let inputs64 = inputs::<f64>(&environment);
    let mut executor = Executor::new(&program);
    executor
        .run(&inputs64)
        .map_err(|e| TestCaseError::fail(e.to_string()))?;
    let first = executor.outputs();
    for ((name, block), value) in first.0.iter().zip(&values) {
        let worst = difference(block, value);
        prop_assert!(
            worst <= 1e-10 * top,
            "{name} is off by {worst:e}, top {top:e}\n{program}"
        );
    }
    // The second run finds the buffers of the first and must not be led astray by them.
    executor.run(&inputs64).unwrap();
    prop_assert_eq!(&first, &executor.outputs());
    if let Ok(single) = execute::<f32>(&program, &inputs(&environment)) {
        for ((name, block), value) in single.0.iter().zip(&values) {
            let worst = difference(block, value);
            prop_assert!(
                worst <= 1e-3 * top * top,
                "{name} in f32 is off by {worst:e}, top {top:e}\n{program}"
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, max_global_rejects: 10_000, ..ProptestConfig::default() })]
    #[test]
    fn random_expressions_agree_with_the_evaluator(
        seed in any::<u64>(), n in 1usize..=6, m in 1usize..=6, q in 1usize..=6, steps in 1usize..=24,
    ) {
        random_case(seed, &sized(n, m, q), steps)?;
    }
}

#[test]
fn products_agree_above_and_below_the_sizes_where_the_library_changes_its_ways() {
    // Symmetric products run in panels of 64 columns.
    for (n, m, q) in [(63, 6, 5), (64, 70, 6), (65, 5, 130), (130, 7, 64)] {
        for text in [
            "(mul (t A) A)",
            "(sand (t M) S)",
            "(mul (t Y) A)",
            "(mul M Y)",
            "(mul (t Y) (t G))",
            "(mul Y G)",
        ] {
            check(text, &sized(n, m, q));
        }
    }
}

#[test]
fn nan_and_infinity_come_out_as_they_must() {
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    // (text, x, expected)
    let cases: &[(&str, [f64; 3], &[f64])] = &[
        ("(apply relu x)", [nan, -1.0, inf], &[nan, 0.0, inf]),
        (
            "(apply leaky_relu x)",
            [nan, -100.0, -inf],
            &[nan, -1.0, -inf],
        ),
        ("(apply elu x)", [nan, -inf, 2.0], &[nan, -1.0, 2.0]),
        ("(apply step x)", [nan, 0.0, inf], &[nan, 0.0, 1.0]),
        ("(apply sign x)", [nan, 0.0, -inf], &[nan, 0.0, -1.0]),
        ("(apply abs x)", [nan, -2.0, -inf], &[nan, 2.0, inf]),
        ("(apply sigmoid x)", [-1e4, 1e4, nan], &[0.0, 1.0, nan]),
        ("(apply softplus x)", [-1e4, 1e4, nan], &[0.0, 1e4, nan]),
        ("(apply tanh x)", [-inf, 1e4, nan], &[-1.0, 1.0, nan]),
        ("(softmax x)", [1e4, 1e4, -1e4], &[0.5, 0.5, 0.0]),
        ("(softmax x)", [1.0, nan, 1.0], &[nan, nan, nan]),
        ("(logsumexp x)", [1e4, -1e4, -inf], &[1e4]),
        ("(logsumexp x)", [-inf, -inf, -inf], &[-inf]),
        ("(logsumexp x)", [inf, 0.0, 0.0], &[inf]),
        ("(logsumexp x)", [inf, nan, 0.0], &[nan]),
        ("(norm2 x)", [3e200, 4e200, 0.0], &[5e200]),
        ("(norm2 x)", [3e-200, 4e-200, 0.0], &[5e-200]),
        ("(norm2 x)", [nan, 1.0, inf], &[nan]),
        ("(sum x)", [inf, -inf, 0.0], &[nan]),
        ("(pow x -1)", [0.0, inf, nan], &[inf, 0.0, nan]),
        ("(pow x 1/2)", [4.0, -1.0, nan], &[2.0, nan, nan]),
        ("(apply log x)", [0.0, -1.0, inf], &[-inf, nan, inf]),
        (
            "(diagvec (eigclip (diag x)))",
            [nan, -1.0, 2.0],
            &[nan, 0.0, 2.0],
        ),
    ];
    for (text, x, expected) in cases {
        let mut graph = universe::graph();
        let id = universe::read(&mut graph, text).unwrap();
        let program = compile(&graph, &[("z".into(), id)], &sized(3, 4, 2)).unwrap();
        let inputs = Inputs::from([("x".into(), DMatrix::from_column_slice(3, 1, x))]);
        let outputs = execute::<f64>(&program, &inputs).unwrap();
        let found = outputs.get("z").unwrap().to_dense(MEMORY_LIMIT).unwrap();
        assert_eq!(found.len(), expected.len(), "{text}");
        for (a, b) in found.iter().zip(*expected) {
            let close = a.total_cmp(b).is_eq()
                || a.is_nan() && b.is_nan()
                || (a - b).abs() <= 1e-12 * b.abs();
            assert!(close, "{text} of {x:?} is {found}, not {expected:?}");
        }
    }
}

#[test]
fn spectra_and_inverses_of_bad_matrices_are_reported() {
    let mut graph = universe::graph();
    let solve = universe::read(&mut graph, "(mul (inv A) x)").unwrap();
    let spectrum = universe::read(&mut graph, "(eigabs A)").unwrap();
    let sizes = sized(3, 4, 2);
    let singular = DMatrix::from_element(3, 3, 1.0);
    let inputs = Inputs::from([
        ("A".into(), singular),
        ("x".into(), DMatrix::from_element(3, 1, 1.0)),
    ]);
    let program = compile(&graph, &[("z".into(), solve)], &sizes).unwrap();
    let error = execute::<f64>(&program, &inputs).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the 3 × 3 matrix inverted for `mul` is singular"
    );
    // Not a number in, not a number out, and no endless iteration.
    let inputs = Inputs::from([("A".into(), DMatrix::from_element(3, 3, f64::NAN))]);
    let program = compile(&graph, &[("z".into(), spectrum)], &sizes).unwrap();
    let outputs = execute::<f64>(&program, &inputs).unwrap();
    assert!(
        outputs
            .get("z")
            .unwrap()
            .to_dense(MEMORY_LIMIT)
            .unwrap()
            .iter()
            .all(|x| x.is_nan())
    );
}

/// nalgebra finds NaN eigenvectors of this matrix of rank one in single precision.
#[test]
fn matrices_of_rank_one_have_spectra() {
    let mut graph = universe::graph();
    let spectrum = universe::read(&mut graph, "(eigabs A)").unwrap();
    let program = compile(&graph, &[("z".into(), spectrum)], &sized(11, 4, 2)).unwrap();
    let v = [0.5, -0.5, 2.0, 0.0, -0.5, 1.0, -1.0, 0.0, -2.0, 0.0, -0.5];
    let v = DMatrix::<f32>::from_column_slice(11, 1, &v);
    let a = &v * v.transpose();
    let inputs = Inputs::from([("A".into(), -&a)]);
    let outputs = execute::<f32>(&program, &inputs).unwrap();
    let found = outputs.get("z").unwrap().to_dense(MEMORY_LIMIT).unwrap();
    assert!((&found - a).norm() < 1e-4, "{found}");
}

#[test]
fn inputs_are_checked_and_large_outputs_stay_structured() {
    let mut graph = universe::graph();
    let id = universe::read(&mut graph, "(kron (mul x (t x)) S)").unwrap();
    let program = compile(&graph, &[("z".into(), id)], &sized(400, 4, 2)).unwrap();
    let missing = execute::<f64>(&program, &Inputs::new()).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "there is no array for `S`, which is 400 × 400"
    );
    let s = DMatrix::<f64>::identity(400, 400);
    let mut inputs = Inputs::from([
        ("S".into(), s),
        ("x".into(), DMatrix::from_element(1, 400, 1.0)),
    ]);
    let shape = execute::<f64>(&program, &inputs).unwrap_err();
    assert_eq!(
        shape.to_string(),
        "the array for `x` is 1 × 400, but the program was compiled for 400 × 1"
    );
    inputs.insert("x".into(), DMatrix::from_element(400, 1, 1.0));
    let outputs = execute::<f64>(&program, &inputs).unwrap();
    let block = outputs.get("z").unwrap();
    assert_eq!(block.shape(), (160_000, 160_000));
    assert!(matches!(
        block.to_dense(MEMORY_LIMIT),
        Err(ExecuteError::TooLarge { .. })
    ));
}
