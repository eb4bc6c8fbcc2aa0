//! What stands between two variables of a module, and the Jacobian of any of its values. Why apart: a module alone sends
//! only blocks; a frontier, and whoever asks for `hess(u, v)`, needs these.

use super::Equation;
use super::derive::{upstream, variable};
use super::forward::simpler_map;
use crate::expr::{Facts, Id, Module, Name, Op};
use crate::rewrite::{Report, RewriteError, Rewriter, Style};

/// The cross block ℋ_{uv} = D z(u)' ℋz D z(v) + `D_v` [D z(u)' δz], from the equations of u and v, which are
/// those of `module`.
///
/// # Errors
/// When an operation has no derivative rule.
pub fn cross_hessian(
    module: &mut Module,
    (u, of_u): (&Name, &Equation),
    (v, of_v): (&Name, &Equation),
    rewriter: &Rewriter,
) -> Result<Id, RewriteError> {
    let residual = raw_cross_residual(module, u, v, rewriter)?;
    let (_, hessian) = upstream(module);
    let graph = &mut module.graph;
    let left = graph.node(Op::Transpose, &[of_u.jacobian])?;
    let right = graph.node(Op::Multiply, &[hessian, of_v.jacobian])?;
    let carried = graph.node(Op::Multiply, &[left, right])?;
    let sum = graph.node(Op::Add, &[carried, residual])?;
    simplified(module, sum, rewriter)
}

/// The second-order term of a cross block, `D_v` [D z(u)' δz].
///
/// # Errors
/// When an operation has no derivative rule.
pub fn cross_residual(
    module: &mut Module,
    u: &Name,
    v: &Name,
    rewriter: &Rewriter,
) -> Result<Id, RewriteError> {
    let residual = raw_cross_residual(module, u, v, rewriter)?;
    simplified(module, residual, rewriter)
}

fn raw_cross_residual(
    module: &mut Module,
    u: &Name,
    v: &Name,
    rewriter: &Rewriter,
) -> Result<Id, RewriteError> {
    let (gradient, _) = upstream(module);
    let map = simpler_map(&mut module.graph, module.output.1, rewriter, false)?;
    let (graph, z) = (&mut module.graph, map.value);
    let (first, second) = (variable(graph, u), variable(graph, v));
    // The gradient is derived anew: its simplified form may have used facts of v.
    let facts = [u, v].map(|name| graph.replace_facts(name, Facts::default()));
    let backward = graph.node(Op::Backpropagate, &[z, gradient, first])?;
    let backward = rewriter.differentiate(graph, &[backward], &mut Report::default())?[0];
    let residual = graph.node(Op::Jacobian, &[backward, second])?;
    let residual = rewriter.differentiate(graph, &[residual], &mut Report::default())?[0];
    for (name, facts) in [u, v].into_iter().zip(facts) {
        graph.replace_facts(name, facts);
    }
    Ok(residual)
}

/// The mean over samples of `J'HK` with the mean Hessian H at the output, from the Jacobians of two variables (Eq. 6a).
///
/// # Errors
/// When the module has too many variables.
pub fn mean_carried(
    module: &mut Module,
    left: Id,
    right: Id,
    rewriter: &Rewriter,
) -> Result<Id, RewriteError> {
    let (_, hessian) = upstream(module);
    let locals = module.locals.clone();
    let graph = &mut module.graph;
    let hessian = graph.node(Op::Expectation, &[hessian])?;
    let carried = if left == right {
        graph.node(Op::Congruence, &[left, hessian])?
    } else {
        let left = graph.node(Op::Transpose, &[left])?;
        let right = graph.node(Op::Multiply, &[hessian, right])?;
        graph.node(Op::Multiply, &[left, right])?
    };
    let mean = graph.node(Op::Expectation, &[carried])?;
    let (style, report) = (Style::Hadamard, &mut Report::default());
    Ok(rewriter.average(graph, &[mean], &locals, style, report)?[0])
}

/// The Jacobian of any value of a module, such as a local, with respect to an input or parameter.
///
/// # Errors
/// When an operation has no derivative rule.
pub fn jacobian_of(
    module: &mut Module,
    value: Id,
    v: &Name,
    rewriter: &Rewriter,
) -> Result<Id, RewriteError> {
    let graph = &mut module.graph;
    let variable = variable(graph, v);
    let facts = graph.replace_facts(v, Facts::default());
    let jacobian = graph.node(Op::Jacobian, &[value, variable])?;
    let jacobian = rewriter.differentiate(graph, &[jacobian], &mut Report::default())?[0];
    graph.replace_facts(v, facts);
    simplified(module, jacobian, rewriter)
}

fn simplified(module: &mut Module, id: Id, rewriter: &Rewriter) -> Result<Id, RewriteError> {
    let locals = module.locals.clone();
    let (graph, style) = (&mut module.graph, Style::Hadamard);
    Ok(rewriter.simplify(graph, &[id], &locals, style, &mut Report::default())?[0])
}
