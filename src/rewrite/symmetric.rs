//! Symmetric sums written so that a reader sees it: `u*v' + v*u'`, not `(u - v)*v' + …`. Why last: factoring makes a
//! sum shorter by taking its terms apart unevenly, and no cost of single terms can know of the others.

use crate::expr::{Facts, Graph, Id, Name, Names, Op, ShapeError, is_output_hessian, printed_size};

use super::normalise::{normalise, normalise_flat};

/// More terms than this are not written out.
const MAX_TERMS: usize = 24;

/// Columns shorter than this are not named for the sake of their square.
const WORTH_A_NAME: u64 = 6;

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
        Op::Multiply => match square(graph, root, atoms)? {
            Some(square) => return Ok(square),
            None => return Ok(root),
        },
        _ => return Ok(root),
    };
    Ok(if new == root {
        root
    } else {
        normalise(graph, new)?
    })
}

/// A column times its own transpose, `u*u'`, where a product is one: with one column written twice.
fn square(graph: &mut Graph, product: Id, atoms: &[Id]) -> Result<Option<Id>, ShapeError> {
    let factors = factors(graph, product);
    let Some(last) = factors.iter().position(|f| graph.shape(*f).is_column()) else {
        return Ok(None);
    };
    let (left, right) = factors.split_at(last + 1);
    if right.is_empty() || graph.shape(product).is_scalar() {
        return Ok(None);
    }
    let column = chain(graph, left)?;
    let row = chain(graph, right)?;
    if graph.shape(column) != graph.shape(row).transposed() {
        return Ok(None);
    }
    let row = transposed(graph, row)?;
    let flat = [normalise_flat(graph, column)?, normalise_flat(graph, row)?];
    if flat[0] != flat[1] {
        return Ok(None);
    }
    let names = named(atoms);
    let size = |id| printed_size(graph, id, &names);
    let column = if size(row) < size(column) {
        row
    } else {
        column
    };
    // Once named it must be worth its name: `A*y*y'*A'` is good as it stands.
    if size(column) < WORTH_A_NAME || size(column) + 5 >= size(product) {
        return Ok(None);
    }
    let row = graph.node(Op::Transpose, &[column])?;
    graph.node(Op::Multiply, &[column, row]).map(Some)
}

/// The factors of a product from left to right.
fn factors(graph: &Graph, id: Id) -> Vec<Id> {
    match graph[id].op {
        Op::Multiply => {
            let children = graph[id].children.iter();
            children.flat_map(|child| factors(graph, *child)).collect()
        }
        _ => vec![id],
    }
}

/// Factors as a product, from the right: what is multiplied by a column stays a column.
fn chain(graph: &mut Graph, factors: &[Id]) -> Result<Id, ShapeError> {
    let mut product = factors[factors.len() - 1];
    for factor in factors[..factors.len() - 1].iter().rev() {
        product = graph.node(Op::Multiply, &[*factor, product])?;
    }
    Ok(product)
}

fn named(atoms: &[Id]) -> Names {
    atoms.iter().map(|id| (*id, Name::from("a"))).collect()
}

fn paired_sum(graph: &mut Graph, terms: &[Id], atoms: &[Id]) -> Result<Id, ShapeError> {
    let mut alone = Vec::with_capacity(terms.len());
    for term in terms {
        alone.push(pair_transposes(graph, *term, atoms)?);
    }
    let terms = &alone;
    let mut kept = Vec::new();
    let mut uneven = Vec::new();
    for term in terms.iter().copied() {
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
    let paired = sum(graph, &kept)?;
    let plain = sum(graph, terms)?;
    let names = named(atoms);
    let [new, old] = [paired, plain].map(|id| printed_size(graph, id, &names));
    // Products that were written out for nothing are longer, and their terms cancel in numbers.
    Ok(if new > old + old / 8 { plain } else { paired })
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
            if facts.is_some_and(Facts::imply_symmetric) || is_output_hessian(name) {
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
        Op::Ones | Op::Zeros | Op::Commutation => {
            graph.node(node.op.clone(), &[child(1), child(0)])
        }
        // In normal form a row is the transpose of a column.
        _ if graph.shape(id).is_column() => graph.node(Op::Transpose, &[id]),
        Op::Add | Op::Hadamard | Op::Kronecker => {
            let mut parts = Vec::with_capacity(node.children.len());
            for part in &node.children {
                parts.push(transpose(graph, *part)?);
            }
            graph.node(node.op.clone(), &parts)
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
