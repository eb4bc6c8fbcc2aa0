//! One instance of a rule: both sides written out and compared on random data.

use std::fmt::Write;

use egg::PatternAst;

use super::super::book::Rule;
use super::super::enode::{ENode, instantiate};
use super::candidate::{Assignment, build_all, conditions_hold};
use crate::expr::{Draw, EvaluateError, Graph, Id, Matrix, Sizes, evaluate, random_environment};

/// What one instance says of a rule.
pub(super) enum Verdict {
    /// Nothing: the conditions do not hold, or there is no data on which both sides have values.
    Skip,
    Holds,
    Fails(String),
}

/// The data on which an instance is tried: the sizes m and n, the seed and the signs. A named size may turn
/// out to be 1, and what a rule says must be true there too.
const DRAWS: [(usize, usize, u64, Draw); 8] = [
    (2, 3, 1, Draw::Normal),
    (2, 3, 2, Draw::Positive),
    (2, 3, 3, Draw::Normal),
    (2, 3, 4, Draw::Positive),
    (3, 1, 5, Draw::Normal),
    (3, 1, 6, Draw::Positive),
    (1, 2, 7, Draw::Normal),
    (1, 2, 8, Draw::Positive),
];
/// An instance counts when both sides have values on this many draws.
const NEEDED: usize = 2;
/// Samples in the data, so that a mean over them means something.
const SAMPLES: usize = 2;
const TOLERANCE: f64 = 1e-8;
/// Larger values make a check slow and no more certain.
const MAX_ENTRIES: usize = 10_000;

pub(super) fn judge(
    rule: &Rule,
    from: &PatternAst<ENode>,
    to: &PatternAst<ENode>,
    assignment: &Assignment,
) -> Verdict {
    let mut graph = Graph::default();
    let Ok(ids) = build_all(&mut graph, assignment) else {
        return Verdict::Skip;
    };
    let Ok(left) = instantiate(&mut graph, from, &ids) else {
        return Verdict::Skip;
    };
    let Some(shape) = graph[left].sort.shape() else {
        return Verdict::Skip;
    };
    if !conditions_hold(&rule.conditions, &graph, Some(left), &ids) {
        return Verdict::Skip;
    }
    let fails = |why: String| Verdict::Fails(format!("with {}: {why}", describe(assignment)));
    let right = match instantiate(&mut graph, to, &ids) {
        Ok(right) => right,
        Err(e) => return fails(format!("the result is ill shaped: {e}")),
    };
    match graph[right].sort.shape() {
        Some(other) if other == shape => {}
        Some(other) => return fails(format!("{shape:?} becomes {other:?}")),
        None => return fails("a value becomes a function".into()),
    }
    if is_large(&graph, &[left, right]) {
        return Verdict::Skip;
    }
    compare(&graph, left, right).unwrap_or_else(fails)
}

fn is_large(graph: &Graph, roots: &[Id]) -> bool {
    let sizes = sizes(2, 3);
    let mut shapes = graph
        .topological(roots)
        .into_iter()
        .filter_map(|id| graph[id].sort.shape());
    shapes.any(|s| {
        s.size()
            .evaluate(&sizes)
            .is_none_or(|entries| entries > MAX_ENTRIES)
    })
}

fn sizes(m: usize, n: usize) -> Sizes {
    Sizes::from([("m".into(), m), ("n".into(), n)])
}

fn compare(graph: &Graph, left: Id, right: Id) -> Result<Verdict, String> {
    let mut compared = 0;
    for (m, n, seed, draw) in DRAWS {
        let environment = random_environment(graph, &sizes(m, n), SAMPLES, seed, draw)
            .map_err(|e| e.to_string())?;
        let value = |id| match evaluate(graph, id, &environment) {
            Ok(value) if value.values().iter().all(|v| v.is_finite()) => Ok(Some(value)),
            Ok(_) | Err(EvaluateError::Singular) => Ok(None),
            Err(e) => Err(format!("no value: {e}")),
        };
        let data = format!("m = {m}, n = {n}, data seed {seed} ({draw:?})");
        match (value(left)?, value(right)?) {
            // A rule may give a value where its left side has none, as (A⁻¹)⁻¹ = A does.
            (None, _) => {}
            (Some(a), Some(b)) if a.distance(&b) <= TOLERANCE => compared += 1,
            (Some(a), Some(b)) => return Err(format!("{data}: {} ≠ {}", show(&a), show(&b))),
            (Some(a), None) => return Err(format!("{data}: {} becomes not finite", show(&a))),
        }
    }
    Ok(if compared >= NEEDED {
        Verdict::Holds
    } else {
        Verdict::Skip
    })
}

fn describe(assignment: &Assignment) -> String {
    let parts: Vec<String> = assignment
        .iter()
        .map(|(v, candidate)| format!("{v} {candidate}"))
        .collect();
    parts.join(", ")
}

/// `[1.5 0; 0 1.5]`, cut after a few entries.
fn show(matrix: &Matrix<f64>) -> String {
    const SHOWN: usize = 9;
    let mut text = String::from("[");
    for k in 0..matrix.values().len().min(SHOWN) {
        let (i, j) = (k / matrix.cols(), k % matrix.cols());
        if k > 0 {
            text.push_str(if j == 0 { "; " } else { " " });
        }
        let _ = write!(text, "{:.6}", matrix[(i, j)]);
    }
    if matrix.values().len() > SHOWN {
        text.push_str(" …");
    }
    text.push(']');
    text
}
