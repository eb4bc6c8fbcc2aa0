//! The order of definitions by their calls. Why: a callee is checked before its callers, wherever it stands in
//! the file, and definitions that call each other in a circle are refused.

use std::collections::{BTreeSet, HashMap};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::syntax::{Expr, ExprKind, Ident};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::expr::Name;

/// An order of definitions, by their indices.
pub(super) struct Order {
    /// Callees before callers.
    pub(super) sorted: Vec<usize>,
    /// Those that are part of a circle.
    pub(super) cyclic: BTreeSet<usize>,
}

/// Sorts definitions by the calls in their bodies and reports circles.
pub(super) fn order(
    idents: &[&Ident],
    bodies: &[Vec<&Expr>],
    kind: &str,
    errors: &mut Diagnostics,
) -> Order {
    let index: HashMap<&Name, usize> = idents
        .iter()
        .enumerate()
        .map(|(i, d)| (&d.name, i))
        .collect();
    let mut graph: DiGraph<usize, Span> = DiGraph::new();
    let nodes: Vec<NodeIndex> = (0..idents.len()).map(|i| graph.add_node(i)).collect();
    for (caller, body) in bodies.iter().enumerate() {
        let mut seen = BTreeSet::new();
        for expr in body {
            expr.visit(&mut |e| {
                if let ExprKind::Call(call) = &e.kind
                    && let Some(callee) = index.get(&call.callee.name)
                    && seen.insert(*callee)
                {
                    graph.add_edge(nodes[caller], nodes[*callee], call.callee.span);
                }
            });
        }
    }
    let mut sorted = Vec::new();
    let mut cyclic = BTreeSet::new();
    // Components come callees first.
    for component in kosaraju_scc(&graph) {
        let mut members: Vec<usize> = component.iter().map(|n| graph[*n]).collect();
        members.sort_unstable();
        let first = nodes[members[0]];
        if members.len() > 1 || graph.contains_edge(first, first) {
            errors.push(circle(&graph, &nodes, &members, idents, kind));
            cyclic.extend(members.iter().copied());
        }
        sorted.extend(members);
    }
    Order { sorted, cyclic }
}

fn circle(
    graph: &DiGraph<usize, Span>,
    nodes: &[NodeIndex],
    members: &[usize],
    idents: &[&Ident],
    kind: &str,
) -> Diagnostic {
    const SHOWN: usize = 4;
    let names: Vec<String> = members
        .iter()
        .take(SHOWN)
        .map(|i| format!("`{}`", idents[*i].name))
        .collect();
    let dots = if members.len() > SHOWN { ", …" } else { "" };
    let message = match members {
        [_] => format!("the {kind} {} calls itself", names.join("")),
        _ => format!(
            "the {kind}s {}{dots} call each other in a circle",
            names.join(", ")
        ),
    };
    let help = "a definition is written out where it is called, so it cannot contain itself";
    let mut diagnostic = Diagnostic::new(Code::Cycle, message, help);
    for caller in members.iter().take(SHOWN) {
        // The call that stays in the circle, the first one in the text.
        let calls = graph.edges(nodes[*caller]);
        let inside =
            calls.filter(|e| members.contains(&graph[petgraph::visit::EdgeRef::target(e)]));
        if let Some(span) = inside.map(|e| *e.weight()).min() {
            diagnostic = diagnostic.at(span, format!("called by `{}`", idents[*caller].name));
        }
    }
    diagnostic
}
