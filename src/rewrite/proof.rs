//! Proofs: how an e-graph got from one form to another, one rule a step. Why: an equation that nobody can follow is
//! not a derivation, and a proof that is not asked for must cost nothing.

use std::collections::HashMap;
use std::rc::Rc;

use egg::{FlatTerm, TreeTerm};

use super::analysis::{Egraph, Knowledge};
use super::enode::{ENode, build, to_term};
use super::phase::{Goal, Phase, Rules, saturate};
use super::simplify::{RewriteError, Rewriter};
use crate::expr::{Graph, Id, Name, ShapeError};

/// One step: a rule turns `before` into `after`, both whole expressions of one graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewriting {
    /// The phase it belongs to.
    pub phase: Phase,
    /// The rule's name; `sums commute`, `evaluate`, `local`, `collect terms` and
    /// `many rules` (a part of a proof that is too long to be written) are the engine's own.
    pub rule: String,
    /// True when the rule was read from right to left.
    pub backwards: bool,
    /// The expression before.
    pub before: Id,
    /// The expression after.
    pub after: Id,
}

impl Rewriting {
    /// The step that sorts a sum and collects like terms.
    pub(crate) fn collect_terms(phase: Phase, before: Id, after: Id) -> Self {
        Self {
            phase,
            rule: "collect terms".into(),
            backwards: false,
            before,
            after,
        }
    }
}

/// The steps from `from` to `to`, which must be equal in an e-graph with explanations.
pub(crate) fn explain(
    egraph: &mut Egraph,
    graph: &mut Graph,
    locals: &[(Name, Id)],
    (from, to): (&egg::RecExpr<ENode>, &egg::RecExpr<ENode>),
    phase: Phase,
) -> Vec<Rewriting> {
    let mut explanation = egraph.explain_equivalence(from, to);
    let extent = Extent::of_proof(&explanation.explanation_trees, &mut HashMap::new());
    let mut steps = Vec::new();
    if extent.lines.saturating_mul(extent.operations) > MAX_WRITTEN {
        let mut whole = |term| build_term(graph, term, locals);
        if let [Ok(before), Ok(after)] = [from, to].map(&mut whole)
            && before != after
        {
            steps.push(Rewriting {
                phase,
                rule: "many rules".into(),
                backwards: false,
                before,
                after,
            });
        }
        return steps;
    }
    let flat = explanation.make_flat_explanation();
    let mut before: Option<Id> = None;
    for term in flat {
        // A size may stand there as any scalar that equals it; such a line says nothing to a reader.
        let Ok(after) = write(graph, term, locals) else {
            continue;
        };
        if let (Some(before), Some((rule, backwards))) = (before, rule_of(term))
            && before != after
        {
            steps.push(Rewriting {
                phase,
                rule,
                backwards,
                before,
                after,
            });
        }
        before = Some(after);
    }
    steps
}

/// More operations than this, over all lines of a proof, are not written out: shared parts make a proof exponentially
/// longer than its e-graph.
const MAX_WRITTEN: u64 = 4_000_000;

/// How long a proof is when it is written line by line.
#[derive(Clone, Copy, Default)]
struct Extent {
    lines: u64,
    /// Operations in a line.
    operations: u64,
}

impl Extent {
    fn of_proof(
        proof: &[Rc<TreeTerm<ENode>>],
        known: &mut HashMap<*const TreeTerm<ENode>, Self>,
    ) -> Self {
        let terms = proof.iter().map(|term| Self::of_term(term, known));
        terms.fold(Self::default(), |sum, term| Self {
            lines: sum.lines.saturating_add(term.lines),
            operations: sum.operations.max(term.operations),
        })
    }

    fn of_term(
        term: &Rc<TreeTerm<ENode>>,
        known: &mut HashMap<*const TreeTerm<ENode>, Self>,
    ) -> Self {
        if let Some(extent) = known.get(&Rc::as_ptr(term)) {
            return *extent;
        }
        let mut extent = Self {
            lines: 1,
            operations: 1,
        };
        for child in &term.child_proofs {
            let child = Self::of_proof(child, known);
            extent.lines = extent.lines.saturating_add(child.lines.saturating_sub(1));
            extent.operations = extent.operations.saturating_add(child.operations);
        }
        known.insert(Rc::as_ptr(term), extent);
        extent
    }
}

/// Writes a term into a graph.
fn build_term(
    graph: &mut Graph,
    term: &egg::RecExpr<ENode>,
    locals: &[(Name, Id)],
) -> Result<Id, ShapeError> {
    let mut ids: Vec<Id> = Vec::with_capacity(term.len());
    for node in term {
        let children: Vec<Id> = node.children.iter().map(|c| ids[usize::from(*c)]).collect();
        ids.push(build(graph, &node.op, &children, locals)?);
    }
    Ok(ids[ids.len() - 1])
}

/// Writes a term of an explanation into a graph.
fn write(
    graph: &mut Graph,
    term: &FlatTerm<ENode>,
    locals: &[(Name, Id)],
) -> Result<Id, ShapeError> {
    let children: Vec<Id> = term
        .children
        .iter()
        .map(|c| write(graph, c, locals))
        .collect::<Result<_, _>>()?;
    build(graph, &term.node.op, &children, locals)
}

/// The rule that a term of an explanation is annotated with, somewhere inside.
fn rule_of(term: &FlatTerm<ENode>) -> Option<(String, bool)> {
    let strip = |name: String, backwards: bool| match name.strip_suffix(" (back)") {
        Some(rule) => (rule.to_owned(), !backwards),
        None => (name.trim_end_matches(" (in a sum)").to_owned(), backwards),
    };
    if let Some(rule) = term.forward_rule {
        return Some(strip(rule.to_string(), false));
    }
    if let Some(rule) = term.backward_rule {
        return Some(strip(rule.to_string(), true));
    }
    term.children.iter().find_map(rule_of)
}

impl Rewriter {
    /// Tries to prove two expressions equal by the rules for simplification, definitions and batches.
    ///
    /// Returns the steps from left to right, or `None` when the rules do not show it within their limits.
    ///
    /// # Errors
    /// When the graph has too many variables.
    pub fn prove(
        &self,
        graph: &mut Graph,
        left: Id,
        right: Id,
    ) -> Result<Option<Vec<Rewriting>>, RewriteError> {
        let phases = [Phase::Simplify, Phase::Definitions, Phase::Batch];
        let simplify = Rules::of(self.book(), &phases[..1]);
        let all = Rules::of(self.book(), &phases);
        // The rules that only shorten come first: what they prove, they prove in few steps.
        for (rules, phase) in [(&simplify, Phase::Simplify), (&all, Phase::Definitions)] {
            let mut egraph = Egraph::new(Knowledge::new(graph, &[])).with_explanations_enabled();
            let (from, to) = (to_term(graph, left), to_term(graph, right));
            let (a, b) = (egraph.add_expr(&from), egraph.add_expr(&to));
            egraph.rebuild();
            let (mut egraph, ..) = saturate(egraph, rules, phase.limits(), Some(Goal::Equal(a, b)));
            if egraph.find(a) == egraph.find(b) {
                return Ok(Some(explain(&mut egraph, graph, &[], (&from, &to), phase)));
            }
        }
        Ok(None)
    }
}
