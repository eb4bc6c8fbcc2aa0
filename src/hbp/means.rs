//! Means over samples taken apart: what is computed for each sample, and what is made of the means. Why here: a kernel
//! knows one sample, so an expression with `E` is two programs and a sum between them.

use std::collections::HashMap;

use crate::expr::{Facts, Graph, Id, Name, Op, Role, ShapeError, Variable};

/// Expressions with their means taken out.
#[derive(Clone, Debug)]
pub struct Means {
    /// For each sample: the values to be averaged, with the names of their means in `roots`.
    pub samples: Vec<(Name, Id)>,
    /// The expressions in terms of the means.
    pub roots: Vec<Id>,
}

/// Takes the means out of expressions. The mean of `hessian`, ℋz, arrives as the value of ℋz itself.
///
/// # Errors
/// When a mean stands within a mean, which no batch mode of [`Batch`](super::Batch) leads to.
pub fn take_means(graph: &mut Graph, roots: &[Id], hessian: Id) -> Result<Means, ShapeError> {
    let mut outer: HashMap<Id, Id> = HashMap::new();
    let mut samples: Vec<(Name, Id)> = Vec::new();
    for id in graph.topological(roots) {
        let node = graph[id].clone();
        let new = match node.op {
            Op::Expectation if node.children[0] == hessian => hessian,
            Op::Expectation => {
                let value = for_a_sample(graph, node.children[0], hessian)?;
                let known = samples.iter().find(|(_, other)| *other == value);
                let name = known.map_or_else(
                    || Name::from(format!("mean({})", samples.len())),
                    |(name, _)| name.clone(),
                );
                if known.is_none() {
                    samples.push((name.clone(), value));
                }
                let variable = Variable {
                    shape: graph.shape(value),
                    role: Role::Parameter,
                    facts: Facts::default(),
                };
                graph.declare(name, variable)
            }
            op => {
                let children: Vec<Id> = node.children.iter().map(|c| outer[c]).collect();
                graph.node(op, &children)?
            }
        };
        outer.insert(id, new);
    }
    Ok(Means {
        samples,
        roots: roots.iter().map(|root| outer[root]).collect(),
    })
}

/// The expression below a mean, with ℋz in the place of its mean.
fn for_a_sample(graph: &mut Graph, root: Id, hessian: Id) -> Result<Id, ShapeError> {
    let mut done: HashMap<Id, Id> = HashMap::new();
    for id in graph.topological(&[root]) {
        let node = graph[id].clone();
        let new = match node.op {
            Op::Expectation if node.children[0] == hessian => hessian,
            Op::Expectation => {
                return Err(ShapeError {
                    message: "a mean over samples stands within another".into(),
                    help: Some("report this as a defect".into()),
                });
            }
            op => {
                let children: Vec<Id> = node.children.iter().map(|c| done[c]).collect();
                graph.node(op, &children)?
            }
        };
        done.insert(id, new);
    }
    Ok(done[&root])
}
