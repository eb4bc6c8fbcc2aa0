//! What `grad(v)`, `hess(v)`, `hess(u, v)`, `jac(z, v)` and `resid(v)` mean: the derived expressions.

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expr::{Id, Module, Name};
use crate::hbp::{Equation, Request, cross_hessian, derive, jacobian_of, upstream};
use crate::language::Query;
use crate::rewrite::{Report, Rewriter, Style};

/// Derives what is asked for and returns its node in the module's graph.
pub(crate) fn resolve(
    module: &mut Module,
    query: &Query,
    rewriter: &Rewriter,
) -> Result<Id, Diagnostics> {
    let output = module.output.0.clone();
    let (gradient, hessian) = upstream(module);
    match query {
        Query::Gradient(v) if *v == output => Ok(gradient),
        Query::Hessian(v) if *v == output => Ok(hessian),
        Query::Gradient(v) => Ok(equation(module, v, rewriter)?.gradient),
        Query::Hessian(v) => Ok(equation(module, v, rewriter)?.hessian),
        Query::Residual(v) => Ok(equation(module, v, rewriter)?.residual),
        Query::CrossHessian(u, v) if u == v => Ok(equation(module, u, rewriter)?.hessian),
        Query::CrossHessian(u, v) => {
            let left = equation(module, u, rewriter)?;
            let right = equation(module, v, rewriter)?;
            cross_hessian(module, &left, (v, &right), rewriter).map_err(|e| failed(&e.to_string()))
        }
        Query::Jacobian(z, v) if *z == output => Ok(equation(module, v, rewriter)?.jacobian),
        Query::Jacobian(z, v) => {
            let value = module.locals.iter().find(|(name, _)| name == z).map(|(_, id)| *id);
            let value = value.ok_or_else(|| failed(&format!("`{z}` is no output or local")))?;
            jacobian_of(module, value, v, rewriter).map_err(|e| failed(&e.to_string()))
        }
    }
}

fn equation(module: &mut Module, v: &Name, rewriter: &Rewriter) -> Result<Equation, Diagnostics> {
    let request = Request { wrt: Some(vec![v.clone()]), style: Style::default() };
    let mut report = Report::default();
    let derived = derive(module, &request, rewriter, &mut report).map_err(|e| failed(&e.to_string()))?;
    *module = derived.module;
    derived.equations.into_iter().next().ok_or_else(|| failed("nothing was derived"))
}

fn failed(message: &str) -> Diagnostics {
    let help = "derivatives are taken with respect to inputs and parameters of the module";
    Diagnostics::from(Diagnostic::new(Code::UnknownName, message.to_owned(), help.to_owned()))
}
