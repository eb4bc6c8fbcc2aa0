//! The form of a block, read off its expression.

use super::Structure;
use crate::expr::{Graph, Id, Op};

/// The structure that the written form of a block shows.
pub(crate) fn structure_of(graph: &Graph, id: Id) -> Structure {
    let node = &graph[id];
    match node.op {
        _ if graph.is_zero(id) => Structure::Zero,
        Op::Diag | Op::Eye => Structure::Diagonal,
        Op::Kronecker => Structure::Kronecker,
        Op::Scale if !graph.shape(id).is_scalar() => structure_of(graph, node.children[1]),
        Op::Add => {
            let parts: Vec<Structure> = node
                .children
                .iter()
                .map(|c| structure_of(graph, *c))
                .collect();
            let all = |s: &[Structure]| parts.iter().all(|p| s.contains(p));
            if all(&[Structure::Diagonal, Structure::Zero]) {
                Structure::Diagonal
            } else if all(&[
                Structure::Kronecker,
                Structure::KroneckerSum,
                Structure::Zero,
            ]) {
                Structure::KroneckerSum
            } else {
                Structure::Dense
            }
        }
        _ => Structure::Dense,
    }
}
