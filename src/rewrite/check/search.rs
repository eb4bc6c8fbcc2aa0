//! Finding instances: a candidate for every variable so that a pattern is well shaped. Why by search: of all
//! combinations of shapes few fit, and a sub-term that does not fit rules out most of them at once.

use std::collections::{BTreeMap, HashMap};

use egg::{ENodeOrVar, PatternAst, Var};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::super::book::Rule;
use super::super::condition::Condition;
use super::super::enode::ENode;
use super::candidate::{Assignment, Candidate, Demands, build_all, conditions_hold};
use crate::expr::{Dimension, Graph, Op, Sort, infer};

/// Candidates tried in one search, and in all searches of one rule.
const STEPS: usize = 20_000;
const STEPS_IN_ALL: usize = 200_000;

/// A search for instances of one side of a rule.
pub(super) struct Search<'a> {
    pattern: &'a PatternAst<ENode>,
    vars: Vec<Var>,
    candidates: Vec<Vec<Candidate>>,
    /// The pattern's nodes that can be inferred once variables `0..=level` are chosen; the last entry holds
    /// those without variables.
    ready: Vec<Vec<usize>>,
    /// The conditions on two variables, by the level of the later one, with both levels.
    pairs: Vec<Vec<(&'a Condition, usize, usize)>>,
    known: HashMap<(usize, usize, usize, usize), bool>,
    steps_in_all: usize,
}

/// One search: what is chosen so far, and what follows of it.
struct Attempt {
    rng: ChaCha8Rng,
    plain_first: bool,
    steps: usize,
    chosen: Vec<usize>,
    sorts: Vec<Option<Sort>>,
}

impl<'a> Search<'a> {
    pub(super) fn new(rule: &'a Rule, pattern: &'a PatternAst<ENode>) -> Self {
        let demands = Demands::new(rule);
        let vars = demands.order(pattern);
        let candidates = vars.iter().map(|v| demands.candidates(*v)).collect();
        let level_of: BTreeMap<Var, usize> = vars.iter().copied().zip(0..).collect();
        let mut levels: Vec<Option<usize>> = Vec::new();
        let mut ready = vec![Vec::new(); vars.len() + 1];
        for (i, node) in pattern.iter().enumerate() {
            let level = match node {
                ENodeOrVar::Var(v) => Some(level_of[v]),
                ENodeOrVar::ENode(node) => node
                    .children
                    .iter()
                    .filter_map(|c| levels[usize::from(*c)])
                    .max(),
            };
            levels.push(level);
            ready[level.unwrap_or(vars.len())].push(i);
        }
        let mut pairs = vec![Vec::new(); vars.len()];
        for condition in &rule.conditions {
            if let Some(second) = condition.second
                && second != condition.first
                && let (Some(a), Some(b)) = (level_of.get(&condition.first), level_of.get(&second))
            {
                pairs[*a.max(b)].push((condition, *a, *b));
            }
        }
        Self {
            pattern,
            vars,
            candidates,
            ready,
            pairs,
            known: HashMap::new(),
            steps_in_all: 0,
        }
    }

    /// An instance for which the pattern is well shaped and conditions on single variables and pairs hold.
    /// Even attempts begin with shapes that are not special.
    pub(super) fn find(&mut self, attempt: u64) -> Option<Assignment> {
        let mut state = Attempt {
            rng: ChaCha8Rng::seed_from_u64(attempt),
            plain_first: attempt.is_multiple_of(2),
            steps: 0,
            chosen: Vec::new(),
            sorts: vec![None; self.pattern.len()],
        };
        let found = self.infer(self.vars.len(), &mut state) && self.extend(&mut state);
        self.steps_in_all += state.steps;
        found.then(|| {
            let choice = |(level, i): (usize, &usize)| {
                (self.vars[level], self.candidates[level][*i].clone())
            };
            state.chosen.iter().enumerate().map(choice).collect()
        })
    }

    fn extend(&mut self, state: &mut Attempt) -> bool {
        let level = state.chosen.len();
        if level == self.vars.len() {
            return true;
        }
        let mut order: Vec<usize> = (0..self.candidates[level].len()).collect();
        order.shuffle(&mut state.rng);
        if state.plain_first {
            order.sort_by_key(|i| self.candidates[level][*i].degeneracy());
        }
        for i in order {
            state.steps += 1;
            if state.steps > STEPS || self.steps_in_all + state.steps > STEPS_IN_ALL {
                return false;
            }
            state.chosen.push(i);
            let fits = self.infer(level, state) && self.pairs_hold(level, state);
            if fits && self.extend(state) {
                return true;
            }
            state.chosen.pop();
        }
        false
    }

    /// Infers what the choice at `level` decides; false when it is not well shaped.
    fn infer(&self, level: usize, state: &mut Attempt) -> bool {
        for i in &self.ready[level] {
            let sort = match &self.pattern[egg::Id::from(*i)] {
                ENodeOrVar::Var(_) => self.candidates[level][state.chosen[level]].sort(),
                ENodeOrVar::ENode(node) => {
                    let sorts: Vec<Sort> = node
                        .children
                        .iter()
                        .filter_map(|c| state.sorts[usize::from(*c)].clone())
                        .collect();
                    match sort_of(&node.op, &sorts) {
                        Some(sort) => sort,
                        None => return false,
                    }
                }
            };
            state.sorts[*i] = Some(sort);
        }
        true
    }

    fn pairs_hold(&mut self, level: usize, state: &Attempt) -> bool {
        for (which, (condition, a, b)) in self.pairs[level].iter().enumerate() {
            let key = (level, which, state.chosen[*a], state.chosen[*b]);
            let (vars, candidates) = (&self.vars, &self.candidates);
            let holds = self.known.entry(key).or_insert_with(|| {
                // What varies does so with the first variable, so that one must stand first.
                let levels = [0, *a.min(b), *a.max(b)];
                let mut assignment = Assignment::new();
                for level in levels {
                    if assignment.iter().all(|(v, _)| *v != vars[level]) {
                        let candidate = candidates[level][state.chosen[level]].clone();
                        assignment.push((vars[level], candidate));
                    }
                }
                let mut graph = Graph::default();
                build_all(&mut graph, &assignment)
                    .is_ok_and(|ids| conditions_hold([*condition], &graph, None, &ids))
            });
            if !*holds {
                return false;
            }
        }
        true
    }
}

fn sort_of(op: &Op, children: &[Sort]) -> Option<Sort> {
    match op {
        // A whole number may stand for a size.
        Op::Number(value) if value.is_integer() => u64::try_from(value.to_integer())
            .ok()
            .map(|n| Sort::Dimension(Dimension::constant(n)))
            .or_else(|| infer(op, children).ok()),
        op => infer(op, children).ok(),
    }
}
