//! The backward pass in the graph of a whole pass: gradients, means, blocks, and the frontier.

use super::crossing::{Part, Step};
use super::forms::Forms;
use super::images::{RowBlocks, direction_of};
use super::{Linker, Product};
use crate::expr::{Dimension, Id, Name, Shape, ShapeError};
use crate::hbp::{Batched, columns_of};
use crate::network::draft::Stage;
use crate::network::graph::Live;
use crate::network::pass::Upstream;

impl Linker<'_> {
    /// Gradients, means, and the blocks made of them.
    pub(super) fn backward(
        &mut self,
        place: usize,
        stage: &Stage,
        forms: &Forms,
        count: &Dimension,
    ) -> Result<(), ShapeError> {
        let arrived = if stage.upstream == Upstream::Loss {
            let row = Shape::matrix(Dimension::one(), count.clone());
            Some(self.graph.ones(&row))
        } else {
            let arrived = self.gradients[place].clone();
            self.sum(&arrived)?
        };
        let Some(arrived) = arrived else {
            return Ok(());
        };
        let gradient: Name = format!("grad({})", stage.output).into();
        self.splices[place].put(columns_of(&gradient), arrived);
        if self.has_hessians {
            self.receive_hessian(place, stage, arrived);
        }
        let mut step = Step::default();
        for form in &forms.backward {
            let Batched::Value(id) = form.form else {
                continue;
            };
            let name = form.name.as_str();
            let id = self.splices[place].write(&mut self.graph, id)?;
            if let Some(variable) = name.strip_prefix("grad.") {
                self.send(stage, variable, id)?;
            } else if name.starts_with("mean(") {
                self.splices[place].put(name.into(), id);
            } else {
                self.take(stage, name, id, &mut step)?;
            }
        }
        if self.has_hessians {
            self.combine(place, stage, forms, &mut step)?;
            self.cross(place, stage, step)?;
        }
        Ok(())
    }

    /// Lays out the Hessian at a node's value.
    fn receive_hessian(&mut self, place: usize, stage: &Stage, gradient: Id) {
        let rows = self.graph.shape(gradient).rows;
        let zero = Shape::matrix(rows.clone(), rows);
        let known = self.frontier.block(&Live::Node(place));
        let hessian = match known {
            Some(hessian) => hessian,
            None => self.graph.zeros(&zero),
        };
        self.hessians.insert(hessian);
        self.splices[place].put(format!("hess({})", stage.output).into(), hessian);
    }

    /// A gradient to the parameter, or to the node whose value it belongs to.
    fn send(&mut self, stage: &Stage, variable: &str, id: Id) -> Result<(), ShapeError> {
        if let Some(full) = stage.parameter(variable) {
            let terms: Vec<Id> = self
                .found
                .get(full)
                .copied()
                .into_iter()
                .chain([id])
                .collect();
            if let Some(sum) = self.sum(&terms)? {
                self.found.insert(full.clone(), sum);
            }
        } else if let Some(parent) = stage.parent(variable) {
            self.gradients[parent.node].push(id);
        }
        Ok(())
    }

    /// Makes the blocks of what is averaged, or products with them.
    pub(super) fn combine(
        &mut self,
        place: usize,
        stage: &Stage,
        forms: &Forms,
        step: &mut Step,
    ) -> Result<(), ShapeError> {
        let module = self.draft.modules[stage.pass].derived.clone();
        for image in &forms.images {
            let Some(full) = stage.parameter(&image.parameter) else {
                continue;
            };
            let direction = super::direction(&mut self.graph, full)?;
            self.splices[place].put(direction_of(&image.parameter), direction);
            let splice = &mut self.splices[place];
            let mut rows = Vec::with_capacity(image.rows.len());
            for own in &image.rows {
                rows.push(RowBlocks {
                    columns: splice.write(&mut self.graph, own.columns)?,
                    weights: splice.write(&mut self.graph, own.weights)?,
                    ..*own
                });
            }
            let product = Product {
                direction,
                image: splice.write(&mut self.graph, image.id)?,
                rows,
            };
            self.products.insert(full.clone(), product);
        }
        for (name, id) in &module.combine {
            if forms.images.iter().any(|image| image.block == *name) {
                continue;
            }
            let id = self.splices[place].write(&mut self.graph, *id)?;
            self.take(stage, name, id, step)?;
        }
        Ok(())
    }

    /// Takes one of a node's results: a parameter's block, or what crosses the frontier.
    fn take(
        &mut self,
        stage: &Stage,
        name: &str,
        id: Id,
        step: &mut Step,
    ) -> Result<(), ShapeError> {
        let live = |own: &str| {
            let found = stage.crossing.joint.iter().find(|(name, _)| &**name == own);
            found.map(|(_, live)| live.clone())
        };
        if let Some(variable) = name.strip_prefix("hess.") {
            let is_own = stage.crossing.once.iter().any(|own| &**own == variable);
            match (live(variable), stage.parameter(variable)) {
                (_, Some(full)) if is_own => {
                    self.blocks.insert(full.clone(), id);
                }
                (Some(live), _) => step.block = Some((live, id)),
                _ => {}
            }
            return Ok(());
        }
        if let Some(live) = name.strip_prefix("jac|").and_then(live) {
            return step.add_jacobian(&mut self.graph, &live, id);
        }
        let parts = [("carried|", Part::Carried), ("resid|", Part::Residual)];
        for (prefix, part) in parts {
            if let Some((u, v)) = name
                .strip_prefix(prefix)
                .and_then(|pair| pair.split_once('|'))
                && let (Some(live_u), Some(live_v)) = (live(u), live(v))
            {
                return step.add(&mut self.graph, part, (&live_u, &live_v, u == v), id);
            }
        }
        Ok(())
    }

    /// Moves the frontier across a node.
    fn cross(&mut self, place: usize, stage: &Stage, mut step: Step) -> Result<(), ShapeError> {
        let node = Live::Node(place);
        if stage.crossing.is_alone {
            self.frontier.replace(&node, step.block.take());
            return Ok(());
        }
        if !step.treat(&mut self.graph, self.curvature)? {
            let reason = format!(
                "the second-order term at `{}` is one matrix over several values",
                stage.name
            );
            self.obstacle.get_or_insert(reason);
        }
        self.frontier.advance(&mut self.graph, &node, &step)
    }

    /// Takes the blocks of shared parameters out of the last frontier; what the loss does not curve has a block of zeros.
    pub(super) fn keep_shared(&mut self) {
        for (name, gradient) in &self.found {
            if self.blocks.contains_key(name) || self.products.contains_key(name) {
                continue;
            }
            let size = self.graph.shape(*gradient).size();
            let known = self.frontier.block(&Live::Parameter(name.clone()));
            let block =
                known.unwrap_or_else(|| self.graph.zeros(&Shape::matrix(size.clone(), size)));
            self.blocks.insert(name.clone(), block);
        }
    }
}
