//! Which names stand for which nodes in a report. Why one place: text, LaTeX, JSON and the measure of
//! legibility must not disagree on what is a name and what is written out.

use std::collections::BTreeSet;

use crate::expr::{
    FunctionDefinition, Graph, Id, Module, Name, Names, Op, Shape, print, print_definition,
    printed_size, written_function,
};
use crate::hbp::{Equation, Equations, Loss};

/// The longest expression a report writes.
const LONGEST: u64 = 1_000_000;

/// An expression that is too long to be written out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} takes {characters} characters, more than the {LONGEST} a report writes")]
pub struct TooLong {
    /// What was to be written, as in `hess(x)`.
    pub what: String,
    /// How long it is.
    pub characters: u64,
}

/// The names of a module's locals. The output is not among them: an equation is in terms of its inputs.
pub(crate) fn locals(module: &Module) -> Names {
    let mut names = Names::default();
    module
        .locals
        .iter()
        .for_each(|(name, id)| add(&mut names, &module.graph, name, *id));
    names
}

/// The locals as they are written in the file.
pub(crate) fn forward_locals(equations: &Equations) -> &[(Name, Id)] {
    let definitions = &equations.definitions;
    &definitions[..definitions.len().saturating_sub(1)]
}

/// The names that stand for locals where the forward map is shown as it is written.
pub(crate) fn defined_names(equations: &Equations) -> Names {
    let mut names = Names::default();
    for (name, id) in forward_locals(equations) {
        add(&mut names, &equations.module.graph, name, *id);
    }
    names
}

/// Names a node; variables and numbers are written as they are.
fn add(names: &mut Names, graph: &Graph, name: &Name, id: Id) {
    if !graph[id].children.is_empty() {
        names.insert(id, name.clone());
    }
}

/// The names that may stand in an equation: the locals', then its own `let`s'.
pub(crate) fn names(module: &Module, lets: &[(Name, Id)]) -> Names {
    let mut names = locals(module);
    for (name, id) in lets {
        add(&mut names, &module.graph, name, *id);
    }
    names
}

/// Prints what is not too long.
pub(crate) fn written(graph: &Graph, id: Id, names: &Names, what: &str) -> Result<String, TooLong> {
    permit(graph, id, names, what)?;
    Ok(print(graph, id, names))
}

/// Prints the right side of `name = …`.
pub(crate) fn defined(graph: &Graph, id: Id, names: &Names, name: &str) -> Result<String, TooLong> {
    permit(graph, id, &names.without(id), name)?;
    Ok(print_definition(graph, id, names))
}

/// An error when the text would be too long.
pub(crate) fn permit(graph: &Graph, id: Id, names: &Names, what: &str) -> Result<(), TooLong> {
    let characters = printed_size(graph, id, names);
    if characters > LONGEST {
        return Err(TooLong {
            what: format!("`{what}`"),
            characters,
        });
    }
    Ok(())
}

/// The quantities of one equation: what each is called in the language, and its value.
pub(crate) fn quantities(module: &Module, equation: &Equation) -> Vec<(String, Id)> {
    let (v, z) = (&equation.variable, &module.output.0);
    let mut all = vec![
        (format!("grad({v})"), equation.gradient),
        (format!("jac({z}, {v})"), equation.jacobian),
        (format!("resid({v})"), equation.residual),
        (format!("hess({v})"), equation.hessian),
    ];
    all.extend(equation.root.map(|root| (format!("root({v})"), root)));
    all
}

/// The quantities of a variable when the module is itself the loss.
pub(crate) fn loss_quantities(equation: &Equation, loss: &Loss) -> [(String, Id); 2] {
    let v = &equation.variable;
    [
        (format!("grad({v})"), loss.gradient),
        (format!("hess({v})"), loss.hessian),
    ]
}

/// The declared shape of a variable.
pub(crate) fn shape<'a>(graph: &'a Graph, variable: &Name) -> Option<&'a Shape> {
    graph.variables().get(variable).map(|v| &v.shape)
}

/// The named nodes that are written below the roots, through their definitions too.
pub(crate) fn used(graph: &Graph, roots: &[Id], names: &Names) -> BTreeSet<Id> {
    let (mut seen, mut used) = (BTreeSet::new(), BTreeSet::new());
    let mut stack = roots.to_vec();
    while let Some(id) = stack.pop() {
        if seen.insert(id) {
            if names.get(id).is_some() {
                used.insert(id);
            }
            stack.extend(graph[id].children.iter().copied());
        }
    }
    used
}

/// The definition of an elementwise function.
pub(crate) struct Body {
    /// The argument as the user calls it.
    pub(crate) argument: String,
    pub(crate) value: Id,
    /// The names under which the value is written.
    pub(crate) names: Names,
}

/// The elementwise functions that a module uses and that are not built in, those that their definitions use
/// included, in the table's order; `None` for an abstract one.
pub(crate) fn functions(module: &Module) -> Vec<(Name, Option<Body>)> {
    let graph = &module.graph;
    let mut used: BTreeSet<&Name> = BTreeSet::new();
    let mut roots: Vec<Id> = module.locals.iter().map(|(_, id)| *id).collect();
    roots.push(module.output.1);
    while !roots.is_empty() {
        let mut bodies = Vec::new();
        for id in graph.topological(&roots) {
            let Op::Function(f) = &graph[id].op else {
                continue;
            };
            if used.insert(&f.name)
                && let Some(FunctionDefinition::Defined { body, .. }) =
                    graph.functions().get(&f.name)
            {
                bodies.push(*body);
            }
        }
        roots = bodies;
    }
    let own = graph
        .functions()
        .iter()
        .filter(|(name, _)| used.contains(name));
    own.filter_map(|(name, function)| match function {
        FunctionDefinition::Builtin => None,
        FunctionDefinition::Abstract => Some((written_function(graph, name).into(), None)),
        FunctionDefinition::Defined { argument, body } => {
            // In the graph the argument bears the function's name, `swish(t)`, so that no other variable can.
            let inner = argument
                .split_once('(')
                .and_then(|(_, rest)| rest.strip_suffix(')'));
            let shown = inner.unwrap_or(argument).to_owned();
            let mut names = Names::default();
            names.rename(argument.clone(), shown.as_str());
            Some((
                written_function(graph, name).into(),
                Some(Body {
                    argument: shown,
                    value: *body,
                    names,
                }),
            ))
        }
    })
    .collect()
}
