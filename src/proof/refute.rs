//! Refutation by numbers: several sizes of at least 2 that are not all equal, random data true to the declared
//! facts, and random smooth functions for abstract ones.

use std::collections::BTreeSet;

use crate::expr::{
    Draw, Environment, Graph, Id, Matrix, Name, Noisy, Op, Scalar, Sizes, evaluate,
    is_output_hessian, random_environment,
};

/// Numbers for which two expressions differ.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// The sizes of the dimensions.
    pub sizes: Sizes,
    /// The seed of the data.
    pub seed: u64,
    /// Row and column of the entry that differs most.
    pub entry: (usize, usize),
    /// The left side there.
    pub left: f64,
    /// The right side there.
    pub right: f64,
    /// The values of the variables that occur, by name.
    pub values: Vec<(Name, Matrix<f64>)>,
}

/// What the numbers say.
pub(crate) struct Numbers {
    pub(crate) counterexample: Option<Counterexample>,
    /// At how many points both sides have a finite value.
    pub(crate) points: usize,
}

/// Relative to the largest entry: smaller differences are rounding without a closer look.
const TOLERANCE: f64 = 1e-11;
/// By how much, relatively, a difference may change when every operation is a little wrong.
const STABLE: f64 = 0.1;
/// Points that take more operations are passed over.
const WORK: usize = 20_000_000;
const TRIES: u64 = 8;
const SAMPLES: usize = 3;

/// Evaluates both sides at random points.
pub(crate) fn refute(graph: &Graph, left: Id, right: Id, seed: u64) -> Numbers {
    let names = dimension_names(graph);
    let mut points = 0;
    for attempt in 0..TRIES {
        let sizes = sizes(&names, attempt);
        let draw = if attempt % 2 == 0 {
            Draw::Normal
        } else {
            Draw::Positive
        };
        if work(graph, &[left, right], &sizes) > WORK {
            continue;
        }
        let at = seed.wrapping_mul(1000).wrapping_add(attempt);
        let Ok(environment) = random_environment(graph, &sizes, SAMPLES, at, draw) else {
            continue;
        };
        let environment = symmetric_upstream(graph, environment);
        let values = (
            evaluate(graph, left, &environment),
            evaluate(graph, right, &environment),
        );
        let (Ok(a), Ok(b)) = values else { continue };
        let finite = |m: &Matrix<f64>| m.values().iter().all(|v| v.is_finite());
        if !finite(&a) || !finite(&b) || a.shape() != b.shape() {
            continue;
        }
        points += 1;
        if let Some((entry, left_value, right_value)) = worst(&a, &b) {
            let difference = left_value - right_value;
            let noisy = [
                noisy_difference::<1>(graph, (left, right), &environment, entry),
                noisy_difference::<2>(graph, (left, right), &environment, entry),
                noisy_difference::<3>(graph, (left, right), &environment, entry),
            ];
            let is_stable = noisy
                .iter()
                .all(|d| d.is_some_and(|d| (d - difference).abs() <= STABLE * difference.abs()));
            // Where rounding decides, a difference refutes nothing.
            if !is_stable {
                points -= 1;
                continue;
            }
            let mut used: Vec<Name> = graph.free_variables(left);
            used.extend(graph.free_variables(right));
            let used: BTreeSet<Name> = used.into_iter().collect();
            let values = used
                .into_iter()
                .filter_map(|name| Some((name.clone(), environment.get(&name)?.clone())))
                .collect();
            let counterexample = Counterexample {
                sizes,
                seed,
                entry,
                left: left_value,
                right: right_value,
                values,
            };
            return Numbers {
                counterexample: Some(counterexample),
                points,
            };
        }
    }
    Numbers {
        counterexample: None,
        points,
    }
}

/// About how many operations an evaluation takes at the sizes.
fn work(graph: &Graph, roots: &[Id], sizes: &Sizes) -> usize {
    let entries = |id: Id| -> Option<(usize, usize)> {
        let shape = graph[id].sort.shape()?;
        Some((shape.rows.evaluate(sizes)?, shape.cols.evaluate(sizes)?))
    };
    let of = |id: Id| -> usize {
        let node = &graph[id];
        let Some((rows, cols)) = entries(id) else {
            return usize::from(node.sort.shape().is_some()) * usize::MAX;
        };
        let inner = match node.op {
            Op::Multiply => entries(node.children[0]).map_or(1, |(_, inner)| inner),
            Op::Congruence | Op::Inverse | Op::EigAbs | Op::EigClip => {
                entries(node.children[0]).map_or(1, |(rows, _)| rows)
            }
            Op::Determinant | Op::LogDeterminant => entries(node.children[0])
                .map_or(1, |(rows, _)| {
                    rows.saturating_mul(rows).saturating_mul(rows)
                }),
            _ => 1,
        };
        rows.saturating_mul(cols).saturating_mul(inner)
    };
    let nodes = graph.topological(roots).into_iter();
    nodes.fold(0, |sum: usize, id| sum.saturating_add(of(id)))
}

fn dimension_names(graph: &Graph) -> Vec<Name> {
    let shapes = graph.variables().values().map(|v| &v.shape);
    let names: BTreeSet<Name> = shapes
        .flat_map(|s| s.rows.names().into_iter().chain(s.cols.names()))
        .collect();
    names.into_iter().collect()
}

/// Sizes from 2 on, not all equal, different in every attempt.
pub(crate) fn sizes(names: &[Name], attempt: u64) -> Sizes {
    let attempt = usize::try_from(attempt).unwrap_or(0);
    names
        .iter()
        .enumerate()
        .map(|(i, name)| (name.clone(), 2 + (i + attempt + attempt / 3 * i) % 3))
        .collect()
}

/// `hess(z)` is symmetric.
pub(crate) fn symmetric_upstream(
    graph: &Graph,
    mut environment: Environment<f64>,
) -> Environment<f64> {
    for name in graph
        .variables()
        .keys()
        .filter(|name| is_output_hessian(name))
    {
        for sample in &mut environment.samples {
            let Some(h) = sample.get(name) else { continue };
            if let Ok(sum) = h.plus(&h.transpose()) {
                sample.insert(name.clone(), sum.scaled(0.5));
            }
        }
    }
    environment
}

/// The difference at an entry in numbers whose every operation is a little wrong.
fn noisy_difference<const SEED: u64>(
    graph: &Graph,
    (left, right): (Id, Id),
    environment: &Environment<f64>,
    entry: (usize, usize),
) -> Option<f64> {
    let environment = environment.convert(|v| Some(Noisy::<SEED>::from_f64(*v)))?;
    let value = |id| Some(evaluate(graph, id, &environment).ok()?[entry].value());
    Some(value(left)? - value(right)?)
}

/// The entry that differs most, if it differs by more than rounding explains.
fn worst(a: &Matrix<f64>, b: &Matrix<f64>) -> Option<((usize, usize), f64, f64)> {
    let scale = a
        .values()
        .iter()
        .chain(b.values())
        .fold(1e-3, |m: f64, v| m.max(v.abs()));
    let mut found = None;
    let mut largest = TOLERANCE * scale;
    for (k, (x, y)) in a.values().iter().zip(b.values()).enumerate() {
        if (x - y).abs() > largest {
            largest = (x - y).abs();
            found = Some(((k % a.rows(), k / a.rows()), *x, *y));
        }
    }
    found
}
