//! Phases: which rules run together, and how far. Why phases: one saturation with every rule in it explodes,
//! and a phase that only goes inwards, or only to shorter forms, saturates in a few milliseconds.

use std::collections::BTreeSet;

use egg::{
    Applier, ConditionalApplier, Pattern, Rewrite, RewriteScheduler, Runner, RunnerLimits,
    SearchMatches, StopReason, Var,
};
use egg::{EGraph, ENodeOrVar, PatternAst, Subst};

use super::analysis::{Egraph, Knowledge};
use super::book::{RESERVED, Rule, RuleBook, variables};
use super::condition::Condition;
use super::enode::ENode;
use super::extract::{Extraction, Taste};
use crate::expr::Op;

/// A set of rules that run together until nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Moves the operators J and V inwards until they are gone.
    Differentiate,
    /// Finds shorter ways to write an expression.
    Simplify,
    /// Replaces derivatives of elementwise functions by their values.
    Table,
    /// Unfolds definitions, for proofs: softmax, congruence, mean.
    Definitions,
    /// Moves the sample mean inwards.
    Batch,
    /// Turns a damped step into an equation of matrices.
    Step,
    /// Solves that equation where its factors allow a form of its own.
    Closed,
    /// Moves that equation to one column a sample.
    Samples,
}

impl Phase {
    pub(crate) const VOCABULARY: &'static str =
        "phases: differentiate, simplify, table, definitions, batch, step, closed, samples";

    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "differentiate" => Some(Self::Differentiate),
            "simplify" => Some(Self::Simplify),
            "table" => Some(Self::Table),
            "definitions" => Some(Self::Definitions),
            "batch" => Some(Self::Batch),
            "step" => Some(Self::Step),
            "closed" => Some(Self::Closed),
            "samples" => Some(Self::Samples),
            _ => None,
        }
    }

    /// The phases of a chapter's rules, where a rule names none.
    pub(crate) fn of_chapter(chapter: &str) -> Vec<Self> {
        match chapter.split('_').next() {
            Some("04") => vec![Self::Differentiate],
            Some("07") => vec![Self::Batch],
            Some("09") => vec![Self::Step],
            _ => vec![Self::Simplify],
        }
    }

    /// Iterations and e-nodes at which the phase stops without being saturated. No clock: the same input
    /// always gives the same output.
    pub(crate) fn limits(self) -> (usize, usize) {
        match self {
            Self::Differentiate => (1_000, 20_000),
            Self::Simplify | Self::Step | Self::Closed | Self::Samples => (20, 4_000),
            Self::Table => (20, 5_000),
            Self::Definitions => (12, 12_000),
            Self::Batch => (20, 10_000),
        }
    }
}

/// The rules of the book, compiled for one or more phases.
#[derive(Clone, Debug)]
pub(crate) struct Rules(Vec<Rewrite<ENode, Knowledge>>);

impl Rules {
    /// Compiles the rules that belong to any of `phases`.
    pub(crate) fn of(book: &RuleBook, phases: &[Phase]) -> Self {
        let used = book
            .rules
            .iter()
            .filter(|r| r.phases.iter().any(|p| phases.contains(p)));
        Self(used.flat_map(compile).collect())
    }
}

/// How a phase ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseReport {
    /// True when no rule could add anything more.
    pub saturated: bool,
    /// The number of e-nodes at the end.
    pub nodes: usize,
    /// The number of e-classes at the end.
    pub classes: usize,
    /// The number of iterations.
    pub iterations: usize,
}

/// Where a phase ends before it is saturated.
#[derive(Clone, Debug)]
pub(crate) enum Goal {
    /// Where two classes are one.
    Equal(egg::Id, egg::Id),
    /// Where, after [`PATIENCE`] iterations, each of these classes has a form without what the phase is to remove.
    Forms(Vec<egg::Id>, Taste),
}

/// Iterations after which it is seen whether a phase has what it is for. A derivation takes about one for each operation that is nested in another;
/// one that goes on without end, as with an identity that is not seen to be one, has its forms long before.
const PATIENCE: usize = 50;

impl Goal {
    fn is_reached(&self, egraph: &Egraph, iteration: usize) -> bool {
        match self {
            Self::Equal(a, b) => egraph.find(*a) == egraph.find(*b),
            Self::Forms(classes, taste) => {
                iteration > 0 && iteration.is_multiple_of(PATIENCE) && {
                    let extraction = Extraction::new(egraph, *taste);
                    !classes.iter().any(|class| extraction.is_forbidden(*class))
                }
            }
        }
    }
}

/// Searches with one rule after the other, without a look at the clock in between.
struct EveryRule;

impl RewriteScheduler<ENode, Knowledge> for EveryRule {
    fn search_rewrites<'a>(
        &mut self,
        _: usize,
        egraph: &Egraph,
        rewrites: &[&'a Rewrite<ENode, Knowledge>],
        _: &RunnerLimits,
    ) -> Result<Vec<Vec<SearchMatches<'a, ENode>>>, StopReason> {
        let matches = rewrites.iter().map(|rewrite| rewrite.search(egraph));
        Ok(matches.collect())
    }
}

