//! The normal form of a sum: each term is rewritten until nothing applies, named canonically, and like terms are
//! collected. Why term by term: every rule is a fact about one product, so the order of the work does not matter.

use std::collections::BTreeMap;

use num_traits::{CheckedAdd, One, Signed, Zero};

use super::core::{Core, FACTORS, TERMS, Tensor, delta, size};
use super::error::{IndexError, Outcome};
use super::label::canonical;
use super::term::{Factor, Index, Kind, Power, Slot, Term};
use crate::expr::Rational;

impl Core<'_> {
    /// The normal form of a sum of terms.
    pub(super) fn simplify(&mut self, terms: Vec<Term>) -> Outcome<Vec<Term>> {
        let mut work = terms;
        let mut done: BTreeMap<(Vec<Factor>, Vec<Index>), Rational> = BTreeMap::new();
        let mut naming = 0;
        while let Some(term) = work.pop() {
            self.spend_on(std::slice::from_ref(&term))?;
            if term.coefficient.is_zero() {
                continue;
            }
            match self.step(term)? {
                Step::Done(term) => {
                    let Term {
                        factors,
                        bound,
                        coefficient,
                    } = canonical(term, &mut naming)?;
                    self.spend(std::mem::take(&mut naming))?;
                    *done.entry((factors, bound)).or_insert_with(Rational::zero) += coefficient;
                }
                Step::Replace(terms) => work.extend(terms),
            }
            if done.len() + work.len() > TERMS {
                return Err(IndexError::Limit {
                    what: "terms",
                    limit: TERMS,
                });
            }
        }
        Ok(done
            .into_iter()
            .filter(|(_, c)| !c.is_zero())
            .map(|((factors, bound), coefficient)| Term {
                factors,
                bound,
                coefficient,
            })
            .collect())
    }

    /// The normal form of a tensor: free indices are split where some term asks for it.
    pub(super) fn settle(&mut self, mut tensor: Tensor) -> Outcome<Tensor> {
        loop {
            tensor.terms = self.simplify(tensor.terms)?;
            let free = tensor.free();
            let is_free = |id: u32| free.iter().any(|i| i.id == id);
            let lists: Vec<(Slot, Slot)> = tensor
                .terms
                .iter()
                .flat_map(|t| &t.factors)
                .filter(|f| f.head.kind == Kind::Delta && !is_atomic(f))
                .map(|f| (f.slots[0].clone(), f.slots[1].clone()))
                .collect();
            let mut splits = Vec::new();
            for (left, right) in lists {
                splits = self.agree(&left, &right, is_free).splits;
                if !splits.is_empty() {
                    break;
                }
            }
            if splits.is_empty() {
                return Ok(tensor);
            }
            for (id, parts) in splits {
                tensor.substitute(id, &parts);
            }
        }
    }

    fn step(&mut self, mut term: Term) -> Outcome<Step> {
        if term.factors.len() > FACTORS {
            return Err(IndexError::Limit {
                what: "factors in one term",
                limit: FACTORS,
            });
        }
        self.contract(&mut term)?;
        if let Some(terms) = self.rebuild_repeated(&term)? {
            return Ok(Step::Replace(terms));
        }
        if let Some(terms) = self.combine(&mut term)? {
            return Ok(Step::Replace(terms));
        }
        if let Some(terms) = self.release(&mut term)? {
            return Ok(Step::Replace(terms));
        }
        if let Some(terms) = self.relate(&term)? {
            return Ok(Step::Replace(terms));
        }
        self.fuse(&mut term);
        Ok(Step::Done(term))
    }

    /// Removes deltas: bound indices are replaced by what they equal, free ones by the least that equals them.
    fn contract(&mut self, term: &mut Term) -> Outcome<()> {
        while self.match_lists(term) || contract_atoms(term) {
            self.tick()?;
        }
        Ok(())
    }

    /// Replaces deltas between compound subscripts by deltas between indices, where these can be matched.
    fn match_lists(&mut self, term: &mut Term) -> bool {
        for at in 0..term.factors.len() {
            let factor = &term.factors[at];
            if factor.head.kind != Kind::Delta || is_atomic(factor) {
                continue;
            }
            let (left, right) = (factor.slots[0].clone(), factor.slots[1].clone());
            let agreement = self.agree(&left, &right, |id| term.binds(id));
            if agreement
                .rest
                .as_ref()
                .is_some_and(|(l, r)| *l == left && *r == right)
            {
                continue;
            }
            term.factors.remove(at);
            for (a, b) in agreement.pairs {
                term.factors
                    .push(delta(Slot::from_iter([a]), Slot::from_iter([b])));
            }
            if let Some((l, r)) = agreement.rest {
                term.factors.push(delta(l, r));
            }
            for (id, parts) in agreement.splits {
                term.split_bound(id, &parts);
            }
            return true;
        }
        false
    }

    /// Merges equal factors, and unfolds what a power makes simpler.
    fn combine(&mut self, term: &mut Term) -> Outcome<Option<Vec<Term>>> {
        term.factors.iter_mut().for_each(Factor::order_slots);
        term.factors.sort_unstable();
        let mut merged: Vec<Factor> = Vec::with_capacity(term.factors.len());
        for factor in std::mem::take(&mut term.factors) {
            match merged.last_mut() {
                Some(last) if last.head == factor.head && last.slots == factor.slots => {
                    let sum = add(last.power, factor.power)?;
                    if last.power.min(factor.power).is_negative() && !sum.is_negative() {
                        self.cancels(&factor.head);
                    }
                    last.power = sum;
                }
                _ => merged.push(factor),
            }
        }
        for factor in &mut merged {
            match &factor.head.kind {
                Kind::Delta => factor.power = Power::one(),
                Kind::Apply(f, _) if factor.power.is_integer() && factor.power.is_positive() => {
                    // step² = step; sign³ = sign.
                    if &*f.name == "step" && f.order == 0 {
                        factor.power = Power::one();
                    } else if &*f.name == "sign" && f.order == 0 {
                        factor.power = Power::from(2 - factor.power.to_integer() % 2);
                    }
                }
                Kind::Integer(n) => {
                    let whole = factor.power.floor();
                    let exponent = i32::try_from(whole.to_integer()).unwrap_or(i32::MAX);
                    term.coefficient *=
                        num_traits::Pow::pow(Rational::from_integer(n.clone()), exponent);
                    factor.power -= whole;
                }
                _ => {}
            }
        }
        merged.retain(|f| !f.power.is_zero());
        term.factors = merged;
        let open = term
            .factors
            .iter()
            .position(|f| matches!(f.head.kind, Kind::Sum(_)) && f.power >= Power::one());
        let Some(at) = open else { return Ok(None) };
        // p^(k + q) = p^k p^q with 0 <= q < 1: the whole part is written out.
        let mut factor = term.factors.remove(at);
        let whole = factor.power.to_integer();
        factor.power -= Power::from(whole);
        let body = self.unfold(&factor);
        if !factor.power.is_zero() {
            term.factors.push(factor);
        }
        let power = self.whole_power(&body[0], whole)?;
        self.inside(term.clone(), &power).map(Some)
    }

    /// A sum over an index that occurs nowhere is its size.
    fn release(&mut self, term: &mut Term) -> Outcome<Option<Vec<Term>>> {
        let used = |b: &Index, term: &Term| term.factors.iter().any(|f| f.touches(b.id));
        let Some(at) = term.bound.iter().position(|b| !used(b, term)) else {
            return Ok(None);
        };
        let unused = term.bound.remove(at);
        self.product(std::slice::from_ref(term), &size(&unused.size))
            .map(Some)
    }

    /// Joins bound indices that always stand side by side.
    fn fuse(&mut self, term: &mut Term) {
        let mut at = 0;
        while at < term.bound.len() {
            let first = term.bound[at].clone();
            let slots = term.factors.iter().flat_map(|f| &f.slots);
            match neighbour(slots, first.id) {
                Some(second) if second.id != first.id && term.binds(second.id) => {
                    let both = self.index(first.size.times(&second.size));
                    for slot in term.factors.iter_mut().flat_map(|f| &mut f.slots) {
                        join(slot, first.id, &both);
                    }
                    term.bound.retain(|b| b.id != first.id && b.id != second.id);
                    term.bound.push(both);
                    at = 0;
                }
                _ => at += 1,
            }
        }
    }
}

