//! Values that read each other in a circle. Why apart from the order of statements: whoever writes a recurrence is not helped by
//! moving a line, for in a circle no order is right.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::expr::Name;
use crate::language::syntax::{Expr, ExprKind, Ident, Statement};

/// How many values of a circle are named.
const SHOWN: usize = 4;

/// Reports each circle among the definitions of a body, where `first` has the place of every name, and returns the places where a value of one is read by another of the same: nothing more is
/// to be said of them.
pub(super) fn circles(
    body: &[Statement],
    first: &BTreeMap<Name, Span>,
    errors: &mut Diagnostics,
) -> BTreeSet<Span> {
    let definitions = body.iter().filter_map(|statement| match statement {
        // A name that is defined twice keeps its first definition.
        Statement::Define(ident, value) if first.get(&ident.name) == Some(&ident.span) => {
            Some((ident, value))
        }
        _ => None,
    });
    let definitions: Vec<(&Ident, &Expr)> = definitions.collect();
    let mut graph: DiGraph<&Ident, Span> = DiGraph::new();
    let mut places: BTreeMap<&Name, NodeIndex> = BTreeMap::new();
    for (ident, _) in &definitions {
        places.insert(&ident.name, graph.add_node(ident));
    }
    for (ident, value) in &definitions {
        let reader = places[&ident.name];
        value.visit(&mut |e| {
            if let ExprKind::Name(name) = &e.kind
                && let Some(read) = places.get(name)
            {
                graph.add_edge(reader, *read, e.span);
            }
        });
    }
    let mut inside = BTreeSet::new();
    let mut starts: Vec<(Span, Vec<(NodeIndex, Span)>)> = Vec::new();
    for members in kosaraju_scc(&graph) {
        let members: BTreeSet<NodeIndex> = members.into_iter().collect();
        let reads = members.iter().flat_map(|reader| graph.edges(*reader));
        let within = reads.filter(|edge| members.contains(&edge.target()));
        let before = inside.len();
        inside.extend(within.map(|edge| *edge.weight()));
        // Vertices stand in the order of the text.
        if inside.len() > before
            && let Some(first) = members.first()
        {
            starts.push((graph[*first].span, chain(&graph, *first, &members)));
        }
    }
    starts.sort_unstable_by_key(|(span, _)| *span);
    for (_, steps) in &starts {
        errors.push(circle(&graph, steps));
    }
    inside
}

/// A shortest circle from a vertex back to it: every vertex, and where it reads the next.
fn chain(
    graph: &DiGraph<&Ident, Span>,
    first: NodeIndex,
    members: &BTreeSet<NodeIndex>,
) -> Vec<(NodeIndex, Span)> {
    // Whom each vertex was reached from, and where that one reads it.
    let mut reached: BTreeMap<NodeIndex, (NodeIndex, Span)> = BTreeMap::new();
    let mut queue = VecDeque::from([first]);
    while let Some(reader) = queue.pop_front() {
        let reads = graph
            .edges(reader)
            .map(|edge| (*edge.weight(), edge.target()));
        let mut reads: Vec<(Span, NodeIndex)> = reads.collect();
        reads.sort_unstable();
        for (span, read) in reads {
            if members.contains(&read) && !reached.contains_key(&read) {
                reached.insert(read, (reader, span));
                queue.push_back(read);
            }
        }
    }
    let mut steps = Vec::new();
    let mut read = first;
    while let Some((reader, span)) = reached.get(&read) {
        steps.push((*reader, *span));
        read = *reader;
        if read == first {
            break;
        }
    }
    steps.reverse();
    steps
}

fn circle(graph: &DiGraph<&Ident, Span>, steps: &[(NodeIndex, Span)]) -> Diagnostic {
    let name = |k: usize| &graph[steps[k % steps.len()].0].name;
    let message = match steps.len() {
        1 => format!("`{}` reads itself", name(0)),
        2 => format!("`{}` and `{}` read each other", name(0), name(1)),
        many => {
            let mut names: Vec<&str> = (0..many.min(SHOWN)).map(|k| &**name(k)).collect();
            if many > SHOWN {
                names.push("…");
            }
            names.push(name(0));
            format!(
                "these values read each other in a circle: `{}`",
                names.join(" → ")
            )
        }
    };
    let help = "a value is computed from those above it, so none can depend on itself: \
                write each step of a recurrence as a value of its own";
    let mut diagnostic = Diagnostic::new(Code::Cycle, message, help);
    for (k, (_, span)) in steps.iter().enumerate().take(SHOWN) {
        let text = format!("`{}` reads `{}`", name(k), name(k + 1));
        diagnostic = diagnostic.at(*span, text);
    }
    diagnostic
}
