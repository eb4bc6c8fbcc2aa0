//! Simplification in rounds: put in, saturate, take out, normalise, until nothing changes. Why rounds: after a
//! sum is sorted, factors that were far apart stand side by side, and the next small e-graph pulls them out.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use super::analysis::{Egraph, Knowledge, MAX_VARIABLES};
use super::book::RuleBook;
use super::enode::{ENode, Term, to_term};
use super::extract::{Extraction, Style, Taste};
use super::fingerprint::fingerprint;
use super::insert::insert;
use super::normalise::normalise;
use super::phase::{Goal, Phase, PhaseReport, Rules, saturate};
use super::proof::{Rewriting, explain};
use super::solve::SolveRules;
use crate::expr::{Graph, Id, Name, Op, Role, ShapeError};

/// A rule book made ready to run, phase by phase.
#[derive(Clone, Debug)]
pub struct Rewriter {
    book: Arc<RuleBook>,
    differentiate: Arc<Rules>,
    simplify: Arc<Rules>,
    table: Arc<Rules>,
    average: Arc<Rules>,
    pub(super) solve: Arc<SolveRules>,
    fingerprint: u64,
}

/// Why an expression could not be rewritten.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RewriteError {
    /// No rule leads past an operation: it is named, with the expression it stands in.
    #[error("no rule differentiates `{operation}`")]
    NoRule {
        /// The operation in the rules' notation.
        operation: String,
        /// The node of the graph that could not be differentiated.
        node: Id,
    },
    /// Too many variables for the dependence analysis.
    #[error("{count} inputs and parameters in one module; at most {MAX_VARIABLES} are supported")]
    TooManyVariables {
        /// How many there are.
        count: usize,
    },
    /// An approximation that the book lacks, or whose left side does not fit where it is to be applied.
    #[error("the rule book has no approximation `{name}` that fits")]
    NoApproximation {
        /// Its name.
        name: String,
    },
    /// A rule produced something ill shaped.
    #[error("a rule is unsound: {0}")]
    Unsound(#[from] ShapeError),
    /// A derived expression is larger than the limit.
    #[error("the derived expression exceeds {limit} e-nodes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

/// What each phase did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// One entry for every saturation, in order.
    pub phases: Vec<(Phase, PhaseReport)>,
    /// Whether steps are wanted; they cost more than the derivation itself.
    pub explain: bool,
    /// The steps of the last call, one list for each root, when they are wanted.
    pub steps: Vec<Vec<Rewriting>>,
    /// The names of the rules that added something to an e-graph, whether or not it was used in the end.
    pub fired: BTreeSet<String>,
}

impl Report {
    fn record(&mut self, root: usize, steps: Vec<Rewriting>) {
        if self.steps.len() <= root {
            self.steps.resize_with(root + 1, Vec::new);
        }
        self.steps[root].extend(steps);
    }
}

const MAX_ROUNDS: usize = 6;

impl Rewriter {
    /// Compiles a rule book.
    pub fn new(book: RuleBook) -> Self {
        let rules = |phases: &[Phase]| Arc::new(Rules::of(&book, phases));
        let (differentiate, simplify, table, average) = (
            rules(&[Phase::Differentiate]),
            rules(&[Phase::Simplify]),
            rules(&[Phase::Table]),
            rules(&[Phase::Simplify, Phase::Batch]),
        );
        Self {
            average,
            solve: Arc::new(SolveRules::of(&book)),
            fingerprint: fingerprint(&book),
            book: Arc::new(book),
            differentiate,
            simplify,
            table,
        }
    }

    /// The rewriter of the book inside the program, compiled once.
    pub fn embedded() -> &'static Self {
        static EMBEDDED: OnceLock<Rewriter> = OnceLock::new();
        EMBEDDED.get_or_init(|| Self::new(RuleBook::embedded()))
    }

    /// A number that two books share only when they say the same.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The book.
    pub fn book(&self) -> &RuleBook {
        &self.book
    }

    /// Rewrites the operators J and V away.
    ///
    /// # Errors
    /// [`RewriteError::NoRule`] when an operation has no derivative rule.
    pub fn differentiate(
        &self,
        graph: &mut Graph,
        roots: &[Id],
        report: &mut Report,
    ) -> Result<Vec<Id>, RewriteError> {
        let job = Job {
            rules: &self.differentiate,
            phase: Phase::Differentiate,
            taste: Taste {
                style: Style::Hadamard,
                values: false,
                solving: None,
            },
        };
        job.run(graph, roots, &[], report)
    }

    /// Replaces derivatives of elementwise functions by their values, as far as the table goes.
    ///
    /// # Errors
    /// When the graph has too many variables.
    pub fn tabulate(
        &self,
        graph: &mut Graph,
        roots: &[Id],
        report: &mut Report,
    ) -> Result<Vec<Id>, RewriteError> {
        let job = Job {
            rules: &self.table,
            phase: Phase::Table,
            taste: Taste {
                style: Style::Hadamard,
                values: true,
                solving: None,
            },
        };
        job.run(graph, roots, &[], report)
    }

    /// Finds a form that a person would write. `locals` are names that may stand for their values.
    ///
    /// # Errors
    /// When the graph has too many variables.
    pub fn simplify(
        &self,
        graph: &mut Graph,
        roots: &[Id],
        locals: &[(Name, Id)],
        style: Style,
        report: &mut Report,
    ) -> Result<Vec<Id>, RewriteError> {
        self.shorten(graph, roots, locals, Phase::Simplify, style, report)
    }

    /// The same with the rules of the sample mean: what does not depend on the sample leaves it.
    ///
    /// # Errors
    /// When the graph has too many variables.
    pub fn average(
        &self,
        graph: &mut Graph,
        roots: &[Id],
        locals: &[(Name, Id)],
        style: Style,
        report: &mut Report,
    ) -> Result<Vec<Id>, RewriteError> {
        self.shorten(graph, roots, locals, Phase::Batch, style, report)
    }

    fn shorten(
        &self,
        graph: &mut Graph,
        roots: &[Id],
        locals: &[(Name, Id)],
        phase: Phase,
        style: Style,
        report: &mut Report,
    ) -> Result<Vec<Id>, RewriteError> {
        let job = Job {
            rules: match phase {
                Phase::Batch => &self.average,
                _ => &self.simplify,
            },
            phase,
            taste: Taste {
                style,
                values: false,
                solving: None,
            },
        };
        let mut current = Vec::with_capacity(roots.len());
        for (i, root) in roots.iter().enumerate() {
            let normal = normalise(graph, *root)?;
            if report.explain && normal != *root {
                let step = Rewriting::collect_terms(Phase::Simplify, *root, normal);
                report.record(i, vec![step]);
            }
            current.push(normal);
        }
        for _ in 0..MAX_ROUNDS {
            let next = job.run(graph, &current, locals, report)?;
            if next == current {
                break;
            }
            current = next;
        }
        Ok(current)
    }
}

