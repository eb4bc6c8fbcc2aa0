//! Equations under the other convention, where vec stacks rows. Why by conjugation: with K vec A = vec A' a block ℋ
//! becomes K ℋ K', and the rules know what that makes of a Kronecker product.

use std::collections::{BTreeMap, HashMap};

use super::naming::name_common_parts;
use super::structure::structure_of;
use super::{DeriveError, Equation, Equations, GivenUp};
use crate::expr::{Graph, Id, Name, Op, Shape, ShapeError};
use crate::rewrite::{Report, RewriteError, Rewriter, Style};

/// Rewrites Jacobians, residuals and blocks for vec that stacks rows: then the weight of a linear layer has the
/// block `hess(z) ⊗ (x*x')`, and what was given up of a block reads so, too. Gradients have the shape of their variable and stay as they are.
///
/// # Errors
/// When a rule is unsound, or a module has too many variables.
pub fn row_major(
    mut equations: Equations,
    style: Style,
    rewriter: &Rewriter,
) -> Result<Equations, DeriveError> {
    let batch = equations.batch;
    let module = &mut equations.module;
    let (name, locals) = (module.name.clone(), module.locals.clone());
    let z = module.graph.shape(module.output.1);
    for equation in &mut equations.equations {
        let variable = equation.variable.clone();
        let mut turn = |ids: &[Id]| -> Result<Vec<Id>, RewriteError> {
            let graph = &mut module.graph;
            let declared = graph.variables().get(&variable);
            let v = declared.map_or_else(Shape::scalar, |v| v.shape.clone());
            let (left, right) = (exchange(graph, &z)?, exchange(graph, &v)?);
            if left.is_none() && right.is_none() {
                return Ok(ids.to_vec());
            }
            let jacobian = conjugated(graph, ids[0], left, right)?;
            let mut turned = vec![jacobian];
            for block in &ids[1..] {
                let block = upstream_by_rows(graph, &module.output.0, *block, left)?;
                turned.push(conjugated(graph, block, right, right)?);
            }
            let report = &mut Report::default();
            if batch.is_average() {
                rewriter.average(graph, &turned, &locals, style, report)
            } else {
                rewriter.simplify(graph, &turned, &locals, style, report)
            }
        };
        let loss = equation.loss.as_ref().map(|loss| loss.hessian);
        let mut ids = vec![equation.jacobian, equation.residual, equation.hessian];
        ids.extend(loss);
        let blocks = ids.len();
        ids.extend(given_up(equation).flat_map(|one| [one.before, one.after]));
        let turned = turn(&ids).map_err(|source| DeriveError::Rewrite {
            module: name.clone(),
            variable: Some(equation.variable.clone()),
            place: String::new(),
            source,
        })?;
        (equation.jacobian, equation.residual, equation.hessian) =
            (turned[0], turned[1], turned[2]);
        let sides = turned[blocks..].chunks_exact(2);
        for (one, sides) in given_up(equation).zip(sides) {
            (one.before, one.after) = (sides[0], sides[1]);
        }
        equation.lets = name_common_parts(module, equation.hessian, Some(equation.jacobian));
        equation.structure = structure_of(&module.graph, equation.hessian);
        if let Some(loss) = &mut equation.loss {
            loss.hessian = turned[3];
            loss.lets = name_common_parts(module, loss.hessian, None);
            loss.structure = structure_of(&module.graph, loss.hessian);
        }
    }
    Ok(equations)
}

/// What was given up of the blocks of a variable, of the loss last.
fn given_up(equation: &mut Equation) -> impl Iterator<Item = &mut GivenUp> {
    let of_loss = equation.loss.iter_mut().flat_map(|loss| &mut loss.given_up);
    equation.given_up.iter_mut().chain(of_loss)
}

/// K with K vec A = vec A' for matrices of a shape; nothing where the order of entries is the same.
fn exchange(graph: &mut Graph, shape: &Shape) -> Result<Option<Id>, ShapeError> {
    if shape.is_column() || shape.is_row() {
        return Ok(None);
    }
    let sizes = [
        graph.dimension(shape.rows.clone()),
        graph.dimension(shape.cols.clone()),
    ];
    graph.node(Op::Commutation, &sizes).map(Some)
}

/// L M R'.
fn conjugated(
    graph: &mut Graph,
    matrix: Id,
    left: Option<Id>,
    right: Option<Id>,
) -> Result<Id, ShapeError> {
    let mut product = matrix;
    if let Some(right) = right {
        let right = graph.node(Op::Transpose, &[right])?;
        product = graph.node(Op::Multiply, &[product, right])?;
    }
    if let Some(left) = left {
        product = graph.node(Op::Multiply, &[left, product])?;
    }
    Ok(product)
}

/// The expression with ℋz read by rows, too: where it stood, K' ℋz K stands.
fn upstream_by_rows(
    graph: &mut Graph,
    output: &str,
    block: Id,
    exchange: Option<Id>,
) -> Result<Id, ShapeError> {
    let name: Name = format!("hess({output})").into();
    let (Some(exchange), Some(hessian)) = (exchange, graph.variable(&name)) else {
        return Ok(block);
    };
    let back = graph.node(Op::Transpose, &[exchange])?;
    let by_columns = conjugated(graph, hessian, Some(back), Some(back))?;
    let from = graph.clone();
    let map = HashMap::from([(name, by_columns)]);
    graph.import(&from, block, &map, &BTreeMap::new())
}
