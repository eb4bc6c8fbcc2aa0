//! Expressions: names and operators. Why all operands are read before one is combined: every mistake in them
//! is reported, not only the first.

use std::collections::BTreeSet;

use super::{Builder, Operand};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::expr::{Dimension, Id, Name, Op};
use crate::language::builtin;
use crate::language::syntax::{Expr, ExprKind, PowerOp, ProductOp, Sign};

impl Builder<'_> {
    /// The value of an expression, or nothing when it is wrong and reported.
    pub(crate) fn expression(&mut self, expr: &Expr) -> Option<Id> {
        match &expr.kind {
            ExprKind::Name(name) => self.name(name, expr.span),
            ExprKind::Number(value) => Some(self.graph.number(value.clone())),
            ExprKind::Group(inner) => self.expression(inner),
            ExprKind::Transpose(inner, primes) => {
                let operand = self.operand(inner)?;
                if primes % 2 == 0 || self.graph.shape(operand.id).is_scalar() {
                    return Some(operand.id);
                }
                self.node(Op::Transpose, &[operand], expr.span)
            }
            ExprKind::Negate(inner) => {
                let operand = self.operand(inner)?;
                self.negate(operand, expr.span)
            }
            ExprKind::Power(base, (op, place), exponent) => {
                let (base, exponent) = (self.operand(base), self.operand(exponent));
                let (base, exponent) = (base?, exponent?);
                match op {
                    PowerOp::Matrix => self.power(base, exponent, *place),
                    PowerOp::Entrywise => self.power_entrywise(base, exponent, *place),
                }
            }
            ExprKind::Product(first, rest) => self.product(first, rest),
            ExprKind::Sum(..) => self.sum(expr),
            ExprKind::Call(call) => self.call(call, expr.span),
        }
    }

    pub(super) fn operand(&mut self, expr: &Expr) -> Option<Operand> {
        self.expression(expr).map(|id| Operand {
            id,
            span: expr.span,
        })
    }

    fn product(&mut self, first: &Expr, rest: &[(ProductOp, Span, Expr)]) -> Option<Id> {
        let mut left = self.operand(first);
        for (op, place, factor) in rest {
            let right = self.operand(factor);
            let (Some(a), Some(b)) = (left, right) else {
                left = None;
                continue;
            };
            let id = match op {
                ProductOp::Multiply => self.multiply(a, b, *place),
                ProductOp::Divide => self.divide(a, b, *place),
                ProductOp::Hadamard => self.hadamard(a, b, *place),
                ProductOp::DivideEntrywise => self.divide_entrywise(a, b, *place),
                ProductOp::Kronecker => self.kronecker(a, b, *place),
            };
            left = id.map(|id| Operand {
                id,
                span: a.span.to(b.span),
            });
        }
        left.map(|operand| operand.id)
    }

    /// A sum with the sums in parentheses inside it: one list of terms.
    fn sum(&mut self, expr: &Expr) -> Option<Id> {
        // Terms still to read, last first, each with its sign and the operator before it.
        let mut todo: Vec<(bool, Span, &Expr)> = vec![(false, expr.span, expr)];
        let mut terms: Vec<(Span, Operand)> = Vec::new();
        let mut failed = false;
        while let Some((minus, place, term)) = todo.pop() {
            if let ExprKind::Sum(first, rest) = &term.ungrouped().kind {
                let signed = rest
                    .iter()
                    .map(|(sign, at, e)| ((*sign == Sign::Minus) != minus, *at, e));
                todo.extend(signed.rev());
                todo.push((minus, place, first));
                continue;
            }
            let value = self.operand(term).and_then(|operand| {
                let id = if minus {
                    self.negate(operand, place)?
                } else {
                    operand.id
                };
                Some(Operand {
                    id,
                    span: operand.span,
                })
            });
            match value {
                Some(operand) => terms.push((place, operand)),
                None => failed = true,
            }
        }
        if failed { None } else { self.add(&terms) }
    }

    /// A value's name, or a dimension's, which is its size.
    fn name(&mut self, name: &Name, span: Span) -> Option<Id> {
        if let Some(value) = self.values.get_mut(name) {
            value.used = true;
            return value.id;
        }
        if self.circular.contains(&span) {
            return None;
        }
        if let Some(place) = self.places.get(name) {
            let message = format!("`{name}` is used above its definition");
            let help = "statements are read from the top: move the definition up";
            let diagnostic = Diagnostic::new(Code::Order, message, help)
                .at(span, "used here")
                .at(*place, "defined here");
            self.error(diagnostic);
            return None;
        }
        if self.dims.contains(name) {
            return Some(self.graph.dimension(Dimension::named(name.clone())));
        }
        if let Some((node, parameter)) = name.split_once('.')
            && let Some(place) = self
                .places
                .get(node)
                .filter(|place| place.start > span.start)
        {
            let message = format!("`{name}` is used above `{node}`, whose parameter it is");
            let help = format!(
                "a node shares the parameters of nodes above it: move `{node}` up, or share the other way, as in `{parameter} = h.{parameter}` there"
            );
            let diagnostic = Diagnostic::new(Code::Order, message, help)
                .at(span, "used here")
                .at(*place, "defined here");
            self.error(diagnostic);
            return None;
        }
        let help = if let Some(name) = name.strip_suffix('ᵀ') {
            format!("the transpose is written `{name}'`")
        } else if self.scope.find(name).is_some() {
            format!("`{name}` is a function or module: call it, as in `{name}(x)`")
        } else if builtin::QUERIES.contains(&&**name) {
            format!("`{name}` has its meaning only as a call, in `prove` and in reports")
        } else if let Some((node, parameter)) = name.split_once('.')
            && self.places.contains_key(node)
        {
            format!(
                "no parameter `{parameter}` of `{node}` is made above; without a share the node has one of its own"
            )
        } else if self.errors.len() > Diagnostics::SHOWN {
            // Whoever reads this has read many; a search for each would take longer than all else.
            "define it above".to_owned()
        } else {
            let above = self
                .places
                .iter()
                .filter(|(_, place)| place.start < self.start);
            let known = self.values.keys().chain(above.map(|(name, _)| name));
            let known: BTreeSet<&str> = known.map(|n| &**n).collect();
            let known: Vec<&str> = known.into_iter().collect();
            near(name, &known)
        };
        let message = format!("nothing is called `{name}`");
        self.error(Diagnostic::new(Code::UnknownName, message, help).at(span, "unknown name"));
        None
    }
}

/// A help line that names what is near to an unknown name, or what there is.
pub(super) fn near(name: &str, known: &[&str]) -> String {
    let closest = known
        .iter()
        .map(|k| (distance(name, k), *k))
        .filter(|(d, k)| *d <= 1 + k.chars().count() / 4 && *d < k.chars().count())
        .min();
    if let Some((_, closest)) = closest {
        return format!("did you mean `{closest}`?");
    }
    match known {
        [] => "nothing is defined here yet".to_owned(),
        _ if known.len() > 12 => format!("the names here are {}, …", known[..12].join(", ")),
        _ => format!("the names here are {}", known.join(", ")),
    }
}

/// The number of letters to change, add or drop; long names are compared by their first letters.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) =
        (a.chars().take(24).collect(), b.chars().take(24).collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(!x.eq_ignore_ascii_case(y));
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