/// One saturation of some roots.
pub(super) struct Job<'a> {
    pub(super) rules: &'a Rules,
    pub(super) phase: Phase,
    pub(super) taste: Taste,
}

impl Job<'_> {
    pub(super) fn run(
        &self,
        graph: &mut Graph,
        roots: &[Id],
        locals: &[(Name, Id)],
        report: &mut Report,
    ) -> Result<Vec<Id>, RewriteError> {
        let declared = graph.variables().values();
        let count = declared.filter(|v| v.role != Role::Upstream).count();
        if count > MAX_VARIABLES {
            return Err(RewriteError::TooManyVariables { count });
        }
        let mut egraph = Egraph::new(Knowledge::new(graph, locals));
        if report.explain {
            egraph = egraph.with_explanations_enabled();
        }
        let mut classes = HashMap::new();
        for root in roots {
            insert(&mut egraph, graph, *root, self.phase, &mut classes);
        }
        for (name, value) in locals {
            // A local is worth a name only where its value occurs.
            insert(&mut egraph, graph, *value, self.phase, &mut classes);
            let class = classes[value];
            let leaf = egraph.add(ENode::leaf(Op::Variable(name.clone())));
            egraph.union_trusted(class, leaf, "local");
        }
        egraph.rebuild();
        let goal = Goal::Forms(roots.iter().map(|root| classes[root]).collect(), self.taste);
        let (mut egraph, phase, fired) =
            saturate(egraph, self.rules, self.phase.limits(), Some(goal));
        report.phases.push((self.phase, phase));
        report.fired.extend(fired);
        let extraction = Extraction::new(&egraph, self.taste);
        let mut done = HashMap::new();
        let mut results = Vec::with_capacity(roots.len());
        for root in roots {
            let class = classes[root];
            if extraction.is_forbidden(class) {
                // Where a phase stopped early, that no rule led on means nothing.
                if !phase.saturated {
                    let limit = self.phase.limits().1;
                    return Err(RewriteError::TooLarge { limit });
                }
                return Err(self.stuck(graph, &extraction, class, &classes, &egraph));
            }
            results.push(extraction.write(class, graph, locals, &mut done)?);
        }
        if report.explain {
            let terms: Vec<Term> = roots.iter().map(|r| extraction.term(classes[r])).collect();
            for (i, (root, term)) in roots.iter().zip(&terms).enumerate() {
                let from = to_term(graph, *root);
                let steps = explain(&mut egraph, graph, locals, (&from, term), self.phase);
                report.record(i, steps);
            }
        }
        for (i, result) in results.iter_mut().enumerate() {
            let before = std::mem::replace(result, normalise(graph, *result)?);
            if report.explain && before != *result {
                report.record(
                    i,
                    vec![Rewriting::collect_terms(self.phase, before, *result)],
                );
            }
        }
        Ok(results)
    }

    fn stuck(
        &self,
        graph: &Graph,
        extraction: &Extraction<'_>,
        class: egg::Id,
        classes: &HashMap<Id, egg::Id>,
        egraph: &Egraph,
    ) -> RewriteError {
        let node_of = |operand: &egg::Id| {
            let nodes = classes.iter().filter(|(_, c)| egraph.find(**c) == *operand);
            nodes.map(|(id, _)| *id).min()
        };
        // What stopped J and V is the innermost operand they came to, and operands stand before what is made of them.
        match extraction.left_over(class).iter().filter_map(node_of).min() {
            Some(node) => {
                let operation = graph[node]
                    .op
                    .head()
                    .map_or("?", |(name, _)| name)
                    .to_owned();
                RewriteError::NoRule { operation, node }
            }
            None => RewriteError::TooLarge {
                limit: self.phase.limits().1,
            },
        }
    }
}
