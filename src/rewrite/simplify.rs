//! Simplification in rounds: put in, saturate, take out, normalise, until nothing changes. Why rounds: after a
//! sum is sorted, factors that were far apart stand side by side, and the next small e-graph pulls them out.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use super::analysis::{Egraph, Knowledge, MAX_VARIABLES};
use super::book::RuleBook;
use super::enode::{ENode, nest};
use super::extract::{Extraction, Style, Taste};
use super::normalise::normalise;
use super::phase::{Phase, PhaseReport, Rules, saturate};
use crate::expr::{Graph, Id, Name, Op, ShapeError};

/// A rule book made ready to run, phase by phase.
#[derive(Clone, Debug)]
pub struct Rewriter {
    book: Arc<RuleBook>,
    differentiate: Arc<Rules>,
    simplify: Arc<Rules>,
    table: Arc<Rules>,
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
    #[error("{count} variables in one module; at most {MAX_VARIABLES} are supported")]
    TooManyVariables {
        /// How many there are.
        count: usize,
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
    /// The names of the rules that added something to an e-graph, whether or not it was used in the end.
    pub fired: BTreeSet<String>,
}

const MAX_ROUNDS: usize = 6;

impl Rewriter {
    /// Compiles a rule book.
    pub fn new(book: RuleBook) -> Self {
        let rules = |phases: &[Phase]| Arc::new(Rules::of(&book, phases));
        let (differentiate, simplify, table) = (
            rules(&[Phase::Differentiate]),
            rules(&[Phase::Simplify]),
            rules(&[Phase::Table]),
        );
        Self {
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
        let job = Job {
            rules: &self.simplify,
            phase: Phase::Simplify,
            taste: Taste {
                style,
                values: false,
            },
        };
        let mut current = Vec::with_capacity(roots.len());
        for root in roots {
            current.push(normalise(graph, *root)?);
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
struct Job<'a> {
    rules: &'a Rules,
    phase: Phase,
    taste: Taste,
}

impl Job<'_> {
    fn run(
        &self,
        graph: &mut Graph,
        roots: &[Id],
        locals: &[(Name, Id)],
        report: &mut Report,
    ) -> Result<Vec<Id>, RewriteError> {
        let count = graph.variables().len();
        if count > MAX_VARIABLES {
            return Err(RewriteError::TooManyVariables { count });
        }
        let mut egraph = Egraph::new(Knowledge::new(graph, locals));
        let mut classes = HashMap::new();
        for root in roots {
            insert(&mut egraph, graph, *root, &mut classes);
        }
        for (name, value) in locals {
            // A local is worth a name only where its value occurs.
            insert(&mut egraph, graph, *value, &mut classes);
            let class = classes[value];
            let leaf = egraph.add(ENode::leaf(Op::Variable(name.clone())));
            egraph.union_trusted(class, leaf, "local");
        }
        egraph.rebuild();
        let (egraph, phase, fired) = saturate(egraph, self.rules, self.phase.limits());
        report.phases.push((self.phase, phase));
        report.fired.extend(fired);
        let extraction = Extraction::new(&egraph, self.taste);
        let mut done = HashMap::new();
        let mut results = Vec::with_capacity(roots.len());
        for root in roots {
            let class = classes[root];
            if extraction.is_forbidden(class) {
                return Err(self.stuck(graph, &extraction, class, &classes, &egraph));
            }
            let id = extraction.write(class, graph, locals, &mut done)?;
            results.push(normalise(graph, id)?);
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
        let operand = extraction.left_over(class);
        let mut nodes: Vec<Id> = classes
            .iter()
            .filter(|(_, c)| operand.is_some_and(|o| egraph.find(**c) == o))
            .map(|(id, _)| *id)
            .collect();
        nodes.sort_unstable();
        match nodes.first() {
            Some(node) => {
                let operation = graph[*node]
                    .op
                    .head()
                    .map_or("?", |(name, _)| name)
                    .to_owned();
                RewriteError::NoRule {
                    operation,
                    node: *node,
                }
            }
            None => RewriteError::TooLarge {
                limit: self.phase.limits().1,
            },
        }
    }
}

/// Adds an expression to an e-graph. Long sums and Hadamard products are nested once for every pair of their
/// operands, so that a rule on two of them finds them side by side.
fn insert(egraph: &mut Egraph, graph: &Graph, root: Id, classes: &mut HashMap<Id, egg::Id>) {
    for id in graph.topological(&[root]) {
        if classes.contains_key(&id) {
            continue;
        }
        let node = &graph[id];
        let children: Vec<egg::Id> = node.children.iter().map(|c| classes[c]).collect();
        let class = if node.op == Op::Add {
            insert_sum(egraph, &children)
        } else {
            egraph.add(ENode::new(node.op.clone(), &children))
        };
        classes.insert(id, class);
    }
}

/// At most this many operands are paired; longer sums keep their order.
const MAX_PAIRED: usize = 24;

fn insert_sum(egraph: &mut Egraph, children: &[egg::Id]) -> egg::Id {
    let class = nest(&mut |node| egraph.add(node), &Op::Add, children);
    if children.len() > 2 && children.len() <= MAX_PAIRED {
        for i in 0..children.len() {
            for j in i + 1..children.len() {
                let mut order = vec![children[i], children[j]];
                order.extend(
                    children
                        .iter()
                        .enumerate()
                        .filter(|(k, _)| *k != i && *k != j)
                        .map(|(_, c)| *c),
                );
                let other = nest(&mut |node| egraph.add(node), &Op::Add, &order);
                egraph.union_trusted(class, other, "sums commute");
            }
        }
    }
    class
}
