//! Operators in their canonical form. Why here and only here: `a - b` is a sum, `A/s` a scaling, `A ./ B` a
//! Hadamard product, so that no floor above meets two spellings of one thing.

use num_traits::{One, Pow, Signed, ToPrimitive, Zero};

use super::{Builder, Operand};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expr::{Id, Name, Names, Op, Rational, print, printed_size};
use crate::language::{limits, number};

impl Builder<'_> {
    fn is_scalar(&self, operand: Operand) -> bool {
        self.graph.shape(operand.id).is_scalar()
    }

    fn literal(&self, operand: Operand) -> Option<Rational> {
        self.graph.as_number(operand.id).cloned()
    }

    fn number(&mut self, value: Rational, place: Span) -> Option<Id> {
        if number::is_too_large(&value) {
            let help = format!("exact numbers have at most {} bits", limits::NUMBER_BITS);
            let message = "the number has grown too large";
            self.error(Diagnostic::new(Code::Number, message, help).at(place, "here"));
            return None;
        }
        Some(self.graph.number(value))
    }

    fn constant(&mut self, value: i64, like: Operand) -> Operand {
        Operand {
            id: self.graph.integer(value),
            span: like.span,
        }
    }

    /// s * A with a scalar s.
    fn scale(&mut self, scalar: Operand, value: Operand, place: Span) -> Option<Id> {
        match (self.literal(scalar), self.literal(value)) {
            (Some(a), Some(b)) => self.number(a * b, place),
            _ => self.node(Op::Scale, &[scalar, value], place),
        }
    }

    pub(super) fn negate(&mut self, value: Operand, place: Span) -> Option<Id> {
        let minus = self.constant(-1, value);
        self.scale(minus, value, place)
    }

    /// The sum of terms, each with the operator before it.
    pub(super) fn add(&mut self, terms: &[(Span, Operand)]) -> Option<Id> {
        let numbers: Option<Vec<Rational>> =
            terms.iter().map(|(_, term)| self.literal(*term)).collect();
        let (place, first) = *terms.first()?;
        if let Some(numbers) = numbers {
            return self.number(numbers.into_iter().sum(), place);
        }
        // Terms are checked one by one so that an error shows its operator and both its sides.
        let shape = self.graph.shape(first.id);
        for (place, term) in &terms[1..] {
            if self.graph.shape(term.id) != shape {
                if let Some(help) = self.broadcast(first, *term)
                    && let Err(mut error) = self.graph.node(Op::Add, &[first.id, term.id])
                {
                    error.help = Some(help);
                    self.shape_error(error, &[first, *term], *place);
                    return None;
                }
                return self.node(Op::Add, &[first, *term], *place);
            }
        }
        let operands: Vec<Operand> = terms.iter().map(|(_, term)| *term).collect();
        self.node(Op::Add, &operands, place)
    }

    /// How the sum of a scalar and something larger is written, with the operands themselves where they are short.
    fn broadcast(&mut self, a: Operand, b: Operand) -> Option<String> {
        const SHORT: u64 = 40;
        let (scalar, other) = match (self.is_scalar(a), self.is_scalar(b)) {
            (true, false) => (a, b),
            (false, true) => (b, a),
            _ => return None,
        };
        let shape = self.graph.shape(other.id);
        let sizes = [&shape.rows, &shape.cols].map(|d| self.graph.dimension(d.clone()));
        let ones = self.graph.node(Op::Ones, &sizes).ok()?;
        let filled = match self.literal(scalar) {
            Some(one) if one.is_one() => ones,
            _ => self.graph.node(Op::Scale, &[scalar.id, ones]).ok()?,
        };
        let terms = [a, b].map(|term| {
            if term.id == scalar.id {
                filled
            } else {
                term.id
            }
        });
        let sum = self.graph.node(Op::Add, &terms).ok()?;
        let mut known: Vec<(&Name, Id)> = self
            .values
            .iter()
            .filter_map(|(name, value)| Some((name, value.id?)))
            .filter(|(_, id)| !self.graph[*id].children.is_empty())
            .collect();
        known.sort();
        let names: Names = known
            .into_iter()
            .map(|(name, id)| (id, name.clone()))
            .collect();
        let written = if printed_size(&self.graph, sum, &names) <= SHORT {
            print(&self.graph, sum, &names)
        } else if shape.is_column() {
            format!("s*ones({}) + x", shape.rows)
        } else {
            format!("s*ones({}, {}) + A", shape.rows, shape.cols)
        };
        Some(format!(
            "a scalar is not added to every entry by itself: write `{written}`"
        ))
    }

    /// A * B: the matrix product, or a scalar times anything.
    pub(super) fn multiply(&mut self, a: Operand, b: Operand, place: Span) -> Option<Id> {
        if self.is_scalar(a) {
            self.scale(a, b, place)
        } else if self.is_scalar(b) {
            self.scale(b, a, place)
        } else {
            self.node(Op::Multiply, &[a, b], place)
        }
    }

    /// A .* B: entries of one shape, or a scalar times anything.
    pub(super) fn hadamard(&mut self, a: Operand, b: Operand, place: Span) -> Option<Id> {
        if self.is_scalar(a) || self.is_scalar(b) {
            self.multiply(a, b, place)
        } else {
            self.node(Op::Hadamard, &[a, b], place)
        }
    }

    pub(super) fn kronecker(&mut self, a: Operand, b: Operand, place: Span) -> Option<Id> {
        self.node(Op::Kronecker, &[a, b], place)
    }

    fn reciprocal(&mut self, value: Operand, place: Span) -> Option<Operand> {
        if let Some(number) = self.literal(value) {
            if number.is_zero() {
                let diagnostic =
                    Diagnostic::new(Code::Number, "division by zero", "zero has no reciprocal")
                        .at(place, "")
                        .at(value.span, "this is 0");
                self.error(diagnostic);
                return None;
            }
            return Some(Operand {
                id: self.graph.number(number.recip()),
                span: value.span,
            });
        }
        let exponent = self.constant(-1, value);
        let id = self.node(Op::Power, &[value, exponent], place)?;
        Some(Operand {
            id,
            span: value.span,
        })
    }

    /// A / s: division by a scalar.
    pub(super) fn divide(&mut self, a: Operand, b: Operand, place: Span) -> Option<Id> {
        if !self.is_scalar(b) {
            let shape = self.graph.shape(b.id);
            let help = "entries are divided by `./`; a matrix is inverted by `inv(A)`";
            let diagnostic = Diagnostic::new(
                Code::Shape,
                format!("division by {shape:?} has no meaning"),
                help,
            )
            .at(place, "divides by a scalar")
            .at(b.span, format!("{shape:?}"));
            self.error(diagnostic);
            return None;
        }
        let reciprocal = self.reciprocal(b, place)?;
        // A number stands before what it scales: 2/s is 2 * s^-1.
        match self.literal(a) {
            Some(one) if one.is_one() => Some(reciprocal.id),
            Some(_) => self.scale(a, reciprocal, place),
            None => self.scale(reciprocal, a, place),
        }
    }

    /// A ./ B: entries of one shape, or a scalar on either side.
    pub(super) fn divide_entrywise(&mut self, a: Operand, b: Operand, place: Span) -> Option<Id> {
        if self.is_scalar(b) {
            return self.divide(a, b, place);
        }
        let reciprocal = self.reciprocal(b, place)?;
        if self.literal(a).is_some_and(|one| one.is_one()) {
            Some(reciprocal.id)
        } else if self.is_scalar(a) {
            self.scale(a, reciprocal, place)
        } else {
            self.node(Op::Hadamard, &[a, reciprocal], place)
        }
    }

    /// A .^ p: the power of each entry.
    pub(super) fn power_entrywise(
        &mut self,
        base: Operand,
        exponent: Operand,
        place: Span,
    ) -> Option<Id> {
        if self.is_scalar(base) && self.is_scalar(exponent) {
            self.scalar_power(base, exponent, place)
        } else {
            self.node(Op::Power, &[base, exponent], place)
        }
    }

    /// s^p of scalars, A^k of a square matrix.
    pub(super) fn power(&mut self, base: Operand, exponent: Operand, place: Span) -> Option<Id> {
        if self.is_scalar(base) && self.is_scalar(exponent) {
            return self.scalar_power(base, exponent, place);
        }
        let shape = self.graph.shape(base.id);
        if !shape.is_square() || shape.is_scalar() {
            let help = "`^` is for scalars and square matrices; the power of each entry is `.^`";
            let message = format!("power of {shape:?} has no meaning");
            let exponents = self.graph.shape(exponent.id);
            let diagnostic = Diagnostic::new(Code::Shape, message, help)
                .at(place, "")
                .at(base.span, format!("{shape:?}"))
                .at(exponent.span, format!("{exponents:?}"));
            self.error(diagnostic);
            return None;
        }
        let k = self
            .literal(exponent)
            .filter(Rational::is_integer)
            .and_then(|k| k.to_i64());
        let Some(k) = k.filter(|k| k.unsigned_abs() <= limits::MATRIX_POWER) else {
            let message = "the power of a matrix takes a whole number";
            let help = format!(
                "write a number from -{0} to {0}; the power of each entry is `.^`",
                limits::MATRIX_POWER
            );
            self.error(
                Diagnostic::new(Code::Number, message, help).at(exponent.span, "not such a number"),
            );
            return None;
        };
        if k == 0 {
            let n = self.graph.dimension(shape.rows);
            return self.node(
                Op::Eye,
                &[Operand {
                    id: n,
                    span: base.span,
                }],
                place,
            );
        }
        let mut factor = base;
        if k < 0 {
            factor.id = self.node(Op::Inverse, &[base], place)?;
        }
        let mut product = factor;
        for _ in 1..k.unsigned_abs() {
            product.id = self.node(Op::Multiply, &[product, factor], place)?;
        }
        Some(product.id)
    }

    fn scalar_power(&mut self, base: Operand, exponent: Operand, place: Span) -> Option<Id> {
        let small = self
            .literal(exponent)
            .filter(Rational::is_integer)
            .and_then(|k| k.to_i32());
        if let (Some(number), Some(k)) = (self.literal(base), small) {
            if number.is_zero() && k < 0 {
                return self.reciprocal(base, place).map(|o| o.id);
            }
            let bits = number.numer().bits().max(number.denom().bits());
            if bits.saturating_mul(u64::from(k.unsigned_abs())) <= limits::NUMBER_BITS
                || number.abs().is_one()
            {
                return self.number(number.pow(k), place);
            }
        }
        self.node(Op::Power, &[base, exponent], place)
    }
}
