//! A network as a drawing. Why: what is read twice, what is shared and what travels back along
//! each edge is seen at a glance, and it decides what the passes must do.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::compose::compose;
use super::draw_svg::svg;
use super::graph::{Dag, nodes};
use super::{Grouping, RunError};
use crate::expr::{Name, Shape};
use crate::language::{File, Network, NetworkNode, NetworkValue};
use crate::rewrite::Rewriter;

/// What is drawn: boxes, and edges between them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drawing {
    /// The network's name.
    pub(crate) name: String,
    /// Inputs, targets and shared parameters, then the nodes, the loss last.
    pub(crate) boxes: Vec<Block>,
    /// From a value to its reader.
    pub(crate) edges: Vec<Edge>,
}

/// What a box stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An input or target.
    Data,
    /// A parameter that several nodes share.
    Shared,
    /// A node whose value leaves one value to travel.
    Node,
    /// A node below which several values are live together.
    Frontier,
}

/// A value of the network.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// Its name, one for each box.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: Kind,
    /// What is written in it.
    pub(crate) lines: Vec<String>,
}

/// A value that is read.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    /// The box of the value, by its place.
    pub(crate) from: usize,
    /// The box of its reader.
    pub(crate) to: usize,
    /// What goes forward, and what comes back if anything does.
    pub(crate) lines: Vec<String>,
    /// True when something comes back.
    pub(crate) comes_back: bool,
}

/// The graph of a network in the language of Graphviz, its nodes in groups: values with their shapes; on each edge what goes forward, and
/// where parameters act on it what comes back.
///
/// # Errors
/// When there is no network of this name, or it has no such groups.
///
/// ```
/// let text = "network n { input x: R[2]; target y: R[3]; h = linear[3](x); loss square_loss(h, y) }";
/// let file = hbp::parse("n.hbp", text).expect("well formed");
/// use hbp::network::{Grouping, draw_network};
/// let dot = draw_network(&file, "n", &Grouping::Apart, hbp::Rewriter::embedded()).expect("defined");
/// assert!(dot.contains(r#""h" -> "loss" [label="R[3]\nback: δ, ℋ 3 × 3"]"#), "{dot}");
/// ```
pub fn draw_network(
    file: &File,
    name: &str,
    grouping: &Grouping,
    rewriter: &Rewriter,
) -> Result<String, RunError> {
    Ok(dot(&drawing(file, name, grouping, rewriter)?))
}

/// The same graph as an SVG image, in columns from the inputs to the loss. Its size is in pixels; it needs no other file.
///
/// # Errors
/// As [`draw_network`].
///
/// ```
/// let text = "network n { input x: R[2]; target y: R[3]; h = linear[3](x); loss square_loss(h, y) }";
/// let file = hbp::parse("n.hbp", text).expect("well formed");
/// use hbp::network::{Grouping, draw_network_svg};
/// let svg = draw_network_svg(&file, "n", &Grouping::Apart, hbp::Rewriter::embedded()).expect("defined");
/// assert!(svg.starts_with("<svg ") && svg.contains(">back: δ, ℋ 3 × 3</text>"), "{svg}");
/// ```
pub fn draw_network_svg(
    file: &File,
    name: &str,
    grouping: &Grouping,
    rewriter: &Rewriter,
) -> Result<String, RunError> {
    Ok(svg(&drawing(file, name, grouping, rewriter)?))
}

