//! Elementwise functions in terms of few: exp, log, powers, erf, sin, cos, step, sign and what is abstract. Why: with
//! E = exp(t) and r = 1/(1 + E), sigmoid is 1 - r and its derivatives are polynomials, so that identities between
//! functions become identities between polynomials.

use num_traits::{One, Signed, Zero};

use super::core::{Core, delta, scaled};
use super::error::{IndexError, Outcome};
use super::power::{exponent, numeric_content, prime_powers};
use super::term::{Factor, Index, Kind, Power, Slot, Slots, Symbol, Term, sum_is_positive};
use crate::expr::{Function, FunctionDefinition, Name, Rational};

/// The name of the placeholder in a built-in function's template.
const PLACEHOLDER: &str = "\u{b7}";

type Bodies<'a> = &'a [Vec<Term>];

impl<'g> Core<'g> {
    /// An elementwise function, differentiated `order` times, of every entry.
    pub(super) fn apply(&mut self, name: &Name, order: u32, t: &[Term]) -> Outcome<Vec<Term>> {
        let defined = match self.graph.functions().get(name) {
            Some(FunctionDefinition::Defined { argument, body }) => Some((argument.clone(), *body)),
            Some(FunctionDefinition::Abstract) => return self.opaque(name, order, t),
            Some(FunctionDefinition::Builtin) | None => None,
        };
        if defined.is_none() && order == 0 {
            return self.builtin(name, t);
        }
        let argument = defined
            .as_ref()
            .map_or_else(|| Name::from(PLACEHOLDER), |(name, _)| name.clone());
        let key = (name.clone(), order);
        if !self.templates.contains_key(&key) {
            let value = if order > 0 {
                let lower = self.template(name, order - 1, &argument)?;
                self.derivative(&lower, &argument, &Slot::new(), &Slot::new())?
            } else if let Some((_, body)) = &defined {
                self.lower(*body)?.terms
            } else {
                self.builtin(name, &[entry(&argument)])?
            };
            self.templates.insert(key.clone(), value);
        }
        let template = self.templates.get(&key).cloned().unwrap_or_default();
        self.substitute_variable(&template, &argument, t)
    }

    /// The function of the variable `argument`.
    fn template(&mut self, name: &Name, order: u32, argument: &Name) -> Outcome<Vec<Term>> {
        self.apply(name, order, &[entry(argument)])
    }

    /// A function of which nothing is known but its name.
    fn opaque(&mut self, name: &Name, order: u32, t: &[Term]) -> Outcome<Vec<Term>> {
        let mut again = |core: &mut Self, bodies: Bodies| core.opaque(name, order, &bodies[0]);
        if let Some(apart) = self.across_delta(&[t.to_vec()], &mut again)? {
            return Ok(apart);
        }
        let function = Function {
            name: name.clone(),
            order,
        };
        let made = self.generator(vec![t.to_vec()], |l| Kind::Apply(function, l), Power::one())?;
        Ok(vec![made])
    }

    fn builtin(&mut self, name: &Name, t: &[Term]) -> Outcome<Vec<Term>> {
        let half = Power::new(1, 2);
        let one = [Term::number(Rational::one())];
        match &**name {
            "exp" => self.exp(t),
            "log" => self.log(t),
            "sqrt" => self.power(t, half),
            "sigmoid" => {
                // 1 - 1/(1 + E)
                let e = self.exp(t)?;
                let r = self.reciprocal_of_one_plus(&e)?;
                self.sum([one.to_vec(), scaled(&r, &integer(-1))])
            }
            "tanh" => {
                // 1 - 2/(1 + E²)
                let e = self.exp(&scaled(t, &integer(2)))?;
                let r = self.reciprocal_of_one_plus(&e)?;
                self.sum([one.to_vec(), scaled(&r, &integer(-2))])
            }
            "softplus" => {
                let e = self.exp(t)?;
                let sum = self.sum([one.to_vec(), e])?;
                self.log(&sum)
            }
            "silu" => {
                let s = self.builtin(&"sigmoid".into(), t)?;
                self.times(t, &s)
            }
            "gelu" => {
                // t (1 + erf(t / √2)) / 2
                let root = self.number_power(&integer(2), -half)?;
                let inner = self.times(t, &[root])?;
                let erf = self.builtin(&"erf".into(), &inner)?;
                let sum = self.sum([one.to_vec(), erf])?;
                let product = self.times(t, &sum)?;
                Ok(scaled(&product, &ratio(1, 2)))
            }
            "abs" => {
                let sign = self.builtin(&"sign".into(), t)?;
                self.times(t, &sign)
            }
            "relu" => self.bent(t, &integer(0), &[]),
            "leaky_relu" => self.bent(t, &ratio(1, 100), &[]),
            "elu" | "selu" => {
                let (outer, inner) = if &**name == "elu" {
                    (integer(1), integer(1))
                } else {
                    selu_constants()
                };
                let e = self.exp(t)?;
                let below = self.sum([e, scaled(&one, &integer(-1))])?;
                let bent = self.bent(t, &integer(0), &scaled(&below, &inner))?;
                Ok(scaled(&bent, &outer))
            }
            "sin" | "erf" | "sign" => self.with_parity(name, t, -1),
            "cos" => self.with_parity(name, t, 1),
            "step" => self.with_parity(name, t, 0),
            _ => self.opaque(name, 0, t),
        }
    }

