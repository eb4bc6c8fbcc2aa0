//! Means over samples gathered. Why: `E` is linear, so an expression in which no two means are multiplied is the mean of one
//! expression, and where those of two sides are equal for every sample, so are the means. The index core, which has no `E`,
//! decides that.

use std::collections::HashMap;

use crate::expr::{Facts, Graph, Id, Name, Op, Role, ShapeError, Variable, is_output_hessian};

/// For each side the expression whose mean it is, `E(hess(z))` a value of its own; nothing where means are multiplied, or
/// stand under what is not linear.
pub(super) fn gathered(graph: &mut Graph, sides: [Id; 2]) -> Result<Option<[Id; 2]>, ShapeError> {
    let mut found = Vec::new();
    for side in sides {
        let side = with_constant_hessian(graph, side)?;
        let Some(value) = without_means(graph, side)? else {
            return Ok(None);
        };
        found.push(value);
    }
    Ok(Some([found[0], found[1]]))
}

/// Both sides with a name for every mean that stands in no other, the same for the same.
pub(super) fn named(graph: &mut Graph, sides: [Id; 2]) -> Result<[Id; 2], ShapeError> {
    let [left, right] = sides;
    let is_mean = |_: &Graph, _: Id| true;
    Ok([
        with_names(graph, left, &is_mean)?,
        with_names(graph, right, &is_mean)?,
    ])
}

/// The mean Hessian that a child hands down is the same for all samples.
fn with_constant_hessian(graph: &mut Graph, root: Id) -> Result<Id, ShapeError> {
    with_names(graph, root, &is_upstream)
}

/// True for ℋz itself.
fn is_upstream(graph: &Graph, id: Id) -> bool {
    matches!(&graph[id].op, Op::Variable(name) if is_output_hessian(name))
}

/// An expression with names for the means of what is to be named; a name stands for one operand of `E`.
fn with_names(
    graph: &mut Graph,
    root: Id,
    is_named: &dyn Fn(&Graph, Id) -> bool,
) -> Result<Id, ShapeError> {
    let mut done: HashMap<Id, Id> = HashMap::new();
    for id in graph.topological(&[root]) {
        let node = graph[id].clone();
        let new = if node.op == Op::Expectation && is_named(graph, node.children[0]) {
            let variable = Variable {
                shape: graph.shape(id),
                role: Role::Parameter,
                facts: Facts {
                    symmetric: is_upstream(graph, node.children[0]),
                    ..Facts::default()
                },
            };
            graph.declare(Name::from(format!("E({})", node.children[0].0)), variable)
        } else {
            let children: Vec<Id> = node.children.iter().map(|c| done[c]).collect();
            graph.node(node.op, &children)?
        };
        done.insert(id, new);
    }
    Ok(done[&root])
}

/// What of an expression a mean can be taken of.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// The same for all samples, with no mean in it.
    Constant,
    /// Different from sample to sample, with no mean in it.
    Sample,
    /// A mean, of this.
    Mean(Id),
}

/// The expression whose mean `root` is.
fn without_means(graph: &mut Graph, root: Id) -> Result<Option<Id>, ShapeError> {
    let mut done: HashMap<Id, Part> = HashMap::new();
    for id in graph.topological(&[root]) {
        let node = graph[id].clone();
        let parts: Vec<Part> = node.children.iter().map(|c| done[c]).collect();
        let means = parts.iter().filter(|p| matches!(p, Part::Mean(_))).count();
        let samples = parts.iter().filter(|p| matches!(p, Part::Sample)).count();
        let part = match &node.op {
            Op::Variable(name) => {
                let role = graph.variables().get(name).map(|v| v.role);
                if role.is_some_and(Role::depends_on_sample) {
                    Part::Sample
                } else {
                    Part::Constant
                }
            }
            Op::Expectation => match parts[0] {
                Part::Mean(_) => return Ok(None),
                _ => Part::Mean(node.children[0]),
            },
            _ if means == 0 && samples == 0 => Part::Constant,
            _ if means == 0 => Part::Sample,
            _ if samples > 0 || !is_linear(&node.op, &parts) => return Ok(None),
            op => {
                let children = node
                    .children
                    .iter()
                    .zip(&parts)
                    .map(|(child, part)| match part {
                        Part::Mean(of) => *of,
                        _ => *child,
                    });
                let children: Vec<Id> = children.collect();
                Part::Mean(graph.node(op.clone(), &children)?)
            }
        };
        done.insert(id, part);
    }
    Ok(match done[&root] {
        Part::Constant => Some(root),
        Part::Mean(of) => Some(of),
        Part::Sample => None,
    })
}

/// True when an operation is linear in those of its operands that are means, all at once.
fn is_linear(op: &Op, parts: &[Part]) -> bool {
    let is_mean = |part: &Part| matches!(part, Part::Mean(_));
    match op {
        Op::Add
        | Op::Transpose
        | Op::Diag
        | Op::DiagVec
        | Op::Vec
        | Op::Reshape
        | Op::Trace
        | Op::Sum
        | Op::Mean => true,
        Op::Scale | Op::Multiply | Op::Hadamard | Op::Kronecker => {
            parts.iter().filter(|part| is_mean(part)).count() == 1
        }
        Op::Congruence => !is_mean(&parts[0]),
        _ => false,
    }
}
