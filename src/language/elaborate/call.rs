//! Calls of functions. Modules are inlined in `inline`.

use super::{Builder, Calls, Operand, copy};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expr::{Dimension, FunctionDefinition, Graph, Id, Name, Op, Rational};
use crate::language::builtin::Builtin;
use crate::language::scope::Callable;
use crate::language::syntax::{Call, Expr};

use super::expression::near;

impl Builder<'_> {
    pub(super) fn call(&mut self, call: &Call, span: Span) -> Option<Id> {
        if let Some(known) = self.known.get(&span) {
            return *known;
        }
        let name = &call.callee.name;
        if self.calls == Calls::Closed && &**name == "E" && call.primes == 0 {
            let operands = self.operands(call, "E", "e", 1)?;
            return self.node(Op::Expectation, &operands, span);
        }
        let callable = self.scope.find(name);
        // A side of an equation may use the names that functions bear in expressions.
        let own = self
            .graph
            .functions()
            .contains_key(name)
            .then(|| name.clone());
        let callable = callable.or_else(|| own.map(|own| Callable::Elementwise(own, None)));
        if call.primes > 0
            && !matches!(callable, Some(Callable::Elementwise(..) | Callable::Failed))
        {
            let message =
                format!("`{name}` is not an elementwise function and has no derivative here");
            let help = format!("`{name}'` is a transpose: put an operator before the parenthesis");
            self.error(
                Diagnostic::new(Code::Call, message, help).at(call.callee.span, "transposed"),
            );
            return None;
        }
        match callable {
            Some(Callable::Elementwise(function, from)) => {
                self.elementwise(call, &function, from, span)
            }
            Some(_) if self.calls == Calls::Elementwise => {
                let message = format!("`{name}` is not an elementwise function");
                let help = "an elementwise function is made of operators and elementwise functions; write a module";
                self.error(
                    Diagnostic::new(Code::Call, message, help).at(call.callee.span, "called here"),
                );
                None
            }
            Some(Callable::Builtin(builtin, operands)) => {
                self.no_shares(call)?;
                self.builtin(call, builtin, operands, span)
            }
            Some(Callable::Module(template)) => self.inline(template, call, span),
            Some(Callable::Failed) => {
                for argument in &call.arguments {
                    self.expression(argument);
                }
                None
            }
            None => {
                self.unknown(call);
                None
            }
        }
    }

    fn unknown(&mut self, call: &Call) {
        let name = &call.callee.name;
        for argument in &call.arguments {
            self.expression(argument);
        }
        let help = if self.values.contains_key(name) {
            format!("`{name}` is a value; a product is written `{name} * (…)`")
        } else if self.scope.file.networks.contains(name) {
            format!("`{name}` is a network, and networks are not called; make it a module")
        } else {
            near(name, &self.scope.names())
        };
        let message = format!("no function or module is called `{name}`");
        self.error(
            Diagnostic::new(Code::UnknownName, message, help).at(call.callee.span, "unknown name"),
        );
    }

    /// The operands of a call that takes `wanted` of them.
    fn operands(
        &mut self,
        call: &Call,
        name: &str,
        written: &str,
        wanted: usize,
    ) -> Option<Vec<Operand>> {
        let operands: Vec<Option<Operand>> =
            call.arguments.iter().map(|a| self.operand(a)).collect();
        if operands.len() != wanted {
            self.wrong_arguments(call, name, written, wanted);
            return None;
        }
        self.no_dims(call)?;
        operands.into_iter().collect()
    }

    pub(super) fn wrong_arguments(
        &mut self,
        call: &Call,
        name: &str,
        written: &str,
        wanted: usize,
    ) {
        let given = call.arguments.len();
        let plural = if wanted == 1 { "" } else { "s" };
        let message = format!("`{name}` takes {wanted} argument{plural}, not {given}");
        let help = format!("it is called as `{name}({written})`");
        self.error(Diagnostic::new(Code::Call, message, help).at(call.callee.span, "called here"));
    }

    fn no_dims(&mut self, call: &Call) -> Option<()> {
        let Some(first) = call.dims.first() else {
            return Some(());
        };
        let message = format!("`{}` takes no dimensions in brackets", call.callee.name);
        let help = "brackets belong to modules whose header has them, such as `linear[m](x)`";
        self.error(Diagnostic::new(Code::Call, message, help).at(first.span, "not taken"));
        None
    }

    fn no_shares(&mut self, call: &Call) -> Option<()> {
        let Some((ident, _)) = call.shares.first() else {
            return Some(());
        };
        let message = format!("`{}` has no parameters", call.callee.name);
        let help = "only modules have parameters that can be given after `;`";
        self.error(Diagnostic::new(Code::Call, message, help).at(ident.span, "not a parameter"));
        None
    }

    fn elementwise(
        &mut self,
        call: &Call,
        function: &Name,
        from: Option<&Graph>,
        span: Span,
    ) -> Option<Id> {
        self.no_shares(call)?;
        let operands = self.operands(call, &call.callee.name, "t", 1)?;
        let operand = operands[0];
        // √ is a power, so that one rule differentiates both.
        if from.is_none() && &**function == "sqrt" && call.primes == 0 {
            let half = Rational::new(1.into(), 2.into());
            let half = Operand {
                id: self.graph.number(half),
                span,
            };
            return self.node(Op::Power, &[operand, half], span);
        }
        let defined = if let Some(from) = from {
            copy::define(from, &mut self.graph, function)
        } else {
            if !self.graph.functions().contains_key(function) {
                self.graph
                    .define(function.clone(), FunctionDefinition::Builtin);
            }
            Ok(())
        };
        if let Err(error) = defined {
            self.shape_error(error, &[], span);
            return None;
        }
        let order = u32::try_from(call.primes).unwrap_or(u32::MAX);
        let symbol = Operand {
            id: self.graph.function(function.clone(), order),
            span: call.callee.span,
        };
        self.node(Op::Apply, &[symbol, operand], span)
    }

    fn builtin(&mut self, call: &Call, builtin: &Builtin, written: &str, span: Span) -> Option<Id> {
        let name = call.callee.name.clone();
        let place = call.callee.span;
        match builtin {
            Builtin::Unary(op) => {
                let operands = self.operands(call, &name, written, 1)?;
                let id = self.node(op.clone(), &operands, place)?;
                self.within_limits(id, span)
            }
            Builtin::Binary(op) => {
                let operands = self.operands(call, &name, written, 2)?;
                self.node(op.clone(), &operands, place)
            }
            Builtin::Dot => {
                let operands = self.operands(call, &name, written, 2)?;
                self.dot(operands[0], operands[1], place)
            }
            Builtin::Reshape => {
                self.no_dims(call)?;
                let [value, rows, cols] = call.arguments.as_slice() else {
                    self.wrong_arguments(call, &name, written, 3);
                    return None;
                };
                let value = self.operand(value);
                let sizes = self.sizes(&[rows, cols]);
                let (value, mut sizes) = (value?, sizes?);
                sizes.insert(0, value);
                self.node(Op::Reshape, &sizes, place)
            }
            Builtin::Constant(op, least, most) => {
                self.no_dims(call)?;
                if !(*least..=*most).contains(&call.arguments.len()) {
                    self.wrong_arguments(call, &name, written, *most);
                    return None;
                }
                let mut sizes = self.sizes(&call.arguments.iter().collect::<Vec<_>>())?;
                while sizes.len() < *most {
                    sizes.push(Operand {
                        id: self.graph.dimension(Dimension::one()),
                        span,
                    });
                }
                self.node(op.clone(), &sizes, span)
            }
        }
    }

    /// Σ of the products of entries: a'*b for vectors.
    fn dot(&mut self, a: Operand, b: Operand, place: Span) -> Option<Id> {
        let (left, right) = (self.graph.shape(a.id), self.graph.shape(b.id));
        if left == right && left.is_column() && !left.is_scalar() {
            let id = self.node(Op::Transpose, &[a], place)?;
            return self.node(Op::Multiply, &[Operand { id, span: a.span }, b], place);
        }
        let id = self.node(Op::Hadamard, &[a, b], place)?;
        if left.is_scalar() {
            return self.multiply(a, b, place);
        }
        self.node(Op::Sum, &[Operand { id, span: place }], place)
    }

    fn sizes(&mut self, exprs: &[&Expr]) -> Option<Vec<Operand>> {
        let sizes: Vec<Option<Dimension>> = exprs.iter().map(|e| self.dimension(e)).collect();
        let mut operands = Vec::new();
        for (size, expr) in sizes.into_iter().zip(exprs) {
            operands.push(Operand {
                id: self.graph.dimension(size?),
                span: expr.span,
            });
        }
        Some(operands)
    }
}
