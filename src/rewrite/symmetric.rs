//! Symmetric sums written so that a reader sees it: `u*v' + v*u'`, not `(u - v)*v' + …`. Why last: factoring makes a
//! sum shorter by taking its terms apart unevenly, and no cost of single terms can know of the others.

use crate::expr::{Graph, Id, Op, ShapeError};

use super::normalise::normalise;

/// More terms than this are not written out.
const MAX_TERMS: usize = 24;

/// The same value with the terms of symmetric sums in pairs, where writing products out shows that. `atoms` are not
/// written out: a reader knows them by name.
pub(crate) fn pair_transposes(graph: &mut Graph, root: Id, atoms: &[Id]) -> Result<Id, ShapeError> {
    let node = graph[root].clone();
    let child = |k: usize| node.children[k];
    let new = match node.op {
        Op::Scale => {
            let inner = pair_transposes(graph, child(1), atoms)?;
            graph.node(Op::Scale, &[child(0), inner])?
        }
        Op::Kronecker => {
            let factors = [
                pair_transposes(graph, child(0), atoms)?,
                pair_transposes(graph, child(1), atoms)?,
            ];
            graph.node(Op::Kronecker, &factors)?
        }
        Op::Congruence => {
            let inner = pair_transposes(graph, child(1), atoms)?;
            graph.node(Op::Congruence, &[child(0), inner])?
        }
        Op::Add => paired_sum(graph, &node.children, atoms)?,
        _ => return Ok(root),
    };
    Ok(if new == root {
        root
    } else {
        normalise(graph, new)?
    })
}

fn paired_sum(graph: &mut Graph, terms: &[Id], atoms: &[Id]) -> Result<Id, ShapeError> {
    let mut kept = Vec::new();
    let mut uneven = Vec::new();
    for term in terms {
        let term = pair_transposes(graph, *term, atoms)?;
        let pairs = if is_symmetric(graph, term)? {
            &mut kept
        } else {
            &mut uneven
        };
        pairs.push(term);
    }
    let (pairs, rest) = pair(graph, &uneven)?;
    kept.extend(pairs);
    if rest.is_empty() {
        return sum(graph, &kept);
    }
    let mut written_out = Vec::new();
    for term in &rest {
        let Some(parts) = expand(graph, *term, atoms)? else {
            return sum(graph, terms);
        };
        written_out.extend(parts);
        if written_out.len() > MAX_TERMS {
            return sum(graph, terms);
        }
    }
    let total = sum(graph, &written_out)?;
    let total = normalise(graph, total)?;
    // Like terms are collected; what all have in common stays in front of it.
    let Some(collected) = expand(graph, total, atoms)? else {
        return sum(graph, terms);
    };
    let mut uneven = Vec::new();
    for term in collected {
        if is_symmetric(graph, term)? {
            kept.push(term);
        } else {
            uneven.push(term);
        }
    }
    let (pairs, rest) = pair(graph, &uneven)?;
    if !rest.is_empty() {
        return sum(graph, terms);
    }
    kept.extend(pairs);
    sum(graph, &kept)
}

fn sum(graph: &mut Graph, terms: &[Id]) -> Result<Id, ShapeError> {
    match terms {
        [one] => Ok(*one),
        _ => graph.node(Op::Add, terms),
    }
}

/// Sums `T + T'` with their common scalar in front, and what has no partner.
fn pair(graph: &mut Graph, terms: &[Id]) -> Result<(Vec<Id>, Vec<Id>), ShapeError> {
    let mut left: Vec<Id> = terms.to_vec();
    let (mut pairs, mut rest) = (Vec::new(), Vec::new());
    while !left.is_empty() {
        let term = left.remove(0);
        let partner = transposed(graph, term)?;
        match left.iter().position(|other| *other == partner) {
            Some(at) => {
                left.remove(at);
                let both = graph.node(Op::Add, &[term, partner])?;
                pairs.push(normalise(graph, both)?);
            }
            None => rest.push(term),
        }
    }
    Ok((pairs, rest))
}

