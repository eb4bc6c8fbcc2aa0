//! The graph of a network. Why a graph and not a list: what a pass must do is read off who reads whom. A value that
//! parameters act on and that several nodes read needs the joint Hessian of all its readers; such values are
//! found here.

use std::collections::BTreeMap;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use super::RunError;
use super::binding::list;
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
        }
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

    /// Refuses what needs Hessians across nodes: live values read twice, and parameters shared by nodes.
    ///
    /// # Errors
    /// With the name of the value or parameter, and its readers.
    pub(crate) fn check_single_use(&self) -> Result<(), RunError> {
        for (place, live) in self.live().into_iter().enumerate() {
            let mut readers: Vec<usize> = self
                .graph
                .edges_directed(self.vertices[place], Direction::Outgoing)
                .filter_map(|edge| match self.graph[edge.target()] {
                    Vertex::Node(reader) => Some(reader),
                    Vertex::Data => None,
                })
                .collect();
            readers.sort_unstable();
            if live && readers.len() > 1 {
                let name = &self.node(place).name;
                let readers = list(
                    readers
                        .iter()
                        .map(|reader| format!("`{}`", self.node(*reader).name)),
                );
                return Err(RunError::unavailable(
                    format!(
                        "`{name}` in the network `{}` is read more than once, by {readers}: this is not supported yet",
                        self.network.name
                    ),
                    format!(
                        "write all that reads `{name}` as one node, as in `s = tanh({name}) + {name}`, so that it is one module"
                    ),
                ));
            }
        }
        self.check_shares()
    }

    fn check_shares(&self) -> Result<(), RunError> {
        let mut owners: BTreeMap<&Name, &Name> = BTreeMap::new();
        for node in nodes(self.network) {
            for (_, full) in &node.parameters {
                if let Some(first) = owners.insert(full, &node.name)
                    && *first != node.name
                {
                    return Err(RunError::unavailable(
                        format!(
                            "the parameter `{full}` in the network `{}` is shared by `{first}` and `{}`: this is not supported yet",
                            self.network.name, node.name
                        ),
                        "write the nodes that share it as one node, so that they are one module",
                    ));
                }
            }
        }
        Ok(())
    }
}
