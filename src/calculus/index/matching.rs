//! Finding a product of tensors inside a term. Why by backtracking: patterns are a handful of factors that share
//! indices, and once one of them is placed the others nearly always have one place left.

use std::collections::BTreeMap;

use num_traits::{Signed, Zero};

use super::term::{Factor, Index, Power, Slot, Term};

/// What was found of a pattern in a term.
#[derive(Clone, Default)]
pub(super) struct Match {
    /// The factors used, by place, with the power that is taken from them.
    pub(super) used: Vec<(usize, Power)>,
    /// The subscripts at the places of the pattern's indices.
    pub(super) places: BTreeMap<u32, Slot>,
}

/// A pattern: factors; which of their indices must be summed over in the match and stand nowhere else; and which may
/// stand for anything. All others are the term's own.
struct Pattern<'a> {
    factors: Vec<&'a Factor>,
    bound: Vec<u32>,
    open: Vec<u32>,
}

impl Match {
    /// True when the factor at `k` is wholly used.
    pub(super) fn takes(&self, k: usize, term: &Term) -> bool {
        self.used
            .iter()
            .any(|(j, power)| *j == k && term.factors[k].power == *power)
    }
}

/// Finds the pattern's factors in the term, but for the factor at `except`. Units are not looked for.
pub(super) fn match_term(term: &Term, except: usize, pattern: &Term) -> Option<Match> {
    match_open(term, except, pattern, BTreeMap::new(), Vec::new())
}

pub(super) fn match_open(
    term: &Term,
    except: usize,
    pattern: &Term,
    places: BTreeMap<u32, Slot>,
    open: Vec<u32>,
) -> Option<Match> {
    let factors: Vec<&Factor> = pattern
        .factors
        .iter()
        .filter(|f| !f.head.kind.is_unit())
        .collect();
    if factors.is_empty() {
        return None;
    }
    let bound: Vec<u32> = pattern.bound.iter().map(|b| b.id).collect();
    let inner = Pattern {
        factors,
        bound,
        open,
    };
    let found = Match {
        used: Vec::new(),
        places,
    };
    inner.search(term, except, &mut vec![false; inner.factors.len()], found)
}

impl Pattern<'_> {
    fn search(&self, term: &Term, except: usize, done: &mut [bool], found: Match) -> Option<Match> {
        // Factors at known indices first: they fix the others.
        let known = |f: &Factor| {
            f.indices()
                .filter(|i| found.places.contains_key(&i.id))
                .count()
        };
        let next = (0..self.factors.len())
            .filter(|&k| !done[k])
            .max_by_key(|&k| known(self.factors[k]));
        let Some(next) = next else {
            return self.is_closed(term, &found).then_some(found);
        };
        let wanted = self.factors[next];
        done[next] = true;
        for (k, factor) in term.factors.iter().enumerate() {
            if k == except
                || factor.head != wanted.head
                || found.used.iter().any(|(j, _)| *j == k)
                || !self.divides(wanted, factor)
            {
                continue;
            }
            for slots in wanted.arrangements() {
                let mut longer = found.clone();
                let fits = slots
                    .iter()
                    .zip(&factor.slots)
                    .all(|(p, t)| self.place(p, t, &mut longer.places));
                if fits {
                    longer.used.push((k, wanted.power));
                    if let Some(full) = self.search(term, except, done, longer) {
                        return Some(full);
                    }
                }
            }
        }
        done[next] = false;
        None
    }

    fn divides(&self, wanted: &Factor, factor: &Factor) -> bool {
        let (a, b) = (wanted.power, factor.power);
        a == b
            || (!wanted.indices().any(|i| self.bound.contains(&i.id))
                && a.is_integer()
                && b.is_integer()
                && ((a.is_positive() && b > a) || (a.is_negative() && b < a)))
    }

    /// Matches a subscript; indices without a place must be free to take one.
    fn place(&self, pattern: &[Index], slot: &[Index], places: &mut BTreeMap<u32, Slot>) -> bool {
        let mut rest = slot;
        for i in pattern {
            if let Some(place) = places.get(&i.id) {
                if !rest.starts_with(place) {
                    return false;
                }
                rest = &rest[place.len()..];
                continue;
            }
            if !self.bound.contains(&i.id) && !self.open.contains(&i.id) {
                if rest.first() != Some(i) {
                    return false;
                }
                rest = &rest[1..];
                continue;
            }
            let Some((place, after)) = take(rest, i) else {
                return false;
            };
            places.insert(i.id, place);
            rest = after;
        }
        rest.is_empty()
    }

    /// The pattern's bound indices stand for distinct bound indices that stand nowhere else.
    fn is_closed(&self, term: &Term, found: &Match) -> bool {
        let mut seen: Vec<u32> = Vec::new();
        for id in &self.bound {
            for i in found.places.get(id).into_iter().flatten() {
                let outside = term
                    .factors
                    .iter()
                    .enumerate()
                    .any(|(k, f)| !found.used.iter().any(|(j, _)| *j == k) && f.touches(i.id));
                if outside || !term.binds(i.id) || seen.contains(&i.id) {
                    return false;
                }
                seen.push(i.id);
            }
        }
        // They may not stand for an index that is given either.
        found
            .places
            .iter()
            .filter(|(id, _)| !self.bound.contains(id))
            .all(|(_, place)| place.iter().all(|i| !seen.contains(&i.id)))
    }
}

/// The term without what was found and without the sums over it, divided by the pattern's number and units.
pub(super) fn remove(term: &Term, found: &Match, also: &[u32], pattern: &Term) -> Term {
    let mut rest = term.clone();
    for (k, power) in &found.used {
        rest.factors[*k].power -= power;
    }
    rest.factors.retain(|f| !f.power.is_zero());
    for unit in pattern.factors.iter().filter(|f| f.head.kind.is_unit()) {
        rest.factors.push(Factor {
            power: -unit.power,
            ..unit.clone()
        });
    }
    let gone: Vec<u32> = pattern
        .bound
        .iter()
        .filter_map(|b| found.places.get(&b.id))
        .flatten()
        .map(|i| i.id)
        .chain(also.iter().copied())
        .collect();
    rest.bound.retain(|b| !gone.contains(&b.id));
    rest.coefficient /= &pattern.coefficient;
    rest
}

/// The first indices whose sizes make up that of `i`.
pub(super) fn take<'s>(slot: &'s [Index], i: &Index) -> Option<(Slot, &'s [Index])> {
    let mut size = crate::expr::Dimension::one();
    for k in 1..=slot.len() {
        size = size.times(&slot[k - 1].size);
        if size == i.size {
            return Some((slot[..k].iter().cloned().collect(), &slot[k..]));
        }
    }
    None
}
