//! Rows as transposes of columns. Why: `a' + b'` and `(a + b)'` must be one node where the same sum stands as a column
//! beside them.

use crate::expr::{Graph, Id, Op, ShapeError};

/// The columns whose transposes the rows are, when each is written as a transpose.
pub(super) fn columns(graph: &mut Graph, rows: &[Id]) -> Result<Option<Vec<Id>>, ShapeError> {
    let mut columns = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(column) = column(graph, *row)? else {
            return Ok(None);
        };
        columns.push(column);
    }
    Ok(Some(columns))
}

fn column(graph: &mut Graph, row: Id) -> Result<Option<Id>, ShapeError> {
    if !graph.shape(row).is_row() || graph.shape(row).is_scalar() {
        return Ok(None);
    }
    let node = graph[row].clone();
    let child = |k: usize| node.children[k];
    Ok(match node.op {
        Op::Transpose => Some(child(0)),
        Op::Ones | Op::Zeros => Some(graph.node(node.op.clone(), &[child(1), child(0)])?),
        Op::Scale => match column(graph, child(1))? {
            Some(inner) => Some(graph.node(Op::Scale, &[child(0), inner])?),
            None => None,
        },
        Op::Power => match column(graph, child(0))? {
            Some(inner) if graph.shape(child(1)).is_scalar() => {
                Some(graph.node(Op::Power, &[inner, child(1)])?)
            }
            _ => None,
        },
        _ => None,
    })
}
