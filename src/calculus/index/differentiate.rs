//! Derivatives of index terms with respect to every entry of a variable. Why here it is short: one entry differentiates
//! to deltas, a product factor by factor, and each generator has one rule (Laue, Mitterreiter & Giesen 2018).

use num_traits::One;

use super::arrange::summed;
use super::core::{Core, Tensor, delta, scaled};
use super::error::{IndexError, Outcome};
use super::functions::integer;
use super::term::{Factor, Index, Kind, Power, Slot, Term};
use crate::expr::{Function, Name, Rational};

/// What a factor is replaced by, or nothing to look inside it.
pub(super) type Replacement<'g, 'f> =
    dyn FnMut(&mut Core<'g>, &Factor) -> Outcome<Option<Vec<Term>>> + 'f;

impl<'g> Core<'g> {
    /// The derivative of the terms with respect to the entry at (`row`, `col`) of the variable.
    pub(super) fn derivative(
        &mut self,
        terms: &[Term],
        variable: &Name,
        row: &Slot,
        col: &Slot,
    ) -> Outcome<Vec<Term>> {
        let mut total = Vec::new();
        for term in terms {
            for at in 0..term.factors.len() {
                if !term.factors[at].head.depends_on(variable) {
                    continue;
                }
                // New names, because the indices of the rest stay free while the factor is differentiated.
                let mut rest = self.freshen(term);
                let factor = rest.factors.remove(at);
                let bound = std::mem::take(&mut rest.bound);
                let inner = self.factor_derivative(&factor, variable, row, col)?;
                let product = self.product(&[rest], &inner)?;
                total.extend(summed(product, &bound));
            }
        }
        self.simplify(total)
    }

    fn factor_derivative(
        &mut self,
        factor: &Factor,
        variable: &Name,
        row: &Slot,
        col: &Slot,
    ) -> Outcome<Vec<Term>> {
        let mut inner = self.base_derivative(factor, variable, row, col)?;
        if factor.power.is_one() || matches!(factor.head.kind, Kind::Exp(_) | Kind::Symbolic(_)) {
            return Ok(inner);
        }
        // (f^k)' = k f^(k-1) f'
        let k = factor.power;
        let mut lower = Term::single(Factor {
            power: k - Power::one(),
            ..factor.clone()
        });
        if lower.factors[0].power < Power::default() {
            self.divides_by(&factor.head);
        }
        lower.coefficient = Rational::new((*k.numer()).into(), (*k.denom()).into());
        inner = self.product(&inner, &[lower])?;
        Ok(inner)
    }

    /// The derivative of the factor's base; of the whole factor for exponentials.
    fn base_derivative(
        &mut self,
        factor: &Factor,
        variable: &Name,
        row: &Slot,
        col: &Slot,
    ) -> Outcome<Vec<Term>> {
        let bodies = self.unfold(factor);
        let own = Term::single(factor.clone());
        match &factor.head.kind {
            Kind::Variable(_) => {
                let mut term = Term::number(integer(1));
                for (slot, entry) in factor.slots.iter().zip([row, col]) {
                    if !slot.is_empty() || !entry.is_empty() {
                        term.factors.push(delta(slot.clone(), entry.clone()));
                    }
                }
                Ok(vec![term])
            }
            Kind::Sum(_) => self.derivative(&bodies[0], variable, row, col),
            Kind::Exp(_) => {
                // (E^k)' = k E^k t'
                let k = Rational::new(
                    (*factor.power.numer()).into(),
                    (*factor.power.denom()).into(),
                );
                let inner = self.derivative(&bodies[0], variable, row, col)?;
                self.product(&scaled(&inner, &k), &[own])
            }
            Kind::Log(_) => {
                let inner = self.derivative(&bodies[0], variable, row, col)?;
                let share = self.power(&bodies[0], -Power::one())?;
                self.product(&inner, &share)
            }
            Kind::Symbolic(_) => {
                // ((b^m)^c)' = c (b^m)^c (m' log b + m b' / b)
                let c = Rational::new(
                    (*factor.power.numer()).into(),
                    (*factor.power.denom()).into(),
                );
                let (base, exponent) = (&bodies[0], &bodies[1]);
                let mut total = Vec::new();
                let risen = self.derivative(exponent, variable, row, col)?;
                if !risen.is_empty() {
                    let log = self.log(base)?;
                    total.extend(self.product(&risen, &log)?);
                }
                let inner = self.derivative(base, variable, row, col)?;
                if !inner.is_empty() {
                    let share = self.power(base, -Power::one())?;
                    let share = self.product(&share, exponent)?;
                    total.extend(self.product(&inner, &share)?);
                }
                self.product(&scaled(&total, &c), &[own])
            }
            Kind::Apply(f, _) => {
                let inner = self.derivative(&bodies[0], variable, row, col)?;
                if inner.is_empty() {
                    return Ok(inner);
                }
                let outer = self.slope(f, &bodies[0])?;
                self.product(&inner, &outer)
            }
            Kind::Inverse(matrix) => {
                // d M⁻¹ = -M⁻¹ dM M⁻¹
                let tensor = self.open_matrix(matrix);
                let inner = self.derivative(&tensor.terms, variable, row, col)?;
                let at =
                    |slots: [&Slot; 2]| Factor::new(factor.head.clone(), slots.map(Clone::clone));
                let mut outer = Term::number(integer(-1));
                outer.factors.push(at([&factor.slots[0], &tensor.row]));
                outer.factors.push(at([&tensor.col, &factor.slots[1]]));
                self.contracted(&inner, &outer, &tensor)
            }
            Kind::Determinant(matrix) | Kind::LogDeterminant(matrix) => {
                // d log |det M| = tr(M⁻¹ dM), d det M = det M tr(M⁻¹ dM)
                let tensor = self.open_matrix(matrix);
                let inner = self.derivative(&tensor.terms, variable, row, col)?;
                if inner.is_empty() {
                    return Ok(inner);
                }
                let again = self.fresh(&tensor);
                let inverse = self.inverse(again)?;
                let mut outer = placed(inverse, &tensor.col, &tensor.row);
                if matches!(factor.head.kind, Kind::Determinant(_)) {
                    let det = Term::single(Factor {
                        power: Power::one(),
                        ..factor.clone()
                    });
                    outer = self.product(&outer, &[det])?;
                }
                let product = self.product(&inner, &outer)?;
                Ok(summed(product, &tensor.free()))
            }
            kind => Err(IndexError::NotDifferentiable {
                operation: operation(kind).into(),
            }),
        }
    }

    /// inner · outer summed over the matrix's subscripts.
    fn contracted(&mut self, inner: &[Term], outer: &Term, matrix: &Tensor) -> Outcome<Vec<Term>> {
        let product = self.product(inner, std::slice::from_ref(outer))?;
        let free: Vec<Index> = matrix.free();
        Ok(summed(product, &free))
    }

    /// The derivative of an elementwise function at its argument.
    fn slope(&mut self, f: &Function, t: &[Term]) -> Outcome<Vec<Term>> {
        let known = self.graph.functions().get(&f.name);
        if matches!(known, Some(crate::expr::FunctionDefinition::Abstract)) {
            return self.apply(&f.name, f.order + 1, t);
        }
        match &*f.name {
            // The derivatives of the jumps are zero, as everywhere but at the kink.
            "step" | "sign" => Ok(Vec::new()),
            "sin" => self.apply(&"cos".into(), 0, t),
            "cos" => {
                let sin = self.apply(&"sin".into(), 0, t)?;
                Ok(scaled(&sin, &integer(-1)))
            }
            "erf" => {
                // 2 / √π exp(-t²)
                let squares = self.power(t, Power::from(2))?;
                let mut e = self.exp(&scaled(&squares, &integer(-1)))?;
                let mut pi = Factor::new(super::term::Symbol::plain(Kind::Pi), []);
                pi.power = Power::new(-1, 2);
                e = self.product(&e, &[Term::single(pi)])?;
                Ok(scaled(&e, &integer(2)))
            }
            name => Err(IndexError::NotDifferentiable {
                operation: name.into(),
            }),
        }
    }

    /// The terms with the scalar variable `name` replaced by `by`.
    pub(super) fn substitute_variable(
        &mut self,
        terms: &[Term],
        name: &Name,
        by: &[Term],
    ) -> Outcome<Vec<Term>> {
        self.replace(terms, &mut |core, factor| match &factor.head.kind {
            Kind::Variable(own) if own == name => core.power(by, factor.power).map(Some),
            _ => Ok(None),
        })
    }

    /// The terms with factors replaced, in arguments of functions as well.
    pub(super) fn replace(
        &mut self,
        terms: &[Term],
        by: &mut Replacement<'g, '_>,
    ) -> Outcome<Vec<Term>> {
        let mut total = Vec::new();
        for term in terms {
            let term = self.freshen(term);
            let number = Term {
                coefficient: term.coefficient.clone(),
                ..Term::number(integer(1))
            };
            let mut product = vec![number];
            for factor in &term.factors {
                let new = self.replace_in(factor, by)?;
                product = self.product(&product, &new)?;
            }
            total.extend(summed(product, &term.bound));
        }
        self.simplify(total)
    }

    fn replace_in(&mut self, factor: &Factor, by: &mut Replacement<'g, '_>) -> Outcome<Vec<Term>> {
        if let Some(new) = by(self, factor)? {
            return Ok(new);
        }
        if factor.head.kind.lambda().is_some() && !factor.head.variables.is_empty() {
            let mut bodies = self.unfold(factor);
            for body in &mut bodies {
                *body = self.replace(body, by)?;
            }
            return self.remake(&factor.head.kind, &bodies, factor.power);
        }
        if let Some(matrix) = factor.head.kind.matrix().cloned() {
            let mut tensor = self.open_matrix(&matrix);
            tensor.terms = self.replace(&tensor.terms, by)?;
            let tensor = self.remake_matrix(&factor.head.kind, tensor)?;
            let mut slots = factor.slots.clone();
            slots.resize(2, Slot::new());
            let terms = self.simplify(placed(tensor, &slots[0], &slots[1]))?;
            return self.power(&terms, factor.power);
        }
        Ok(vec![Term::single(factor.clone())])
    }
}

/// The entries of a tensor at other subscripts.
pub(super) fn placed(tensor: Tensor, row: &Slot, col: &Slot) -> Vec<Term> {
    let free = tensor.free();
    let mut terms = tensor.terms;
    for term in &mut terms {
        for (outer, inner) in [(row, &tensor.row), (col, &tensor.col)] {
            if !outer.is_empty() || !inner.is_empty() {
                term.factors.push(delta(outer.clone(), inner.clone()));
            }
        }
    }
    summed(terms, &free)
}

/// The name of what has no derivative here.
fn operation(kind: &Kind) -> &'static str {
    match kind {
        Kind::EigAbs(_) => "eigabs",
        Kind::EigClip(_) => "eigclip",
        Kind::Diagonal(_) => "a value declared diagonal",
        _ => "operation",
    }
}
