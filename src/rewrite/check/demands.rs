//! What a rule asks of its variables, and what may stand for each. Why from positions: a rule declares no kinds,
//! but a variable under `eye` is a size, one before an argument a function, the last one of J what is differentiated.

use std::collections::BTreeSet;

use egg::{ENodeOrVar, PatternAst, Var};

use super::super::book::Rule;
use super::super::condition::{Condition, Test};
use super::super::enode::ENode;
use super::candidate::{Candidate, Form, build_all, conditions_hold};
use crate::expr::{Facts, Graph, Op, Rational};

const SIZES: [u64; 3] = [1, 2, 3];
const DIMENSIONS: [u64; 6] = [1, 2, 3, 4, 6, 9];
/// Numerators and denominators of the numbers that stand where an exact number is asked for.
const NUMBERS: [(i64, i64); 9] = [
    (2, 1),
    (3, 1),
    (-1, 1),
    (-2, 1),
    (1, 2),
    (-1, 2),
    (3, 2),
    (1, 1),
    (0, 1),
];

/// What a rule asks of its variables.
pub(super) struct Demands<'a> {
    rule: &'a Rule,
    dimensions: BTreeSet<Var>,
    functions: BTreeSet<Var>,
    differentiated: BTreeSet<Var>,
}

impl<'a> Demands<'a> {
    pub(super) fn new(rule: &'a Rule) -> Self {
        let mut this = Self {
            rule,
            dimensions: BTreeSet::new(),
            functions: BTreeSet::new(),
            differentiated: BTreeSet::new(),
        };
        this.read(&rule.lhs);
        this.read(&rule.rhs);
        for condition in &rule.conditions {
            match condition.test {
                Test::IsOne => this.dimensions.extend([condition.first]),
                Test::HasRows | Test::HasCols | Test::HasSize => {
                    this.dimensions.extend(condition.second);
                }
                _ => {}
            }
        }
        this
    }

    fn read(&mut self, pattern: &PatternAst<ENode>) {
        for node in pattern {
            let ENodeOrVar::ENode(node) = node else {
                continue;
            };
            let var = |child: &egg::Id| match &pattern[*child] {
                ENodeOrVar::Var(v) => Some(*v),
                ENodeOrVar::ENode(_) => None,
            };
            let c = &node.children;
            match node.op {
                Op::Eye | Op::Ones | Op::Zeros | Op::Commutation | Op::DimensionProduct => {
                    self.dimensions.extend(c.iter().filter_map(var));
                }
                Op::Reshape => self.dimensions.extend(c.iter().skip(1).filter_map(var)),
                Op::Apply | Op::Prime => self.functions.extend(c.iter().take(1).filter_map(var)),
                Op::Jacobian | Op::Backpropagate => {
                    self.differentiated.extend(c.last().and_then(var));
                }
                _ => {}
            }
        }
    }

    /// The variables of `pattern`, what is differentiated first.
    pub(super) fn order(&self, pattern: &PatternAst<ENode>) -> Vec<Var> {
        let mut order: Vec<Var> = self.differentiated.iter().copied().collect();
        for node in pattern {
            if let ENodeOrVar::Var(v) = node
                && !order.contains(v)
            {
                order.push(*v);
            }
        }
        order
    }

    /// The candidates for a variable that meet its own conditions.
    pub(super) fn candidates(&self, var: Var) -> Vec<Candidate> {
        let own = |c: &&Condition| c.first == var && c.second.is_none_or(|second| second == var);
        let conditions: Vec<&Condition> = self.rule.conditions.iter().filter(own).collect();
        let mut candidates = self.guesses(var);
        candidates.retain(|candidate| {
            let mut graph = Graph::default();
            let mut assignment = vec![(var, candidate.clone())];
            if let Some(x) = self.differentiated.iter().next().filter(|x| **x != var) {
                assignment.insert(0, (*x, Candidate::Value(1, 1, Form::default())));
            }
            build_all(&mut graph, &assignment)
                .is_ok_and(|ids| conditions_hold(conditions.iter().copied(), &graph, None, &ids))
        });
        candidates
    }

    fn guesses(&self, var: Var) -> Vec<Candidate> {
        if self.dimensions.contains(&var) {
            return DIMENSIONS.map(Candidate::Dimension).to_vec();
        }
        if self.functions.contains(&var) {
            return vec![Candidate::Function];
        }
        let asks = |tests: &[Test]| {
            self.rule
                .conditions
                .iter()
                .any(|c| tests.contains(&c.test) && c.variables().contains(&var))
        };
        if asks(&[
            Test::Number,
            Test::Integer,
            Test::HalfInteger,
            Test::SameSign,
        ]) {
            let number = |(top, bottom): (i64, i64)| Rational::new(top.into(), bottom.into());
            return NUMBERS.map(|n| Candidate::Number(number(n))).to_vec();
        }
        let constant = |c: &Condition| c.test == Test::Constant && c.first == var;
        let facts = Facts {
            symmetric: asks(&[Test::Symmetric]),
            diagonal: asks(&[Test::Diagonal]),
            distribution: asks(&[Test::Distribution]),
            positive_definite: false,
        };
        let form = Form {
            varies: !self.differentiated.is_empty()
                && !self.differentiated.contains(&var)
                && facts == Facts::default()
                && !asks(&[Test::VariableItself])
                && !self.rule.conditions.iter().any(constant),
            positive: asks(&[Test::Positive]),
            parameter: asks(&[Test::SampleConstant]),
            facts,
        };
        let square = facts.symmetric || facts.diagonal;
        SIZES
            .into_iter()
            .flat_map(|rows| SIZES.map(|cols| (rows, cols)))
            .filter(|(rows, cols)| !square || rows == cols)
            .map(|(rows, cols)| Candidate::Value(rows, cols, form))
            .collect()
    }
}
