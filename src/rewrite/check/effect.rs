//! Whether rules do something when they run. Why: a true rule that never matches, or whose result the analysis
//! knows anyway, is dead weight that looks like knowledge.

use super::super::analysis::{Egraph, Knowledge};
use super::super::book::{Rule, RuleBook};
use super::super::enode::to_term;
use super::super::phase::{Rules, saturate};
use super::candidate::{build_sized, every_condition_holds};
use super::instance::write_out;
use super::search::Search;
use crate::expr::{Dimension, Graph};

/// What running one rule does for one of its instances.
#[derive(Debug, PartialEq, Eq)]
enum Effect {
    /// The e-graph knows without the rule that both sides are equal.
    Known,
    /// The rule makes them equal.
    Reached,
    /// The rule does not find its own instance.
    Missed,
}

/// 2 becomes m, 3 becomes n, and 6 m*n: a module's sizes are names.
fn symbolic(size: u64) -> Dimension {
    let (mut rest, mut symbolic) = (size, Dimension::one());
    for (factor, name) in [(2, "m"), (3, "n")] {
        while rest.is_multiple_of(factor) {
            rest /= factor;
            symbolic = symbolic.times(&Dimension::named(name));
        }
    }
    symbolic
}

/// Runs the rule alone on instances whose conditions hold, sizes of 1 taken seriously.
fn effects(rule: &Rule) -> Vec<Effect> {
    let book = RuleBook {
        rules: vec![rule.clone()],
    };
    let rules = Rules::of(&book, &rule.phases);
    let mut search = Search::new(rule, &rule.lhs);
    let mut effects = Vec::new();
    for attempt in 0..40 {
        let Some(assignment) = search.find(attempt) else {
            continue;
        };
        let mut graph = Graph::default();
        let ids = build_sized(&mut graph, &assignment, symbolic).unwrap();
        let left = write_out(&mut graph, &rule.lhs, &ids).unwrap();
        if !every_condition_holds(&rule.conditions, &graph, left, &ids) {
            continue;
        }
        let right = write_out(&mut graph, &rule.rhs, &ids).unwrap();
        let mut egraph = Egraph::new(Knowledge::new(&graph, &[]));
        let left = egraph.add_expr(&to_term(&graph, left));
        let right = egraph.add_expr(&to_term(&graph, right));
        egraph.rebuild();
        if egraph.find(left) == egraph.find(right) {
            effects.push(Effect::Known);
            continue;
        }
        let (egraph, ..) = saturate(egraph, &rules, (4, 4_000));
        effects.push(if egraph.find(left) == egraph.find(right) {
            Effect::Reached
        } else {
            Effect::Missed
        });
    }
    effects
}

#[test]
fn every_rule_adds_to_what_is_known() {
    let mut idle = Vec::new();
    for rule in &RuleBook::embedded().rules {
        // Where sizes are 1, literals take the place of what some rules look for.
        let effects = effects(rule);
        if !effects.contains(&Effect::Reached) {
            idle.push(format!("{}: {effects:?}", rule.name));
        }
    }
    assert!(idle.is_empty(), "{}", idle.join("\n"));
}