fn is_symmetric(graph: &mut Graph, term: Id) -> Result<bool, ShapeError> {
    Ok(transposed(graph, term)? == term)
}

/// The transpose in normal form.
fn transposed(graph: &mut Graph, id: Id) -> Result<Id, ShapeError> {
    let new = transpose(graph, id)?;
    normalise(graph, new)
}

fn transpose(graph: &mut Graph, id: Id) -> Result<Id, ShapeError> {
    let node = graph[id].clone();
    let child = |k: usize| node.children[k];
    if graph.shape(id).is_scalar() {
        return Ok(id);
    }
    match &node.op {
        Op::Transpose => Ok(child(0)),
        Op::Diag | Op::Eye => Ok(id),
        Op::Variable(name) => {
            let facts = graph.variables().get(name).map(|v| v.facts);
            let symmetric = facts.is_some_and(|f| f.symmetric || f.positive_definite || f.diagonal);
            if symmetric || name.starts_with("hess(") {
                Ok(id)
            } else {
                graph.node(Op::Transpose, &[id])
            }
        }
        Op::Scale => {
            let inner = transpose(graph, child(1))?;
            graph.node(Op::Scale, &[child(0), inner])
        }
        Op::Multiply => {
            let factors = [transpose(graph, child(1))?, transpose(graph, child(0))?];
            graph.node(Op::Multiply, &factors)
        }
        Op::Congruence => {
            let inner = transpose(graph, child(1))?;
            graph.node(Op::Congruence, &[child(0), inner])
        }
        Op::Add | Op::Hadamard | Op::Kronecker => {
            let mut parts = Vec::with_capacity(node.children.len());
            for part in &node.children {
                parts.push(transpose(graph, *part)?);
            }
            graph.node(node.op.clone(), &parts)
        }
        Op::Ones | Op::Zeros | Op::Commutation => {
            graph.node(node.op.clone(), &[child(1), child(0)])
        }
        _ => graph.node(Op::Transpose, &[id]),
    }
}

/// The terms of a product written out; nothing where they are too many.
fn expand(graph: &mut Graph, id: Id, atoms: &[Id]) -> Result<Option<Vec<Id>>, ShapeError> {
    let node = graph[id].clone();
    if graph.shape(id).is_scalar() || atoms.contains(&id) {
        return Ok(Some(vec![id]));
    }
    let child = |k: usize| node.children[k];
    let mut terms = Vec::new();
    match node.op {
        Op::Add => {
            for term in &node.children {
                let Some(part) = expand(graph, *term, atoms)? else {
                    return Ok(None);
                };
                terms.extend(part);
            }
        }
        Op::Scale => {
            let Some(values) = expand(graph, child(1), atoms)? else {
                return Ok(None);
            };
            for value in values {
                terms.push(graph.node(Op::Scale, &[child(0), value])?);
            }
        }
        Op::Transpose => {
            let Some(values) = expand(graph, child(0), atoms)? else {
                return Ok(None);
            };
            for value in values {
                terms.push(transpose(graph, value)?);
            }
        }
        Op::Multiply | Op::Kronecker => {
            let (left, right) = (
                expand(graph, child(0), atoms)?,
                expand(graph, child(1), atoms)?,
            );
            let (Some(left), Some(right)) = (left, right) else {
                return Ok(None);
            };
            if left.len() * right.len() > MAX_TERMS {
                return Ok(None);
            }
            for a in &left {
                for b in &right {
                    terms.push(graph.node(node.op.clone(), &[*a, *b])?);
                }
            }
        }
        _ => terms.push(id),
    }
    if terms.len() > MAX_TERMS {
        return Ok(None);
    }
    for term in &mut terms {
        *term = normalise(graph, *term)?;
    }
    Ok(Some(terms))
}