    /// t above zero; slope * t + below elsewhere.
    fn bent(&mut self, t: &[Term], slope: &Rational, below: &[Term]) -> Outcome<Vec<Term>> {
        let step = self.builtin(&"step".into(), t)?;
        let low = self.sum([scaled(t, slope), below.to_vec()])?;
        let rise = self.sum([t.to_vec(), scaled(&low, &integer(-1))])?;
        let above = self.times(&step, &rise)?;
        self.sum([low, above])
    }

    /// A function that is odd (-1), even (1) or neither (0), at a number where it is known, and for step and
    /// sign without positive factors of the argument.
    fn with_parity(&mut self, name: &Name, t: &[Term], parity: i64) -> Outcome<Vec<Term>> {
        let mut again =
            |core: &mut Self, bodies: Bodies| core.with_parity(name, &bodies[0], parity);
        if let Some(apart) = self.across_delta(&[t.to_vec()], &mut again)? {
            return Ok(apart);
        }
        let sign = if t.is_empty() {
            Some(0)
        } else if sum_is_positive(t) {
            Some(1)
        } else {
            sum_is_positive(&scaled(t, &integer(-1))).then_some(-1)
        };
        let known = match (&**name, sign) {
            ("sign", Some(s)) => Some(s),
            ("step", Some(s)) => Some(s.max(0)),
            ("sin" | "erf", Some(0)) => Some(0),
            ("cos", Some(0)) => Some(1),
            _ => None,
        };
        if let Some(value) = known {
            return Ok(if value == 0 {
                Vec::new()
            } else {
                vec![Term::number(integer(value))]
            });
        }
        let (mut t, mut factor) = (t.to_vec(), integer(1));
        if parity != 0 && numeric_content(&t, false).is_negative() {
            (t, factor) = (scaled(&t, &integer(-1)), integer(parity));
        }
        if matches!(&**name, "step" | "sign") {
            t = self.content(&t, true)?.1;
        }
        let function = Function {
            name: name.clone(),
            order: 0,
        };
        let made = self.generator(vec![t], |l| Kind::Apply(function, l), Power::one())?;
        Ok(scaled(&[made], &factor))
    }

    fn reciprocal_of_one_plus(&mut self, e: &[Term]) -> Outcome<Vec<Term>> {
        let sum = self.sum([vec![Term::number(Rational::one())], e.to_vec()])?;
        self.power(&sum, -Power::one())
    }

    /// A sum of sums.
    pub(super) fn sum<const N: usize>(&mut self, parts: [Vec<Term>; N]) -> Outcome<Vec<Term>> {
        self.simplify(parts.into_iter().flatten().collect())
    }

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

/// The scalar variable `name`.
pub(super) fn entry(name: &Name) -> Term {
    let slots: Slots = [Slot::new(), Slot::new()].into_iter().collect();
    Term::single(Factor::new(
        Symbol::plain(Kind::Variable(name.clone())),
        slots,
    ))
}

/// A whole number.
pub(super) fn integer(value: i64) -> Rational {
    Rational::from_integer(value.into())
}

/// A fraction.
pub(super) fn ratio(numer: i64, denom: i64) -> Rational {
    Rational::new(numer.into(), denom.into())
}

/// The scale and α of `selu`, as PyTorch has them.
fn selu_constants() -> (Rational, Rational) {
    let number = |digits: &str, places: u32| {
        let numer = digits.parse().unwrap_or_else(|_| Zero::zero());
        Rational::new(
            numer,
            num_traits::Pow::pow(num_bigint::BigInt::from(10), places),
        )
    };
    (
        number("10507009873554804934193349852946", 31),
        number("16732632423543772848170429916717", 31),
    )
}
