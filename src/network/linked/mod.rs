//! The passes of a network as one expression graph. Why one: with every node's equations for all samples in one graph, the
//! kernels of the whole pass are chosen together, values that neighbours share are computed once, and one plan holds all buffers.

mod backward;
mod crossing;
mod forms;
mod images;
mod moving;
mod roots;
mod splice;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::draft::Draft;
use super::pass::Upstream;
use super::{Batch, Blocks, Curvature, Message, RunError, RunOptions, Sampling};
use crate::expr::{
    Dimension, Distribution, Facts, Graph, Id, Name, Op, Role, Shape, ShapeError, Sizes, Variable,
};
use crate::hbp::{Batched, UnfoldError, columns_of};
use crate::language::{Network, NetworkValue};
use crate::rewrite::RewriteError;

use crossing::Frontier;
use forms::{Forms, forms};
pub(super) use images::{RowBlocks, Treatment};
pub(super) use moving::link_products;
use splice::Splice;

/// A pass of a network as expressions of its parameters and of all samples' inputs and targets.
#[derive(Clone, Debug)]
pub(super) struct Linked {
    pub(super) graph: Graph,
    pub(super) loss: Id,
    /// What the loss is made of besides targets, by its own names.
    pub(super) predictions: Vec<(Name, Id)>,
    /// The mean gradients, by parameter.
    pub(super) gradients: BTreeMap<Name, Id>,
    /// The Hessian blocks, by parameter.
    pub(super) blocks: BTreeMap<Name, Id>,
    /// Products with the blocks that have no form of their own.
    pub(super) products: BTreeMap<Name, Product>,
    /// The Hessians that travel back.
    pub(super) hessians: BTreeSet<Id>,
    /// What the targets in [`DRAWN`] are drawn from, where they are read.
    pub(super) draws: Option<Draws>,
}

/// The input that holds drawn targets: the first of all samples, then the next of all. No name of the language has a bar.
pub(super) const DRAWN: &str = "|drawn";

/// What targets are drawn from.
#[derive(Clone, Debug)]
pub(super) struct Draws {
    /// The parameters of the distribution, a column for every sample.
    pub(super) model: Vec<Id>,
    pub(super) distribution: Distribution,
    /// How many are drawn for each sample.
    pub(super) targets: usize,
}

/// The product of a block with a direction, both of the parameter's shape.
#[derive(Clone, Debug)]
pub(super) struct Product {
    /// The variable [`Product::direction`].
    pub(super) direction: Id,
    pub(super) image: Id,
    /// What is added to the block.
    pub(super) rows: Vec<RowBlocks>,
}

impl Product {
    /// The name of the variable that the block of a parameter is multiplied with. No name of the language has a bar.
    pub(super) fn direction(parameter: &str) -> Name {
        format!("|direction.{parameter}").into()
    }
}

/// That variable, of the parameter's shape.
fn direction(graph: &mut Graph, parameter: &Name) -> Result<Id, ShapeError> {
    let own = graph.node(Op::Variable(parameter.clone()), &[])?;
    let variable = Variable {
        shape: graph.shape(own),
        role: Role::Parameter,
        facts: Facts::default(),
    };
    Ok(graph.declare(Product::direction(parameter), variable))
}

/// What is written beside values and gradients.
#[derive(Clone, Copy, Debug)]
pub(super) enum Depth<'a> {
    /// Nothing.
    Gradients,
    /// Hessian blocks.
    Blocks(&'a RunOptions),
    /// Hessian blocks, and products with those that have no form.
    Products(&'a RunOptions),
}

impl<'a> Depth<'a> {
    /// What blocks are made with.
    fn options(self) -> Option<&'a RunOptions> {
        match self {
            Self::Gradients => None,
            Self::Blocks(options) | Self::Products(options) => Some(options),
        }
    }
}

/// Why a network is run module by module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unlinked(pub(super) String);

