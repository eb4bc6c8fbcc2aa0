//! The form of a block. Why no search is needed: the subscripts of a block come in pairs (row, column), and a term is a
//! Kronecker product exactly when no connected group of its factors touches pairs from both sides.

use std::collections::BTreeSet;

use num_traits::{One, Zero};

use super::core::{Core, Tensor, scaled};
use super::error::{IndexError, Outcome};
use super::expression::IndexExpression;
use super::label::components;
use super::term::{Index, Kind, Slot, Term};
use crate::expr::{Graph, Rational};

/// The form of a square block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// Identically zero.
    Zero,
    /// Zero off the diagonal; the entries on it as a column.
    Diagonal(IndexExpression),
    /// Σ A ⊗ B with as few products as the terms allow; one when there is a common factor.
    Kronecker(Vec<(IndexExpression, IndexExpression)>),
    /// Equal in some of the subscripts' parts: the blocks, with those parts as the first indices of the row.
    BlockDiagonal(IndexExpression),
    /// None of these.
    Dense,
}

impl IndexExpression {
    /// The form of a square block over the indices of one variable.
    ///
    /// # Errors
    /// When a limit is reached.
    pub fn form(&self) -> Result<Form, IndexError> {
        if self.is_zero() {
            return Ok(Form::Zero);
        }
        let graph = Graph::default();
        let mut core = Core::new(&graph);
        let tensor = core.fresh(&self.tensor);
        let agreement = core.agree(&tensor.row, &tensor.col, |_| true);
        if agreement.rest.is_some() {
            return Ok(Form::Dense);
        }
        let mut tensor = tensor;
        for (id, parts) in agreement.splits {
            tensor.substitute(id, &parts);
        }
        let tensor = core.settle(tensor)?;
        if tensor.row.len() != tensor.col.len() {
            return Ok(Form::Dense);
        }
        let pairs: Vec<(Index, Index)> = tensor
            .row
            .iter()
            .cloned()
            .zip(tensor.col.iter().cloned())
            .collect();
        let equal: Vec<usize> = (0..pairs.len())
            .filter(|&k| {
                tensor
                    .terms
                    .iter()
                    .all(|t| delta_place(t, &pairs[k]).is_some())
            })
            .collect();
        if equal.len() == pairs.len() {
            return blocks(&mut core, &tensor, &pairs, &equal).map(Form::Diagonal);
        }
        let products = (1..pairs.len()).filter_map(|at| kronecker(&tensor.terms, &pairs, at));
        if let Some((at, products)) = products.min_by_key(|(_, products)| products.len()) {
            let finished: Outcome<Vec<_>> = products
                .into_iter()
                .map(|(a, b)| {
                    let left = part(&pairs[at..], a);
                    let right = part(&pairs[..at], b);
                    Ok((core.finish(left)?, core.finish(right)?))
                })
                .collect();
            return finished.map(Form::Kronecker);
        }
        if equal.is_empty() {
            return Ok(Form::Dense);
        }
        blocks(&mut core, &tensor, &pairs, &equal).map(Form::BlockDiagonal)
    }
}

fn part(pairs: &[(Index, Index)], terms: Vec<Term>) -> Tensor {
    let (row, col): (Vec<Index>, Vec<Index>) = pairs.iter().cloned().unzip();
    Tensor {
        row: row.into(),
        col: col.into(),
        terms,
    }
}

/// The factor that makes the two indices of a pair equal.
fn delta_place(term: &Term, (row, col): &(Index, Index)) -> Option<usize> {
    term.factors.iter().position(|f| {
        f.head.kind == Kind::Delta
            && f.slots.iter().all(|s| s.len() == 1)
            && f.touches(row.id)
            && f.touches(col.id)
    })
}

