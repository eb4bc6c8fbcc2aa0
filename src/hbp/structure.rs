//! The form of a block, read off its expression.

use std::collections::BTreeSet;

use super::Structure;
use crate::calculus::index::{self, Form, IndexExpression};
use crate::expr::{Graph, Id, Names, Op, ShapeError, printed_size};

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

/// Longer blocks are not searched: their index form would be longer still.
const SEARCHED: u64 = 600;

/// At most this many Kronecker products are worth writing in place of a dense form.
const FEW: usize = 3;

/// A diagonal or Kronecker form of a block whose written form shows none, found in index notation.
pub(crate) fn detect(graph: &mut Graph, id: Id) -> Result<Option<Id>, ShapeError> {
    let searched = structure_of(graph, id) == Structure::Dense
        && !matches!(graph[id].op, Op::Variable(_))
        && printed_size(graph, id, &Names::default()) <= SEARCHED;
    if !searched {
        return Ok(None);
    }
    let Ok(form) = index::form_as_written(graph, id).and_then(|block| block.form()) else {
        return Ok(None);
    };
    let found = match form {
        Form::Zero => {
            let shape = graph.shape(id);
            Some(graph.zeros(&shape))
        }
        Form::Diagonal(entries) => match entries.to_graph(graph) {
            Some(entries) => Some(graph.node(Op::Diag, &[entries])?),
            None => None,
        },
        Form::Kronecker(products) if products.len() <= FEW => kronecker_sum(graph, &products)?,
        _ => None,
    };
    // The core writes functions in terms of exp. That is for proofs: numbers cancel and overflow there.
    Ok(found.filter(|found| functions(graph, *found) == functions(graph, id)))
}

/// The functions that an expression applies, derivatives of one counted as the function.
fn functions(graph: &Graph, id: Id) -> BTreeSet<String> {
    let below = graph.topological(&[id]).into_iter();
    below
        .filter_map(|id| match &graph[id].op {
            Op::Function(f) => Some(f.name.to_string()),
            Op::Softmax | Op::LogSumExp | Op::Norm2 => {
                graph[id].op.head().map(|(name, _)| name.to_owned())
            }
            _ => None,
        })
        .collect()
}

fn kronecker_sum(
    graph: &mut Graph,
    products: &[(IndexExpression, IndexExpression)],
) -> Result<Option<Id>, ShapeError> {
    let mut terms = Vec::with_capacity(products.len());
    for (left, right) in products {
        let (Some(left), Some(right)) = (left.to_graph(graph), right.to_graph(graph)) else {
            return Ok(None);
        };
        terms.push(graph.node(Op::Kronecker, &[left, right])?);
    }
    match terms.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(*only)),
        _ => graph.node(Op::Add, &terms).map(Some),
    }
}
