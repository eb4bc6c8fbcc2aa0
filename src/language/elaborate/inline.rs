//! Calls of modules: the body takes the place of the call. Why inlining: composing modules is then nothing but
//! composing expressions, which is analytic composition.

use std::collections::{BTreeMap, HashMap};

use super::copy::Copy;
use super::expression::near;
use super::{Builder, Calls, Operand, Value};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expr::{Dimension, Id, Name, Variable};
use crate::language::limits;
use crate::language::scope::Template;
use crate::language::syntax::Call;

/// What a call gives: an argument or a parameter, with the callee's name for it.
pub(super) type Given = (Name, Operand);

impl Builder<'_> {
    pub(super) fn inline(&mut self, template: &Template, call: &Call, span: Span) -> Option<Id> {
        let given = self.given(template, call);
        let dims = self.bracket(template, call);
        let (given, dims) = (given?, dims?);
        self.enter(template, call, span)?;
        let sizes = self.callee_sizes(template, call, &given, &dims)?;
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
        let known = self.graph.len();
        let copied = Copy::new(&template.module.graph, values, &sizes)
            .copy(&mut self.graph, template.module.output.1);
        match copied {
            Ok(id) => {
                self.locate(known, span);
                self.within_limits(id, span)
            }
            Err(error) => {
                self.shape_error(error, &[], span);
                None
            }
        }
    }

    /// The callee's dimensions in the caller's, without inlining.
    pub(super) fn call_sizes(
        &mut self,
        template: &Template,
        call: &Call,
        span: Span,
    ) -> Option<BTreeMap<Name, Dimension>> {
        let given = self.given(template, call);
        let dims = self.bracket(template, call);
        let (given, dims) = (given?, dims?);
        self.enter(template, call, span)?;
        let sizes = self.callee_sizes(template, call, &given, &dims)?;
        Some(sizes)
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
            } else if seen.record(ident, "given", "remove one of the two", &mut self.errors) {
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
}
