//! The passes of a network as one expression graph. Why one: with every node's equations for all samples in one graph, the
//! kernels of the whole pass are chosen together, values that neighbours share are computed once, and one plan holds all buffers.

use std::collections::{BTreeMap, HashMap};

use super::draft::{Draft, Stage};
use super::forms::{Forms, LossRoot, forms};
use super::graph::Live;
use super::pass::Upstream;
use super::splice::Splice;
use super::{Batch, Curvature, Message, RunError, RunOptions, Sampling};
use crate::expr::{
    Dimension, Facts, Graph, Id, Name, Op, Role, Shape, ShapeError, Sizes, Variable,
};
use crate::hbp::{Batched, UnfoldError, columns_of};
use crate::language::{Network, NetworkValue};
use crate::rewrite::RewriteError;

/// A pass of a network as expressions of its parameters and of all samples' inputs and targets.
#[derive(Clone, Debug)]
pub(super) struct Linked {
    pub(super) graph: Graph,
    pub(super) loss: Id,
    /// The mean gradients, by parameter.
    pub(super) gradients: BTreeMap<Name, Id>,
    /// The Hessian blocks, by parameter.
    pub(super) blocks: BTreeMap<Name, Id>,
}

/// Why a network is run module by module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unlinked(pub(super) String);

/// Writes all nodes into one graph, or says what stands against it. With `options`, blocks are made, too.
pub(super) fn link(
    network: &Network,
    draft: &Draft,
    sizes: &Sizes,
    samples: usize,
    options: Option<&RunOptions>,
) -> Result<Result<Linked, Unlinked>, RunError> {
    if let Some(reason) = options.and_then(|options| obstacle(draft, options)) {
        return Ok(Err(Unlinked(reason)));
    }
    let mut known: HashMap<usize, Forms> = HashMap::new();
    for stage in &draft.stages {
        if known.contains_key(&stage.pass) {
            continue;
        }
        match forms(&draft.modules[stage.pass], stage)? {
            Ok(forms) => known.insert(stage.pass, forms),
            Err(what) => {
                let module = &stage.module;
                let reason = format!("`{what}` of `{module}` has no form for all samples");
                return Ok(Err(Unlinked(reason)));
            }
        };
    }
    let mut linker = Linker {
        graph: Graph::default(),
        draft,
        splices: Vec::new(),
        gradients: vec![Vec::new(); draft.stages.len()],
        hessians: vec![None; draft.stages.len()],
        roots: vec![Vec::new(); draft.stages.len()],
        found: BTreeMap::new(),
        blocks: BTreeMap::new(),
    };
    let linked = linker.link(network, &known, sizes, samples);
    let loss = linked.map_err(|error| UnfoldError::from(RewriteError::from(error)))?;
    Ok(Ok(Linked {
        graph: linker.graph,
        loss,
        gradients: linker.found,
        blocks: linker.blocks,
    }))
}

/// What stands against Hessian blocks in one graph.
fn obstacle(draft: &Draft, options: &RunOptions) -> Option<String> {
    if options.batch == Batch::Exact {
        return Some("every sample has a Hessian of its own with `--batch exact`".into());
    }
    if options.curvature == Curvature::Fisher && options.sampling != Sampling::Exact {
        return Some("targets are drawn from the model of the loss".into());
    }
    if options.message == Message::Root {
        return None;
    }
    let joint = |stage: &&Stage| stage.runs_backward() && !stage.crossing.is_alone;
    let stage = draft.stages.iter().find(joint)?;
    Some(format!(
        "several values are live together at `{}`",
        stage.name
    ))
}

struct Linker<'a> {
    graph: Graph,
    draft: &'a Draft,
    /// One for every node.
    splices: Vec<Splice<'a>>,
    /// What has arrived at each node's value.
    gradients: Vec<Vec<Id>>,
    hessians: Vec<Option<Id>>,
    /// The columns of roots that have arrived at each node's value.
    roots: Vec<Vec<Id>>,
    /// The gradients of parameters.
    found: BTreeMap<Name, Id>,
    blocks: BTreeMap<Name, Id>,
}

