//! What `grad(v)`, `hess(v)`, `hess(u, v)`, `jac(z, v)` and `resid(v)` mean: the derived expressions.

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expr::{Id, Module, Name, Names, printed_size};
use crate::hbp::{Equation, Request, Step, cross_hessian, derive, jacobian_of, upstream};
use crate::language::Query;
use crate::rewrite::{Report, Rewriter, Style};

const ALL: &[&str] = &["gradient", "jacobian", "residual", "hessian"];

/// Larger expressions are not derived a second time for their steps: explaining takes many times what deriving does.
const EXPLAINED: u64 = 400;

/// A derived quantity that a claim asks for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    variable: Name,
    /// What of the equation it needs.
    of: &'static [&'static str],
    /// About how many characters that takes.
    size: u64,
}

/// Derives what is asked for and returns its node in the module's graph.
pub(crate) fn resolve(
    module: &mut Module,
    query: &Query,
    rewriter: &Rewriter,
    asked: &mut Vec<Asked>,
) -> Result<Id, Diagnostics> {
    let mut equation = |module: &mut Module, v: &Name, of: &'static [&'static str]| {
        let equation = equation(module, v, rewriter)?;
        let names = Names::default();
        let size = printed_size(&module.graph, equation.hessian, &names);
        asked.push(Asked {
            variable: v.clone(),
            of,
            size,
        });
        Ok::<_, Diagnostics>(equation)
    };
    let output = module.output.0.clone();
    let (gradient, hessian) = upstream(module);
    match query {
        Query::Gradient(v) if *v == output => Ok(gradient),
        Query::Hessian(v) if *v == output => Ok(hessian),
        Query::Gradient(v) => Ok(equation(module, v, &ALL[..1])?.gradient),
        Query::Hessian(v) => Ok(equation(module, v, ALL)?.hessian),
        Query::Residual(v) => Ok(equation(module, v, &["gradient", "residual"])?.residual),
        Query::CrossHessian(u, v) if u == v => Ok(equation(module, u, ALL)?.hessian),
        Query::CrossHessian(u, v) => {
            let left = equation(module, u, &ALL[..2])?;
            let right = equation(module, v, &ALL[1..2])?;
            cross_hessian(module, (u, &left), (v, &right), rewriter)
                .map_err(|e| failed(&e.to_string()))
        }
        Query::Jacobian(z, v) if *z == output => Ok(equation(module, v, &ALL[1..2])?.jacobian),
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

/// How what was asked for is derived, by variable; no steps where that is too much to show.
pub(crate) fn derivations(
    module: &Module,
    asked: &[Asked],
    rewriter: &Rewriter,
) -> Vec<(String, Vec<Step>)> {
    let steps = |asked: &Asked| -> Option<Vec<Step>> {
        if asked.size > EXPLAINED {
            return None;
        }
        let request = Request {
            wrt: Some(vec![asked.variable.clone()]),
            style: Style::default(),
        };
        let mut report = Report {
            explain: true,
            ..Report::default()
        };
        let derived = derive(module, &request, rewriter, &mut report).ok()?;
        let all = derived.equations.into_iter().next()?.steps;
        let wanted = |step: &Step| step.of == "map" || asked.of.contains(&step.of.as_str());
        Some(all.into_iter().filter(wanted).collect())
    };
    let with_name = |a: &Asked| (a.variable.to_string(), steps(a).unwrap_or_default());
    asked.iter().map(with_name).collect()
}

fn equation(module: &mut Module, v: &Name, rewriter: &Rewriter) -> Result<Equation, Diagnostics> {
    let request = Request {
        wrt: Some(vec![v.clone()]),
        style: Style::default(),
    };
    let derived = derive(module, &request, rewriter, &mut Report::default())
        .map_err(|e| failed(&e.to_string()))?;
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
