//! Powers. Why the content is pulled out: the reciprocals of proportional sums must be powers of one generator,
//! otherwise p * (1/p) = 1 would be seen for some ways of writing p only.

use num_bigint::BigInt;
use num_traits::{CheckedMul, One, Pow, Signed, ToPrimitive, Zero};

use super::core::Core;
use super::error::{IndexError, Outcome};
use super::label::components;
use super::term::{Factor, Kind, Power, Symbol, Term, sum_is_positive};
use crate::expr::Rational;

/// The largest whole power of a sum that is written out.
const LARGEST: i64 = 64;
/// Primes up to here are found in a number under a root.
const PRIMES: u32 = 2_000;

impl Core<'_> {
    /// Every entry to the power `q`.
    pub(super) fn power(&mut self, terms: &[Term], q: Power) -> Outcome<Vec<Term>> {
        self.tick()?;
        if q.is_zero() {
            return Ok(vec![Term::number(Rational::one())]);
        }
        if q.is_one() {
            return Ok(terms.to_vec());
        }
        match terms {
            [] if q.is_positive() => Ok(Vec::new()),
            [] => Err(IndexError::Undefined("a negative power of zero".into())),
            [term] => self.monomial_power(term, q),
            _ if q.is_integer() && q.is_positive() => self.whole_power(terms, q.to_integer()),
            _ => {
                let mut again = |core: &mut Self, bodies: &[Vec<Term>]| core.power(&bodies[0], q);
                if let Some(apart) = self.across_delta(&[terms.to_vec()], &mut again)? {
                    return Ok(apart);
                }
                self.sum_power(terms, q)
            }
        }
    }

    /// A positive whole power, written out.
    pub(super) fn whole_power(&mut self, terms: &[Term], k: i64) -> Outcome<Vec<Term>> {
        if k > LARGEST && terms.len() > 1 {
            return Err(IndexError::Limit {
                what: "as the power of a sum",
                limit: 64,
            });
        }
        let mut product = terms.to_vec();
        for _ in 1..k.min(LARGEST * 16) {
            product = self.times(&product, terms)?;
        }
        Ok(product)
    }

    fn monomial_power(&mut self, term: &Term, q: Power) -> Outcome<Vec<Term>> {
        let (free, parts) = components(term.factors.clone(), &term.bound);
        if q.is_negative() && free.iter().any(|f| f.head.kind == Kind::Delta) {
            return Err(IndexError::Undefined("a negative power of zero".into()));
        }
        let mut result = Self::number_power(&term.coefficient.abs(), q)?;
        let mut kept = Term::number(Rational::one());
        let mut sums = Vec::new();
        if term.coefficient.is_negative() {
            if q.is_integer() {
                result.coefficient *= Rational::from_integer((-1).into()).pow(q.to_integer() % 2);
            } else {
                kept.coefficient = -kept.coefficient;
            }
        }
        let mut signs = Vec::new();
        for factor in free {
            let whole = factor.power * q;
            // (x²)^(1/2) = |x| = x sign(x)
            if !factor.head.positive
                && !q.is_integer()
                && is_even(factor.power)
                && whole.is_integer()
            {
                if !is_even(whole) {
                    let base = Factor::new(factor.head.clone(), factor.slots.clone());
                    signs.push(self.builtin(&"sign".into(), &[Term::single(base)])?);
                }
                result.factors.push(self.raised(factor, q)?);
                continue;
            }
            let pulled = q.is_integer()
                || factor.head.positive
                || !factor.power.is_integer()
                || factor.head.kind == Kind::Delta;
            if pulled {
                result.factors.push(self.raised(factor, q)?);
            } else {
                kept.factors.push(factor);
            }
        }
        for (factors, bound) in parts {
            let part = Term {
                factors,
                bound,
                coefficient: Rational::one(),
            };
            if q.is_integer() || sum_is_positive(std::slice::from_ref(&part)) {
                sums.push(part);
            } else {
                kept = self.join(&kept, &part);
            }
        }
        match kept.factors.as_slice() {
            [] if kept.coefficient.is_negative() => {
                return Err(IndexError::Undefined("a root of a negative number".into()));
            }
            [] => {}
            [one]
                if kept.bound.is_empty()
                    && kept.coefficient.is_positive()
                    && one.power.numer() % 2 != 0 =>
            {
                result.factors.push(self.raised(one.clone(), q)?);
            }
            _ => sums.push(kept),
        }
        let mut product = vec![result];
        for sign in signs {
            product = self.product(&product, &sign)?;
        }
        for part in sums {
            let factor = if q.is_integer() && q.is_positive() {
                self.whole_power(&[part], q.to_integer())?
            } else {
                let body = self.simplify(vec![part])?;
                vec![self.generator(vec![body], Kind::Sum, q)?]
            };
            if q.is_negative() {
                factor
                    .iter()
                    .flat_map(|t| &t.factors)
                    .for_each(|f| self.divides_by(&f.head));
            }
            product = self.product(&product, &factor)?;
        }
        self.simplify(product)
    }

    /// A factor to a further power.
    fn raised(&mut self, mut factor: Factor, q: Power) -> Outcome<Factor> {
        let limit = Power::from(1 << 20);
        factor.power = factor
            .power
            .checked_mul(&q)
            .filter(|p| p.abs() < limit && *p.denom() < 1 << 20)
            .ok_or(IndexError::Limit {
                what: "in an exponent",
                limit: 1 << 20,
            })?;
        if factor.power.is_negative() {
            self.divides_by(&factor.head);
        }
        Ok(factor)
    }

    fn sum_power(&mut self, terms: &[Term], q: Power) -> Outcome<Vec<Term>> {
        let (content, rest) = self.content(terms, !q.is_integer())?;
        let mut product = self.monomial_power(&content, q)?;
        let factor = match rest.as_slice() {
            [_] => self.monomial_power(&rest[0], q)?,
            _ => vec![self.generator(vec![rest], Kind::Sum, q)?],
        };
        if q.is_negative() {
            factor
                .iter()
                .flat_map(|t| &t.factors)
                .for_each(|f| self.divides_by(&f.head));
        }
        product = self.product(&product, &factor)?;
        self.simplify(product)
    }

    /// What all terms have in common, and the terms without it. Only what is positive if asked so.
    pub(super) fn content(&mut self, terms: &[Term], positive: bool) -> Outcome<(Term, Vec<Term>)> {
        let number = numeric_content(terms, positive);
        self.common(terms, number, |f| f.head.positive || !positive)
    }

    /// A number and the wanted factors that all terms have in common, and the terms without them.
    pub(super) fn common(
        &mut self,
        terms: &[Term],
        number: Rational,
        wanted: impl Fn(&Factor) -> bool,
    ) -> Outcome<(Term, Vec<Term>)> {
        let mut common = Term::number(number);
        let mut seen: Vec<&Factor> = Vec::new();
        for term in terms {
            for factor in &term.factors {
                let free = !factor.indices().any(|i| term.binds(i.id));
                let wanted = factor.head.kind != Kind::Delta && wanted(factor);
                if free && wanted && !seen.iter().any(|s| same_base(s, factor)) {
                    seen.push(factor);
                }
            }
        }
        for factor in seen {
            let power_in = |t: &Term| {
                t.factors
                    .iter()
                    .find(|f| same_base(f, factor))
                    .map(|f| f.power)
            };
            let powers = terms.iter().map(|t| power_in(t).unwrap_or_default());
            let least = powers.min().unwrap_or_default();
            if !least.is_zero() {
                common.factors.push(Factor {
                    power: least,
                    ..factor.clone()
                });
            }
        }
        if common.factors.is_empty() && common.coefficient.is_one() {
            return Ok((common, terms.to_vec()));
        }
        let mut rest = terms.to_vec();
        for term in &mut rest {
            term.coefficient /= &common.coefficient;
            for factor in &common.factors {
                match term.factors.iter_mut().find(|f| same_base(f, factor)) {
                    Some(own) => own.power -= factor.power,
                    None => term.factors.push(Factor {
                        power: -factor.power,
                        ..factor.clone()
                    }),
                }
            }
            term.factors.retain(|f| !f.power.is_zero());
        }
        Ok((common, self.simplify(rest)?))
    }

    /// A positive number to a power: whole where it can be, primes under roots where not.
    pub(super) fn number_power(c: &Rational, q: Power) -> Outcome<Term> {
        let mut result = Term::number(Rational::one());
        if q.is_integer() {
            let exponent = i32::try_from(q.to_integer())
                .ok()
                .filter(|k| c.is_one() || k.unsigned_abs() < 4096)
                .ok_or(IndexError::Limit {
                    what: "as the power of a number",
                    limit: 4096,
                })?;
            result.coefficient = Pow::pow(c.clone(), exponent);
            return Ok(result);
        }
        for (number, sign) in [(c.numer(), 1), (c.denom(), -1)] {
            for (prime, count) in prime_powers(number) {
                let power = q * Power::from(i64::from(count) * sign);
                let head = Symbol::plain(Kind::Integer(prime));
                result.factors.push(Factor {
                    head,
                    slots: <_>::default(),
                    power,
                });
            }
        }
        Ok(result)
    }
}

