//! Derivations end: by themselves, or where they have what they are for.

use hbp::expr::print_sexpr;
use hbp::hbp::{Request, derive};
use hbp::rewrite::{Phase, Report, Rewriter, RuleBook, Style};

use crate::usage::{FACTORISATION_MACHINE, MODULES, module};

/// Iterations of the phases that differentiate, and the Hessian blocks.
fn differentiated(
    (declarations, output): (&str, &str),
    rewriter: &Rewriter,
) -> (Vec<(bool, usize)>, Vec<String>) {
    let (module, mut report) = (module(declarations, output), Report::default());
    let style = Style::Hadamard;
    let request = Request { wrt: None, style };
    let equations = derive(&module, &request, rewriter, &mut report).expect("rules for all");
    let phases = report.phases.iter();
    let phases = phases.filter(|(phase, _)| *phase == Phase::Differentiate);
    let graph = &equations.module.graph;
    let blocks = equations.equations.iter();
    (
        phases.map(|(_, r)| (r.saturated, r.iterations)).collect(),
        blocks.map(|e| print_sexpr(graph, e.hessian)).collect(),
    )
}

#[test]
fn derivations_end() {
    for module in MODULES {
        let (phases, _) = differentiated(*module, Rewriter::embedded());
        let ends = |(saturated, iterations): &(bool, usize)| *saturated && *iterations < 40;
        assert!(phases.iter().all(ends), "{module:?}: {phases:?}");
    }
}

/// A book that sees less gives the same, soon enough, and says that it did not come to its end.
#[test]
fn derivations_without_end_are_cut_short() {
    let mut book = RuleBook::embedded();
    for rule in &mut book.rules {
        if rule.name == "diag-ones" {
            rule.phases = vec![Phase::Simplify];
        }
    }
    let (phases, blocks) = differentiated(FACTORISATION_MACHINE, &Rewriter::new(book));
    assert!(phases.contains(&(false, 51)), "{phases:?}");
    let (_, expected) = differentiated(FACTORISATION_MACHINE, Rewriter::embedded());
    assert_eq!(blocks, expected);
}