impl<'a> Linker<'a> {
    fn link(
        &mut self,
        network: &Network,
        forms: &'a HashMap<usize, Forms>,
        sizes: &Sizes,
        samples: usize,
    ) -> Result<Id, ShapeError> {
        let count = Dimension::constant(samples as u64);
        let numbers: BTreeMap<Name, Dimension> = numbers(sizes);
        for parameter in &network.parameters {
            self.declare(parameter, parameter.shape.substitute(&numbers));
        }
        for value in network.inputs.iter().chain(&network.targets) {
            let rows = value.shape.size().substitute(&numbers);
            self.declare(value, Shape::matrix(rows, count.clone()));
        }
        let stages = &self.draft.stages;
        let mut loss = None;
        for stage in stages {
            let module = &self.draft.modules[stage.pass];
            let own = &forms[&stage.pass];
            let mut dimensions = self::numbers(&module.sizes);
            dimensions.insert(own.samples.clone(), count.clone());
            self.splices
                .push(Splice::new(&own.graph, dimensions, stage.pass));
        }
        for (place, stage) in stages.iter().enumerate() {
            let own = &forms[&stage.pass];
            for (variable, full) in &stage.parameters {
                self.read(place, variable.clone(), full)?;
            }
            for (variable, name) in &stage.data {
                self.read(place, columns_of(variable), name)?;
            }
            let Batched::Value(output) = own.output else {
                continue;
            };
            let value = self.splices[place].write(&mut self.graph, output)?;
            for (reader, input) in &stage.readers {
                self.splices[*reader].put(columns_of(input), value);
            }
            loss = Some(value);
        }
        for (place, stage) in stages.iter().enumerate().rev() {
            if stage.runs_backward() {
                self.backward(place, stage, &forms[&stage.pass], &count)?;
            }
        }
        let mut columns = Dimension::one();
        for (place, stage) in stages.iter().enumerate().rev() {
            let own = &forms[&stage.pass];
            if let Some(root) = &own.loss_root {
                columns = Dimension::constant(root.columns as u64);
                self.loss_root(place, stage, root, &count)?;
            }
            if stage.live && stage.upstream == Upstream::Given {
                self.root(place, stage, own, (&count, &columns))?;
            }
        }
        loss.ok_or_else(|| ShapeError {
            message: "the network has no loss".into(),
            help: None,
        })
    }

    fn declare(&mut self, value: &NetworkValue, shape: Shape) {
        let is_same = shape == value.shape;
        let variable = Variable {
            shape,
            role: Role::Parameter,
            facts: if is_same {
                value.facts
            } else {
                Facts::default()
            },
        };
        self.graph.declare(value.name.clone(), variable);
    }

    /// A value of the network in the place of a module's variable.
    fn read(&mut self, place: usize, variable: Name, name: &Name) -> Result<(), ShapeError> {
        let id = self.graph.node(Op::Variable(name.clone()), &[])?;
        self.splices[place].put(variable, id);
        Ok(())
    }

    /// Gradients, means, and the blocks made of them.
    fn backward(
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
        let splice = &mut self.splices[place];
        let gradient: Name = format!("grad({})", stage.output).into();
        splice.put(columns_of(&gradient), arrived);
        if let Some(hessian) = self.hessians[place] {
            splice.put(format!("hess({})", stage.output).into(), hessian);
        }
        for form in &forms.backward {
            let Batched::Value(id) = form.form else {
                continue;
            };
            let name = form.name.as_str();
            let id = self.splices[place].write(&mut self.graph, id)?;
            match name.strip_prefix("grad.") {
                Some(variable) => self.send(stage, variable, id)?,
                None => self.splices[place].put(name.into(), id),
            }
        }
        if self.hessians[place].is_some() || stage.upstream == Upstream::Loss {
            self.combine(place, stage)?;
        }
        Ok(())
    }

    /// The loss's root to the node whose value it belongs to.
    fn loss_root(
        &mut self,
        place: usize,
        stage: &Stage,
        root: &LossRoot,
        count: &Dimension,
    ) -> Result<(), ShapeError> {
        let Some(parent) = stage.parent(&root.variable) else {
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
    fn root(
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
        self.splices[place].put(format!("hess({})", stage.output).into(), hessian);
        for form in &forms.factors {
            if let Batched::Value(id) = form.form {
                let id = self.splices[place].write(&mut self.graph, id)?;
                self.splices[place].put(form.name.as_str().into(), id);
            }
        }
        self.combine(place, stage)?;
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

    /// Makes the blocks of what is averaged.
    fn combine(&mut self, place: usize, stage: &Stage) -> Result<(), ShapeError> {
        let combine = &self.draft.modules[stage.pass].derived.combine;
        for (name, id) in combine {
            let id = self.splices[place].write(&mut self.graph, *id)?;
            if let Some(variable) = name.strip_prefix("hess.") {
                self.keep(stage, variable, id);
            }
        }
        Ok(())
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

    fn keep(&mut self, stage: &Stage, variable: &str, id: Id) {
        let joint = stage.crossing.joint.iter();
        let live = joint.into_iter().find(|(own, _)| &**own == variable);
        match (live, stage.parameter(variable)) {
            (Some((_, Live::Node(node))), _) => self.hessians[*node] = Some(id),
            (_, Some(full)) => {
                self.blocks.insert(full.clone(), id);
            }
            _ => {}
        }
    }

    fn sum(&mut self, terms: &[Id]) -> Result<Option<Id>, ShapeError> {
        match terms {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            several => self.graph.node(Op::Add, several).map(Some),
        }
    }
}

fn numbers(sizes: &Sizes) -> BTreeMap<Name, Dimension> {
    let sizes = sizes.iter();
    sizes
        .map(|(name, size)| (name.clone(), Dimension::constant(*size as u64)))
        .collect()
}
