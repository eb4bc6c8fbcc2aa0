//! Whether rules do something when they run. Why: a true rule that never matches, or whose result the analysis
//! knows anyway, is dead weight that looks like knowledge.

use std::collections::HashMap;

use super::super::analysis::{Egraph, Knowledge};
use super::super::book::{Rule, RuleBook};
use super::super::enode::instantiate;
use super::super::enode::{ENode, Term, nest};
use super::super::phase::{Rules, saturate};
use super::candidate::{build_all, conditions_hold};
use super::search::Search;
use crate::expr::{Graph, Id, Op};

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

/// Runs the rule alone on some of its instances.
fn effects(rule: &Rule) -> Vec<Effect> {
    let book = RuleBook {
        rules: vec![rule.clone()],
        approximations: Vec::new(),
    };
    let rules = Rules::of(&book, &rule.phases);
    let mut search = Search::new(rule, &rule.lhs);
    let mut effects = Vec::new();
    for attempt in 0..40 {
        let Some(assignment) = search.find(attempt) else {
            continue;
        };
        let mut graph = Graph::default();
        let ids = build_all(&mut graph, &assignment).unwrap();
        let left = instantiate(&mut graph, &rule.lhs, &ids).unwrap();
        if !conditions_hold(&rule.conditions, &graph, Some(left), &ids) {
            continue;
        }
        let right = instantiate(&mut graph, &rule.rhs, &ids).unwrap();
        let mut egraph = Egraph::new(Knowledge::new(&graph, &[]));
        let left = egraph.add_expr(&as_matched(&graph, left));
        let right = egraph.add_expr(&as_matched(&graph, right));
        egraph.rebuild();
        if egraph.find(left) == egraph.find(right) {
            effects.push(Effect::Known);
            continue;
        }
        let (egraph, ..) = saturate(egraph, &rules, (4, 4_000), None);
        effects.push(if egraph.find(left) == egraph.find(right) {
            Effect::Reached
        } else {
            Effect::Missed
        });
    }
    effects
}

/// A term whose Hadamard products are nested as the rule wrote them, so that its own instance stands there.
fn as_matched(graph: &Graph, root: Id) -> Term {
    let mut term = Term::default();
    let mut ids: HashMap<Id, egg::Id> = HashMap::new();
    for id in graph.topological(&[root]) {
        let node = &graph[id];
        let children: Vec<egg::Id> = node.children.iter().map(|c| ids[c]).collect();
        let new = if node.op == Op::Add {
            nest(&mut |node| term.add(node), &Op::Add, &children)
        } else {
            term.add(ENode::new(node.op.clone(), &children))
        };
        ids.insert(id, new);
    }
    term
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
