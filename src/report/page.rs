//! Equations as a LaTeX fragment: one aligned block for the forward map and one for every variable.

use std::fmt::Write;

use super::Setting;
use super::latex::{latex, latex_shape};
use super::latex_names::{latex_function, latex_name};
use super::naming::{
    Body, TooLong, defined_names, forward_locals, functions, locals, names, permit, shape,
};
use crate::expr::{Graph, Id, Module, Name, Names};
use crate::hbp::{Equations, GivenUp};

/// Writes the equations for inclusion in a LaTeX document that loads `amsmath` and `amssymb`.
///
/// # Errors
/// When an expression is too long to be written out.
pub fn page(equations: &Equations, setting: Setting<'_>) -> Result<String, TooLong> {
    let module = &equations.module;
    let graph = &module.graph;
    let z = latex_name(&module.output.0);
    let value = (equations.definitions.last()).map_or(module.output.1, |(_, id)| *id);
    let mut out = String::new();
    let Setting { stacks } = setting;
    let Equations {
        curvature, batch, ..
    } = equations;
    let title = module.name.replace('_', r"\_");
    let _ = writeln!(out, "\\subsection*{{Module \\texttt{{{title}}}}}");
    let _ = writeln!(
        out,
        "Conventions: $\\operatorname{{vec}}$ stacks {stacks}; $\\mathrm{{D}}{z}(v) = \
         \\partial \\operatorname{{vec}} {z} / \\partial (\\operatorname{{vec}} v)^\\top$; curvature \
         \\texttt{{{curvature}}}, batch \\texttt{{{batch}}}."
    );
    let forward = defined_names(equations);
    let mut lines = Vec::new();
    for (name, body) in functions(module) {
        if let Some(Body {
            argument,
            value,
            names,
        }) = body
        {
            let left = format!(
                r"{}\left({}\right)",
                latex_function(&name),
                latex_name(&argument)
            );
            permit(graph, value, &names, &name)?;
            lines.push((left, latex(graph, value, &names)));
        }
    }
    for (name, id) in forward_locals(equations) {
        lines.push((latex_name(name), definition(graph, *id, &forward, name)?));
    }
    lines.push((
        z.clone(),
        definition(graph, value, &forward, &module.output.0)?,
    ));
    align(&mut out, &lines);
    for equation in &equations.equations {
        let v = latex_name(&equation.variable);
        let domain = shape(graph, &equation.variable).map_or_else(String::new, latex_shape);
        let _ = writeln!(out, "\\paragraph{{${v} \\in {domain}$}}");
        let mut quantities = vec![
            (format!(r"\delta {v}"), equation.gradient),
            (format!(r"\mathrm{{D}}{z}({v})"), equation.jacobian),
            (format!(r"R_{{{v}}}"), equation.residual),
            (format!(r"\mathcal{{H}}{v}"), equation.hessian),
        ];
        let root = equation.root.map(|root| (format!(r"S_{{{v}}}"), root));
        quantities.extend(root);
        align(&mut out, &block(module, &equation.lets, &quantities)?);
        out.push_str(&given_up(module, &equation.given_up)?);
        if let Some(loss) = &equation.loss {
            let _ = writeln!(
                out,
                "As the loss itself, $\\delta {z} = 1$ and $\\mathcal{{H}}{z} = 0$:"
            );
            let quantities = [
                (format!(r"\delta {v}"), loss.gradient),
                (format!(r"\mathcal{{H}}{v}"), loss.hessian),
            ];
            align(&mut out, &block(module, &loss.lets, &quantities)?);
            out.push_str(&given_up(module, &loss.given_up)?);
        }
    }
    Ok(out)
}

/// The equalities that were given up.
fn given_up(module: &Module, all: &[GivenUp]) -> Result<String, TooLong> {
    let (graph, names) = (&module.graph, locals(module));
    let mut out = String::new();
    for one in all {
        permit(graph, one.before, &names, &one.name)?;
        permit(graph, one.after, &names, &one.name)?;
        let _ = writeln!(
            out,
            "Given up by \\texttt{{{}}} ({}): ${} \\approx {}$.\n",
            one.name,
            one.cites,
            latex(graph, one.before, &names),
            latex(graph, one.after, &names)
        );
    }
    Ok(out)
}

/// `let`s and equations, line by line.
fn block(
    module: &Module,
    lets: &[(Name, Id)],
    equations: &[(String, Id)],
) -> Result<Vec<(String, String)>, TooLong> {
    let graph = &module.graph;
    let names = names(module, lets);
    let mut lines = Vec::new();
    for (name, id) in lets {
        lines.push((latex_name(name), definition(graph, *id, &names, name)?));
    }
    for (left, id) in equations {
        permit(graph, *id, &names, left)?;
        lines.push((left.clone(), latex(graph, *id, &names)));
    }
    Ok(lines)
}

fn definition(graph: &Graph, id: Id, names: &Names, name: &str) -> Result<String, TooLong> {
    let names = names.without(id);
    permit(graph, id, &names, name)?;
    Ok(latex(graph, id, &names))
}

fn align(out: &mut String, lines: &[(String, String)]) {
    let lines: Vec<String> = lines
        .iter()
        .map(|(left, right)| format!("  {left} &= {right}"))
        .collect();
    let _ = writeln!(
        out,
        "\\begin{{align*}}\n{}\n\\end{{align*}}",
        lines.join(" \\\\\n")
    );
}
