//! Normal forms of sums and products. Why outside the e-graph: sums and Hadamard products commute, and letting an
//! e-graph find that out one exchange at a time is what makes it explode. Here they are flat, sorted, and like
//! terms are collected.

mod column;
mod scalar;
mod sum;

use std::collections::HashMap;

use num_traits::One;

use self::scalar::{Powers, Scalar, scale};
use self::sum::add;
use crate::expr::{Graph, Id, Op, Rational, ShapeError};

/// Rewrites `root` with flat sorted sums and Hadamard products, like terms collected, scalars in front.
pub(crate) fn normalise(graph: &mut Graph, root: Id) -> Result<Id, ShapeError> {
    normal(graph, root, false)
}

/// The same with congruences written out: `A*(J'*H*J)*B` and `A*J'*H*J*B` are then one product.
pub(crate) fn normalise_flat(graph: &mut Graph, root: Id) -> Result<Id, ShapeError> {
    normal(graph, root, true)
}

fn normal(graph: &mut Graph, root: Id, is_flat: bool) -> Result<Id, ShapeError> {
    let mut done: HashMap<Id, Id> = HashMap::new();
    for id in graph.topological(&[root]) {
        let node = graph[id].clone();
        let children: Vec<Id> = node.children.iter().map(|c| done[c]).collect();
        let new = match node.op {
            Op::Add => add(graph, &children, is_flat)?,
            Op::Scale => {
                let mut scalar = Scalar::default();
                scalar.times(graph, children[0]);
                scale(graph, scalar, children[1])?
            }
            Op::Hadamard => hadamard(graph, &children)?,
            Op::Multiply => multiply(graph, &children)?,
            Op::Power => power(graph, &children)?,
            Op::Transpose => transpose(graph, children[0])?,
            Op::Congruence if is_flat => {
                let left = transpose(graph, children[0])?;
                let product = multiply(graph, &[left, children[1]])?;
                multiply(graph, &[product, children[0]])?
            }
            op => graph.node(op, &children)?,
        };
        done.insert(id, new);
    }
    Ok(done[&root])
}

/// Scalars in front, and no transpose of a transpose.
fn transpose(graph: &mut Graph, of: Id) -> Result<Id, ShapeError> {
    if graph.shape(of).is_scalar() {
        return Ok(of);
    }
    let node = graph[of].clone();
    match node.op {
        Op::Transpose => Ok(node.children[0]),
        Op::Scale => {
            let inner = transpose(graph, node.children[1])?;
            graph.node(Op::Scale, &[node.children[0], inner])
        }
        _ => graph.node(Op::Transpose, &[of]),
    }
}

fn zero(graph: &mut Graph, like: Id) -> Id {
    let shape = graph.shape(like);
    if shape.is_scalar() {
        graph.integer(0)
    } else {
        graph.zeros(&shape)
    }
}

fn hadamard(graph: &mut Graph, children: &[Id]) -> Result<Id, ShapeError> {
    if graph.shape(children[0]).is_scalar() {
        let mut scalar = Scalar::default();
        scalar.times(graph, children[0]);
        return scale(graph, scalar, children[1]);
    }
    let mut scalar = Scalar::default();
    let mut powers = Powers::default();
    let one = Rational::one;
    let mut stack: Vec<(Id, Rational)> = children.iter().rev().map(|c| (*c, one())).collect();
    while let Some((id, exponent)) = stack.pop() {
        let node = graph[id].clone();
        let factors = node.children.iter().rev();
        match node.op {
            // Powers of products are products of powers, where they are whole.
            Op::Hadamard if exponent.is_integer() => {
                stack.extend(factors.map(|c| (*c, exponent.clone())));
            }
            Op::Scale if exponent.is_integer() => {
                scalar.times_power(graph, node.children[0], &exponent);
                stack.push((node.children[1], exponent));
            }
            Op::Zeros if exponent.is_one() => return Ok(id),
            Op::Ones => {}
            Op::Power if exponent.is_integer() => match graph.as_number(node.children[1]) {
                Some(inner) if exponent.is_one() || inner.is_integer() => {
                    stack.push((node.children[0], inner * exponent));
                }
                _ => powers.times(id, exponent),
            },
            _ => powers.times(id, exponent),
        }
    }
    powers.join(graph);
    let mut factors = Vec::new();
    let mut sorted: Vec<_> = powers.into_iter().collect();
    sorted
        .sort_by_cached_key(|((base, negative), _)| (*negative, factor_rank(graph, *base), *base));
    for ((base, _), exponent) in sorted {
        factors.push(raised(graph, base, exponent)?);
    }
    let product = if factors.len() > 1
        && let Some(columns) = column::columns(graph, &factors)?
    {
        let product = product_of(graph, &columns)?;
        graph.node(Op::Transpose, &[product])?
    } else if !factors.is_empty() {
        product_of(graph, &factors)?
    } else {
        let shape = graph.shape(children[0]);
        graph.ones(&shape)
    };
    scale(graph, scalar, product)
}

