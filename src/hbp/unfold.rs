//! Derivatives of elementwise functions as functions of their own. Why: `swish''(x)` is what a person reads, but a
//! kernel computes from exp and its like; the definitions come from the rule book's table and from the
//! derivative rules applied to the user's own definition, never from a table in code.

use std::collections::HashMap;

use crate::expr::{
    Facts, Function, FunctionDefinition, Graph, Id, Name, Op, Role, Shape, ShapeError, Variable,
};
use crate::rewrite::{Report, RewriteError, Rewriter, Style};

/// Why an expression cannot be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfoldError {
    /// An abstract function has no values.
    #[error("`{0}` is abstract: it has no values to compute with")]
    Abstract(Name),
    /// A function is differentiated, but the table has no derivative for it.
    #[error("the rule book has no derivative of `{0}`")]
    NoDerivative(Name),
    /// The rules failed.
    #[error(transparent)]
    Rewrite(#[from] RewriteError),
}

impl From<ShapeError> for UnfoldError {
    fn from(error: ShapeError) -> Self {
        Self::Rewrite(error.into())
    }
}

/// At most this many derivatives of one function.
const MAX_ORDER: u32 = 8;

/// Replaces every derivative `phi'…'(x)` below `roots` by a function defined through builtins of order 0.
///
/// # Errors
/// When a function is abstract or has no derivative rule.
pub fn unfold(
    graph: &mut Graph,
    roots: &[Id],
    rewriter: &Rewriter,
) -> Result<Vec<Id>, UnfoldError> {
    let mut done: HashMap<Id, Id> = HashMap::new();
    for id in graph.topological(roots) {
        let node = graph[id].clone();
        let new = if let Op::Function(function) = &node.op {
            let name = defined(graph, function, rewriter)?;
            graph.function(name, 0)
        } else {
            let children: Vec<Id> = node.children.iter().map(|c| done[c]).collect();
            graph.node(node.op, &children)?
        };
        done.insert(id, new);
    }
    Ok(roots.iter().map(|root| done[root]).collect())
}

/// The name of a function of order 0 that computes `function`, defined when it is not there yet.
fn defined(
    graph: &mut Graph,
    function: &Function,
    rewriter: &Rewriter,
) -> Result<Name, UnfoldError> {
    let base = graph.functions().get(&function.name).cloned();
    let base = base.unwrap_or(FunctionDefinition::Builtin);
    if base == FunctionDefinition::Abstract {
        return Err(UnfoldError::Abstract(function.name.clone()));
    }
    if function.order == 0 {
        // The body of a user's function may call derivatives itself.
        if let FunctionDefinition::Defined { argument, body } = base {
            let unfolded = unfold(graph, &[body], rewriter)?[0];
            if unfolded != body {
                let definition = FunctionDefinition::Defined {
                    argument,
                    body: unfolded,
                };
                graph.define(function.name.clone(), definition);
            }
        }
        return Ok(function.name.clone());
    }
    let name: Name = format!("{}{}", function.name, "'".repeat(function.order as usize)).into();
    if graph.functions().contains_key(&name) {
        return Ok(name);
    }
    if function.order > MAX_ORDER {
        return Err(UnfoldError::NoDerivative(name));
    }
    let (argument, body) = match tabled(graph, function, &base, rewriter)? {
        Some(tabled) => tabled,
        None => differentiated(graph, function, &base, rewriter)?,
    };
    let body = unfold_body(graph, body, function, rewriter)?;
    graph.define(name.clone(), FunctionDefinition::Defined { argument, body });
    Ok(name)
}