/// Writes all nodes into one graph, or says what stands against it.
pub(super) fn link(
    network: &Network,
    draft: &Draft,
    sizes: &Sizes,
    samples: usize,
    depth: Depth<'_>,
) -> Result<Result<Linked, Unlinked>, RunError> {
    let options = depth.options();
    if let Some(reason) = obstacle(depth) {
        return Ok(Err(Unlinked(reason)));
    }
    let mut known: HashMap<usize, Forms> = HashMap::new();
    for stage in &draft.stages {
        if known.contains_key(&stage.pass) {
            continue;
        }
        match forms(&draft.modules[stage.pass], stage, samples, depth)? {
            Ok(forms) => known.insert(stage.pass, forms),
            Err(what) => {
                let (node, module) = (&stage.name, &stage.module);
                let reason =
                    format!("{what} in `{node}` (module `{module}`) has no form for all samples");
                return Ok(Err(Unlinked(reason)));
            }
        };
    }
    let mut linker = Linker {
        graph: Graph::default(),
        draft,
        splices: Vec::new(),
        gradients: vec![Vec::new(); draft.stages.len()],
        frontier: Frontier::of_loss(draft.stages.len().saturating_sub(1)),
        curvature: options.map_or(Curvature::GaussNewton, |options| options.curvature),
        has_hessians: options.is_some_and(|options| options.message == Message::Hessian),
        obstacle: None,
        hessians: BTreeSet::new(),
        roots: vec![Vec::new(); draft.stages.len()],
        predictions: Vec::new(),
        found: BTreeMap::new(),
        blocks: BTreeMap::new(),
        products: BTreeMap::new(),
        forms: &known,
        draws: None,
    };
    let linked = linker.link(network, sizes, samples);
    let loss = linked.map_err(|error| UnfoldError::from(RewriteError::from(error)))?;
    if let Some(reason) = linker.obstacle {
        return Ok(Err(Unlinked(reason)));
    }
    Ok(Ok(Linked {
        graph: linker.graph,
        loss,
        predictions: linker.predictions,
        gradients: linker.found,
        blocks: linker.blocks,
        products: linker.products,
        draws: linker.draws,
        hessians: linker.hessians,
    }))
}

/// What stands against Hessian blocks in one graph.
fn obstacle(depth: Depth<'_>) -> Option<String> {
    let options = depth.options()?;
    if options.batch == Batch::Exact {
        return Some("every sample has a Hessian of its own with `--batch exact`".into());
    }
    let is_drawn = options.curvature == Curvature::Fisher && options.sampling != Sampling::Exact;
    let takes_drawn = matches!(depth, Depth::Products(_)) && options.message == Message::Root;
    if is_drawn && !takes_drawn {
        return Some("targets are drawn from the model of the loss".into());
    }
    if options.blocks != Blocks::Parameter {
        return Some("several parameters have one block".into());
    }
    None
}

struct Linker<'a> {
    graph: Graph,
    draft: &'a Draft,
    /// One for every node.
    splices: Vec<Splice<'a>>,
    /// What has arrived at each node's value.
    gradients: Vec<Vec<Id>>,
    frontier: Frontier,
    /// The columns of roots that have arrived at each node's value.
    roots: Vec<Vec<Id>>,
    /// What the loss reads of other nodes.
    predictions: Vec<(Name, Id)>,
    /// The gradients of parameters.
    found: BTreeMap<Name, Id>,
    blocks: BTreeMap<Name, Id>,
    products: BTreeMap<Name, Product>,
    /// By the places of distinct passes.
    forms: &'a HashMap<usize, Forms>,
    draws: Option<Draws>,
    curvature: Curvature,
    /// Hessians go back, not roots of them, nor gradients alone.
    has_hessians: bool,
    /// The Hessians that have gone back.
    hessians: BTreeSet<Id>,
    /// What stands against it, found on the way.
    obstacle: Option<String>,
}

impl Linker<'_> {
    fn link(&mut self, network: &Network, sizes: &Sizes, samples: usize) -> Result<Id, ShapeError> {
        let (forms, count) = (self.forms, Dimension::constant(samples as u64));
        declared(&mut self.graph, network, sizes, &count);
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
                if stages[*reader].upstream == Upstream::Loss {
                    self.predictions.push((input.clone(), value));
                }
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
        self.keep_shared();
        loss.ok_or_else(|| ShapeError {
            message: "the network has no loss".into(),
            help: None,
        })
    }

    /// A value of the network in the place of a module's variable.
    fn read(&mut self, place: usize, variable: Name, name: &Name) -> Result<(), ShapeError> {
        let id = self.graph.node(Op::Variable(name.clone()), &[])?;
        self.splices[place].put(variable, id);
        Ok(())
    }

    fn sum(&mut self, terms: &[Id]) -> Result<Option<Id>, ShapeError> {
        sum_of(&mut self.graph, terms)
    }
}

/// The sum; nothing of no terms.
fn sum_of(graph: &mut Graph, terms: &[Id]) -> Result<Option<Id>, ShapeError> {
    match terms {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        several => graph.node(Op::Add, several).map(Some),
    }
}

/// Declares the parameters of a network, and its inputs and targets for all samples side by side.
fn declared(graph: &mut Graph, network: &Network, sizes: &Sizes, count: &Dimension) {
    let numbers = numbers(sizes);
    for parameter in &network.parameters {
        declare(graph, parameter, parameter.shape.substitute(&numbers));
    }
    for value in network.inputs.iter().chain(&network.targets) {
        let rows = value.shape.size().substitute(&numbers);
        declare(graph, value, Shape::matrix(rows, count.clone()));
    }
}

fn declare(graph: &mut Graph, value: &NetworkValue, shape: Shape) {
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
    graph.declare(value.name.clone(), variable);
}

fn numbers(sizes: &Sizes) -> BTreeMap<Name, Dimension> {
    let sizes = sizes.iter();
    sizes
        .map(|(name, size)| (name.clone(), Dimension::constant(*size as u64)))
        .collect()
}