enum Step {
    Done(Term),
    Replace(Vec<Term>),
}

/// The sum of two exponents.
pub(super) fn add(a: Power, b: Power) -> Outcome<Power> {
    a.checked_add(&b).ok_or(IndexError::Limit {
        what: "in an exponent",
        limit: 1 << 20,
    })
}

fn is_atomic(factor: &Factor) -> bool {
    factor.slots[0].len() == 1 && factor.slots[1].len() == 1
}

/// Applies all deltas between two indices; true when an index was replaced somewhere.
pub(super) fn contract_atoms(term: &mut Term) -> bool {
    let mut groups: Vec<Vec<Index>> = Vec::new();
    term.factors.retain(|f| {
        if f.head.kind != Kind::Delta || !is_atomic(f) {
            return true;
        }
        let mut merged: Vec<Index> = f.indices().cloned().collect();
        groups.retain(|g| {
            let meets = g.iter().any(|i| merged.contains(i));
            if meets {
                merged.extend(g.iter().cloned());
            }
            !meets
        });
        groups.push(merged);
        false
    });
    let mut changed = false;
    for mut group in groups {
        group.sort_unstable();
        group.dedup();
        let is_free = |i: &&Index| !term.binds(i.id);
        let Some(name) = group.iter().find(is_free).or(group.first()).cloned() else {
            continue;
        };
        for other in group.into_iter().filter(|i| i.id != name.id) {
            changed |= term.factors.iter().any(|f| f.touches(other.id)) || term.binds(other.id);
            term.substitute(other.id, std::slice::from_ref(&name));
            if term.binds(other.id) {
                term.bound.retain(|b| b.id != other.id);
            } else {
                term.factors.push(delta(
                    Slot::from_iter([name.clone()]),
                    Slot::from_iter([other]),
                ));
            }
        }
    }
    changed
}

/// The index that always stands right after `id`, when `id` always stands right before it.
pub(super) fn neighbour<'a>(
    slots: impl Iterator<Item = &'a Slot> + Clone,
    id: u32,
) -> Option<Index> {
    let mut next: Option<&Index> = None;
    let mut count = 0;
    for slot in slots.clone() {
        for (k, i) in slot.iter().enumerate().filter(|(_, i)| i.id == id) {
            let after = slot.get(k + 1)?;
            if next.is_some_and(|n| n.id != after.id) {
                return None;
            }
            (next, count) = (Some(after), count + usize::from(i.id == id));
        }
    }
    let next = next?;
    let seen = slots.flatten().filter(|i| i.id == next.id).count();
    (seen == count).then(|| next.clone())
}

/// Writes `both` for `first` and the index after it.
pub(super) fn join(slot: &mut Slot, first: u32, both: &Index) {
    while let Some(at) = slot.iter().position(|i| i.id == first) {
        slot.remove(at + 1);
        slot[at] = both.clone();
    }
}