/// What the table itself says of a derivative of a builtin; nothing where it is silent.
fn tabled(
    graph: &mut Graph,
    function: &Function,
    base: &FunctionDefinition,
    rewriter: &Rewriter,
) -> Result<Option<(Name, Id)>, UnfoldError> {
    if *base != FunctionDefinition::Builtin || function.order < 2 {
        return Ok(None);
    }
    let argument = builtin_argument(graph, &function.name);
    let t = graph.node(Op::Variable(argument.clone()), &[])?;
    let symbol = graph.function(function.name.clone(), function.order);
    let itself = graph.node(Op::Apply, &[symbol, t])?;
    let body = rewriter.tabulate(graph, &[itself], &mut Report::default())?[0];
    let is_known = !(graph.topological(&[body]).iter())
        .any(|id| matches!(&graph[*id].op, Op::Function(inner) if inner.order > 0));
    Ok(is_known.then_some((argument, body)))
}

/// A derivative as the derivative of the one below it.
fn differentiated(
    graph: &mut Graph,
    function: &Function,
    base: &FunctionDefinition,
    rewriter: &Rewriter,
) -> Result<(Name, Id), UnfoldError> {
    let lower = Function {
        name: function.name.clone(),
        order: function.order - 1,
    };
    let (argument, body) = body_of(graph, &lower, base, rewriter)?;
    let t = graph.node(Op::Variable(argument.clone()), &[])?;
    let one = graph.integer(1);
    let derivative = graph.node(Op::Backpropagate, &[body, one, t])?;
    Ok((argument, values(graph, derivative, rewriter)?))
}

/// The argument of a builtin, declared where it is not yet.
fn builtin_argument(graph: &mut Graph, function: &Name) -> Name {
    let argument: Name = format!("{function}(t)").into();
    let variable = Variable {
        shape: Shape::scalar(),
        role: Role::Argument,
        facts: Facts::default(),
    };
    graph.declare(argument.clone(), variable);
    argument
}

/// The definition of a function as an expression of its argument; a builtin of order 0 is its own.
fn body_of(
    graph: &mut Graph,
    function: &Function,
    base: &FunctionDefinition,
    rewriter: &Rewriter,
) -> Result<(Name, Id), UnfoldError> {
    if function.order == 0
        && let FunctionDefinition::Defined { argument, body } = base
    {
        return Ok((argument.clone(), *body));
    }
    if function.order == 0 {
        let argument = builtin_argument(graph, &function.name);
        let t = graph.node(Op::Variable(argument.clone()), &[])?;
        graph.define(function.name.clone(), FunctionDefinition::Builtin);
        let symbol = graph.function(function.name.clone(), 0);
        let body = graph.node(Op::Apply, &[symbol, t])?;
        return Ok((argument, body));
    }
    let name = defined(graph, function, rewriter)?;
    match graph.functions().get(&name) {
        Some(FunctionDefinition::Defined { argument, body }) => Ok((argument.clone(), *body)),
        _ => Err(UnfoldError::NoDerivative(name)),
    }
}

/// Differentiates and puts in the values of the table.
fn values(graph: &mut Graph, derivative: Id, rewriter: &Rewriter) -> Result<Id, UnfoldError> {
    let mut report = Report::default();
    let body = rewriter.differentiate(graph, &[derivative], &mut report)?;
    let body = rewriter.simplify(graph, &body, &[], Style::Hadamard, &mut report)?;
    Ok(rewriter.tabulate(graph, &body, &mut report)?[0])
}

/// What the table left over must be a user's function: a builtin without a derivative is an error.
fn unfold_body(
    graph: &mut Graph,
    body: Id,
    of: &Function,
    rewriter: &Rewriter,
) -> Result<Id, UnfoldError> {
    for id in graph.topological(&[body]) {
        if let Op::Function(inner) = &graph[id].op
            && inner.order > 0
            && matches!(
                graph.functions().get(&inner.name),
                None | Some(FunctionDefinition::Builtin)
            )
            && (inner.name == of.name || inner.order > 1)
        {
            return Err(UnfoldError::NoDerivative(inner.name.clone()));
        }
    }
    Ok(unfold(graph, &[body], rewriter)?[0])
}
