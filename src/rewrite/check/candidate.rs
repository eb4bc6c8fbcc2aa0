//! What may stand for a rule's variable: a size, a number, a function or a value of some shape. Why guesses and
//! not answers: whether a candidate meets a condition is decided by the condition itself, on an e-graph.

use std::collections::BTreeMap;
use std::fmt;

use egg::Var;

use super::super::analysis::{Egraph, Knowledge};
use super::super::condition::Condition;
use super::super::enode::to_term;
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
    pub(super) varies: bool,
    /// The square of the value and a little more.
    pub(super) positive: bool,
    /// The same for all samples.
    pub(super) parameter: bool,
    pub(super) facts: Facts,
}

/// Values for all variables, the one that is differentiated first.
pub(super) type Assignment = Vec<(Var, Candidate)>;

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

    fn build(&self, graph: &mut Graph, var: Var, x: Option<Id>) -> Result<Id, ShapeError> {
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
    let mut ids = BTreeMap::new();
    let mut x = None;
    for (var, candidate) in assignment {
        let id = candidate.build(graph, *var, x)?;
        x = x.or(Some(id));
        ids.insert(*var, id);
    }
    Ok(ids)
}

/// Whether the conditions hold for values written in `graph`, with `root` in sight, by the very code that
/// decides them when rules run.
pub(super) fn conditions_hold<'a>(
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

/// The size that stands for a small number: 2 is m, 3 is n, 6 is m*n, and 1 is 1. Products are equal exactly
/// when their numbers are, so shapes can be searched as numbers and used as names.
pub(super) fn size(number: u64) -> Dimension {
    let (mut rest, mut size) = (number, Dimension::one());
    for (factor, name) in [(2, "m"), (3, "n")] {
        while rest.is_multiple_of(factor) {
            rest /= factor;
            size = size.times(&Dimension::named(name));
        }
    }
    size.times(&Dimension::constant(rest))
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dimension(d) => write!(f, "= {}", size(*d)),
            Self::Number(value) => write!(f, "= {value}"),
            Self::Function => write!(f, "a smooth function"),
            Self::Value(rows, cols, form) => {
                write!(f, "{}×{}", size(*rows), size(*cols))?;
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
