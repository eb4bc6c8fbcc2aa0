//! `y ~ normal(m, v)`: the model behind a loss.

use super::Builder;
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Distribution, Id, Model};
use crate::language::syntax::{Expr, ExprKind, Ident, ModuleItem};

impl Builder<'_> {
    /// Reads a model: an input of the module, a distribution and its parameters, of the input's shape.
    pub(super) fn model(
        &mut self,
        item: &ModuleItem,
        target: &Ident,
        value: &Expr,
    ) -> Option<Model> {
        let is_input = item
            .inputs
            .iter()
            .any(|input| input.ident.name == target.name);
        if !is_input {
            let message = format!("`{}` is no input of the module", target.name);
            let help = "a model says how an input is distributed that the loss compares with, as in `y ~ normal(m, v)`";
            self.error(
                Diagnostic::new(Code::Misplaced, message, help).at(target.span, "not an input"),
            );
            return None;
        }
        let ExprKind::Call(call) = &value.ungrouped().kind else {
            return self.no_distribution(value);
        };
        let known = Distribution::ALL
            .iter()
            .find(|(_, name, _)| *name == &*call.callee.name);
        let Some((distribution, name, count)) = known else {
            return self.no_distribution(value);
        };
        if call.arguments.len() != *count {
            let message = format!(
                "`{name}` takes {count} parameter{}, not {}",
                if *count == 1 { "" } else { "s" },
                call.arguments.len()
            );
            let help = "normal(mean, variance), categorical(probabilities), bernoulli(probabilities), poisson(rates)";
            self.error(Diagnostic::new(Code::Call, message, help).at(value.span, ""));
            return None;
        }
        let shape = self
            .values
            .get(&target.name)?
            .id
            .map(|id| self.graph.shape(id))?;
        let mut parameters: Vec<Id> = Vec::new();
        for argument in &call.arguments {
            let id = self.expression(argument)?;
            let found = self.graph.shape(id);
            if found != shape {
                let message = format!(
                    "a parameter of the model is {found:?}, but `{}` is {shape:?}",
                    target.name
                );
                let help = "write one parameter for every entry, as in `y ~ normal(m, ones(n))`";
                self.error(
                    Diagnostic::new(Code::Shape, message, help)
                        .at(argument.span, format!("{found:?}")),
                );
                return None;
            }
            parameters.push(id);
        }
        Some(Model {
            target: target.name.clone(),
            distribution: *distribution,
            parameters,
        })
    }

    fn no_distribution(&mut self, value: &Expr) -> Option<Model> {
        let message = "this is no distribution";
        let help = "normal(mean, variance), categorical(probabilities), bernoulli(probabilities), poisson(rates)";
        self.error(Diagnostic::new(Code::UnknownName, message, help).at(value.span, "unknown"));
        None
    }
}
