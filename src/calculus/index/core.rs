//! The state of one computation, and the moves every part makes: fresh indices, products, matching of subscripts.
//! Why a state at all: limits count over a whole computation, and what was assumed nonzero must be remembered.

use std::collections::VecDeque;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use num_traits::{One, Zero};

use super::error::{IndexError, Outcome};
use super::term::{Factor, Index, Kind, Slot, Symbol, Term};
use crate::expr::{Dimension, Graph, Id, Name, Rational};

/// How many terms one expression may have.
pub(super) const TERMS: usize = 5_000;
/// How many factors one term may have.
pub(super) const FACTORS: usize = 64;
/// How many rewriting steps one computation may take.
pub(super) const STEPS: usize = 60_000;
/// How deep functions may nest.
pub(super) const DEPTH: usize = 60;

/// A matrix of index terms: its row and column subscripts are free in the terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tensor {
    pub(super) row: Slot,
    pub(super) col: Slot,
    pub(super) terms: Vec<Term>,
}

/// One computation.
pub(super) struct Core<'g> {
    pub(super) graph: &'g Graph,
    next: u32,
    steps: usize,
    /// The variable whose declared facts are not used, because its entries are varied freely.
    pub(super) varied: Option<Name>,
    /// Elementwise functions stay what they are called, instead of being written in terms of few.
    pub(super) as_written: bool,
    /// Heads that stand in a denominator, and those that cancelled there, unless known to be positive.
    pub(super) denominators: BTreeSet<Symbol>,
    pub(super) cancelled: BTreeSet<Symbol>,
    /// Lowered nodes.
    pub(super) lowered: HashMap<Id, Tensor>,
    /// Elementwise functions of a scalar placeholder, by name and order.
    pub(super) templates: BTreeMap<(Name, u32), Vec<Term>>,
}

/// How two subscripts agree: equal pairs, splits to make first, and what cannot be matched.
#[derive(Default)]
pub(super) struct Agreement {
    pub(super) splits: Vec<(u32, Slot)>,
    pub(super) pairs: Vec<(Index, Index)>,
    pub(super) rest: Option<(Slot, Slot)>,
}

impl<'g> Core<'g> {
    pub(super) fn new(graph: &'g Graph) -> Self {
        Self {
            graph,
            next: 0,
            steps: 0,
            varied: None,
            as_written: false,
            denominators: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            lowered: HashMap::new(),
            templates: BTreeMap::new(),
        }
    }

    /// A new index.
    pub(super) fn index(&mut self, size: Dimension) -> Index {
        self.next += 1;
        Index {
            id: self.next,
            size,
        }
    }

    /// A subscript for a dimension: none for 1.
    pub(super) fn slot(&mut self, size: &Dimension) -> Slot {
        if size.is_one() {
            Slot::new()
        } else {
            Slot::from_iter([self.index(size.clone())])
        }
    }

    /// New indices of the same sizes.
    pub(super) fn like(&mut self, slot: &[Index]) -> Slot {
        slot.iter().map(|i| self.index(i.size.clone())).collect()
    }

    /// Counts a step.
    pub(super) fn tick(&mut self) -> Outcome<()> {
        self.spend(1)
    }

    /// Counts the work of naming terms: it grows with the square of their length.
    pub(super) fn spend_on(&mut self, terms: &[Term]) -> Outcome<()> {
        self.spend(
            terms
                .iter()
                .map(|t| 1 + t.factors.len() * t.factors.len() / 16)
                .sum(),
        )
    }

    /// Counts steps.
    pub(super) fn spend(&mut self, steps: usize) -> Outcome<()> {
        self.steps += steps;
        // Index numbers stay below those of bound indices in canonical terms.
        if self.steps > STEPS || self.next > super::term::BOUND / 2 {
            return Err(IndexError::Limit {
                what: "rewriting steps",
                limit: STEPS,
            });
        }
        Ok(())
    }

    /// The same term with new names for its bound indices.
    pub(super) fn freshen(&mut self, term: &Term) -> Term {
        if term.bound.is_empty() {
            return term.clone();
        }
        let names: Vec<(u32, Index)> = term
            .bound
            .iter()
            .map(|b| (b.id, self.index(b.size.clone())))
            .collect();
        let mut term = term.clone();
        for slot in term.factors.iter_mut().flat_map(|f| &mut f.slots) {
            for i in slot.iter_mut() {
                if let Some((_, new)) = names.iter().find(|(old, _)| *old == i.id) {
                    *i = new.clone();
                }
            }
        }
        term.bound = names.into_iter().map(|(_, new)| new).collect();
        term
    }

    /// The same tensor with new names for all indices.
    pub(super) fn fresh(&mut self, tensor: &Tensor) -> Tensor {
        let mut new = Tensor {
            row: self.like(&tensor.row),
            col: self.like(&tensor.col),
            terms: tensor.terms.clone(),
        };
        let old = tensor.row.iter().chain(&tensor.col);
        let names: Vec<(u32, Index)> = old
            .map(|i| i.id)
            .zip(new.row.iter().chain(&new.col).cloned())
            .collect();
        for slot in new
            .terms
            .iter_mut()
            .flat_map(|t| &mut t.factors)
            .flat_map(|f| &mut f.slots)
        {
            for i in slot.iter_mut() {
                if let Some((_, fresh)) = names.iter().find(|(id, _)| *id == i.id) {
                    *i = fresh.clone();
                }
            }
        }
        new
    }

    /// The product of two sums, not simplified.
    pub(super) fn product(&mut self, left: &[Term], right: &[Term]) -> Outcome<Vec<Term>> {
        if left.len() * right.len() > TERMS {
            return Err(IndexError::Limit {
                what: "terms",
                limit: TERMS,
            });
        }
        let mut product = Vec::with_capacity(left.len() * right.len());
        for a in left {
            for b in right {
                self.tick()?;
                product.push(self.join(a, b));
            }
        }
        Ok(product)
    }

