//! Equations where roots travel: ℋz = SS' for every sample, and `J'S` is what is sent. Why two passes over the variables: what
//! travels is exact, and means are taken at parameters alone (KFLR, KFAC).

use super::derive::DeriveError;
use super::{Batch, Curvature, Equations, approximate};
use crate::expr::{Dimension, Facts, Id, Module, Name, Op, Role, Shape, Variable};
use crate::rewrite::{Report, RewriteError, Rewriter, Style};

/// The equations of a module that receives `root(z)`, a root of the Hessian at its output with as many columns as the loss needs.
/// Inputs, and with exact samples parameters too, get `root(v) = D z(v)' root(z)`, so that `hess(v) = root(v)*root(v)'`.
///
/// # Errors
/// As [`approximate`].
pub fn rooted(
    exact: Equations,
    curvature: Curvature,
    batch: Batch,
    style: Style,
    rewriter: &Rewriter,
) -> Result<Equations, DeriveError> {
    let order: Vec<Name> = (exact.equations.iter().map(|e| e.variable.clone())).collect();
    let parameters = exact.module.parameters.clone();
    let is_parameter = |name: &Name| parameters.contains(name);
    let mut all = exact;
    let (of_parameters, of_inputs) =
        (all.equations.drain(..)).partition(|e| is_parameter(&e.variable));
    let mut done = Vec::new();
    for (equations, batch) in [(of_inputs, Batch::Exact), (of_parameters, batch)] {
        all.equations = equations;
        all = approximate(all, curvature, batch, style, rewriter)?;
        done.append(&mut all.equations);
    }
    (all.curvature, all.batch) = (curvature, batch);
    done.sort_by_key(|e| order.iter().position(|name| *name == e.variable));
    for equation in &mut done {
        if is_parameter(&equation.variable) && batch.is_average() {
            continue;
        }
        let root = sent(&mut all.module, equation.jacobian, style, rewriter);
        equation.root = Some(root.map_err(|source| DeriveError::Rewrite {
            module: all.module.name.clone(),
            variable: Some(equation.variable.clone()),
            place: String::new(),
            source,
        })?);
    }
    all.equations = done;
    Ok(all)
}

/// `J' root(z)`
fn sent(
    module: &mut Module,
    jacobian: Id,
    style: Style,
    rewriter: &Rewriter,
) -> Result<Id, RewriteError> {
    let used = module.dimensions();
    let names = (0..).map(|k| Name::from(if k == 0 { "C".into() } else { format!("C{k}") }));
    let columns = names.into_iter().find(|name| !used.contains(name));
    let z = module.graph.shape(module.output.1).size();
    let shape = Shape::matrix(z, columns.map_or_else(Dimension::one, Dimension::named));
    let name = format!("root({})", module.output.0);
    let known = module.graph.variable(&name);
    let locals = module.locals.clone();
    let graph = &mut module.graph;
    let root = known.unwrap_or_else(|| {
        let role = Role::Upstream;
        let facts = Facts::default();
        graph.declare(name, Variable { shape, role, facts })
    });
    let transposed = graph.node(Op::Transpose, &[jacobian])?;
    let product = graph.node(Op::Multiply, &[transposed, root])?;
    let report = &mut Report::default();
    Ok(rewriter.simplify(graph, &[product], &locals, style, report)?[0])
}
