//! The relations between generators, each used in one direction: p · p⁻¹ = 1, A · A⁻¹ = I, a distribution sums to 1,
//! sin² + cos² = 1, and repeated subscripts go into a function's argument. Why the largest term of p is the one that is replaced: then
//! every use makes the term smaller and the remainder is the same in whatever order the relations are used.

use std::collections::BTreeMap;

use num_traits::{One, Signed, Zero};

use super::core::{Core, delta, scaled};
use super::error::Outcome;
use super::matching::{Match, match_open, match_term, remove, take};
use super::term::{Factor, Index, Kind, Power, Slot, Term};
use crate::expr::Rational;

impl Core<'_> {
    /// Uses one relation on the term, if any applies.
    pub(super) fn relate(&mut self, term: &Term) -> Outcome<Option<Vec<Term>>> {
        for at in 0..term.factors.len() {
            let factor = &term.factors[at];
            let found = match &factor.head.kind {
                Kind::Variable(name) | Kind::Diagonal(name) if self.facts(name).distribution => {
                    sums_to_one(term, at)
                }
                Kind::Sum(_) if factor.power.is_negative() => self.reduce_sum(term, at)?,
                Kind::Apply(f, _) if f.order == 0 && factor.power >= Power::from(2) => {
                    self.reduce_function(term, at, &f.name)?
                }
                Kind::Inverse(_) if factor.power.is_one() => {
                    match self.reduce_inverse(term, at, false)? {
                        None => self.reduce_inverse(term, at, true)?,
                        found => found,
                    }
                }
                _ => None,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// t sign(t)² = t and sin² = 1 - cos².
    fn reduce_function(
        &mut self,
        term: &Term,
        at: usize,
        name: &str,
    ) -> Outcome<Option<Vec<Term>>> {
        if !matches!(name, "sign" | "sin") || !term.factors[at].power.is_integer() {
            return Ok(None);
        }
        let mut lower = term.clone();
        lower.factors[at].power -= Power::from(2);
        lower.factors.retain(|f| !f.power.is_zero());
        let argument = self.unfold(&term.factors[at]).remove(0);
        if name == "sign" {
            let [one] = argument.as_slice() else {
                return Ok(None);
            };
            return Ok(match_term(term, at, one).map(|_| vec![lower]));
        }
        let cos = self.builtin(&"cos".into(), &argument)?;
        let squared = self.power(&cos, Power::from(2))?;
        let mut result = self.inside(lower.clone(), &scaled(&squared, &-Rational::one()))?;
        result.push(lower);
        Ok(Some(result))
    }

    /// A function whose subscripts share an index takes that into its argument.
    pub(super) fn rebuild_repeated(&mut self, term: &Term) -> Outcome<Option<Vec<Term>>> {
        let repeated = |f: &Factor| {
            let ids: Vec<u32> = f.indices().map(|i| i.id).collect();
            f.head.kind.lambda().is_some() && (1..ids.len()).any(|k| ids[..k].contains(&ids[k]))
        };
        let Some(at) = term.factors.iter().position(repeated) else {
            return Ok(None);
        };
        let mut rest = term.clone();
        let factor = rest.factors.remove(at);
        let mut bodies = self.unfold(&factor);
        for body in &mut bodies {
            *body = self.simplify(std::mem::take(body))?;
        }
        let made = self.remake(&factor.head.kind, &bodies, factor.power)?;
        self.inside(rest, &made).map(Some)
    }

    /// The function of the given argument to a power.
    pub(super) fn remake(
        &mut self,
        kind: &Kind,
        bodies: &[Vec<Term>],
        power: Power,
    ) -> Outcome<Vec<Term>> {
        let value = match kind {
            Kind::Exp(_) => {
                let power = Rational::new((*power.numer()).into(), (*power.denom()).into());
                return self.exp(&scaled(&bodies[0], &power));
            }
            Kind::Sum(_) => return self.power(&bodies[0], power),
            Kind::Log(_) => self.log(&bodies[0])?,
            Kind::Apply(f, _) => self.apply(&f.name, f.order, &bodies[0])?,
            Kind::Symbolic(_) => self.symbolic_power(&bodies[0], &bodies[1])?,
            _ => Vec::new(),
        };
        self.power(&value, power)
    }

    /// t p^q with t divisible by the largest term of p = c m + rest: (t / (c m)) (p^(q+1) - rest p^q).
    fn reduce_sum(&mut self, term: &Term, at: usize) -> Outcome<Option<Vec<Term>>> {
        let factor = &term.factors[at];
        let Some(body) = self.unfold(factor).into_iter().next() else {
            return Ok(None);
        };
        let largest = largest(&body);
        let mut chosen = match_term(term, at, &body[largest]).map(|m| (m, largest));
        if chosen.is_none() {
            chosen = lowest(term, at, &body);
        }
        let Some((found, leading)) = chosen else {
            return Ok(None);
        };
        let mut rest = body;
        let lead = rest.remove(leading);
        let quotient = remove(term, &found, &[], &lead);
        let mut raised = quotient.clone();
        let place = raised
            .factors
            .iter()
            .position(|f| f.head == factor.head && f.slots == factor.slots);
        if let Some(place) = place {
            raised.factors[place].power += Power::one();
            if !raised.factors[place].power.is_negative() {
                self.cancels(&factor.head);
            }
            if raised.factors[place].power.is_zero() {
                raised.factors.remove(place);
            }
        }
        let mut result = self.inside(quotient, &scaled(&rest, &-Rational::one()))?;
        result.push(raised);
        Ok(Some(result))
    }

    /// `Σ_q M[p,q] M⁻¹[q,s] = δ[p,s]` with M's largest term found in the term; `left` is for `Σ_q M⁻¹[s,q] M[q,p]`.
    fn reduce_inverse(&mut self, term: &Term, at: usize, left: bool) -> Outcome<Option<Vec<Term>>> {
        let factor = &term.factors[at];
        let Some(matrix) = factor.head.kind.matrix().cloned() else {
            return Ok(None);
        };
        let (near, far) = (usize::from(left), usize::from(!left));
        let contracted = &factor.slots[near];
        if contracted.iter().any(|i| !term.binds(i.id)) {
            return Ok(None);
        }
        let tensor = self.open_matrix(&matrix);
        // The subscript of M that meets the inverse, and the one that stays.
        let (meets, stays) = if left {
            (&tensor.row, &tensor.col)
        } else {
            (&tensor.col, &tensor.row)
        };
        let Some(fixed) = distribute(meets, contracted) else {
            return Ok(None);
        };
        let leading = largest(&tensor.terms);
        let lead = &tensor.terms[leading];
        if lead.factors.iter().any(|f| f.head.kind == Kind::Delta) {
            return Ok(None);
        }
        let open = stays.iter().map(|i| i.id).collect();
        let Some(found) = match_open(term, at, lead, fixed, open) else {
            return Ok(None);
        };
        let alone = |i: &Index| {
            let others = term
                .factors
                .iter()
                .enumerate()
                .filter(|(k, _)| *k != at && !found.takes(*k, term));
            others.into_iter().all(|(_, f)| !f.touches(i.id)) && !factor.slots[far].contains(i)
        };
        if !contracted.iter().all(alone) {
            return Ok(None);
        }
        let mut outer = Slot::new();
        for i in stays {
            let Some(place) = found.places.get(&i.id) else {
                return Ok(None);
            };
            outer.extend(place.iter().cloned());
        }
        if outer.iter().any(|i| contracted.contains(i)) {
            return Ok(None);
        }
        let ids: Vec<u32> = contracted.iter().map(|i| i.id).collect();
        let mut quotient = remove(term, &found, &ids, lead);
        let inverse = quotient.factors.iter().position(|f| f == factor);
        let Some(inverse) = inverse else {
            return Ok(None);
        };
        quotient.factors.remove(inverse);
        let mut rest = tensor.terms.clone();
        rest.remove(leading);
        let mut equal = quotient.clone();
        equal
            .factors
            .push(delta(outer.clone(), factor.slots[far].clone()));
        // The other terms of M stand where the first one stood, with a new contracted subscript.
        for other in &mut rest {
            for (i, place) in stays.iter().map(|i| (i, &found.places[&i.id])) {
                other.substitute(i.id, place);
            }
            other.bound.extend(meets.iter().cloned());
            let mut slots = factor.slots.clone();
            slots[near].clone_from(meets);
            other.factors.push(Factor {
                slots,
                ..factor.clone()
            });
        }
        let mut result = self.inside(quotient, &scaled(&rest, &-Rational::one()))?;
        result.push(equal);
        Ok(Some(result))
    }
}

/// `Σ_k y[k] = 1` when k stands nowhere else.
fn sums_to_one(term: &Term, at: usize) -> Option<Vec<Term>> {
    let factor = &term.factors[at];
    let ids: Vec<u32> = factor.indices().map(|i| i.id).collect();
    let alone = |id: &u32| {
        term.binds(*id)
            && term
                .factors
                .iter()
                .enumerate()
                .all(|(k, f)| k == at || !f.touches(*id))
    };
    let distinct = (1..ids.len()).all(|k| !ids[..k].contains(&ids[k]));
    if !factor.power.is_one() || !distinct || !ids.iter().all(alone) {
        return None;
    }
    let mut rest = term.clone();
    rest.factors.remove(at);
    rest.bound.retain(|b| !ids.contains(&b.id));
    Some(vec![rest])
}

/// The term of the highest degree, the last of them in the order of terms.
fn largest(terms: &[Term]) -> usize {
    let degree = |t: &Term| -> Power {
        t.factors
            .iter()
            .filter(|f| !f.head.kind.is_unit())
            .map(|f| f.power.abs())
            .sum()
    };
    let key = |k: &usize| (degree(&terms[*k]), terms[*k].factors.clone());
    (0..terms.len()).max_by_key(key).unwrap_or(0)
}

/// `meets` written over the subscript `contracted`: which part of it stands for each index.
fn distribute(meets: &[Index], contracted: &[Index]) -> Option<BTreeMap<u32, Slot>> {
    let mut places = BTreeMap::new();
    let mut rest = contracted;
    for i in meets {
        let (place, after) = take(rest, i)?;
        places.insert(i.id, place);
        rest = after;
    }
    rest.is_empty().then_some(places)
}

/// Where p's only term without v divides a term with a negative power of v, it is the one to replace: the others
/// raise the power of v.
fn lowest(term: &Term, at: usize, body: &[Term]) -> Option<(Match, usize)> {
    let generic = |f: &&Factor| {
        f.power.is_negative() && !matches!(f.head.kind, Kind::Sum(_)) && !f.head.kind.is_unit()
    };
    for low in term.factors.iter().filter(generic) {
        let same = |f: &&Factor| f.head == low.head && f.slots == low.slots;
        let power = |t: &Term| {
            t.factors
                .iter()
                .find(same)
                .map(|f| f.power)
                .unwrap_or_default()
        };
        let without: Vec<usize> = (0..body.len())
            .filter(|&k| power(&body[k]).is_zero())
            .collect();
        if let [only] = without.as_slice()
            && body.len() > 1
            && body.iter().all(|t| !power(t).is_negative())
        {
            let constant = body[*only].factors.iter().all(|f| f.head.kind.is_unit());
            let found = if constant {
                Some(Match::default())
            } else {
                match_term(term, at, &body[*only])
            };
            if let Some(found) = found {
                return Some((found, *only));
            }
        }
    }
    None
}