/// Runs rules on an e-graph until nothing changes or the limits are reached. Whatever is extracted later is
/// equal to what was put in, saturated or not. Also returns the names of the rules that added something.
pub(crate) fn saturate(
    egraph: Egraph,
    rules: &Rules,
    limits: (usize, usize),
    goal: Option<Goal>,
) -> (Egraph, PhaseReport, BTreeSet<String>) {
    let analysis = egraph.analysis.clone();
    let runner: Runner<ENode, Knowledge> = Runner::new(analysis)
        .with_egraph(egraph)
        .with_iter_limit(limits.0)
        .with_node_limit(limits.1)
        .with_time_limit(std::time::Duration::from_hours(1))
        .with_scheduler(EveryRule)
        .with_hook(move |runner| {
            let (egraph, iteration) = (&runner.egraph, runner.iterations.len());
            if goal.iter().any(|goal| goal.is_reached(egraph, iteration)) {
                return Err("reached".into());
            }
            Ok(())
        })
        .run(&rules.0);
    let report = PhaseReport {
        saturated: matches!(runner.stop_reason, Some(StopReason::Saturated)),
        nodes: runner.egraph.total_number_of_nodes(),
        classes: runner.egraph.number_of_classes(),
        iterations: runner.iterations.len(),
    };
    let fired = runner
        .iterations
        .iter()
        .flat_map(|iteration| iteration.applied.keys())
        .map(|name| rule_name(name.as_str()).to_owned())
        .collect();
    (runner.egraph, report, fired)
}

/// The name in the book of a compiled rule.
fn rule_name(compiled: &str) -> &str {
    compiled.split(" (").next().unwrap_or(compiled)
}

/// All conditions of one rule.
#[derive(Clone, Debug)]
struct Conditions(Vec<Condition>);

impl egg::Condition<ENode, Knowledge> for Conditions {
    fn check(&self, egraph: &mut EGraph<ENode, Knowledge>, _: egg::Id, subst: &Subst) -> bool {
        self.0
            .iter()
            .all(|condition| condition.holds(egraph, subst))
    }

    fn vars(&self) -> Vec<Var> {
        self.0.iter().flat_map(Condition::variables).collect()
    }
}

fn compile(rule: &Rule) -> Vec<Rewrite<ENode, Knowledge>> {
    let mut rewrites = Vec::new();
    let mut push = |name: String, lhs: &PatternAst<ENode>, rhs: &PatternAst<ENode>| {
        let (lhs, rhs) = (Pattern::new(lhs.clone()), Pattern::new(rhs.clone()));
        let rewrite = if rule.conditions.is_empty() {
            rewrite(&name, lhs, rhs)
        } else {
            let condition = Conditions(rule.conditions.clone());
            rewrite(
                &name,
                lhs,
                ConditionalApplier {
                    condition,
                    applier: rhs,
                },
            )
        };
        rewrites.push(rewrite);
    };
    push(rule.name.clone(), &rule.lhs, &rule.rhs);
    if rule.both_ways {
        push(format!("{} (back)", rule.name), &rule.rhs, &rule.lhs);
    }
    // Sums are nested to the right, so a rule on two terms must also see them in the middle of a longer sum.
    if let Some((lhs, rhs)) = extend(rule) {
        push(format!("{} (in a sum)", rule.name), &lhs, &rhs);
    }
    rewrites
}

fn rewrite(
    name: &str,
    lhs: Pattern<ENode>,
    applier: impl Applier<ENode, Knowledge> + Send + Sync + 'static,
) -> Rewrite<ENode, Knowledge> {
    Rewrite::new(name, lhs, applier)
        .unwrap_or_else(|e| unreachable!("the book checks variables: {e}"))
}

/// `l + r => s` extended to `l + (r + ?rest) => s + ?rest`.
fn extend(rule: &Rule) -> Option<(PatternAst<ENode>, PatternAst<ENode>)> {
    let root = |ast: &PatternAst<ENode>| match ast.last() {
        Some(ENodeOrVar::ENode(node)) => Some(node.clone()),
        _ => None,
    };
    let node = root(&rule.lhs).filter(|node| node.op == Op::Add || node.op == Op::Hadamard)?;
    if rule.name == "had-commutes" {
        return None;
    }
    let rest: Var = RESERVED.parse().ok()?;
    assert!(
        !variables(&rule.lhs).contains(&rest),
        "`{RESERVED}` is reserved"
    );
    let mut lhs: PatternAst<ENode> = rule.lhs.iter().take(rule.lhs.len() - 1).cloned().collect();
    let tail = lhs.add(ENodeOrVar::Var(rest));
    let inner = lhs.add(ENodeOrVar::ENode(ENode::new(
        node.op.clone(),
        &[node.children[1], tail],
    )));
    lhs.add(ENodeOrVar::ENode(ENode::new(
        node.op.clone(),
        &[node.children[0], inner],
    )));
    let mut rhs = rule.rhs.clone();
    let top = egg::Id::from(rhs.len() - 1);
    let tail = rhs.add(ENodeOrVar::Var(rest));
    rhs.add(ENodeOrVar::ENode(ENode::new(node.op, &[top, tail])));
    Some((lhs, rhs))
}
