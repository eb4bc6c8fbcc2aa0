//! Expressions into e-graphs. Why not node by node: sums are nested, and a rule on two operands finds only those that stand side by side.

use std::collections::HashMap;

use super::analysis::Egraph;
use super::enode::{ENode, hadamard_factors, nest};
use super::phase::Phase;
use crate::expr::{Graph, Id, Op};

/// Adds an expression to an e-graph. Where shorter forms are looked for, sums and Hadamard products are nested once for
/// every pair of their operands, so that a rule on two of them finds them side by side; derivatives need no pairs.
pub(super) fn insert(
    egraph: &mut Egraph,
    graph: &Graph,
    root: Id,
    phase: Phase,
    classes: &mut HashMap<Id, egg::Id>,
) {
    let most = match phase {
        Phase::Differentiate => 0,
        _ => MAX_PAIRED,
    };
    for id in graph.topological(&[root]) {
        if classes.contains_key(&id) {
            continue;
        }
        let node = &graph[id];
        let children: Vec<egg::Id> = node.children.iter().map(|c| classes[c]).collect();
        let class = if node.op == Op::Add {
            insert_pairs(egraph, &node.op, &children, most)
        } else if node.op == Op::Hadamard {
            let factors: Vec<egg::Id> = hadamard_factors(graph, id)
                .iter()
                .map(|factor| classes[factor])
                .collect();
            insert_pairs(egraph, &node.op, &factors, most)
        } else {
            egraph.add(ENode::new(node.op.clone(), &children))
        };
        classes.insert(id, class);
    }
}

/// At most this many operands are paired, for n of them take about n³/2 e-nodes; longer sums and products keep their
/// order.
const MAX_PAIRED: usize = 12;

fn insert_pairs(egraph: &mut Egraph, op: &Op, children: &[egg::Id], most: usize) -> egg::Id {
    let class = nest(&mut |node| egraph.add(node), op, children);
    if children.len() > 2 && children.len() <= most {
        for i in 0..children.len() {
            for j in i + 1..children.len() {
                let mut order = vec![children[i], children[j]];
                order.extend(
                    children
                        .iter()
                        .enumerate()
                        .filter(|(k, _)| *k != i && *k != j)
                        .map(|(_, c)| *c),
                );
                let other = nest(&mut |node| egraph.add(node), op, &order);
                egraph.union_trusted(class, other, "sums commute");
            }
        }
    }
    class
}
