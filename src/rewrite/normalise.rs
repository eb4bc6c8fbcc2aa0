//! Normal forms of sums and products. Why outside the e-graph: sums and Hadamard products commute, and letting an
//! e-graph find that out one exchange at a time is what makes it explode. Here they are flat, sorted, and like
//! terms are collected.

use std::collections::HashMap;

use indexmap::IndexMap;
use num_traits::{One, Signed, Zero};

use crate::expr::{Graph, Id, Op, Rational, ShapeError};

/// Rewrites `root` with flat sorted sums and Hadamard products, like terms collected, scalars in front.
pub(crate) fn normalise(graph: &mut Graph, root: Id) -> Result<Id, ShapeError> {
    let mut done: HashMap<Id, Id> = HashMap::new();
    for id in graph.topological(&[root]) {
        let node = graph[id].clone();
        let children: Vec<Id> = node.children.iter().map(|c| done[c]).collect();
        let new = match node.op {
            Op::Add => add(graph, &children)?,
            Op::Scale => {
                let mut scalar = Scalar::default();
                scalar.times(graph, children[0]);
                scale(graph, scalar, children[1])?
            }
            Op::Hadamard => hadamard(graph, &children)?,
            Op::Multiply => multiply(graph, &children)?,
            Op::Power => power(graph, &children)?,
            op => graph.node(op, &children)?,
        };
        done.insert(id, new);
    }
    Ok(done[&root])
}

/// A product of scalars: an exact number times powers.
#[derive(Clone, Debug)]
struct Scalar {
    number: Rational,
    /// Positive and negative exponents are kept apart: s/s is 1 only where s is not 0.
    powers: IndexMap<(Id, bool), Rational>,
    others: Vec<Id>,
}

impl Default for Scalar {
    fn default() -> Self {
        Self {
            number: Rational::one(),
            powers: IndexMap::new(),
            others: Vec::new(),
        }
    }
}

impl Scalar {
    fn times(&mut self, graph: &Graph, factor: Id) {
        let mut stack = vec![factor];
        while let Some(id) = stack.pop() {
            let node = &graph[id];
            match &node.op {
                Op::Number(value) => self.number *= value,
                Op::Scale => stack.extend(node.children.iter().rev()),
                Op::Power if graph.as_number(node.children[1]).is_some() => {
                    let exponent = graph
                        .as_number(node.children[1])
                        .cloned()
                        .unwrap_or_else(Rational::one);
                    self.power(graph, node.children[0], exponent);
                }
                _ => self.power(graph, id, Rational::one()),
            }
        }
    }

    fn power(&mut self, graph: &Graph, base: Id, exponent: Rational) {
        if matches!(graph[base].op, Op::Dimension(_)) {
            // A size is positive, so its powers add up whatever their signs.
            let sum = self
                .powers
                .swap_remove(&(base, true))
                .unwrap_or_else(Rational::zero)
                + self
                    .powers
                    .swap_remove(&(base, false))
                    .unwrap_or_else(Rational::zero)
                + exponent;
            if !sum.is_zero() {
                self.powers.insert((base, sum.is_negative()), sum);
            }
            return;
        }
        *self
            .powers
            .entry((base, exponent.is_negative()))
            .or_insert_with(Rational::zero) += exponent;
    }

    /// The product without its number, as one scalar node; `None` when it is empty.
    fn symbols(&self, graph: &mut Graph) -> Result<Option<Id>, ShapeError> {
        let mut factors = Vec::new();
        let mut powers: Vec<_> = self.powers.iter().collect();
        // Positive powers first: `a * b / c` reads better than `1 / c * a * b`.
        powers.sort_by_key(|((base, negative), _)| (*negative, *base));
        for ((base, _), exponent) in powers {
            let factor = if exponent.is_one() {
                *base
            } else {
                let exponent = graph.number(exponent.clone());
                graph.node(Op::Power, &[*base, exponent])?
            };
            factors.push(factor);
        }
        factors.extend(&self.others);
        let mut factors = factors.into_iter().rev();
        let Some(last) = factors.next() else {
            return Ok(None);
        };
        factors
            .try_fold(last, |tail, head| graph.node(Op::Scale, &[head, tail]))
            .map(Some)
    }
}

/// `scalar * value` with every scalar of `value` taken in front.
fn scale(graph: &mut Graph, mut scalar: Scalar, value: Id) -> Result<Id, ShapeError> {
    let mut value = value;
    while graph[value].op == Op::Scale && !graph.shape(value).is_scalar() {
        let (s, inner) = (graph[value].children[0], graph[value].children[1]);
        scalar.times(graph, s);
        value = inner;
    }
    let shape = graph.shape(value);
    if scalar.number.is_zero() || graph.is_zero(value) {
        return Ok(zero(graph, value));
    }
    if shape.is_scalar() {
        scalar.times(graph, value);
        if scalar.number.is_zero() {
            return Ok(graph.integer(0));
        }
        let symbols = scalar.symbols(graph)?;
        return with_number(graph, &scalar.number, symbols);
    }
    let symbols = scalar.symbols(graph)?;
    if symbols.is_none() && scalar.number.is_one() {
        return Ok(value);
    }
    let scalar = with_number(graph, &scalar.number, symbols)?;
    graph.node(Op::Scale, &[scalar, value])
}

