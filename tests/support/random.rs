//! Random expressions.

use hbp::expr::{Graph, Id, Op};
use proptest::prelude::*;

use super::symbols::build;

/// A random expression: every choice applies an operation to values made before, when it fits.
pub fn grow(g: &mut Graph, choices: &[(usize, usize, usize)]) -> Id {
    let ops: Vec<(Op, Option<usize>)> = [
        "add", "add", "scale", "scale", "mul", "mul", "mul", "had", "had", "pow", "t", "diag",
        "diagvec", "vec", "kron", "inv", "det", "tr", "sum", "softmax", "apply", "sand", "norm2",
        "reshape",
    ]
    .iter()
    .map(|head| Op::from_head(head).unwrap())
    .collect();
    let mut pool: Vec<Id> = g
        .variables()
        .keys()
        .cloned()
        .collect::<Vec<_>>()
        .iter()
        .map(|n| g.variable(n).unwrap())
        .collect();
    for text in [
        "-1", "2", "1/2", "-1/3", "-2", "#n", "(eye #n)", "(eye #m)", "(diag x)",
    ] {
        pool.push(build(g, text));
    }
    let mut last = pool[0];
    for (op, a, b) in choices {
        let (op, arity) = &ops[op % ops.len()];
        // Every other operand is the latest value, so that expressions grow deep; the next that fits is taken.
        let first = if *op == Op::Apply {
            build(g, "phi''")
        } else if a % 2 == 0 {
            last
        } else {
            pool[a % pool.len()]
        };
        let node = (0..pool.len()).find_map(|j| {
            let second = pool[(b + j) % pool.len()];
            let pair = if b % 2 == 0 || *op == Op::Apply {
                [first, second]
            } else {
                [second, first]
            };
            let children = &pair[..arity.unwrap_or(2).min(2)];
            is_canonical(g, op, children)
                .then(|| g.node(op.clone(), children).ok())
                .flatten()
        });
        if let Some(id) = node {
            pool.push(id);
            last = id;
        }
    }
    last
}

/// Products with a scalar have a form of their own; `scale` takes a scalar.
fn is_canonical(g: &Graph, op: &Op, children: &[Id]) -> bool {
    let scalar = |id: &Id| g[*id].sort.shape().is_some_and(|shape| shape.is_scalar());
    match op {
        Op::Multiply | Op::Hadamard | Op::Kronecker => !children.iter().any(scalar),
        Op::Scale => scalar(&children[0]),
        _ => true,
    }
}

/// Strategies for [`grow`].
pub fn choices() -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
    prop::collection::vec((0..1000usize, 0..1000usize, 0..1000usize), 1..25)
}
