//! exp, log and symbolic powers, and functions across deltas. Why exponentials are taken apart: exp(a + b) and
//! exp(a) exp(b) must be one product, whichever way they are written.

use num_traits::One;

use super::core::{Core, delta, scaled};
use super::error::{IndexError, Outcome};
use super::functions::{Bodies, integer};
use super::power::{exponent, prime_powers};
use super::term::{Factor, Index, Kind, Power, Slot, Term};
use crate::expr::Rational;

impl Core<'_> {
    /// exp(Σ c m) = Π exp(m)^c, and exp(c log a) = a^c.
    pub(super) fn exp(&mut self, t: &[Term]) -> Outcome<Vec<Term>> {
        let mut again = |core: &mut Self, bodies: Bodies| core.exp(&bodies[0]);
        if let Some(apart) = self.across_delta(&[t.to_vec()], &mut again)? {
            return Ok(apart);
        }
        let mut product = vec![Term::number(Rational::one())];
        for term in t {
            let mut body = term.clone();
            let mut power = Power::one();
            if let Some(c) = exponent(&term.coefficient) {
                (power, body.coefficient) = (c, Rational::one());
            }
            let factor = match body.factors.as_slice() {
                [one]
                    if matches!(one.head.kind, Kind::Log(_))
                        && one.power.is_one()
                        && body.bound.is_empty() =>
                {
                    let argument = self.unfold(one);
                    let argument = self.simplify(argument[0].clone())?;
                    self.power(&argument, power)?
                }
                _ => vec![self.generator(vec![vec![body]], Kind::Exp, power)?],
            };
            product = self.product(&product, &factor)?;
        }
        self.simplify(product)
    }

    /// log, with positive factors of the argument as terms of their own.
    pub(super) fn log(&mut self, t: &[Term]) -> Outcome<Vec<Term>> {
        if t.is_empty() {
            return Err(IndexError::Undefined("the logarithm of zero".into()));
        }
        let mut again = |core: &mut Self, bodies: Bodies| core.log(&bodies[0]);
        if let Some(apart) = self.across_delta(&[t.to_vec()], &mut again)? {
            return Ok(apart);
        }
        let (content, mut rest) = self.content(t, true)?;
        let mut sum = Vec::new();
        for (number, sign) in [
            (content.coefficient.numer(), 1),
            (content.coefficient.denom(), -1),
        ] {
            for (prime, count) in prime_powers(number) {
                let body = vec![Term::number(Rational::from_integer(prime))];
                let log = self.generator(vec![body], Kind::Log, Power::one())?;
                sum.extend(scaled(&[log], &integer(i64::from(count) * sign)));
            }
        }
        for factor in content.factors {
            sum.extend(self.log_of(&factor)?);
        }
        if let [only] = rest.as_mut_slice() {
            let (out, kept): (Vec<Factor>, Vec<Factor>) = std::mem::take(&mut only.factors)
                .into_iter()
                .partition(|f| f.head.positive && !f.indices().any(|i| only.binds(i.id)));
            only.factors = kept;
            for factor in out {
                sum.extend(self.log_of(&factor)?);
            }
            match only.factors.as_slice() {
                [] if only.coefficient.is_one() => rest = Vec::new(),
                [one]
                    if only.coefficient.is_one()
                        && only.bound.is_empty()
                        && one.power.numer() % 2 != 0
                        && !one.power.is_one() =>
                {
                    let one = one.clone();
                    sum.extend(self.log_of(&one)?);
                    rest = Vec::new();
                }
                _ => {}
            }
        }
        if !rest.is_empty() {
            sum.push(self.generator(vec![rest], Kind::Log, Power::one())?);
        }
        self.simplify(sum)
    }

    /// The logarithm of a factor to an odd or broken power, or of a positive one.
    fn log_of(&mut self, factor: &Factor) -> Outcome<Vec<Term>> {
        let power = Rational::new(
            (*factor.power.numer()).into(),
            (*factor.power.denom()).into(),
        );
        let inner = match &factor.head.kind {
            Kind::Exp(_) => {
                let bodies = self.unfold(factor);
                self.simplify(bodies[0].clone())?
            }
            Kind::Sum(_) => {
                let bodies = self.unfold(factor);
                let body = self.simplify(bodies[0].clone())?;
                vec![self.generator(vec![body], Kind::Log, Power::one())?]
            }
            _ => {
                let one = Term::single(Factor {
                    power: Power::one(),
                    ..factor.clone()
                });
                vec![self.generator(vec![vec![one]], Kind::Log, Power::one())?]
            }
        };
        Ok(scaled(&inner, &power))
    }

    /// A base to an exponent that is not a number: b^(Σ c m) = Π (b^m)^c.
    pub(super) fn symbolic_power(
        &mut self,
        base: &[Term],
        exponents: &[Term],
    ) -> Outcome<Vec<Term>> {
        if base.is_empty() {
            return Err(IndexError::Undefined("a symbolic power of zero".into()));
        }
        if let [one] = base
            && one.factors.is_empty()
            && one.coefficient.is_one()
        {
            return Ok(base.to_vec());
        }
        let exponentials = |t: &Term| {
            t.bound.is_empty()
                && t.coefficient.is_one()
                && t.factors
                    .iter()
                    .all(|f| matches!(f.head.kind, Kind::Exp(_)))
        };
        if let [one] = base
            && exponentials(one)
        {
            let log = self.log(base)?;
            let product = self.times(&log, exponents)?;
            return self.exp(&product);
        }
        let mut product = vec![Term::number(Rational::one())];
        for term in exponents {
            let c = exponent(&term.coefficient);
            let factor = if term.factors.is_empty()
                && let Some(q) = c
            {
                self.power(base, q)?
            } else {
                let mut body = term.clone();
                let mut power = Power::one();
                if let Some(whole) = c.filter(Power::is_integer) {
                    (power, body.coefficient) = (whole, Rational::one());
                }
                vec![self.generator(vec![base.to_vec(), vec![body]], Kind::Symbolic, power)?]
            };
            product = self.product(&product, &factor)?;
        }
        self.simplify(product)
    }

    /// f(N + δ D) = f(N) + δ (f(N + D) - f(N)) for a function that acts entry by entry, where f(N) is defined.
    pub(super) fn across_delta(
        &mut self,
        bodies: Bodies,
        f: &mut dyn FnMut(&mut Self, Bodies) -> Outcome<Vec<Term>>,
    ) -> Outcome<Option<Vec<Term>>> {
        let is_delta = |f: &&Factor| f.head.kind == Kind::Delta;
        let free = |t: &Term, f: &Factor| !f.indices().any(|i| t.binds(i.id));
        let found = bodies.iter().flatten().find_map(|t| {
            t.factors
                .iter()
                .filter(is_delta)
                .find(|f| free(t, f) && f.slots[0].len() == 1)
        });
        let Some(found) = found.cloned() else {
            return Ok(None);
        };
        let (name, other): (Index, Index) = (found.slots[0][0].clone(), found.slots[1][0].clone());
        let has = |t: &Term| t.factors.contains(&found);
        let apart: Vec<Vec<Term>> = bodies
            .iter()
            .map(|b| b.iter().filter(|t| !has(t)).cloned().collect())
            .collect();
        let outside = match f(self, &apart) {
            Err(IndexError::Undefined(_)) => return Ok(None),
            other => other?,
        };
        let mut on = |core: &mut Self, bodies: Bodies| -> Outcome<Vec<Term>> {
            let bodies: Outcome<Vec<Vec<Term>>> = bodies
                .iter()
                .map(|body| {
                    let mut body = body.clone();
                    for term in &mut body {
                        term.factors.retain(|f| *f != found);
                        term.substitute(other.id, std::slice::from_ref(&name));
                    }
                    core.simplify(body)
                })
                .collect();
            f(core, &bodies?)
        };
        let (all, less) = (on(self, bodies)?, on(self, &apart)?);
        let equal = Term::single(delta(Slot::from_iter([name]), Slot::from_iter([other])));
        let difference = self.sum([all, scaled(&less, &integer(-1))])?;
        let diagonal = self.product(&[equal], &difference)?;
        self.sum([outside, diagonal]).map(Some)
    }
}
