//! The user's elementwise functions. Why checked before modules: a module knows only by their names which
//! primes are derivatives.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};

use super::{Builder, Calls, Value, check_names, copy};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expr::{Facts, FunctionDefinition, Graph, Id, Name, OWN, Op, Role, Shape, Variable};
use crate::language::builtin;
use crate::language::limits;
use crate::language::order::{Order, order};
use crate::language::scope::{Definitions, Scope};
use crate::language::syntax::{Expr, FunctionItem};

/// Checks the functions and adds them to `definitions`.
pub(crate) fn functions(
    items: &[&FunctionItem],
    definitions: &mut Definitions,
    prelude: Option<&Definitions>,
    errors: &mut Diagnostics,
) {
    let names = graph_names(items);
    for item in items {
        definitions.functions.insert(item.ident.name.clone(), None);
    }
    let bodies: Vec<Vec<&Expr>> = items
        .iter()
        .map(|item| item.body.iter().collect())
        .collect();
    let idents: Vec<_> = items.iter().map(|item| &item.ident).collect();
    let Order { sorted, cyclic } = order(&idents, &bodies, "function", errors);
    // For each function its operations with those it uses written out, and how many calls deep it is.
    let mut sizes: HashMap<Name, (u64, usize)> = HashMap::new();
    for i in sorted {
        let (item, name) = (items[i], &names[i]);
        if cyclic.contains(&i) {
            continue;
        }
        let scope = Scope {
            file: definitions,
            prelude,
        };
        let Some(graph) = function(item, name, scope, errors) else {
            continue;
        };
        let size = unfolded(&graph, name, &sizes);
        if size.0 > limits::FUNCTION_NODES || size.1 > limits::CALL_DEPTH {
            let message = format!(
                "with the functions it uses written out, `{}` is too large",
                item.ident.name
            );
            let help = format!(
                "at most {} operations and {} functions inside each other",
                limits::FUNCTION_NODES,
                limits::CALL_DEPTH
            );
            errors.push(
                Diagnostic::new(Code::Limit, message, help).at(item.ident.span, "defined here"),
            );
            continue;
        }
        sizes.insert(name.clone(), size);
        if copy::define(&graph, &mut definitions.graph, name).is_ok() {
            definitions
                .functions
                .insert(item.ident.name.clone(), Some(name.clone()));
        }
    }
}

/// The names in expressions: a function that hides a built-in bears a longer one, because rules and reports would take
/// its name for the built-in's; one that is called like a derivative bears a number, because its name alone would be
/// read as that.
fn graph_names(items: &[&FunctionItem]) -> Vec<Name> {
    let mut taken: BTreeSet<Name> = items.iter().map(|item| item.ident.name.clone()).collect();
    let mut names = Vec::new();
    for item in items {
        let mut name = item.ident.name.clone();
        if builtin::is_function(&name) {
            name = format!("{OWN}{name}").into();
        } else if builtin::QUERIES.contains(&&*name) {
            name = super::naming::numbered(&name, |n| taken.contains(n));
            taken.insert(name.clone());
        }
        names.push(name);
    }
    names
}

/// A graph that holds the definition.
fn function(
    item: &FunctionItem,
    name: &Name,
    scope: Scope<'_>,
    errors: &mut Diagnostics,
) -> Option<Graph> {
    check_names([&item.ident].into_iter().chain(&item.arguments), errors);
    let [argument] = item.arguments.as_slice() else {
        let message = format!(
            "`{}` has {} arguments",
            item.ident.name,
            item.arguments.len()
        );
        let help =
            "an elementwise function has one, `fn phi(t) = …`; for more inputs write a module";
        errors
            .push(Diagnostic::new(Code::Call, message, help).at(item.ident.span, "declared here"));
        return None;
    };
    let budget = Cell::new(limits::MODULE_NODES);
    let mut builder = Builder::new(scope, &budget);
    builder.calls = Calls::Elementwise;
    let Some(body) = &item.body else {
        builder
            .graph
            .define(name.clone(), FunctionDefinition::Abstract);
        return Some(builder.graph);
    };
    let variable = Name::from(format!("{name}({})", argument.name));
    let id = builder.graph.declare(
        variable.clone(),
        Variable {
            shape: Shape::scalar(),
            role: Role::Argument,
            facts: Facts::default(),
        },
    );
    builder.values.insert(
        argument.name.clone(),
        Value {
            id: Some(id),
            used: false,
        },
    );
    let value = builder.expression(body);
    errors.append(std::mem::take(&mut builder.errors));
    let definition = FunctionDefinition::Defined {
        argument: variable,
        body: value?,
    };
    builder.graph.define(name.clone(), definition);
    Some(builder.graph)
}

/// The number of operations with used functions written out, and the depth of calls.
fn unfolded(graph: &Graph, name: &Name, sizes: &HashMap<Name, (u64, usize)>) -> (u64, usize) {
    let Some(FunctionDefinition::Defined { body, .. }) = graph.functions().get(name) else {
        return (1, 1);
    };
    let nodes: Vec<Id> = graph.topological(&[*body]);
    nodes.iter().fold((0, 1), |(total, depth), id| {
        let (size, below) = match &graph[*id].op {
            Op::Apply => match &graph[graph[*id].children[0]].op {
                Op::Function(f) => sizes.get(&f.name).copied().unwrap_or((1, 0)),
                _ => (1, 0),
            },
            _ => (1, 0),
        };
        (u64::saturating_add(total, size), depth.max(below + 1))
    })
}
