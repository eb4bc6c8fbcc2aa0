//! Roots in the graph of a whole pass. Why side by side: all columns of all samples go back in one product at each node.

use super::crossing::Step;
use super::forms::{Forms, LossRoot, RootOf};
use super::{DRAWN, Draws, Linker};
use crate::expr::{Dimension, Facts, Id, Op, Rational, Role, Shape, ShapeError, Variable};
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
        let terms = match &root.of {
            RootOf::Hessian(terms) => terms,
            RootOf::Drawn { .. } => {
                let root = self.drawn_root(place, root, count)?;
                self.roots[parent.node].push(root);
                return Ok(());
            }
        };
        let mut children = vec![
            self.graph
                .dimension(Dimension::constant(root.columns as u64)),
        ];
        let splice = &mut self.splices[place];
        let mut outers = Vec::new();
        for (u, v) in &terms.outers {
            outers.push(splice.write(&mut self.graph, *u)?);
            outers.push(splice.write(&mut self.graph, *v)?);
        }
        let diagonal = terms.diagonal;
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

    /// The gradients at drawn targets, which are an input: first of the first target of all samples, then of the next.
    fn drawn_root(
        &mut self,
        place: usize,
        root: &LossRoot,
        count: &Dimension,
    ) -> Result<Id, ShapeError> {
        let RootOf::Drawn {
            gradient,
            model,
            target,
            distribution,
        } = &root.of
        else {
            unreachable!("the targets are drawn");
        };
        let splice = &mut self.splices[place];
        let mut parameters = Vec::with_capacity(model.len());
        for id in model {
            parameters.push(splice.write(&mut self.graph, *id)?);
        }
        let by = columns_of(target);
        let rows = splice.read(&by).map(|target| self.graph.shape(target).rows);
        let columns = Dimension::constant(root.columns as u64);
        let shape = Shape::matrix(rows.unwrap_or_else(Dimension::one), count.times(&columns));
        let variable = Variable {
            shape,
            role: Role::Parameter,
            facts: Facts::default(),
        };
        let drawn = self.graph.declare(DRAWN, variable);
        let samples = &self.forms[&self.draft.stages[place].pass].samples;
        let at = (samples, &columns);
        let gradients = splice.write_repeated(&mut self.graph, *gradient, (&by, drawn), at)?;
        self.draws = Some(Draws {
            model: parameters,
            distribution: *distribution,
            targets: root.columns,
        });
        let columns = self.graph.dimension(columns);
        let exponent = Rational::new((-1).into(), 2.into());
        let exponent = self.graph.number(exponent);
        let share = self.graph.node(Op::Power, &[columns, exponent])?;
        self.graph.node(Op::Scale, &[share, gradients])
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
        self.combine(place, stage, forms, &mut Step::default())?;
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
