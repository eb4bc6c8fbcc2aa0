//! The forward map before it is differentiated. Why touched at all: its shortest form has the shortest derivatives, and
//! a local's value is found again only where both are written alike.

use crate::expr::{Facts, Graph, Id, Module, Name, Names, ShapeError, printed_size};
use crate::rewrite::{Report, RewriteError, Rewriter, Rewriting, Style, normalise};

/// Brings the forward map into normal form, so that a local's value is found again in what is derived.
pub(super) fn tidy(module: &mut Module) -> Result<(), ShapeError> {
    module.output.1 = normalise(&mut module.graph, module.output.1)?;
    for (_, value) in &mut module.locals {
        *value = normalise(&mut module.graph, *value)?;
    }
    Ok(())
}

/// A forward map, and the steps that led to it.
pub(super) struct Map {
    pub(super) value: Id,
    pub(super) steps: Vec<Rewriting>,
}

/// The forward map in a shorter form where the rules know one: `b.^2 .* x` is easier to differentiate than
/// `diag(b)*diag(b)*x`. No fact is used, since one holds for a value and not for how it varies.
pub(super) fn simpler_map(
    graph: &mut Graph,
    output: Id,
    rewriter: &Rewriter,
    explain: bool,
) -> Result<Map, RewriteError> {
    let names: Vec<Name> = graph.variables().keys().cloned().collect();
    let facts: Vec<Facts> = names
        .iter()
        .map(|name| graph.replace_facts(name, Facts::default()))
        .collect();
    let mut report = Report {
        explain,
        ..Report::default()
    };
    let found = rewriter.simplify(graph, &[output], &[], Style::default(), &mut report);
    for (name, facts) in names.iter().zip(facts) {
        graph.replace_facts(name, facts);
    }
    let value = found?[0];
    let size = |id| printed_size(graph, id, &Names::default());
    if size(value) < size(output) {
        let steps = report.steps.into_iter().next().unwrap_or_default();
        return Ok(Map { value, steps });
    }
    Ok(Map {
        value: output,
        steps: Vec::new(),
    })
}
