//! The passes of a product: tangents forward, their gradients back. Why the frontier is not needed: a product with a vector
//! adds up along branches as a gradient does.

use std::collections::BTreeMap;

use nalgebra::DMatrix;

use super::draft::Node;
use crate::backend::{Element, Executor, Inputs, OutputBlock, Outputs};
use crate::expr::Name;
use crate::hbp::{Curvature, tangent_name};
use crate::network::RunError;
use crate::network::compiled::OUTPUT;
use crate::network::programs::whole;

/// Adds to the sum under a name.
pub(super) fn add_to<T: Element>(
    sums: &mut BTreeMap<Name, DMatrix<T>>,
    name: &Name,
    value: DMatrix<T>,
) {
    match sums.get_mut(name) {
        Some(sum) => *sum += value,
        None => {
            sums.insert(name.clone(), value);
        }
    }
}

/// The name of what arrives at a node's output.
pub(super) fn gradient_name(node: &Node) -> Name {
    format!("grad({})", node.output).into()
}

/// Runs a program; the arrays that it has no use for are ignored.
pub(super) fn run<T: Element>(
    executor: &mut Executor<'_, T>,
    node: &Node,
    inputs: &Inputs<T>,
) -> Result<Outputs<T>, RunError> {
    executor
        .run(inputs)
        .map_err(|error| RunError::from(error).within(&format!("`{}`", node.name)))?;
    Ok(executor.outputs())
}

/// The executors of a distinct module.
pub(super) struct Executors<'p, T: Element> {
    pub(super) tangent: Executor<'p, T>,
    pub(super) back: Executor<'p, T>,
    pub(super) turn: Executor<'p, T>,
}

/// What the passes of all samples have in common.
pub(super) struct Passes<'p, T: Element> {
    pub(super) nodes: &'p [Node],
    pub(super) executors: Vec<Option<Executors<'p, T>>>,
    /// Which nodes a parameter with a vector acts on.
    pub(super) moving: &'p [bool],
    pub(super) curvature: Curvature,
    /// True when the result is read at every parameter, below nodes that do not move, too.
    pub(super) every: bool,
}

impl<T: Element> Passes<'_, T> {
    /// ż = Σ D z(v) v̇, node by node.
    pub(super) fn forward(&mut self, fixed: &mut [Inputs<T>]) -> Result<(), RunError> {
        for (place, node) in self.nodes.iter().enumerate() {
            let executors = self.executors[node.programs].as_mut();
            let Some(executors) = executors.filter(|_| self.moving[place]) else {
                continue;
            };
            let still = node.parents.iter().filter(|(_, s)| !self.moving[*s]);
            for (own, _) in still {
                let zeros = |value: &DMatrix<T>| DMatrix::zeros(value.nrows(), value.ncols());
                if let Some(zeros) = fixed[place].get(own).map(zeros) {
                    fixed[place].insert(tangent_name(own), zeros);
                }
            }
            // How the loss itself moves is asked by nobody.
            if place + 1 == self.nodes.len() {
                continue;
            }
            let tangent = run(&mut executors.tangent, node, &fixed[place])?;
            let tangent = whole(tangent.get(OUTPUT))?;
            for (reader, own) in &node.readers {
                fixed[*reader].insert(tangent_name(own), tangent.clone());
            }
        }
        Ok(())
    }

    /// δv̇ = D z(v)' δż + Σ `D_u` [D z(v)' δz] u̇, node by node; the second term of the loss alone unless the Hessian is asked
    /// for.
    pub(super) fn backward(
        &mut self,
        fixed: &mut [Inputs<T>],
        read: &mut dyn FnMut(&Name, DMatrix<T>),
    ) -> Result<(), RunError> {
        let mut arriving: Vec<Option<DMatrix<T>>> = vec![None; self.nodes.len()];
        for (place, node) in self.nodes.iter().enumerate().rev() {
            let (moves, is_loss) = (self.moving[place], place + 1 == self.nodes.len());
            let executors = self.executors[node.programs].as_mut();
            let Some(executors) = executors.filter(|_| self.every || moves) else {
                continue;
            };
            let gradient = gradient_name(node);
            let mut results: Vec<(String, OutputBlock<T>)> = Vec::new();
            let turns = is_loss || self.curvature == Curvature::Hessian;
            if moves && turns && fixed[place].contains_key(&gradient) {
                results.extend(run(&mut executors.turn, node, &fixed[place])?.0);
            }
            if let Some(moved) = arriving[place].take() {
                let kept = fixed[place].insert(gradient.clone(), moved);
                let outputs = run(&mut executors.back, node, &fixed[place]);
                if let Some(kept) = kept {
                    fixed[place].insert(gradient, kept);
                }
                results.extend(outputs?.0);
            }
            for (name, block) in results {
                if matches!(block, OutputBlock::Zero { .. }) {
                    continue;
                }
                let value = whole(Some(&block))?;
                if let Some(full) = node.parameter(&name) {
                    read(full, value);
                } else if let Some(source) = node.parent(&name) {
                    match &mut arriving[source] {
                        Some(sum) => *sum += value,
                        none => *none = Some(value),
                    }
                }
            }
        }
        Ok(())
    }
}
