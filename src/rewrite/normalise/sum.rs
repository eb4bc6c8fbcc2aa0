//! Sums: flat, sorted, like terms collected, a scalar that all terms share in front. Why the shared scalar comes out
//! here: it hides that a nested sum is a part of the outer one.

use indexmap::IndexMap;
use num_traits::{One, Signed, Zero};

use super::scalar::{Scalar, scale};
use crate::expr::{Graph, Id, Op, Rational, ShapeError, is_output_hessian};

/// A term: a scalar times a value that is no multiple, or the scalar alone.
#[derive(Clone, Debug)]
struct Term {
    scalar: Scalar,
    value: Option<Id>,
}

/// The sum of `children`; `is_flat` takes negated sums apart, too.
pub(super) fn add(graph: &mut Graph, children: &[Id], is_flat: bool) -> Result<Id, ShapeError> {
    let first = children[0];
    let mut terms = collect(graph, children, is_flat)?;
    let mut front = Scalar::default();
    loop {
        let Some((head, rest)) = terms.split_first() else {
            return Ok(super::zero(graph, first));
        };
        let common = shared(head, rest);
        if rest.is_empty() || common.is_one() || is_mixed(graph, &terms) {
            break;
        }
        let mut parts = Vec::with_capacity(terms.len());
        for mut term in terms {
            term.scalar.powers.without(&common.powers);
            term.scalar.number /= &common.number;
            parts.push(write(graph, term)?);
        }
        let common = common.write(graph)?;
        front.times(graph, common);
        // A nested sum that only the common scalar held together is flat now.
        terms = collect(graph, &parts, is_flat)?;
    }
    let mut parts = Vec::with_capacity(terms.len());
    for term in terms {
        parts.push(write(graph, term)?);
    }
    parts.sort_by_cached_key(|part| (sum_rank(graph, *part), *part));
    let sum = match parts.as_slice() {
        [one] => *one,
        _ => match super::column::columns(graph, &parts)? {
            // A row is written as the transpose of a column.
            Some(columns) => {
                let sum = add(graph, &columns, is_flat)?;
                graph.node(Op::Transpose, &[sum])?
            }
            None => graph.node(Op::Add, &parts)?,
        },
    };
    scale(graph, front, sum)
}

/// The scalar that all terms share: powers, the number where it is the same but for its sign, and a minus sign that all
/// have.
fn shared(head: &Term, rest: &[Term]) -> Scalar {
    let mut common = head.scalar.clone();
    let mut all_negative = common.number.is_negative();
    common.number = common.number.abs();
    for term in rest {
        let number = &term.scalar.number;
        common.powers = common.powers.common(&term.scalar.powers);
        all_negative &= number.is_negative();
        if number.abs() != common.number {
            common.number = Rational::one();
        }
    }
    if all_negative {
        common.number = -common.number;
    }
    common
}

/// Whether some terms carry ℋz back and others are second-order terms of the module itself: `J'ℋzJ + R` is read as
/// these two.
fn is_mixed(graph: &Graph, terms: &[Term]) -> bool {
    let carries = |id: Id| {
        let mut variables = graph.free_variables(id).into_iter();
        variables.any(|name| is_output_hessian(&name))
    };
    let of =
        |term: &Term| term.value.is_some_and(carries) || term.scalar.powers.bases().any(carries);
    let mut all = terms.iter().map(of);
    let first = all.next();
    all.any(|carries| Some(carries) != first)
}

/// The sum that stands behind a minus sign.
fn negated_sum(graph: &Graph, id: Id) -> Option<Id> {
    let [number, sum] = graph[id].children[..] else {
        return None;
    };
    let is_minus = graph.as_number(number).is_some_and(|n| (-n).is_one());
    (graph[id].op == Op::Scale && graph[sum].op == Op::Add && is_minus).then_some(sum)
}

/// Flat terms with like ones collected.
fn collect(graph: &mut Graph, children: &[Id], is_flat: bool) -> Result<Vec<Term>, ShapeError> {
    let mut flat = Vec::new();
    for child in children {
        if graph[*child].op == Op::Add {
            flat.extend(graph[*child].children.iter().copied());
        } else if is_flat && let Some(sum) = negated_sum(graph, *child) {
            for term in graph[sum].children.clone() {
                let mut negative = Scalar::default();
                negative.number = -negative.number;
                flat.push(scale(graph, negative, term)?);
            }
        } else {
            flat.push(*child);
        }
    }
    let mut terms: IndexMap<Option<Id>, (Rational, Term)> = IndexMap::new();
    for term in flat {
        if graph.is_zero(term) {
            continue;
        }
        let mut term = split(graph, term);
        let number = std::mem::replace(&mut term.scalar.number, Rational::one());
        let is_number = term.value.is_none() && term.scalar.powers.is_empty();
        let key = if is_number {
            None
        } else {
            Some(write(graph, term.clone())?)
        };
        terms
            .entry(key)
            .or_insert_with(|| (Rational::zero(), term))
            .0 += number;
    }
    terms.retain(|_, (number, _)| !number.is_zero());
    let terms = terms.into_values().map(|(number, mut term)| {
        term.scalar.number = number;
        term
    });
    Ok(terms.collect())
}

fn split(graph: &Graph, term: Id) -> Term {
    let mut scalar = Scalar::default();
    if graph.shape(term).is_scalar() {
        scalar.times(graph, term);
        return Term {
            scalar,
            value: None,
        };
    }
    let mut value = term;
    while graph[value].op == Op::Scale {
        scalar.times(graph, graph[value].children[0]);
        value = graph[value].children[1];
    }
    Term {
        scalar,
        value: Some(value),
    }
}

fn write(graph: &mut Graph, term: Term) -> Result<Id, ShapeError> {
    match term.value {
        Some(value) => scale(graph, term.scalar, value),
        None => term.scalar.write(graph),
    }
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
        _ if has_congruence(graph, id) => 0,
        _ => 2,
    }
}

fn has_congruence(graph: &Graph, id: Id) -> bool {
    let below = graph.topological(&[id]);
    below.into_iter().any(|id| graph[id].op == Op::Congruence)
}