fn drawing(
    file: &File,
    name: &str,
    grouping: &Grouping,
    rewriter: &Rewriter,
) -> Result<Drawing, RunError> {
    let network = compose(&file.network(name)?, grouping, rewriter)?;
    let dag = Dag::new(&network);
    let (live, shared, crossings) = (dag.live(), dag.shared(), dag.crossings());
    let mut boxes = given(&network, &shared);
    let mut places: BTreeMap<Name, usize> = BTreeMap::new();
    for (place, block) in boxes.iter().enumerate() {
        places.insert(block.name.as_str().into(), place);
    }
    let first = boxes.len();
    for (place, node) in nodes(&network).enumerate() {
        let is_frontier = !crossings[place].together.is_empty();
        boxes.push(node_block(node, &shared, is_frontier));
        // The loss is read by nobody.
        if place < network.nodes.len() {
            places.insert(node.name.clone(), first + place);
        }
    }
    let mut edges = Vec::new();
    for (place, node) in nodes(&network).enumerate() {
        let sources = dag.sources(place);
        let mut edge = |from: &Name, own: &Name, comes_back: bool| {
            edges.extend(places.get(from).map(|from| Edge {
                from: *from,
                to: first + place,
                lines: travels(&shape(node, own), comes_back),
                comes_back,
            }));
        };
        for ((argument, own), source) in node.arguments.iter().zip(&node.module.inputs).zip(sources)
        {
            edge(argument, own, source.is_some_and(|source| live[source]));
        }
        for (own, full) in &node.parameters {
            if shared.contains(full) {
                edge(full, own, true);
            }
        }
    }
    Ok(Drawing {
        name: name.to_owned(),
        boxes,
        edges,
    })
}

/// The boxes of what is given: inputs, targets, parameters that several nodes share.
fn given(network: &Network, shared: &[Name]) -> Vec<Block> {
    let block = |kind: Kind, word: &str, value: &NetworkValue| Block {
        name: value.name.to_string(),
        kind,
        lines: vec![format!("{word} {}", value.name), value.shape.to_string()],
    };
    let inputs = network.inputs.iter();
    let targets = network.targets.iter();
    let parameters = network.parameters.iter();
    let parameters = parameters.filter(|parameter| shared.contains(&parameter.name));
    inputs
        .map(|value| block(Kind::Data, "input", value))
        .chain(targets.map(|value| block(Kind::Data, "target", value)))
        .chain(parameters.map(|value| block(Kind::Shared, "shared", value)))
        .collect()
}

fn node_block(node: &NetworkNode, shared: &[Name], is_frontier: bool) -> Block {
    let module = &node.module;
    let mut lines = vec![
        format!("{} = {}", node.name, module.name),
        module.graph.shape(module.output.1).to_string(),
    ];
    let own = node.parameters.iter();
    let own = own.filter(|(_, full)| !shared.contains(full));
    lines.extend(own.map(|(own, full)| format!("{full}: {}", shape(node, own))));
    if is_frontier {
        lines.push("(frontier)".into());
    }
    Block {
        name: node.name.to_string(),
        kind: if is_frontier {
            Kind::Frontier
        } else {
            Kind::Node
        },
        lines,
    }
}

/// The shape of a variable of a node's module.
fn shape(node: &NetworkNode, own: &Name) -> Shape {
    (node.module.graph.variables().get(own))
        .map_or_else(Shape::scalar, |variable| variable.shape.clone())
}

/// What travels along an edge.
fn travels(shape: &Shape, comes_back: bool) -> Vec<String> {
    let size = shape.size();
    let mut lines = vec![shape.to_string()];
    if comes_back {
        lines.push(format!("back: δ, ℋ {size} × {size}"));
    }
    lines
}

fn dot(drawing: &Drawing) -> String {
    let name = &drawing.name;
    let mut out = format!("digraph \"{name}\" {{\n    rankdir=LR;\n    node [shape=box];\n");
    for Block { name, kind, lines } in &drawing.boxes {
        let form = match kind {
            Kind::Data => "shape=ellipse, ",
            Kind::Shared => "shape=diamond, ",
            Kind::Node | Kind::Frontier => "",
        };
        let label = lines.join("\\n");
        let _ = writeln!(out, "    \"{name}\" [{form}label=\"{label}\"];");
    }
    for edge in &drawing.edges {
        let (from, to) = (&drawing.boxes[edge.from], &drawing.boxes[edge.to]);
        let style = match from.kind {
            Kind::Shared => "style=dashed, ",
            _ => "",
        };
        let (from, to, label) = (&from.name, &to.name, edge.lines.join("\\n"));
        let _ = writeln!(
            out,
            "    \"{from}\" -> \"{to}\" [{style}label=\"{label}\"];"
        );
    }
    out.push_str("}\n");
    out
}
