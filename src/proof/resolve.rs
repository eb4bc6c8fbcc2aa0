//! What `grad(v)`, `hess(v)`, `hess(u, v)`, `jac(z, v)` and `resid(v)` mean: the derived expressions.

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expr::{Id, Module, Name};
use crate::hbp::{Equation, Request, Step, cross_hessian, derive, jacobian_of, upstream};
use crate::language::Query;
use crate::rewrite::{Report, Rewriter, Style};

const ALL: &[&str] = &["gradient", "jacobian", "residual", "hessian"];

/// Derives what is asked for and returns its node in the module's graph.
pub(crate) fn resolve(
    module: &mut Module,
    query: &Query,
    rewriter: &Rewriter,
    derivations: &mut Vec<(String, Vec<Step>)>,
) -> Result<Id, Diagnostics> {
    let mut equation = |module: &mut Module, v: &Name, of: &[&str]| {
        let equation = equation(module, v, rewriter)?;
        let steps: Vec<Step> = equation
            .steps
            .iter()
            .filter(|s| of.contains(&s.of.as_str()))
            .cloned()
            .collect();
        derivations.push((v.to_string(), steps));
        Ok::<_, Diagnostics>(equation)
    };
    let output = module.output.0.clone();
    let (gradient, hessian) = upstream(module);
    match query {
        Query::Gradient(v) if *v == output => Ok(gradient),
        Query::Hessian(v) if *v == output => Ok(hessian),
        Query::Gradient(v) => Ok(equation(module, v, &["gradient"])?.gradient),
        Query::Hessian(v) => Ok(equation(module, v, ALL)?.hessian),
        Query::Residual(v) => Ok(equation(module, v, &["gradient", "residual"])?.residual),
        Query::CrossHessian(u, v) if u == v => Ok(equation(module, u, ALL)?.hessian),
        Query::CrossHessian(u, v) => {
            let left = equation(module, u, &["gradient", "jacobian"])?;
            let right = equation(module, v, &["jacobian"])?;
            cross_hessian(module, (u, &left), (v, &right), rewriter).map_err(|e| failed(&e.to_string()))
        }
        Query::Jacobian(z, v) if *z == output => Ok(equation(module, v, &["jacobian"])?.jacobian),
        Query::Jacobian(z, v) => {
            let value = module
                .locals
                .iter()
                .find(|(name, _)| name == z)
                .map(|(_, id)| *id);
            let value = value.ok_or_else(|| failed(&format!("`{z}` is no output or local")))?;
            jacobian_of(module, value, v, rewriter).map_err(|e| failed(&e.to_string()))
        }
    }
}

fn equation(module: &mut Module, v: &Name, rewriter: &Rewriter) -> Result<Equation, Diagnostics> {
    let request = Request {
        wrt: Some(vec![v.clone()]),
        style: Style::default(),
    };
    let mut report = Report {
        explain: true,
        ..Report::default()
    };
    let derived =
        derive(module, &request, rewriter, &mut report).map_err(|e| failed(&e.to_string()))?;
    *module = derived.module;
    derived
        .equations
        .into_iter()
        .next()
        .ok_or_else(|| failed("nothing was derived"))
}

fn failed(message: &str) -> Diagnostics {
    let help = "derivatives are taken with respect to inputs and parameters of the module";
    Diagnostics::from(Diagnostic::new(
        Code::UnknownName,
        message.to_owned(),
        help.to_owned(),
    ))
}
