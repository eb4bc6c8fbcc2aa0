//! A network as a drawing in the language of Graphviz. Why: what is read twice, what is shared and what travels back along
//! each edge is seen at a glance, and it decides what the passes must do.

use std::fmt::Write;

use super::compose::compose;
use super::graph::{Dag, nodes};
use super::{Grouping, RunError};
use crate::expr::Shape;
use crate::language::File;
use crate::rewrite::Rewriter;

/// The graph of a network in DOT, its nodes in groups: values with their shapes; on each edge what goes forward, and where parameters act on it
/// what comes back.
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
    let network = compose(&file.network(name)?, grouping, rewriter)?;
    let dag = Dag::new(&network);
    let (live, shared, crossings) = (dag.live(), dag.shared(), dag.crossings());
    let mut out = format!("digraph \"{name}\" {{\n    rankdir=LR;\n    node [shape=box];\n");
    let data = network.inputs.iter().map(|value| ("input", value));
    let targets = network.targets.iter().map(|value| ("target", value));
    for (kind, value) in data.chain(targets) {
        let (name, shape) = (&value.name, &value.shape);
        let _ = writeln!(
            out,
            "    \"{name}\" [shape=ellipse, label=\"{kind} {name}\\n{shape}\"];"
        );
    }
    for parameter in network
        .parameters
        .iter()
        .filter(|p| shared.contains(&p.name))
    {
        let (name, shape) = (&parameter.name, &parameter.shape);
        let _ = writeln!(
            out,
            "    \"{name}\" [shape=diamond, label=\"shared {name}\\n{shape}\"];"
        );
    }
    for (place, node) in nodes(&network).enumerate() {
        let module = &node.module;
        let shape = module.graph.shape(module.output.1);
        let mut label = format!("{} = {}\\n{shape}", node.name, module.name);
        for (own, full) in &node.parameters {
            if !shared.contains(full)
                && let Some(variable) = module.graph.variables().get(own)
            {
                let _ = write!(label, "\\n{full}: {}", variable.shape);
            }
        }
        if !crossings[place].together.is_empty() {
            label += "\\n(frontier)";
        }
        let _ = writeln!(out, "    \"{}\" [label=\"{label}\"];", node.name);
    }
    for (place, node) in nodes(&network).enumerate() {
        let sources = dag.sources(place);
        for ((argument, own), source) in node.arguments.iter().zip(&node.module.inputs).zip(sources)
        {
            let shape = (node.module.graph.variables().get(own))
                .map_or_else(Shape::scalar, |variable| variable.shape.clone());
            let label = edge(&shape, source.is_some_and(|source| live[source]));
            let _ = writeln!(
                out,
                "    \"{argument}\" -> \"{}\" [label=\"{label}\"];",
                node.name
            );
        }
        for (own, full) in node
            .parameters
            .iter()
            .filter(|(_, full)| shared.contains(full))
        {
            let shape = (node.module.graph.variables().get(own))
                .map_or_else(Shape::scalar, |variable| variable.shape.clone());
            let label = edge(&shape, true);
            let _ = writeln!(
                out,
                "    \"{full}\" -> \"{}\" [style=dashed, label=\"{label}\"];",
                node.name
            );
        }
    }
    out.push_str("}\n");
    Ok(out)
}

/// What travels along an edge.
fn edge(shape: &Shape, comes_back: bool) -> String {
    let size = shape.size();
    if comes_back {
        format!("{shape}\\nback: δ, ℋ {size} × {size}")
    } else {
        shape.to_string()
    }
}
