//! Execution against the reference evaluator: whatever the kernels do, the numbers are the expression's.

#[allow(dead_code, reason = "shared with the tests of the expression floor")]
#[path = "expr/universe.rs"]
mod universe;
#[path = "backend/random.rs"]
mod random;

use std::collections::BTreeMap;

use hbp::backend::{Element, ExecuteError, Executor, Inputs, OutputBlock, execute};
use hbp::expr::{Draw, Environment, Graph, Id, Matrix, Name, Sizes, evaluate, random_environment};
use hbp::kernel::{MEMORY_LIMIT, Program, compile};
use nalgebra::DMatrix;
use proptest::prelude::*;

use random::Pool;

fn sized(n: usize, m: usize, q: usize) -> Sizes {
    Sizes::from([("n".into(), n), ("m".into(), m), ("q".into(), q)])
}

fn inputs<T: Element>(environment: &Environment<f64>) -> Inputs<T> {
    let convert = |m: &Matrix<f64>| DMatrix::from_fn(m.rows(), m.cols(), |i, j| T::number(m[(i, j)]));
    environment.samples[0].iter().map(|(name, m)| (name.clone(), convert(m))).collect()
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
fn expected(graph: &Graph, ids: &[Id], environment: &Environment<f64>) -> Option<(Vec<Matrix<f64>>, f64)> {
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
    let values = ids.iter().map(|id| evaluate(graph, *id, environment).ok()).collect::<Option<Vec<_>>>()?;
    Some((values, top))
}

fn check(text: &str, sizes: &Sizes) -> Program {
    let mut graph = universe::graph();
    let id = universe::read(&mut graph, text).unwrap();
    let environment = random_environment(&graph, sizes, 1, 3, Draw::Normal).unwrap();
    let (values, top) = expected(&graph, &[id], &environment).unwrap_or_else(|| panic!("{text} has no finite value"));
    let program = compile(&graph, &[("z".into(), id)], sizes).unwrap_or_else(|e| panic!("{text}: {e}"));
    let outputs = execute::<f64>(&program, &inputs(&environment)).unwrap();
    let worst = difference(outputs.get("z").unwrap(), &values[0]);
    assert!(worst <= 1e-11 * top, "{text} is off by {worst:e}\n{program}");
    let outputs = execute::<f32>(&program, &inputs(&environment)).unwrap();
    let worst = difference(outputs.get("z").unwrap(), &values[0]);
    assert!(worst <= 2e-4 * top * top, "{text} in f32 is off by {worst:e}\n{program}");
    program
}

#[test]
fn every_operation_agrees_with_the_evaluator() {
    let texts = include_str!("backend/expressions.txt");
    for (n, m, q) in [(3, 4, 2), (1, 3, 2), (5, 2, 1), (2, 1, 6)] {
        for text in texts.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
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
    let outputs: Vec<(String, Id)> = ids.iter().enumerate().map(|(k, id)| (format!("z{k}"), *id)).collect();
    let program = compile(&graph, &outputs, sizes).map_err(|e| TestCaseError::fail(e.to_string()))?;
    let inputs64 = inputs::<f64>(&environment);
    let mut executor = Executor::new(&program);
    executor.run(&inputs64).map_err(|e| TestCaseError::fail(e.to_string()))?;
    let first = executor.outputs();
    for ((name, block), value) in first.0.iter().zip(&values) {
        let worst = difference(block, value);
        prop_assert!(worst <= 1e-10 * top, "{name} is off by {worst:e}, top {top:e}\n{program}");
    }
    // The second run finds the buffers of the first and must not be led astray by them.
    executor.run(&inputs64).unwrap();
    prop_assert_eq!(&first, &executor.outputs());
    if let Ok(single) = execute::<f32>(&program, &inputs(&environment)) {
        for ((name, block), value) in single.0.iter().zip(&values) {
            let worst = difference(block, value);
            prop_assert!(worst <= 1e-3 * top * top, "{name} in f32 is off by {worst:e}, top {top:e}\n{program}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, max_global_rejects: 10_000, ..ProptestConfig::default() })]
    #[test]
    fn random_expressions_agree_with_the_evaluator(
        seed in any::<u64>(), n in 1usize..=6, m in 1usize..=6, q in 1usize..=6, steps in 1usize..=14,
    ) {
        random_case(seed, &sized(n, m, q), steps)?;
    }
}