fn is_even(power: Power) -> bool {
    power.is_integer() && power.numer() % 2 == 0
}

fn same_base(a: &Factor, b: &Factor) -> bool {
    a.head == b.head && a.slots == b.slots
}

/// The greatest number that leaves whole coprime coefficients; negative when most of them are.
pub(super) fn numeric_content(terms: &[Term], positive: bool) -> Rational {
    let mut numer = BigInt::zero();
    let mut denom = BigInt::one();
    for term in terms {
        numer = gcd(numer, term.coefficient.numer().abs());
        let own = term.coefficient.denom();
        denom = &denom * own / gcd(denom.clone(), own.clone());
    }
    let content = Rational::new(numer, denom);
    let signs: i64 = terms
        .iter()
        .map(|t| if t.coefficient.is_negative() { -1 } else { 1 })
        .sum();
    let total: Rational = terms.iter().map(|t| t.coefficient.clone()).sum();
    let first_negative = terms.first().is_some_and(|t| t.coefficient.is_negative());
    let negative =
        signs < 0 || (signs == 0 && (total.is_negative() || (total.is_zero() && first_negative)));
    if negative && !positive {
        -content
    } else {
        content
    }
}

fn gcd(mut a: BigInt, mut b: BigInt) -> BigInt {
    while !b.is_zero() {
        (a, b) = (b.clone(), a % b);
    }
    a
}

/// The prime factors with their powers; what is left after small primes counts as one.
pub(super) fn prime_powers(number: &BigInt) -> Vec<(BigInt, u32)> {
    let mut rest = number.clone();
    let mut found = Vec::new();
    for p in 2..PRIMES {
        if rest.is_one() {
            break;
        }
        let mut count = 0;
        while (&rest % p).is_zero() && !rest.is_zero() {
            rest /= p;
            count += 1;
        }
        if count > 0 {
            found.push((BigInt::from(p), count));
        }
    }
    if !rest.is_one() {
        found.push((rest, 1));
    }
    found
}

/// A rational as an exponent, when it is small enough.
pub(super) fn exponent(c: &Rational) -> Option<Power> {
    let (n, d) = (c.numer().to_i64()?, c.denom().to_i64()?);
    (n.abs() < 1 << 20 && d < 1 << 20).then(|| Power::new(n, d))
}
