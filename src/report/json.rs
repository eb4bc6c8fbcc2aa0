//! Equations as JSON: what scripts read. Why text inside: every expression is in the language, so that the
//! prover and any other reader take it as it is.

use serde_json::{Map, Value, json as value};

use super::naming::{TooLong, defined, locals, loss_quantities, names, quantities, shape, written};
use crate::expr::{Dimension, Graph, Id, Module, Name, Names};
use crate::hbp::{Equation, Equations, GivenUp, Loss, Structure};

/// The equations of one module as JSON.
///
/// # Errors
/// When an expression is too long to be written out.
pub fn json(equations: &Equations) -> Result<Value, TooLong> {
    let module = &equations.module;
    let names = locals(module);
    let definitions = module
        .locals
        .iter()
        .map(|(name, id)| definition(&module.graph, name, *id, &names));
    let definitions = definitions.collect::<Result<Vec<_>, _>>()?;
    let variables = equations.equations.iter().map(|e| variable(equations, e));
    let variables = variables.collect::<Result<Vec<_>, _>>()?;
    Ok(value!({
        "module": &*module.name,
        "output": &*module.output.0,
        "curvature": equations.curvature.to_string(),
        "batch": equations.batch.to_string(),
        "dims": dimensions(&module.graph),
        "locals": definitions,
        "variables": variables,
    }))
}

/// The document for several modules, or for one.
///
/// # Errors
/// When an expression is too long to be written out.
pub fn document(modules: &[Equations]) -> Result<Value, TooLong> {
    match modules {
        [only] => json(only),
        _ => Ok(value!({ "modules": modules.iter().map(json).collect::<Result<Vec<_>, _>>()? })),
    }
}

/// The name of a structure.
pub(crate) fn structure(structure: Structure) -> &'static str {
    match structure {
        Structure::Zero => "zero",
        Structure::Diagonal => "diagonal",
        Structure::Kronecker => "kronecker",
        Structure::KroneckerSum => "kronecker-sum",
        Structure::Dense => "dense",
    }
}

/// The names of the sizes in the order in which the declared shapes mention them.
fn dimensions(graph: &Graph) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for variable in graph.variables().values() {
        let mentioned = [&variable.shape.rows, &variable.shape.cols].map(Dimension::names);
        for name in mentioned.into_iter().flatten() {
            if !found.iter().any(|f| **f == *name) {
                found.push(name.to_string());
            }
        }
    }
    found
}

fn definition(graph: &Graph, name: &Name, id: Id, names: &Names) -> Result<Value, TooLong> {
    Ok(value!({ "name": &**name, "value": defined(graph, id, names, name)? }))
}

fn variable(equations: &Equations, equation: &Equation) -> Result<Value, TooLong> {
    let module = &equations.module;
    let graph = &module.graph;
    let names = names(module, &equation.lets);
    let shape = shape(graph, &equation.variable).map(ToString::to_string);
    let mut object = Map::new();
    object.insert("name".into(), (*equation.variable).into());
    object.insert("shape".into(), shape.into());
    let keys = ["gradient", "jacobian", "residual", "hessian", "root"];
    for (key, (what, id)) in keys.into_iter().zip(quantities(module, equation)) {
        object.insert(key.into(), written(graph, id, &names, &what)?.into());
    }
    object.insert("structure".into(), structure(equation.structure).into());
    object.insert("let".into(), lets(graph, &equation.lets, &names)?);
    given_up(module, &equation.given_up, &mut object)?;
    if let Some(loss) = &equation.loss {
        object.insert("loss".into(), as_loss(module, equation, loss)?);
    }
    let steps = equation.steps.iter().map(|step| {
        value!({
            "of": step.of, "phase": step.phase, "rule": step.rule, "cites": step.cites,
            "before": step.before, "after": step.after,
        })
    });
    object.insert("steps".into(), steps.collect::<Vec<_>>().into());
    Ok(Value::Object(object))
}

fn lets(graph: &Graph, lets: &[(Name, Id)], names: &Names) -> Result<Value, TooLong> {
    let lets = lets
        .iter()
        .map(|(name, id)| definition(graph, name, *id, names));
    Ok(Value::Array(lets.collect::<Result<_, _>>()?))
}

fn as_loss(module: &Module, equation: &Equation, loss: &Loss) -> Result<Value, TooLong> {
    let graph = &module.graph;
    let names = names(module, &loss.lets);
    let mut object = Map::new();
    for (key, (what, id)) in ["gradient", "hessian"]
        .into_iter()
        .zip(loss_quantities(equation, loss))
    {
        object.insert(key.into(), written(graph, id, &names, &what)?.into());
    }
    object.insert("structure".into(), structure(loss.structure).into());
    object.insert("let".into(), lets(graph, &loss.lets, &names)?);
    given_up(module, &loss.given_up, &mut object)?;
    Ok(Value::Object(object))
}

/// Which equalities were given up; nothing in exact equations.
fn given_up(
    module: &Module,
    all: &[GivenUp],
    object: &mut Map<String, Value>,
) -> Result<(), TooLong> {
    let (graph, names) = (&module.graph, locals(module));
    let mut list = Vec::new();
    for one in all {
        list.push(value!({
            "name": one.name,
            "cites": one.cites,
            "words": one.words,
            "before": written(graph, one.before, &names, &one.name)?,
            "after": written(graph, one.after, &names, &one.name)?,
        }));
    }
    if !list.is_empty() {
        object.insert("given_up".into(), list.into());
    }
    Ok(())
}
