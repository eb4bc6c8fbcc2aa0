//! What may stand for a rule's variable: a size, a number, a function or a value of some shape. Why guesses and
//! not answers: whether a candidate meets a condition is decided by the condition itself, on an e-graph.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use egg::{ENodeOrVar, PatternAst, Var};

use super::super::analysis::{Egraph, Knowledge};
use super::super::book::Rule;
use super::super::condition::{Condition, Test};
use super::super::enode::{ENode, to_term};
use crate::expr::{
    Dimension, Facts, FunctionDefinition, Graph, Id, Name, Op, Rational, Role, Shape, ShapeError,
    Sort, Variable,
};

/// What stands for one variable of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Candidate {
    Dimension(u64),
    Function,
    Number(Rational),
    Value(u64, u64, Form),
}

/// How a value is made. Without any of these it is an input with no facts, one value a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Form {
    /// A smooth function of the variable that is differentiated.
    varies: bool,
    /// The square of the value and a little more.
    positive: bool,
    /// The same for all samples.
    parameter: bool,
    facts: Facts,
}

/// Values for all variables, the one that is differentiated first.
pub(super) type Assignment = Vec<(Var, Candidate)>;

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

impl Candidate {
    pub(super) fn sort(&self) -> Sort {
        match self {
            Self::Dimension(d) => Sort::Dimension(Dimension::constant(*d)),
            Self::Function => Sort::Function,
            Self::Number(_) => Sort::Value(Shape::scalar()),
            Self::Value(rows, cols, _) => Sort::Value(Shape::matrix(
                Dimension::constant(*rows),
                Dimension::constant(*cols),
            )),
        }
    }

    /// How special it is: a size of 1, or two equal sizes, make things true that are not.
    pub(super) fn degeneracy(&self) -> usize {
        match self {
            Self::Dimension(d) => usize::from(*d == 1),
            Self::Function | Self::Number(_) => 0,
            Self::Value(1, 1, _) => 3,
            Self::Value(rows, cols, _) if rows.min(cols) == &1 => 2,
            Self::Value(rows, cols, _) => usize::from(rows == cols),
        }
    }

    fn build(
        &self,
        graph: &mut Graph,
        var: Var,
        x: Option<Id>,
        size: fn(u64) -> Dimension,
    ) -> Result<Id, ShapeError> {
        let name = var.to_string().trim_start_matches('?').to_owned();
        let (rows, cols, form) = match self {
            Self::Dimension(d) => return Ok(graph.dimension(size(*d))),
            Self::Number(value) => return Ok(graph.number(value.clone())),
            Self::Function => {
                graph.define(name.clone(), FunctionDefinition::Abstract);
                return Ok(graph.function(name, 0));
            }
            Self::Value(rows, cols, form) => (*rows, *cols, *form),
        };
        let declare = |graph: &mut Graph, name: String, shape: Shape, facts| {
            let role = if form.parameter {
                Role::Parameter
            } else {
                Role::Input
            };
            graph.declare(Name::from(name), Variable { shape, role, facts })
        };
        let shape = Shape::matrix(size(rows), size(cols));
        let mut value = declare(graph, name.clone(), shape.clone(), form.facts);
        if let Some(x) = x.filter(|_| form.varies) {
            // A ⊙ exp(P vec x / 4): never zero, and positive where A is.
            let to_all = Shape::matrix(shape.size(), graph.shape(x).size());
            let map = declare(graph, format!("{name}~"), to_all, Facts::default());
            let point = graph.node(Op::Vec, &[x])?;
            let moved = graph.node(Op::Multiply, &[map, point])?;
            let (rows, cols) = (graph.dimension(shape.rows), graph.dimension(shape.cols));
            let moved = graph.node(Op::Reshape, &[moved, rows, cols])?;
            let quarter = graph.number(Rational::new(1.into(), 4.into()));
            let moved = graph.node(Op::Scale, &[quarter, moved])?;
            let exp = graph.function("exp", 0);
            let factor = graph.node(Op::Apply, &[exp, moved])?;
            value = graph.node(Op::Hadamard, &[value, factor])?;
        }
        if form.positive {
            // A .^ 2 + 1/8
            let two = graph.integer(2);
            let square = graph.node(Op::Power, &[value, two])?;
            let shape = graph.shape(value);
            let ones = graph.ones(&shape);
            let eighth = graph.number(Rational::new(1.into(), 8.into()));
            let least = graph.node(Op::Scale, &[eighth, ones])?;
            value = graph.node(Op::Add, &[square, least])?;
        }
        Ok(value)
    }
}