fn with_number(
    graph: &mut Graph,
    number: &Rational,
    symbols: Option<Id>,
) -> Result<Id, ShapeError> {
    let Some(symbols) = symbols else {
        return Ok(graph.number(number.clone()));
    };
    if number.is_one() {
        return Ok(symbols);
    }
    let number = graph.number(number.clone());
    graph.node(Op::Scale, &[number, symbols])
}

fn zero(graph: &mut Graph, like: Id) -> Id {
    let shape = graph.shape(like);
    if shape.is_scalar() {
        graph.integer(0)
    } else {
        graph.zeros(&shape)
    }
}

/// Splits `c * rest` into the number and the rest; a bare number is `c * 1` with no rest.
fn coefficient(graph: &mut Graph, term: Id) -> Result<(Rational, Option<Id>), ShapeError> {
    if let Some(value) = graph.as_number(term) {
        return Ok((value.clone(), None));
    }
    if graph[term].op != Op::Scale {
        return Ok((Rational::one(), Some(term)));
    }
    let (s, value) = (graph[term].children[0], graph[term].children[1]);
    let mut scalar = Scalar::default();
    scalar.times(graph, s);
    let number = std::mem::replace(&mut scalar.number, Rational::one());
    let rest = scale(graph, scalar, value)?;
    Ok((number, Some(rest)))
}

fn add(graph: &mut Graph, children: &[Id]) -> Result<Id, ShapeError> {
    let mut flat = Vec::new();
    for child in children {
        if graph[*child].op == Op::Add {
            flat.extend(graph[*child].children.iter().copied());
        } else {
            flat.push(*child);
        }
    }
    let first = flat[0];
    let mut terms: IndexMap<Option<Id>, Rational> = IndexMap::new();
    for term in flat {
        if graph.is_zero(term) {
            continue;
        }
        let (number, rest) = coefficient(graph, term)?;
        *terms.entry(rest).or_insert_with(Rational::zero) += number;
    }
    terms.retain(|_, number| !number.is_zero());
    let mut parts = Vec::with_capacity(terms.len());
    for (rest, number) in terms {
        let scalar = Scalar {
            number,
            ..Scalar::default()
        };
        parts.push(match rest {
            Some(rest) => scale(graph, scalar, rest)?,
            None => graph.number(scalar.number),
        });
    }
    parts.sort_by_cached_key(|part| (sum_rank(graph, *part), *part));
    match parts.as_slice() {
        [] => Ok(zero(graph, first)),
        [one] => Ok(*one),
        _ => graph.node(Op::Add, &parts),
    }
}

fn hadamard(graph: &mut Graph, children: &[Id]) -> Result<Id, ShapeError> {
    if graph.shape(children[0]).is_scalar() {
        let mut scalar = Scalar::default();
        scalar.times(graph, children[0]);
        return scale(graph, scalar, children[1]);
    }
    let mut scalar = Scalar::default();
    let mut powers: IndexMap<(Id, bool), Rational> = IndexMap::new();
    let mut stack: Vec<Id> = children.iter().rev().copied().collect();
    while let Some(id) = stack.pop() {
        let node = graph[id].clone();
        match node.op {
            Op::Hadamard => stack.extend(node.children.iter().rev()),
            Op::Scale => {
                scalar.times(graph, node.children[0]);
                stack.push(node.children[1]);
            }
            Op::Zeros => return Ok(id),
            Op::Power if graph.as_number(node.children[1]).is_some() => {
                let exponent = graph
                    .as_number(node.children[1])
                    .cloned()
                    .unwrap_or_else(Rational::one);
                let slot = powers.entry((node.children[0], exponent.is_negative()));
                *slot.or_insert_with(Rational::zero) += exponent;
            }
            _ => *powers.entry((id, false)).or_insert_with(Rational::zero) += Rational::one(),
        }
    }
    powers.retain(|(base, _), _| graph[*base].op != Op::Ones);
    let mut factors = Vec::new();
    let mut sorted: Vec<_> = powers.into_iter().collect();
    sorted
        .sort_by_cached_key(|((base, negative), _)| (*negative, factor_rank(graph, *base), *base));
    for ((base, _), exponent) in sorted {
        let factor = if exponent.is_one() {
            base
        } else {
            let exponent = graph.number(exponent);
            graph.node(Op::Power, &[base, exponent])?
        };
        factors.push(factor);
    }
    let product = if let Some((first, rest)) = factors.split_first() {
        rest.iter().try_fold(*first, |product, f| {
            graph.node(Op::Hadamard, &[product, *f])
        })?
    } else {
        let shape = graph.shape(children[0]);
        graph.ones(&shape)
    };
    scale(graph, scalar, product)
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
    graph.node(Op::Power, children)
}

/// The order of terms: what the child's Hessian is carried back by comes first, a bare parameter last.
fn sum_rank(graph: &Graph, id: Id) -> u8 {
    match &graph[id].op {
        Op::Congruence => 0,
        Op::Eye | Op::Ones => 1,
        Op::Transpose => 3,
        Op::Variable(name) => match graph.variables().get(name).map(|v| v.role) {
            Some(crate::expr::Role::Input) => 1,
            Some(crate::expr::Role::Parameter) => 3,
            _ => 2,
        },
        _ if graph[id].children.iter().any(|c| sum_rank(graph, *c) == 0) => 0,
        _ => 2,
    }
}

/// The order of Hadamard factors: derivatives of functions and congruences first, then plain names, then products.
fn factor_rank(graph: &Graph, id: Id) -> u8 {
    match &graph[id].op {
        Op::Congruence | Op::Apply => 0,
        Op::Variable(_) => 1,
        _ => 2,
    }
}
