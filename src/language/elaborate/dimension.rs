//! Dimensions and types. Why limits here: dimensions are polynomials, and a product of sums grows without end.

use super::Builder;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expr::{Dimension, Shape};
use crate::language::limits;
use crate::language::syntax::{Expr, ExprKind, PowerOp, ProductOp, Sign, Type};

/// True when a dimension is within the limits of the language.
pub(super) fn fits(dimension: &Dimension) -> bool {
    let (terms, degree, coefficient) = dimension.extent();
    terms <= limits::DIMENSION_TERMS
        && degree <= limits::DIMENSION_DEGREE
        && coefficient <= limits::DIMENSION.saturating_mul(limits::DIMENSION)
}

impl Builder<'_> {
    /// The shape a type stands for.
    pub(crate) fn shape(&mut self, of: &Type) -> Option<Shape> {
        let dims: Vec<Option<Dimension>> = of.dims.iter().map(|d| self.dimension(d)).collect();
        let mut dims = dims.into_iter();
        let rows = dims.next().unwrap_or_else(|| Some(Dimension::one()))?;
        let cols = dims.next().unwrap_or_else(|| Some(Dimension::one()))?;
        Some(Shape::matrix(rows, cols))
    }

    /// An expression read as a dimension.
    pub(super) fn dimension(&mut self, expr: &Expr) -> Option<Dimension> {
        match &expr.kind {
            ExprKind::Name(name) if self.sizes.contains_key(name) => self.sizes.get(name).cloned(),
            ExprKind::Name(name) if self.dims.contains(name) => {
                Some(Dimension::named(name.clone()))
            }
            ExprKind::Name(name) => {
                let known: Vec<&str> = self.dims.iter().map(|n| &**n).collect();
                let help = if known.is_empty() {
                    "dimensions are introduced by types, as in `x: R[n]`".to_owned()
                } else {
                    format!("the dimensions here are {}", known.join(", "))
                };
                let message = format!("no dimension is called `{name}`");
                self.error(
                    Diagnostic::new(Code::UnknownName, message, help)
                        .at(expr.span, "not a dimension"),
                );
                None
            }
            ExprKind::Number(value) => {
                let whole = value
                    .is_integer()
                    .then(|| u64::try_from(value.to_integer()).ok())
                    .flatten();
                self.whole(whole, expr.span)
            }
            ExprKind::Group(inner) => self.dimension(inner),
            ExprKind::Sum(first, rest) if rest.iter().all(|(sign, ..)| *sign == Sign::Plus) => {
                let mut total = self.dimension(first)?;
                for (_, _, term) in rest {
                    let term = self.dimension(term)?;
                    total = self.bounded(total.plus(&term), expr.span)?;
                }
                Some(total)
            }
            ExprKind::Product(first, rest)
                if rest.iter().all(|(op, ..)| *op == ProductOp::Multiply) =>
            {
                let mut total = self.dimension(first)?;
                for (_, _, factor) in rest {
                    let factor = self.dimension(factor)?;
                    total = self.bounded(total.times(&factor), expr.span)?;
                }
                Some(total)
            }
            ExprKind::Power(base, (PowerOp::Matrix, _), exponent) => {
                let base = self.dimension(base)?;
                let exponent = self.dimension(exponent)?.as_constant();
                let Some(exponent) = exponent.filter(|e| *e <= u64::from(limits::DIMENSION_DEGREE))
                else {
                    return self.not_a_dimension(expr.span);
                };
                let mut total = Dimension::one();
                for _ in 0..exponent {
                    total = self.bounded(total.times(&base), expr.span)?;
                }
                Some(total)
            }
            _ => self.not_a_dimension(expr.span),
        }
    }

    /// Stops a polynomial before it explodes.
    fn bounded(&mut self, dimension: Dimension, span: Span) -> Option<Dimension> {
        if fits(&dimension) {
            return Some(dimension);
        }
        let message = "the dimension is too large";
        let help = format!(
            "at most {} sizes may be multiplied and {} terms added",
            limits::DIMENSION_DEGREE,
            limits::DIMENSION_TERMS
        );
        self.error(Diagnostic::new(Code::Limit, message, help).at(span, "here"));
        None
    }

    fn whole(&mut self, value: Option<u64>, span: Span) -> Option<Dimension> {
        let (message, help) = match value {
            Some(0) => ("a dimension cannot be zero", "sizes start at 1".to_owned()),
            Some(n) if n <= limits::DIMENSION => return Some(Dimension::constant(n)),
            _ => (
                "this is not a dimension",
                format!("write a whole number from 1 to {}", limits::DIMENSION),
            ),
        };
        self.error(Diagnostic::new(Code::Dimension, message, help).at(span, "here"));
        None
    }

    fn not_a_dimension(&mut self, span: Span) -> Option<Dimension> {
        let help = "a dimension is made of names and whole numbers with `+` and `*`, as in `R[m, n*n + 1]`";
        self.error(
            Diagnostic::new(Code::Dimension, "this is not a dimension", help).at(span, "here"),
        );
        None
    }
}
