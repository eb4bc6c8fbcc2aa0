//! Calls of modules: the body takes the place of the call. Why inlining: composing modules is then nothing but
//! composing expressions, which is analytic composition.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::copy::Copy;
use super::expression::near;
use super::naming::numbered;
use super::unify::{Equation, Solution, solve};
use super::{Builder, Calls, Operand, Value, dimension};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expr::{Dimension, Id, Name, Shape, Variable};
use crate::language::limits;
use crate::language::scope::Template;
use crate::language::syntax::{Call, Expr};

/// What a call gives: an argument or a parameter, with the callee's name for it.
type Given = (Name, Operand);

impl Builder<'_> {
    pub(super) fn inline(&mut self, template: &Template, call: &Call, span: Span) -> Option<Id> {
        let given = self.given(template, call);
        let dims = self.bracket(template, call);
        let (given, dims) = (given?, dims?);
        let sizes = self.callee_sizes(template, call, &given, &dims)?;
        self.enter(template, call, span)?;
        let mut values: HashMap<Name, Id> = given.iter().map(|(n, o)| (n.clone(), o.id)).collect();
        for parameter in &template.module.parameters {
            if values.contains_key(parameter) {
                continue;
            }
            let variable = template.module.graph.variables()[parameter].clone();
            let variable = Variable {
                shape: variable.shape.substitute(&sizes),
                ..variable
            };
            let name = self.names.of(span, parameter);
            let id = self.graph.declare(name.clone(), variable);
            self.parameters.push(name.clone());
            self.values.entry(name).or_insert(Value {
                id: Some(id),
                used: true,
            });
            values.insert(parameter.clone(), id);
        }
        let copied = Copy::new(&template.module.graph, values, &sizes)
            .copy(&mut self.graph, template.module.output.1);
        match copied {
            Ok(id) => self.within_limits(id, span),
            Err(error) => {
                self.shape_error(error, &[], span);
                None
            }
        }
    }

    /// Checks the limits that inlining could pass.
    fn enter(&mut self, template: &Template, call: &Call, span: Span) -> Option<()> {
        self.depth = self.depth.max(template.depth + 1);
        let parameters = template.module.parameters.len();
        let name = &call.callee.name;
        let (message, help) = if self.depth > limits::CALL_DEPTH {
            (
                format!("calls are more than {} deep", limits::CALL_DEPTH),
                format!("write the map of `{name}` in fewer modules"),
            )
        } else if self.calls == Calls::Closed && parameters > call.shares.len() {
            (
                format!("`{name}` would bring new parameters here"),
                format!(
                    "give them: `{name}(…; {} = …)`",
                    template.module.parameters[0]
                ),
            )
        } else if self.parameters.len() + parameters > limits::PARAMETERS {
            (
                format!("more than {} parameters", limits::PARAMETERS),
                "share parameters, or split the module".to_owned(),
            )
        } else {
            return self
                .has_room(template.module.graph.len(), span)
                .then_some(());
        };
        self.error(Diagnostic::new(Code::Limit, message, help).at(call.callee.span, "called here"));
        None
    }

    /// Arguments and shared parameters.
    fn given(&mut self, template: &Template, call: &Call) -> Option<Vec<Given>> {
        let inputs = &template.module.inputs;
        let mut given: Vec<Option<Given>> = Vec::new();
        for (i, argument) in call.arguments.iter().enumerate() {
            let operand = self.operand(argument);
            given.push(operand.and_then(|o| Some((inputs.get(i)?.clone(), o))));
        }
        let mut seen = super::Seen::default();
        for (ident, value) in &call.shares {
            let operand = self.operand(value);
            if !template.module.parameters.contains(&ident.name) {
                let parameters: Vec<&str> =
                    template.module.parameters.iter().map(|p| &**p).collect();
                let message = format!("`{}` has no parameter `{}`", call.callee.name, ident.name);
                let help = if parameters.is_empty() {
                    "it has none at all".to_owned()
                } else {
                    near(&ident.name, &parameters)
                };
                self.error(
                    Diagnostic::new(Code::Share, message, help).at(ident.span, "not a parameter"),
                );
                given.push(None);
            } else if seen.define(ident, &mut self.errors) {
                given.push(operand.map(|o| (ident.name.clone(), o)));
            } else {
                given.push(None);
            }
        }
        if call.arguments.len() != inputs.len() {
            let written = template.signature();
            let (given, wanted) = (call.arguments.len(), inputs.len());
            let plural = if wanted == 1 { "" } else { "s" };
            let message = format!(
                "`{}` takes {wanted} argument{plural}, not {given}",
                call.callee.name
            );
            let help = format!("it is declared as `{written}`");
            self.error(
                Diagnostic::new(Code::Call, message, help).at(call.callee.span, "called here"),
            );
            return None;
        }
        given.into_iter().collect()
    }

    /// The dimensions in the call's brackets.
    fn bracket(&mut self, template: &Template, call: &Call) -> Option<Vec<Equation>> {
        let read: Vec<Option<Dimension>> = call.dims.iter().map(|d| self.dimension(d)).collect();
        if let Some(extra) = call.dims.get(template.dims.len()) {
            let n = template.dims.len();
            let plural = if n == 1 { "" } else { "s" };
            let message = format!(
                "`{}` takes {n} dimension{plural} in brackets",
                call.callee.name
            );
            let help = format!("it is declared as `{}`", template.signature());
            self.error(Diagnostic::new(Code::Call, message, help).at(extra.span, "one too many"));
            return None;
        }
        let equation = |((actual, expr), name): ((Option<Dimension>, &Expr), &Name)| {
            Some(Equation {
                formal: Dimension::named(name.clone()),
                actual: actual?,
                span: expr.span,
            })
        };
        read.into_iter()
            .zip(&call.dims)
            .zip(&template.dims)
            .map(equation)
            .collect()
    }

    /// The callee's dimensions in the caller's.
    fn callee_sizes(
        &mut self,
        template: &Template,
        call: &Call,
        given: &[Given],
        bracket: &[Equation],
    ) -> Option<BTreeMap<Name, Dimension>> {
        let mut equations = bracket.to_vec();
        for (name, operand) in given {
            let formal = &template.module.graph.variables()[name].shape;
            let actual = self.graph.shape(operand.id);
            for (formal, actual) in [(&formal.rows, actual.rows), (&formal.cols, actual.cols)] {
                equations.push(Equation {
                    formal: formal.clone(),
                    actual,
                    span: operand.span,
                });
            }
        }
        let solution = solve(&equations, &self.sizes);
        if let Some((i, formal)) = &solution.contradiction {
            let culprit = i.checked_sub(bracket.len()).map(|i| &given[i / 2]);
            self.contradiction(template, call, &equations, &solution, (*i, formal), culprit);
            return None;
        }
        if let Some(open) = solution.open.first() {
            let Equation {
                formal,
                actual,
                span,
            } = &equations[*open];
            let names = formal
                .names()
                .into_iter()
                .filter(|n| !solution.bound.contains_key(n));
            let unknown: Vec<String> = names.map(|n| n.to_string()).collect();
            let message = format!(
                "`{formal}` is {actual} here, which does not determine {}",
                unknown.join(", ")
            );
            let flags: Vec<String> = unknown.iter().map(|n| format!("{n}=…")).collect();
            let help = format!(
                "in a network give its size with `--dims {}`",
                flags.join(",")
            );
            let diagnostic = Diagnostic::new(Code::Dimension, message, help).at(
                *span,
                format!(
                    "`{}` is declared as `{}`",
                    call.callee.name,
                    template.signature()
                ),
            );
            self.error(diagnostic);
            return None;
        }
        let mut sizes: BTreeMap<Name, Dimension> = solution
            .bound
            .into_iter()
            .map(|(name, (dimension, _))| (name, dimension))
            .collect();
        for name in template.module.dimensions() {
            if !sizes.contains_key(&name) {
                let fresh = self.fresh(&name);
                sizes.insert(name, Dimension::named(fresh));
            }
        }
        self.sizes_fit(template, call, &sizes).then_some(sizes)
    }

    /// A name in the caller for a dimension of the callee that stays free: its own if nothing else bears it.
    fn fresh(&mut self, name: &Name) -> Name {
        if let Some(size) = self.sizes.get(name).and_then(Dimension::as_name) {
            return size.clone();
        }
        let taken: BTreeSet<Name> = self.dims.iter().cloned().collect();
        let fresh = if taken.contains(name) {
            numbered(name, &taken)
        } else {
            name.clone()
        };
        self.dims.insert(fresh.clone());
        fresh
    }

    fn sizes_fit(
        &mut self,
        template: &Template,
        call: &Call,
        sizes: &BTreeMap<Name, Dimension>,
    ) -> bool {
        let shapes = template
            .module
            .graph
            .topological(&[template.module.output.1]);
        let fits = shapes
            .into_iter()
            .filter_map(|id| template.module.graph[id].sort.shape())
            .all(|shape| {
                let shape = shape.substitute(sizes);
                dimension::fits(&shape.rows) && dimension::fits(&shape.cols)
            });
        if !fits {
            let message = format!(
                "shapes inside `{}` pass the limits on dimensions here",
                call.callee.name
            );
            let help = "call it with simpler shapes: name a product or sum as one dimension";
            self.error(
                Diagnostic::new(Code::Limit, message, help).at(call.callee.span, "called here"),
            );
        }
        fits
    }

    fn contradiction(
        &mut self,
        template: &Template,
        call: &Call,
        equations: &[Equation],
        solution: &Solution,
        (index, value): (usize, &Dimension),
        culprit: Option<&Given>,
    ) {
        let equation = &equations[index];
        let callee = &call.callee.name;
        let mut diagnostic = match culprit {
            Some((name, operand)) => {
                let declared = &template.module.graph.variables()[name].shape;
                let sizes = solution
                    .bound
                    .iter()
                    .map(|(name, (d, _))| (name.clone(), d.clone()))
                    .collect();
                let wanted: Shape = declared.substitute(&sizes);
                let actual = self.graph.shape(operand.id);
                let message = format!("`{callee}` takes {name} of {wanted:?} here, not {actual:?}");
                Diagnostic::new(
                    Code::Shape,
                    message,
                    format!("it is declared as `{}`", template.signature()),
                )
                .at(operand.span, format!("{actual:?}"))
            }
            None => {
                let Equation { formal, actual, .. } = equation;
                let message = format!(
                    "in `{callee}` the dimension {formal} cannot be both {value} and {actual}"
                );
                Diagnostic::new(
                    Code::Shape,
                    message,
                    format!("it is declared as `{}`", template.signature()),
                )
                .at(equation.span, format!("{formal} = {actual}"))
            }
        };
        for name in equation.formal.names() {
            if let Some((bound, by)) = solution.bound.get(&name)
                && equations[*by].span != equation.span
            {
                diagnostic = diagnostic.at(equations[*by].span, format!("so {name} = {bound}"));
            }
        }
        self.error(diagnostic);
    }
}
