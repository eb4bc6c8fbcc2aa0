//! Elementwise functions in terms of few: exp, log, powers, erf, sin, cos, step, sign and what is abstract. Why: with
//! E = exp(t) and r = 1/(1 + E), sigmoid is 1 - r and its derivatives are polynomials, so that identities between
//! functions become identities between polynomials.

use num_traits::{One, Signed, Zero};

use super::core::{Core, scaled};
use super::error::Outcome;
use super::power::numeric_content;
use super::term::{Factor, Kind, Power, Slot, Slots, Symbol, Term, sum_is_positive};
use crate::expr::{Function, FunctionDefinition, Name, Rational};

/// The name of the placeholder in a built-in function's template.
const PLACEHOLDER: &str = "\u{b7}";

pub(super) type Bodies<'a> = &'a [Vec<Term>];

impl Core<'_> {
    /// An elementwise function, differentiated `order` times, of every entry.
    pub(super) fn apply(&mut self, name: &Name, order: u32, t: &[Term]) -> Outcome<Vec<Term>> {
        if self.as_written {
            return self.opaque(name, order, t);
        }
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

    pub(super) fn builtin(&mut self, name: &Name, t: &[Term]) -> Outcome<Vec<Term>> {
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
                let root = Self::number_power(&integer(2), -half)?;
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