/// The entries where the pairs in `equal` are equal.
fn blocks(
    core: &mut Core<'_>,
    tensor: &Tensor,
    pairs: &[(Index, Index)],
    equal: &[usize],
) -> Outcome<IndexExpression> {
    let mut terms = tensor.terms.clone();
    for term in &mut terms {
        for pair in equal.iter().map(|&k| &pairs[k]) {
            if let Some(place) = delta_place(term, pair) {
                term.factors.remove(place);
            }
            term.substitute(pair.1.id, std::slice::from_ref(&pair.0));
        }
    }
    let others = || (0..pairs.len()).filter(|k| !equal.contains(k));
    let row: Slot = equal
        .iter()
        .copied()
        .chain(others())
        .map(|k| pairs[k].0.clone())
        .collect();
    let col: Slot = others().map(|k| pairs[k].1.clone()).collect();
    core.finish(Tensor { row, col, terms })
}

type Products = Vec<(Vec<Term>, Vec<Term>)>;

/// The terms as products of what touches the pairs from `at` on and what touches those before.
fn kronecker(terms: &[Term], pairs: &[(Index, Index)], at: usize) -> Option<(usize, Products)> {
    let mut parts: Vec<(Term, Term, Rational)> = Vec::new();
    for term in terms {
        let (left, right) = apart(term, pairs, at)?;
        parts.push((left, right, term.coefficient.clone()));
    }
    let distinct = |pick: fn(&(Term, Term, Rational)) -> &Term| -> Vec<Term> {
        parts
            .iter()
            .map(|p| pick(p).clone())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    };
    let (lefts, rights) = (distinct(|p| &p.0), distinct(|p| &p.1));
    let mut table = vec![vec![Rational::zero(); rights.len()]; lefts.len()];
    for (left, right, c) in &parts {
        let place = |all: &[Term], one: &Term| all.binary_search(one).unwrap_or(0);
        table[place(&lefts, left)][place(&rights, right)] += c;
    }
    Some((at, factorise(&table, &lefts, &rights)))
}

/// A table of rank r as r products: each takes a row and a column through an entry.
fn factorise(table: &[Vec<Rational>], lefts: &[Term], rights: &[Term]) -> Products {
    let mut table = table.to_vec();
    let mut products = Vec::new();
    let weighted = |terms: &[Term], weights: &[Rational]| -> Vec<Term> {
        let each = terms.iter().zip(weights);
        each.flat_map(|(t, w)| scaled(std::slice::from_ref(t), w))
            .collect()
    };
    loop {
        let pivot = table
            .iter()
            .enumerate()
            .find_map(|(i, row)| row.iter().position(|c| !c.is_zero()).map(|j| (i, j)));
        let Some((i, j)) = pivot else { return products };
        let row = table[i].clone();
        let column: Vec<Rational> = table.iter().map(|r| &r[j] / &row[j]).collect();
        products.push((weighted(lefts, &column), weighted(rights, &row)));
        for (entries, weight) in table.iter_mut().zip(&column) {
            entries
                .iter_mut()
                .zip(&row)
                .for_each(|(c, r)| *c -= weight * r);
        }
    }
}

/// A term with coefficient 1 in two, unless some connected group of factors touches both sides.
fn apart(term: &Term, pairs: &[(Index, Index)], at: usize) -> Option<(Term, Term)> {
    let (free, mut groups) = components(term.factors.clone(), &term.bound);
    groups.extend(free.into_iter().map(|f| (vec![f], Vec::new())));
    let one = || Term::number(Rational::one());
    let (mut left, mut right) = (one(), one());
    for (factors, bound) in groups {
        let touches = |pairs: &[(Index, Index)]| {
            pairs
                .iter()
                .any(|(r, c)| factors.iter().any(|f| f.touches(r.id) || f.touches(c.id)))
        };
        let side = match (touches(&pairs[at..]), touches(&pairs[..at])) {
            (true, true) => return None,
            (true, false) => &mut left,
            _ => &mut right,
        };
        side.factors.extend(factors);
        side.bound.extend(bound);
    }
    // Names by place, so that equal parts of different terms are one.
    Some((
        super::label::canonical(left, &mut 0).ok()?,
        super::label::canonical(right, &mut 0).ok()?,
    ))
}
