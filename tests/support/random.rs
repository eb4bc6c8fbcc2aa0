//! Random expressions.

use hbp::expr::{Graph, Id, Op, Shape};
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
        // Recent values are chosen more often, so that expressions grow deep.
        let pick = |k: &usize| pool[pool.len() - 1 - (k % pool.len()).min(k / 7 % pool.len())];
        let first = if *op == Op::Apply {
            build(g, "phi''")
        } else {
            pick(a)
        };
        let children: Vec<Id> = [first, pick(b)]
            .into_iter()
            .take(arity.unwrap_or(2))
            .collect();
        // `.*` of scalars and products with a scalar have a canonical form of their own.
        let shapes: Vec<_> = children.iter().filter_map(|c| g[*c].sort.shape()).collect();
        let scalar = shapes.iter().any(Shape::is_scalar);
        if scalar && matches!(op, Op::Multiply | Op::Hadamard | Op::Kronecker) {
            continue;
        }
        if *op == Op::Scale && !shapes[0].is_scalar() {
            continue;
        }
        if let Ok(id) = g.node(op.clone(), &children) {
            pool.push(id);
            last = id;
        }
    }
    last
}

/// Strategies for [`grow`].
pub fn choices() -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
    prop::collection::vec((0..1000usize, 0..1000usize, 0..1000usize), 1..60)
}
