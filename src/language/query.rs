//! One expression over the names of a module, as `hbp prove` takes it. Why derivatives come through a
//! callback: the language knows their names, `hess(x)`, and the floors above know how to derive them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::builtin::QUERIES;
use super::elaborate::{Builder, Calls, Value};
use super::file::{File, tokens};
use super::syntax::{Call, Expr, ExprKind};
use super::token::Token;
use super::{grammar, limits};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Source, Span};
use crate::expr::{Id, Module, Name};

/// A derived quantity of a module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Query {
    /// `grad(v)`: δv.
    Gradient(Name),
    /// `hess(v)`: ℋv.
    Hessian(Name),
    /// `hess(u, v)`: the cross block `ℋ_{uv}`.
    CrossHessian(Name, Name),
    /// `jac(z, v)`: D z(v).
    Jacobian(Name, Name),
    /// `resid(v)`: `R_v`.
    Residual(Name),
}

/// True for what can be the name of a value: one word that is no keyword.
pub fn is_identifier(text: &str) -> bool {
    let mut errors = Diagnostics::new();
    let tokens = tokens(text, &mut errors).unwrap_or_default();
    errors.is_empty()
        && matches!(tokens.as_slice(), [(Token::Name(name), _)] if *name == text && !name.contains('.'))
}

/// Finds the value of a query in the module's graph, where it may add what it needs.
pub type Resolver<'a> = dyn FnMut(&mut Module, &Query) -> Result<Id, Diagnostics> + 'a;

/// Reads one expression over a module's names: inputs, parameters, locals, the output, dimensions, the
/// elementwise functions of its graph and of the file, and `names`, which go first. `grad(…)`, `hess(…)`,
/// `jac(…)` and `resid(…)` become what `resolve` makes of them, each asked for once; `E(…)` is the sample mean.
/// The text is shown as `source` in messages. Newlines mean nothing here.
///
/// # Errors
/// Everything that is wrong with the text, and whatever `resolve` reports.
pub fn parse_expression(
    file: &File,
    module: &mut Module,
    source: &str,
    text: &str,
    names: &BTreeMap<Name, Id>,
    resolve: &mut Resolver<'_>,
) -> Result<Id, Diagnostics> {
    let shown = Arc::new(Source::new(source, text));
    let mut errors = Diagnostics::new();
    let expr = read(text, &mut errors);
    let Some(expr) = expr.filter(|_| errors.is_empty()) else {
        return Err(errors.sorted().within(&shown));
    };
    let known = queries(&expr, file, module, resolve, &mut errors);
    let budget = std::cell::Cell::new(limits::FILE_NODES);
    let mut builder = Builder::new(file.scope(), &budget);
    builder.calls = Calls::Closed;
    builder.known = known.into_iter().collect();
    builder.dims = module.dimensions();
    let mut values = BTreeMap::new();
    values.extend(module.locals.iter().cloned());
    values.insert(module.output.0.clone(), module.output.1);
    for name in module.variables() {
        values.extend(module.graph.variable(name).map(|id| (name.clone(), id)));
    }
    values.extend(names.iter().map(|(name, id)| (name.clone(), *id)));
    for (name, id) in values {
        builder.values.insert(
            name,
            Value {
                id: Some(id),
                used: true,
            },
        );
    }
    builder.graph = std::mem::take(&mut module.graph);
    // What was derived for the claim is not the size of its text.
    builder.given = builder.graph.len();
    let value = builder.expression(&expr);
    module.graph = std::mem::take(&mut builder.graph);
    errors.append(std::mem::take(&mut builder.errors));
    match value {
        Some(id) if errors.is_empty() => Ok(id),
        _ => Err(errors.sorted().within(&shown)),
    }
}

fn read(text: &str, errors: &mut Diagnostics) -> Option<Expr> {
    let mut tokens = tokens(text, errors)?;
    tokens.retain(|(token, _)| *token != Token::Newline);
    grammar::expression(&tokens, text.len(), errors)
}

