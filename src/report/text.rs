//! Equations as text: what `hbp derive` prints.

use std::fmt::Write;

use super::Setting;
use super::json::structure;
use super::naming::{
    Body, TooLong, defined, defined_names, forward_locals, functions, locals, loss_quantities,
    names, quantities, shape, written,
};
use super::steps::steps as write_steps;
use crate::expr::{Facts, Id, Module, Name};
use crate::hbp::{Equation, Equations, GivenUp};

/// Writes the forward map, the conventions, and for every variable its `let`s and equations; with `steps`, how
/// they were derived.
///
/// # Errors
/// When an expression is too long to be written out.
pub fn text(equations: &Equations, setting: Setting<'_>, steps: bool) -> Result<String, TooLong> {
    let mut out = forward(equations)?;
    out.push('\n');
    out.push_str(&conventions(equations, setting));
    for equation in &equations.equations {
        out.push('\n');
        out.push_str(&variable(&equations.module, equation)?);
        if steps && !equation.steps.is_empty() {
            out.push('\n');
            for line in write_steps(&equation.steps).lines() {
                let _ = writeln!(out, "    {line}");
            }
        }
    }
    Ok(out)
}

/// The conventions, the same in every report.
pub(crate) fn conventions(equations: &Equations, setting: Setting<'_>) -> String {
    let z = &equations.module.output.0;
    let Equations {
        curvature, batch, ..
    } = equations;
    let Setting { stacks } = setting;
    let approximated = if (*curvature, *batch) == Default::default() {
        ""
    } else {
        "; hess(v) below is what takes its place, E the mean over the samples"
    };
    let rooted = if equations.equations.iter().any(|e| e.root.is_some()) {
        format!(
            "roots travel: hess({z}) is root({z})*root({z})' for every sample, hess(v) is root(v)*root(v)'; at the loss a column of \
             root is one of the factor of its Hessian, or a gradient at a drawn target\n"
        )
    } else {
        String::new()
    };
    format!(
        "conventions: vec stacks {stacks}; jac({z}, v) is D {z}(v) = ∂ vec {z} / ∂ (vec v)';\n\
         grad(v) is δv, of the shape of v; hess(v) is ℋv = D {z}(v)' ℋ{z} D {z}(v) + resid(v), size v × size v;\n\
         resid(v) is the Jacobian of v ↦ D {z}(v)' δ{z} with δ{z} held constant\n\
         curvature: {curvature}; batch: {batch}{approximated}\n{rooted}"
    )
}

/// The module as it would be written in a file, calls inlined.
fn forward(equations: &Equations) -> Result<String, TooLong> {
    let mut out = String::new();
    let module = &equations.module;
    let graph = &module.graph;
    let names = defined_names(equations);
    for (name, definition) in functions(module) {
        match definition {
            None => writeln!(out, "fn {name}(t)"),
            Some(Body {
                argument,
                value,
                names,
            }) => {
                let value = written(graph, value, &names, &name)?;
                writeln!(out, "fn {name}({argument}) = {value}")
            }
        }
        .unwrap_or_default();
    }
    let declared = |name: &Name| {
        let shape = shape(graph, name).map_or_else(String::new, ToString::to_string);
        let facts = graph
            .variables()
            .get(name)
            .map(|v| v.facts)
            .unwrap_or_default();
        format!("{name}: {shape}{}", described(facts))
    };
    let inputs: Vec<String> = module.inputs.iter().map(declared).collect();
    let (z, value) = &module.output;
    let shape = graph.shape(*value);
    let value = equations.definitions.last().map_or(value, |(_, id)| id);
    let _ = writeln!(
        out,
        "module {}({}) -> {z}: {shape} {{",
        module.name,
        inputs.join(", ")
    );
    for parameter in &module.parameters {
        let _ = writeln!(out, "    param {}", declared(parameter));
    }
    for (name, id) in forward_locals(equations) {
        let _ = writeln!(out, "    {name} = {}", defined(graph, *id, &names, name)?);
    }
    // The output may be a local under another name.
    let output = if names.get(*value).is_some() {
        written(graph, *value, &names, z)?
    } else {
        defined(graph, *value, &names, z)?
    };
    let _ = writeln!(out, "    {z} = {output}");
    if let Some(model) = &module.model {
        let parameters = model.parameters.iter();
        let parameters: Result<Vec<String>, TooLong> = parameters
            .map(|id| written(graph, *id, &names, &model.target))
            .collect();
        let (target, distribution) = (&model.target, model.distribution.name());
        let _ = writeln!(
            out,
            "    {target} ~ {distribution}({})",
            parameters?.join(", ")
        );
    }
    out.push_str("}\n");
    Ok(out)
}

fn described(facts: Facts) -> String {
    let words = [
        (facts.symmetric, " symmetric"),
        (facts.diagonal, " diagonal"),
        (facts.positive_definite, " positive-definite"),
        (facts.distribution, " distribution"),
    ];
    words
        .iter()
        .filter(|(holds, _)| *holds)
        .map(|(_, word)| *word)
        .collect()
}

/// The equations of one variable.
fn variable(module: &Module, equation: &Equation) -> Result<String, TooLong> {
    let shape =
        shape(&module.graph, &equation.variable).map_or_else(String::new, ToString::to_string);
    let form = structure(equation.structure);
    let mut out = format!("{}: {shape}    block: {form}\n", equation.variable);
    out.push_str(&block(
        module,
        &equation.lets,
        &quantities(module, equation),
    )?);
    out.push_str(&given_up(module, &equation.given_up)?);
    if let Some(loss) = &equation.loss {
        let z = &module.output.0;
        let form = structure(loss.structure);
        let _ = writeln!(
            out,
            "  as the loss itself (grad({z}) = 1, hess({z}) = 0)    block: {form}"
        );
        out.push_str(&block(
            module,
            &loss.lets,
            &loss_quantities(equation, loss),
        )?);
        out.push_str(&given_up(module, &loss.given_up)?);
    }
    Ok(out)
}

/// The equalities that were given up, one approximation after the other.
fn given_up(module: &Module, all: &[GivenUp]) -> Result<String, TooLong> {
    let (graph, names) = (&module.graph, locals(module));
    let mut out = String::new();
    for one in all {
        let _ = writeln!(
            out,
            "    given up: {} [{}] {}\n        {}\n      ~ {}",
            one.name,
            one.cites,
            one.words,
            written(graph, one.before, &names, &one.name)?,
            written(graph, one.after, &names, &one.name)?
        );
    }
    Ok(out)
}

/// `let`s and equations, aligned at their `=`.
fn block(
    module: &Module,
    lets: &[(Name, Id)],
    equations: &[(String, Id)],
) -> Result<String, TooLong> {
    let graph = &module.graph;
    let names = names(module, lets);
    let mut out = String::new();
    for (name, id) in lets {
        let _ = writeln!(
            out,
            "    let {name} = {}",
            defined(graph, *id, &names, name)?
        );
    }
    let width = equations
        .iter()
        .map(|(what, _)| what.chars().count())
        .max()
        .unwrap_or(0);
    for (what, id) in equations {
        let _ = writeln!(
            out,
            "    {what:width$} = {}",
            written(graph, *id, &names, what)?
        );
    }
    Ok(out)
}
