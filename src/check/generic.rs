//! Fixed sizes as names. Why: what holds for `R[784]` holds for small sizes, too, where it can be checked; the same
//! operations must be well shaped with names in place of numbers, or else the module is left as it is.

use std::collections::{BTreeSet, HashMap};

use crate::expr::{Dimension, FunctionDefinition, Graph, Id, Module, Op, Role, Shape, Variable};

/// The module with a name for every fixed size above 1, one name for each number; nothing when there is none, or the
/// module needs the numbers.
pub(super) fn generic(module: &Module) -> Option<(Module, BTreeSet<u64>)> {
    let from = &module.graph;
    let mut numbers = BTreeSet::new();
    let taken = module.dimensions();
    let mut named = |d: &Dimension| match d.as_constant() {
        Some(n) if n > 1 => {
            numbers.insert(n);
            Dimension::named(format!("d{n}"))
        }
        _ => d.clone(),
    };
    let mut graph = Graph::default();
    let mut done: HashMap<Id, Id> = HashMap::new();
    for (name, variable) in from.variables() {
        let Shape { rows, cols } = &variable.shape;
        let shape = match variable.role {
            Role::Argument => variable.shape.clone(),
            _ => Shape::matrix(named(rows), named(cols)),
        };
        let id = graph.declare(
            name.clone(),
            Variable {
                shape,
                ..variable.clone()
            },
        );
        done.insert(from.variable(name)?, id);
    }
    let mut roots: Vec<Id> = module.locals.iter().map(|(_, id)| *id).collect();
    roots.push(module.output.1);
    for function in from.functions().values() {
        if let FunctionDefinition::Defined { body, .. } = function {
            roots.push(*body);
        }
    }
    for id in from.topological(&roots) {
        if done.contains_key(&id) {
            continue;
        }
        let node = &from[id];
        let new = match &node.op {
            Op::Dimension(d) => graph.dimension(named(d)),
            op => {
                let children: Vec<Id> = node.children.iter().map(|c| done[c]).collect();
                graph.node(op.clone(), &children).ok()?
            }
        };
        done.insert(id, new);
    }
    for (name, function) in from.functions() {
        let function = match function {
            FunctionDefinition::Defined { argument, body } => FunctionDefinition::Defined {
                argument: argument.clone(),
                body: done[body],
            },
            other => other.clone(),
        };
        graph.define(name.clone(), function);
    }
    let free = numbers
        .iter()
        .all(|n| !taken.contains(format!("d{n}").as_str()));
    if numbers.is_empty() || !free {
        return None;
    }
    let locals = module.locals.iter();
    let generic = Module {
        name: module.name.clone(),
        inputs: module.inputs.clone(),
        parameters: module.parameters.clone(),
        locals: locals.map(|(name, id)| (name.clone(), done[id])).collect(),
        output: (module.output.0.clone(), done[&module.output.1]),
        graph,
    };
    Some((generic, numbers))
}