/// Hadamard products nest to the left.
fn product_of(graph: &mut Graph, factors: &[Id]) -> Result<Id, ShapeError> {
    let mut product = factors[0];
    for factor in &factors[1..] {
        product = graph.node(Op::Hadamard, &[product, *factor])?;
    }
    Ok(product)
}

/// Products nest to the left, as `A*B*C` reads, with scalars in front.
fn multiply(graph: &mut Graph, children: &[Id]) -> Result<Id, ShapeError> {
    let mut scalar = Scalar::default();
    let mut factors = Vec::new();
    let mut stack: Vec<Id> = children.iter().rev().copied().collect();
    while let Some(id) = stack.pop() {
        let node = graph[id].clone();
        let is_scalar = graph.shape(id).is_scalar();
        match node.op {
            Op::Multiply if !is_scalar => stack.extend(node.children.iter().rev()),
            Op::Scale if !is_scalar => {
                scalar.times(graph, node.children[0]);
                stack.push(node.children[1]);
            }
            _ => factors.push(id),
        }
    }
    if factors.iter().any(|f| graph[*f].op == Op::Zeros) {
        let (rows, cols) = (graph.shape(children[0]).rows, graph.shape(children[1]).cols);
        let shape = crate::expr::Shape::matrix(rows, cols);
        return Ok(if shape.is_scalar() {
            graph.integer(0)
        } else {
            graph.zeros(&shape)
        });
    }
    let mut product: Option<Id> = None;
    for factor in factors {
        product = Some(match product {
            None => factor,
            Some(left) => product_of_two(graph, &mut scalar, left, factor)?,
        });
    }
    let product = product.unwrap_or(children[0]);
    scale(graph, scalar, product)
}

fn product_of_two(
    graph: &mut Graph,
    scalar: &mut Scalar,
    left: Id,
    right: Id,
) -> Result<Id, ShapeError> {
    if graph.shape(left).is_scalar() {
        scalar.times(graph, left);
        return Ok(right);
    }
    if graph.shape(right).is_scalar() {
        scalar.times(graph, right);
        return Ok(left);
    }
    graph.node(Op::Multiply, &[left, right])
}

fn power(graph: &mut Graph, children: &[Id]) -> Result<Id, ShapeError> {
    if graph.is_unit(children[1]) {
        return Ok(children[0]);
    }
    match graph.as_number(children[1]).cloned() {
        Some(exponent) => raised(graph, children[0], exponent),
        None => graph.node(Op::Power, children),
    }
}

/// A base to a power; half-integer ones are powers of the square root, as they are written.
fn raised(graph: &mut Graph, base: Id, exponent: Rational) -> Result<Id, ShapeError> {
    let (base, exponent) = whole(graph, base, exponent)?;
    if exponent.is_one() {
        return Ok(base);
    }
    let exponent = graph.number(exponent);
    graph.node(Op::Power, &[base, exponent])
}

/// The square root of the base with twice the exponent, where the exponent is half an integer.
fn whole(graph: &mut Graph, base: Id, exponent: Rational) -> Result<(Id, Rational), ShapeError> {
    let two = Rational::from_integer(2.into());
    if *exponent.denom() != *two.numer() {
        return Ok((base, exponent));
    }
    let sqrt = graph.function("sqrt", 0);
    let root = graph.node(Op::Apply, &[sqrt, base])?;
    Ok((root, exponent * two))
}

/// The order of Hadamard factors: derivatives of functions and congruences first, then plain names, then products.
fn factor_rank(graph: &Graph, id: Id) -> u8 {
    match &graph[id].op {
        Op::Congruence | Op::Apply => 0,
        Op::Variable(_) => 1,
        _ => 2,
    }
}