/// The values of all queries in an expression by their places. A failed one is reported and left out.
fn queries(
    expr: &Expr,
    file: &File,
    module: &mut Module,
    resolve: &mut Resolver<'_>,
    errors: &mut Diagnostics,
) -> BTreeMap<Span, Option<Id>> {
    let mut asked: BTreeMap<Query, Option<Id>> = BTreeMap::new();
    let mut known = BTreeMap::new();
    let mut calls: Vec<(&Call, Span)> = Vec::new();
    // A prime makes it the derivative of a function, when there is one of this name.
    let is_function =
        |call: &Call| call.primes > 0 && file.scope().find(&call.callee.name).is_some();
    expr.visit(&mut |e| {
        if let ExprKind::Call(call) = &e.kind
            && &*call.callee.name != "E"
            && QUERIES.contains(&&*call.callee.name)
            && !is_function(call)
        {
            calls.push((call, e.span));
        }
    });
    for (call, span) in calls {
        let value = query(call, module).and_then(|query| {
            if let Some(value) = asked.get(&query) {
                return Ok(*value);
            }
            let value = resolve(module, &query).map_err(|errors| {
                let place = |mut d: Diagnostic| {
                    if d.labels.is_empty() {
                        d = d.at(span, "asked for here");
                    }
                    d
                };
                errors.into_iter().map(place).collect::<Diagnostics>()
            });
            asked.insert(query, value.as_ref().ok().copied());
            value.map(Some)
        });
        let value = value.unwrap_or_else(|found| {
            errors.append(found);
            None
        });
        known.insert(span, value);
    }
    known
}

/// What a call asks for.
fn query(call: &Call, module: &Module) -> Result<Query, Diagnostics> {
    let name = &*call.callee.name;
    let mut arguments = Vec::new();
    for argument in &call.arguments {
        let ExprKind::Name(argument_name) = &argument.ungrouped().kind else {
            let message = format!("`{name}` takes names, not expressions");
            let help = format!("write `{name}(x)` with an input, a parameter or the output");
            return Err(Diagnostic::new(Code::Call, message, help)
                .at(argument.span, "not a name")
                .into());
        };
        arguments.push((argument_name.clone(), argument.span));
    }
    let plain = call.primes == 0 && call.dims.is_empty() && call.shares.is_empty();
    let (query, outputs) = match (name, arguments.as_slice()) {
        ("grad", [(v, _)]) if plain => (Query::Gradient(v.clone()), 0),
        ("hess", [(v, _)]) if plain => (Query::Hessian(v.clone()), 0),
        ("hess", [(u, _), (v, _)]) if plain => (Query::CrossHessian(u.clone(), v.clone()), 0),
        ("jac", [(z, _), (v, _)]) if plain => (Query::Jacobian(z.clone(), v.clone()), 1),
        ("resid", [(v, _)]) if plain => (Query::Residual(v.clone()), 0),
        _ => {
            let written = match name {
                "jac" => "jac(z, x)",
                "hess" => "hess(x)` or `hess(x, W)",
                "grad" => "grad(x)",
                _ => "resid(x)",
            };
            let message = format!("this is not how `{name}` is called");
            let help = format!("write `{written}`");
            let diagnostic = Diagnostic::new(Code::Call, message, help);
            return Err(diagnostic.at(call.callee.span, "called here").into());
        }
    };
    for (i, (argument, span)) in arguments.iter().enumerate() {
        let is_variable = module.variables().any(|v| v == argument);
        let is_output = *argument == module.output.0;
        let is_local = i < outputs && module.locals.iter().any(|(local, _)| local == argument);
        if !(is_variable || is_output || is_local) {
            let names: Vec<&str> = module
                .variables()
                .chain([&module.output.0])
                .map(|n| &**n)
                .collect();
            let message = format!("`{argument}` is neither an input, a parameter nor the output");
            let help = format!("`{name}` can be asked of {}", names.join(", "));
            let diagnostic = Diagnostic::new(Code::UnknownName, message, help);
            return Err(diagnostic.at(*span, "unknown here").into());
        }
    }
    Ok(query)
}
