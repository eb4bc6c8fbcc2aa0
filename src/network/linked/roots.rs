//! Roots in the graph of a whole pass. Why side by side: all columns of all samples go back in one product at each node.

use super::Linker;
use super::crossing::Step;
use super::forms::{Forms, LossRoot};
use crate::expr::{Dimension, Op, ShapeError};
use crate::hbp::{Batched, columns_of};
use crate::network::draft::Stage;

impl Linker<'_> {
    /// The loss's root to the node whose value it belongs to.
    pub(super) fn loss_root(
        &mut self,
        place: usize,
        stage: &Stage,
        root: &LossRoot,
        count: &Dimension,
    ) -> Result<(), ShapeError> {
        let Some(parent) = stage.parent(&root.variable) else {
            let reason = format!("the loss `{}` curves no value of a node", stage.name);
            self.obstacle.get_or_insert(reason);
            return Ok(());
        };
        let mut children = vec![
            self.graph
                .dimension(Dimension::constant(root.columns as u64)),
        ];
        let splice = &mut self.splices[place];
        let mut outers = Vec::new();
        for (u, v) in &root.terms.outers {
            outers.push(splice.write(&mut self.graph, *u)?);
            outers.push(splice.write(&mut self.graph, *v)?);
        }
        let diagonal = root.terms.diagonal;
        let diagonal = diagonal
            .map(|id| splice.write(&mut self.graph, id))
            .transpose()?;
        let like = diagonal.or(outers.first().copied());
        let Some(like) = like.map(|id| self.graph.shape(id)) else {
            return Ok(());
        };
        debug_assert_eq!(like.cols, *count, "a column for every sample");
        children.push(diagonal.unwrap_or_else(|| self.graph.zeros(&like)));
        children.extend(outers);
        let root = self.graph.node(Op::SampleRoots, &children)?;
        self.roots[parent.node].push(root);
        Ok(())
    }

    /// Makes the blocks of E[SS'], and hands on what the columns become.
    pub(super) fn root(
        &mut self,
        place: usize,
        stage: &Stage,
        forms: &Forms,
        (count, columns): (&Dimension, &Dimension),
    ) -> Result<(), ShapeError> {
        let arrived = self.roots[place].clone();
        let Some(arrived) = self.sum(&arrived)? else {
            return Ok(());
        };
        let transposed = self.graph.node(Op::Transpose, &[arrived])?;
        let square = self.graph.node(Op::Multiply, &[arrived, transposed])?;
        let samples = self.graph.dimension(count.clone());
        let minus = self.graph.integer(-1);
        let share = self.graph.node(Op::Power, &[samples, minus])?;
        let hessian = self.graph.node(Op::Scale, &[share, square])?;
        self.hessians.insert(hessian);
        self.splices[place].put(format!("hess({})", stage.output).into(), hessian);
        for form in &forms.factors {
            if let Batched::Value(id) = form.form {
                let id = self.splices[place].write(&mut self.graph, id)?;
                self.splices[place].put(form.name.as_str().into(), id);
            }
        }
        self.combine(place, stage, &mut Step::default())?;
        let gradient = columns_of(&format!("grad({})", stage.output));
        for form in &forms.root {
            let variable = form.name.strip_prefix("grad.");
            let parent = variable.and_then(|variable| stage.parent(variable));
            if let (Batched::Value(id), Some(parent)) = (form.form, parent) {
                let by = (&gradient, arrived);
                let at = (&forms.samples, columns);
                let columns = self.splices[place].write_repeated(&mut self.graph, id, by, at)?;
                self.roots[parent.node].push(columns);
            }
        }
        Ok(())
    }
}