/// Writes every variable's candidate into a graph.
pub(super) fn build_all(
    graph: &mut Graph,
    assignment: &Assignment,
) -> Result<BTreeMap<Var, Id>, ShapeError> {
    build_sized(graph, assignment, Dimension::constant)
}

/// The same with every size replaced.
pub(super) fn build_sized(
    graph: &mut Graph,
    assignment: &Assignment,
    size: fn(u64) -> Dimension,
) -> Result<BTreeMap<Var, Id>, ShapeError> {
    let mut ids = BTreeMap::new();
    let mut x = None;
    for (var, candidate) in assignment {
        let id = candidate.build(graph, *var, x, size)?;
        x = x.or(Some(id));
        ids.insert(*var, id);
    }
    Ok(ids)
}

/// Whether the conditions hold for values written in `graph`, with `root` in sight, by the very code that
/// decides them when rules run. Conditions that only give a direction are left out.
pub(super) fn conditions_hold<'a>(
    conditions: impl IntoIterator<Item = &'a Condition>,
    graph: &Graph,
    root: Option<Id>,
    ids: &BTreeMap<Var, Id>,
) -> bool {
    let required = conditions.into_iter().filter(|c| is_required(c));
    all_hold(required, graph, root, ids)
}

/// Whether all conditions hold, those that only give a direction too.
#[cfg(test)]
pub(super) fn every_condition_holds(
    conditions: &[Condition],
    graph: &Graph,
    root: Id,
    ids: &BTreeMap<Var, Id>,
) -> bool {
    all_hold(conditions, graph, Some(root), ids)
}

fn all_hold<'a>(
    conditions: impl IntoIterator<Item = &'a Condition>,
    graph: &Graph,
    root: Option<Id>,
    ids: &BTreeMap<Var, Id>,
) -> bool {
    let mut egraph = Egraph::new(Knowledge::new(graph, &[]));
    if let Some(root) = root {
        egraph.add_expr(&to_term(graph, root));
    }
    let mut subst = egg::Subst::with_capacity(ids.len());
    for (var, id) in ids {
        let class = egraph.add_expr(&to_term(graph, *id));
        subst.insert(*var, class);
    }
    egraph.rebuild();
    conditions.into_iter().all(|c| c.holds(&egraph, &subst))
}

/// A size is known by name only and may turn out to be 1, so these two cannot make a rule true.
fn is_required(condition: &Condition) -> bool {
    !matches!(condition.test, Test::NotScalar | Test::NotColumn)
}

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
        if asks(&[Test::Number, Test::Integer, Test::SameSign]) {
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

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dimension(d) => write!(f, "= {d}"),
            Self::Number(value) => write!(f, "= {value}"),
            Self::Function => write!(f, "a smooth function"),
            Self::Value(rows, cols, form) => {
                write!(f, "{rows}×{cols}")?;
                let facts = form.facts;
                for (word, said) in [
                    ("function of x", form.varies),
                    ("positive", form.positive),
                    ("sample-constant", form.parameter),
                    ("symmetric", facts.symmetric),
                    ("diagonal", facts.diagonal),
                    ("distribution", facts.distribution),
                ] {
                    if said {
                        write!(f, " {word}")?;
                    }
                }
                Ok(())
            }
        }
    }
}
