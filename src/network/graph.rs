//! The graph of a network. Why a graph and not a list: what a pass must do is read off who reads whom. A value that
//! parameters act on and that several nodes read needs the joint Hessian of all its readers; which values are live
//! together is found here.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use super::Blocks;
use crate::expr::Name;
use crate::language::{Network, NetworkNode};

/// A vertex: a value of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vertex {
    /// An input or target.
    Data,
    /// The value of a node, by its place in the network; the loss comes after the last.
    Node(usize),
}

/// Who reads whom. An edge goes from a value to its reader and carries the place among the reader's arguments.
#[derive(Clone, Debug)]
pub(crate) struct Dag<'a> {
    graph: DiGraph<Vertex, usize>,
    vertices: Vec<NodeIndex>,
    network: &'a Network,
    blocks: Blocks,
}

/// The nodes of a network with the loss as the last.
pub(crate) fn nodes(network: &Network) -> impl DoubleEndedIterator<Item = &NetworkNode> {
    network.nodes.iter().chain([&network.loss])
}

impl<'a> Dag<'a> {
    /// The graph of a network. Nodes come in an order in which each reads earlier ones only.
    pub(crate) fn new(network: &'a Network) -> Self {
        let mut graph = DiGraph::new();
        let mut values: BTreeMap<&Name, NodeIndex> = BTreeMap::new();
        for value in network.inputs.iter().chain(&network.targets) {
            values.insert(&value.name, graph.add_node(Vertex::Data));
        }
        let mut vertices = Vec::new();
        for (place, node) in nodes(network).enumerate() {
            let vertex = graph.add_node(Vertex::Node(place));
            for (argument, name) in node.arguments.iter().enumerate() {
                if let Some(value) = values.get(name) {
                    graph.add_edge(*value, vertex, argument);
                }
            }
            // The loss is read by nobody, whatever else is called `loss`.
            if place < network.nodes.len() {
                values.insert(&node.name, vertex);
            }
            vertices.push(vertex);
        }
        Self {
            graph,
            vertices,
            network,
            blocks: Blocks::Parameter,
        }
    }

    /// The same with parameters in the frontier as blocks between them ask for.
    pub(crate) fn with(self, blocks: Blocks) -> Self {
        Self { blocks, ..self }
    }

    /// True for a parameter that stays in the frontier until the end, or until its last reader is passed.
    fn stays(&self, full: &Name) -> bool {
        self.blocks == Blocks::Full || self.readers(full) > 1
    }

    /// The parameters of a node, read by no other, whose blocks are made together.
    fn group(&self, place: usize) -> Vec<Name> {
        if self.blocks != Blocks::Module {
            return Vec::new();
        }
        let parameters = self.node(place).parameters.iter().map(|(_, full)| full);
        let own: Vec<Name> = parameters
            .filter(|full| self.readers(full) == 1)
            .cloned()
            .collect();
        if own.len() > 1 { own } else { Vec::new() }
    }

    fn node(&self, place: usize) -> &'a NetworkNode {
        self.network.nodes.get(place).unwrap_or(&self.network.loss)
    }

    /// For each node, the node behind each of its arguments; nothing for inputs and targets.
    pub(crate) fn sources(&self, place: usize) -> Vec<Option<usize>> {
        let mut sources = vec![None; self.node(place).arguments.len()];
        for edge in self
            .graph
            .edges_directed(self.vertices[place], Direction::Incoming)
        {
            if let Vertex::Node(source) = self.graph[edge.source()] {
                sources[*edge.weight()] = Some(source);
            }
        }
        sources
    }

    /// For each node, whether parameters act on its value: its own, or those of a node below.
    pub(crate) fn live(&self) -> Vec<bool> {
        let mut live: Vec<bool> = Vec::new();
        for place in 0..self.vertices.len() {
            let below = self.sources(place).into_iter().flatten().any(|s| live[s]);
            live.push(below || !self.node(place).parameters.is_empty());
        }
        live
    }

    /// The nodes that read each parameter.
    fn readers(&self, full: &Name) -> usize {
        let reads = |node: &&NetworkNode| node.parameters.iter().any(|(_, name)| name == full);
        nodes(self.network).filter(reads).count()
    }

    /// How the frontier passes each node.
    pub(crate) fn crossings(&self) -> Vec<Crossing> {
        let live = self.live();
        let mut crossings = vec![Crossing::default(); self.vertices.len()];
        let mut frontier: BTreeSet<Live> = BTreeSet::from([Live::Node(self.vertices.len() - 1)]);
        for place in (0..self.vertices.len()).rev() {
            let node = self.node(place);
            let is_there = frontier.remove(&Live::Node(place));
            let alongside = !frontier.is_empty();
            let inputs = node.module.inputs.iter().zip(self.sources(place));
            let inputs = inputs.filter_map(|(own, source)| {
                let source = source.filter(|source| live[*source])?;
                Some((own.clone(), Live::Node(source)))
            });
            let group = self.group(place);
            let (shared, once): (Vec<_>, Vec<_>) = node
                .parameters
                .iter()
                .partition(|(_, full)| self.stays(full) || group.contains(full));
            let shared = shared.into_iter();
            let shared = shared.map(|(own, full)| (own.clone(), Live::Parameter(full.clone())));
            let joint: Vec<(Name, Live)> = inputs.chain(shared).collect();
            let is_alone = joint.is_empty() || (!alongside && joint.len() == 1);
            if is_there {
                frontier.extend(joint.iter().map(|(_, live)| live.clone()));
            }
            let together = if is_alone {
                Vec::new()
            } else {
                frontier.iter().cloned().collect()
            };
            frontier.retain(|live| !matches!(live, Live::Parameter(full) if group.contains(full)));
            crossings[place] = Crossing {
                joint,
                once: once.into_iter().map(|(own, _)| own.clone()).collect(),
                leaving: group,
                alongside,
                is_alone,
                together,
            };
        }
        crossings
    }

    /// The parameters that stay in the frontier: those that several nodes read, or all.
    pub(crate) fn shared(&self) -> Vec<Name> {
        let parameters = self.network.parameters.iter().map(|p| &p.name);
        parameters
            .filter(|name| self.stays(name))
            .cloned()
            .collect()
    }
}

/// A value that the loss depends on through what has been passed so far.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Live {
    /// The value of a node.
    Node(usize),
    /// A parameter that several nodes share, until the last of them is passed.
    Parameter(Name),
}

/// How the frontier passes a node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crossing {
    /// The module's variables that enter the frontier, or are in it already.
    pub(crate) joint: Vec<(Name, Live)>,
    /// The module's parameters that no other node reads: their blocks are made here.
    pub(crate) once: Vec<Name>,
    /// The parameters of the node whose blocks are made together: they leave the frontier at once.
    pub(crate) leaving: Vec<Name>,
    /// What is in the frontier after it, where that is several values.
    pub(crate) together: Vec<Live>,
    /// True when something else is in the frontier before.
    pub(crate) alongside: bool,
    /// True when nothing else is in the frontier before and at most one value after: then its block is all there is.
    pub(crate) is_alone: bool,
}
