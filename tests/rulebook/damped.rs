//! Which rules the damped step uses. Why: a rule that no step needs is a rule that nobody would miss.

use std::collections::BTreeSet;

use hbp::expr::{Dimension, Facts, Graph, Op, Role, Shape, Variable, print_sexpr};
use hbp::rewrite::{Phase, Report, Rewriter, Solving};

use crate::support::expression;

fn graph() -> Graph {
    let mut graph = Graph::default();
    for (name, rows, cols, positive, symmetric) in [
        ("s", "1", "1", true, false),
        ("b", "1", "1", false, false),
        ("c", "1", "1", false, false),
        ("A", "n", "n", false, true),
        ("B", "m", "m", false, true),
        ("X", "n", "B", false, false),
        ("D", "m", "B", false, false),
        ("a", "n", "1", false, false),
        ("d", "m", "1", false, false),
        ("G", "m", "n", false, false),
    ] {
        let size = |text: &str| {
            (text.parse()).map_or_else(|_| Dimension::named(text), Dimension::constant)
        };
        let facts = Facts {
            positive_definite: positive,
            symmetric,
            ..Facts::default()
        };
        let (shape, role) = (Shape::matrix(size(rows), size(cols)), Role::Parameter);
        graph.declare(name, Variable { shape, role, facts });
    }
    graph
}

/// Blocks and gradients.
const SYSTEMS: &[(&str, &str)] = &[
    ("(kron A B)", "G"),
    ("(kron (scale c A) (scale b B))", "(scale c G)"),
    ("(kron (mul a (t a)) B)", "G"),
    ("(kron (mul X (t X)) B)", "(mul D (t X))"),
    ("(kron (diag a) (diag d))", "G"),
    ("(kron (diag a) (eye #m))", "G"),
    ("(kron (eye #n) (diag d))", "G"),
    ("(kron (eye #n) B)", "G"),
    ("(kron A (eye #m))", "G"),
    ("(kron A c)", "(t a)"),
    ("B", "d"),
    ("(scale c (scale b B))", "d"),
    ("(kron c B)", "d"),
    ("(diag d)", "d"),
    ("(zeros #m #m)", "d"),
];

#[test]
fn every_rule_of_the_step_is_needed_somewhere() {
    let rewriter = Rewriter::embedded();
    let mut report = Report::default();
    for (block, gradient) in SYSTEMS {
        for solving in [Solving::Direct, Solving::Iterated] {
            for samples in [false, true] {
                let mut graph = graph();
                let g = expression(&mut graph, &[], gradient);
                let shape = graph.shape(g);
                let (m, n) = (shape.rows.to_string(), shape.cols.to_string());
                let size = graph.dimension(shape.size());
                let identity = graph.node(Op::Eye, &[size]).expect("a size");
                let text = format!(
                    "(reshape (mul (inv (add (scale s I) (scale b {block}))) (vec {gradient})) #{m} #{n})"
                );
                let root = expression(&mut graph, &[("I".into(), identity)], &text);
                let solved = rewriter.solve(&mut graph, root, solving, samples, &mut report);
                let solved = print_sexpr(&graph, solved.expect("few variables"));
                assert!(!solved.contains("(kron"), "{text} becomes {solved}");
                let iterable = !solved.contains("(inv") && solved.contains("(stein");
                assert!(
                    solving == Solving::Direct || iterable,
                    "{text} becomes {solved}"
                );
            }
        }
    }
    let steps = [Phase::Step, Phase::Closed, Phase::Samples];
    let idle: BTreeSet<&str> = (rewriter.book().rules.iter())
        .filter(|rule| rule.phases.iter().any(|phase| steps.contains(phase)))
        .map(|rule| rule.name.as_str())
        .filter(|name| !report.fired.contains(*name))
        .collect();
    assert_eq!(idle, BTreeSet::new(), "no step needs these rules");
}