    /// The product of a term and a sum whose free indices may be summed over in the term.
    pub(super) fn inside(&mut self, mut term: Term, sum: &[Term]) -> Outcome<Vec<Term>> {
        let bound = std::mem::take(&mut term.bound);
        let product = self.product(&[term], sum)?;
        Ok(super::arrange::summed(product, &bound))
    }

    /// The product of two terms.
    pub(super) fn join(&mut self, left: &Term, right: &Term) -> Term {
        let (mut a, b) = (self.freshen(left), self.freshen(right));
        a.factors.extend(b.factors);
        a.bound.extend(b.bound);
        a.coefficient *= b.coefficient;
        a
    }

    /// The simplified product of two sums.
    pub(super) fn times(&mut self, left: &[Term], right: &[Term]) -> Outcome<Vec<Term>> {
        let product = self.product(left, right)?;
        self.simplify(product)
    }

    /// Matches two subscripts of one range, splitting only the indices for which `may_split` holds.
    pub(super) fn agree(
        &mut self,
        left: &[Index],
        right: &[Index],
        may_split: impl Fn(u32) -> bool,
    ) -> Agreement {
        let mut agreement = Agreement::default();
        let mut l: VecDeque<Index> = left.iter().cloned().collect();
        let mut r: VecDeque<Index> = right.iter().cloned().collect();
        let mut new: Vec<u32> = Vec::new();
        let mut front = true;
        loop {
            let (a, b) = if front {
                (l.front(), r.front())
            } else {
                (l.back(), r.back())
            };
            let (Some(a), Some(b)) = (a.cloned(), b.cloned()) else {
                break;
            };
            if a.size == b.size {
                if front {
                    l.pop_front();
                    r.pop_front();
                } else {
                    l.pop_back();
                    r.pop_back();
                }
                if a.id != b.id {
                    agreement.pairs.push((a, b));
                }
                continue;
            }
            let paired = |i: &Index| {
                agreement
                    .pairs
                    .iter()
                    .any(|(p, q)| p.id == i.id || q.id == i.id)
            };
            let splittable = |i: &Index| (new.contains(&i.id) || may_split(i.id)) && !paired(i);
            let choice = [(&a, &b), (&b, &a)].into_iter().find_map(|(whole, part)| {
                let rest = splittable(whole).then(|| whole.size.divide(&part.size))??;
                Some((whole.id, part.size.clone(), rest))
            });
            let Some((whole, part, rest)) = choice else {
                if front {
                    front = false;
                    continue;
                }
                break;
            };
            let (part, rest) = (self.index(part), self.index(rest));
            new.extend([part.id, rest.id]);
            let parts: Slot = if front {
                [part, rest].into_iter().collect()
            } else {
                [rest, part].into_iter().collect()
            };
            for list in [&mut l, &mut r] {
                let mut slot: Slot = list.drain(..).collect();
                super::term::substitute(&mut slot, whole, &parts);
                list.extend(slot);
            }
            agreement.splits.push((whole, parts));
        }
        if !l.is_empty() || !r.is_empty() {
            agreement.rest = Some((l.into_iter().collect(), r.into_iter().collect()));
        }
        agreement
    }

    /// A fact is used unless the variable is varied.
    pub(super) fn facts(&self, name: &Name) -> crate::expr::Facts {
        if self.varied.as_ref() == Some(name) {
            return crate::expr::Facts::default();
        }
        self.graph
            .variables()
            .get(name)
            .map(|v| v.facts)
            .unwrap_or_default()
    }

    /// Remembers a division by what is not known to be positive.
    pub(super) fn divides_by(&mut self, head: &Symbol) {
        if !head.positive {
            self.denominators.insert(head.clone());
        }
    }

    /// Remembers that a denominator cancelled.
    pub(super) fn cancels(&mut self, head: &Symbol) {
        if !head.positive {
            self.cancelled.insert(head.clone());
        }
    }
}

impl Tensor {
    /// All free indices, the row's first.
    pub(super) fn free(&self) -> Vec<Index> {
        self.row.iter().chain(&self.col).cloned().collect()
    }

    /// Writes `parts` for a free index, everywhere.
    pub(super) fn substitute(&mut self, id: u32, parts: &[Index]) {
        for slot in [&mut self.row, &mut self.col] {
            super::term::substitute(slot, id, parts);
        }
        self.terms.iter_mut().for_each(|t| t.substitute(id, parts));
    }
}

/// 1 where two subscripts are the same number.
pub(super) fn delta(left: Slot, right: Slot) -> Factor {
    Factor::new(
        Symbol::new(Kind::Delta, vec![vec![0, 1], vec![1, 0]]),
        [left, right],
    )
}

/// A dimension as a sum of scalar terms.
pub(super) fn size(dimension: &Dimension) -> Vec<Term> {
    dimension
        .terms()
        .map(|(names, count)| {
            let factors = names
                .iter()
                .map(|(name, power)| {
                    let mut factor = Factor::new(Symbol::plain(Kind::Size(name.clone())), []);
                    factor.power = i64::from(*power).into();
                    factor
                })
                .collect();
            Term {
                factors,
                bound: Vec::new(),
                coefficient: Rational::from_integer(count.into()),
            }
        })
        .collect()
}

/// The terms times a number.
pub(super) fn scaled(terms: &[Term], by: &Rational) -> Vec<Term> {
    if by.is_zero() {
        return Vec::new();
    }
    if by.is_one() {
        return terms.to_vec();
    }
    terms
        .iter()
        .map(|t| {
            let mut t = t.clone();
            t.coefficient *= by;
            t
        })
        .collect()
}
