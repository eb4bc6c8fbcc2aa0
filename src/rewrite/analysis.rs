//! What is known of every e-class: shape, dependence, facts, exact values. Why: conditions of rules read it,
//! and classes of zero, identity and dimension are pruned to their literal, which keeps e-graphs small.

use std::collections::HashMap;

use egg::{DidMerge, EGraph, Language};
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::enode::ENode;
use crate::expr::{Dimension, Graph, Id, Name, Op, Rational, Role, Shape, Sort, infer};

/// The e-graph of this floor.
pub(crate) type Egraph = EGraph<ENode, Knowledge>;

/// Variables as bits: at most this many in one module.
pub(crate) const MAX_VARIABLES: usize = 128;

/// What the analysis knows from outside the e-graph.
#[derive(Clone, Debug, Default)]
pub(crate) struct Knowledge {
    variables: HashMap<Name, Fact>,
    bits: HashMap<Name, u32>,
    sample_mask: u128,
}

/// What is known of one class.
#[derive(Clone, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, each true of a value or not known"
)]
pub(crate) struct Fact {
    pub(crate) sort: Sort,
    /// The variables it may depend on, as bits.
    pub(crate) depends: u128,
    /// Depends on the sample only through what is not averaged.
    pub(crate) number: Option<Rational>,
    pub(crate) zero: bool,
    pub(crate) identity: bool,
    pub(crate) symmetric: bool,
    pub(crate) diagonal: bool,
    pub(crate) distribution: bool,
    /// Every entry is > 0.
    pub(crate) positive: bool,
    /// Every entry is ≥ 0.
    pub(crate) nonnegative: bool,
}

impl Fact {
    pub(crate) fn plain(sort: Sort, depends: u128) -> Self {
        let number = None;
        let mut fact = Self {
            sort,
            depends,
            number,
            zero: false,
            identity: false,
            symmetric: false,
            diagonal: false,
            distribution: false,
            positive: false,
            nonnegative: false,
        };
        if fact.shape().is_some_and(|s| s.is_scalar()) {
            fact.symmetric = true;
            fact.diagonal = true;
        }
        fact
    }

    /// The shape, unless it is an elementwise function.
    pub(crate) fn shape(&self) -> Option<Shape> {
        self.sort.shape()
    }
}

impl Knowledge {
    /// Everything declared in `graph`, and the locals as names for their values.
    pub(crate) fn new(graph: &Graph, locals: &[(Name, Id)]) -> Self {
        let mut knowledge = Self::default();
        for (i, (name, variable)) in graph.variables().iter().enumerate() {
            let bit = u32::try_from(i).unwrap_or(u32::MAX).min(127);
            knowledge.bits.insert(name.clone(), bit);
            if variable.role.depends_on_sample() {
                knowledge.sample_mask |= 1 << bit;
            }
            let mut fact = Fact::plain(Sort::Value(variable.shape.clone()), 1 << bit);
            fact.symmetric |= variable.facts.symmetric
                || variable.facts.positive_definite
                || variable.facts.diagonal
                || (variable.role == Role::Upstream && name.starts_with("hess("));
            fact.diagonal |= variable.facts.diagonal;
            fact.distribution = variable.facts.distribution;
            fact.nonnegative = variable.facts.distribution;
            knowledge.variables.insert(name.clone(), fact);
        }
        for (name, value) in locals {
            let depends = graph
                .free_variables(*value)
                .iter()
                .filter_map(|v| knowledge.bits.get(v))
                .fold(0u128, |mask, bit| mask | 1 << bit);
            let fact = Fact::plain(graph[*value].sort.clone(), depends);
            knowledge.variables.insert(name.clone(), fact);
        }
        knowledge
    }

    /// The bits of everything that differs from sample to sample.
    pub(crate) fn sample_mask(&self) -> u128 {
        self.sample_mask
    }
}

impl egg::Analysis<ENode> for Knowledge {
    type Data = Fact;

    fn make(egraph: &mut Egraph, enode: &ENode, _: egg::Id) -> Fact {
        if let Op::Variable(name) = &enode.op {
            return egraph
                .analysis
                .variables
                .get(name)
                .cloned()
                .unwrap_or_else(|| unreachable!("`{name}` is not declared in this e-graph"));
        }
        let facts: Vec<&Fact> = enode.children.iter().map(|c| &egraph[*c].data).collect();
        fact_of(&enode.op, &facts, &egraph.analysis)
    }

    fn merge(&mut self, a: &mut Fact, b: Fact) -> DidMerge {
        let (left, right) = (a.shape(), b.shape());
        assert_eq!(left, right, "a rule united two shapes");
        let mut merged = DidMerge(false, false);
        if let (Sort::Value(_), Sort::Dimension(_)) = (&a.sort, &b.sort) {
            a.sort = b.sort.clone();
            merged.0 = true;
        } else if a.sort != b.sort {
            merged.1 = true;
        }
        let depends = a.depends & b.depends;
        merged.0 |= depends != a.depends;
        merged.1 |= depends != b.depends;
        a.depends = depends;
        if a.number.is_none() && b.number.is_some() {
            a.number.clone_from(&b.number);
            merged.0 = true;
        } else if a.number.is_some() && b.number.is_none() {
            merged.1 = true;
        }
        for (mine, theirs) in [
            (&mut a.zero, b.zero),
            (&mut a.identity, b.identity),
            (&mut a.symmetric, b.symmetric),
            (&mut a.diagonal, b.diagonal),
            (&mut a.distribution, b.distribution),
            (&mut a.positive, b.positive),
            (&mut a.nonnegative, b.nonnegative),
        ] {
            merged.0 |= !*mine && theirs;
            merged.1 |= *mine && !theirs;
            *mine |= theirs;
        }
        merged
    }

    fn modify(egraph: &mut Egraph, id: egg::Id) {
        let Some(literal) = literal_of(egraph, id) else {
            return;
        };
        let mut leaves = vec![literal.clone()];
        if let Some(value) = &egraph[id].data.number {
            leaves.push(ENode::leaf(Op::Number(value.clone())));
        }
        for leaf in leaves {
            let new = egraph.add(leaf);
            if egraph.find(new) != egraph.find(id) {
                egraph.union_trusted(id, new, "evaluate");
            }
        }
        // The literal says everything: other ways to write it only make the e-graph larger.
        let id = egraph.find(id);
        let keep = |node: &ENode| {
            node.is_leaf() || (node.op == literal.op && matches!(node.op, Op::Zeros | Op::Eye))
        };
        egraph[id].nodes.retain(keep);
    }
}

/// The literal that a class is known to equal: a number, a dimension, zeros or an identity.
fn literal_of(egraph: &mut Egraph, id: egg::Id) -> Option<ENode> {
    let fact = egraph[id].data.clone();
    match &fact.sort {
        Sort::Function => {
            let prime = egraph[id].nodes.iter().find(|n| n.op == Op::Prime)?;
            let inner = prime.children[0];
            let function = egraph[inner].nodes.iter().find_map(|n| match &n.op {
                Op::Function(f) => Some(f.clone()),
                _ => None,
            })?;
            let order = function.order + 1;
            return Some(ENode::leaf(Op::Function(crate::expr::Function {
                order,
                ..function
            })));
        }
        Sort::Dimension(d) => return Some(ENode::leaf(Op::Dimension(d.clone()))),
        Sort::Value(_) => {}
    }
    if let Some(value) = fact.number {
        return Some(ENode::leaf(Op::Number(value)));
    }
    let shape = fact.shape()?;
    if fact.zero {
        if shape.is_scalar() {
            return Some(ENode::leaf(Op::Number(Rational::zero())));
        }
        let rows = egraph.add(ENode::leaf(Op::Dimension(shape.rows)));
        let cols = egraph.add(ENode::leaf(Op::Dimension(shape.cols)));
        return Some(ENode::new(Op::Zeros, &[rows, cols]));
    }
    if fact.identity {
        if shape.is_scalar() {
            return Some(ENode::leaf(Op::Number(Rational::one())));
        }
        let n = egraph.add(ENode::leaf(Op::Dimension(shape.rows)));
        return Some(ENode::new(Op::Eye, &[n]));
    }
    None
}

/// The facts of an operation from the facts of its operands.
#[allow(clippy::too_many_lines, reason = "one table, an operation a line")]
fn fact_of(op: &Op, c: &[&Fact], knowledge: &Knowledge) -> Fact {
    let sorts: Vec<Sort> = c.iter().map(|f| f.sort.clone()).collect();
    let sort = match op {
        // A whole number may stand for a size.
        Op::Number(value) if value.is_integer() && u64::try_from(value.to_integer()).is_ok() => {
            let size = u64::try_from(value.to_integer()).unwrap_or_default();
            Sort::Dimension(Dimension::constant(size))
        }
        _ => infer(op, &sorts)
            .unwrap_or_else(|e| unreachable!("a rule made an ill-shaped term: {e}")),
    };
    let depends = match op {
        Op::Jacobian => c[0].depends,
        Op::Backpropagate => c[0].depends | c[1].depends,
        Op::Expectation => c[0].depends & !knowledge.sample_mask,
        Op::Rows | Op::Cols | Op::Size => 0,
        _ => c.iter().fold(0, |mask, f| mask | f.depends),
    };
    let mut fact = Fact::plain(sort, depends);
    fact.number = number_of(op, c);
    if let Some(value) = &fact.number {
        fact.positive = value.is_positive();
        fact.nonnegative = !value.is_negative();
    }
    let all = |property: fn(&Fact) -> bool| c.iter().all(|f| property(f));
    match op {
        Op::Zeros => fact.zero = true,
        Op::Eye => (fact.identity, fact.symmetric, fact.diagonal) = (true, true, true),
        // The number 0 stands as a dimension too.
        Op::Dimension(d) => fact.positive = d.as_constant() != Some(0),
        Op::Ones => fact.positive = true,
        Op::Diag => (fact.symmetric, fact.diagonal, fact.zero) = (true, true, c[0].zero),
        Op::Transpose | Op::Expectation => {
            (fact.zero, fact.identity) = (c[0].zero, c[0].identity);
            (fact.symmetric, fact.diagonal) = (c[0].symmetric, c[0].diagonal);
            (fact.positive, fact.nonnegative) = (c[0].positive, c[0].nonnegative);
            fact.distribution = *op == Op::Expectation && c[0].distribution;
        }
        Op::Inverse => {
            fact.identity = c[0].identity;
            (fact.symmetric, fact.diagonal) = (c[0].symmetric, c[0].diagonal);
        }
        Op::Vec | Op::Reshape | Op::DiagVec | Op::Sum | Op::Trace | Op::Mean => {
            (fact.zero, fact.nonnegative) = (c[0].zero, c[0].nonnegative);
            fact.positive = c[0].positive;
        }
        Op::Kronecker => {
            fact.zero = c.iter().any(|f| f.zero);
            fact.identity = all(|f| f.identity);
            fact.symmetric = all(|f| f.symmetric);
            fact.diagonal = all(|f| f.diagonal);
            fact.positive = all(|f| f.positive);
            fact.nonnegative = all(|f| f.nonnegative);
        }
        Op::Hadamard => {
            fact.zero = c.iter().any(|f| f.zero);
            fact.symmetric |= all(|f| f.symmetric);
            fact.diagonal |= c.iter().any(|f| f.diagonal);
            fact.positive = all(|f| f.positive);
            fact.nonnegative = all(|f| f.nonnegative);
        }
        Op::Scale => {
            fact.zero = c.iter().any(|f| f.zero);
            fact.symmetric |= c[1].symmetric;
            fact.diagonal |= c[1].diagonal;
            fact.positive = all(|f| f.positive);
            fact.nonnegative = all(|f| f.nonnegative);
        }
        Op::Add => {
            fact.zero = all(|f| f.zero);
            fact.symmetric |= all(|f| f.symmetric);
            fact.diagonal |= all(|f| f.diagonal);
            fact.nonnegative = all(|f| f.nonnegative);
            fact.positive = fact.nonnegative && c.iter().any(|f| f.positive);
        }
        Op::Multiply => {
            fact.zero = c.iter().any(|f| f.zero);
            fact.identity = all(|f| f.identity);
            fact.diagonal |= all(|f| f.diagonal);
            fact.symmetric |= fact.diagonal;
            fact.positive = all(|f| f.positive);
            fact.nonnegative = all(|f| f.nonnegative);
        }
        Op::Congruence => {
            fact.symmetric |= c[1].symmetric;
            fact.zero = c.iter().any(|f| f.zero);
        }
        Op::Softmax => {
            fact.positive = true;
            fact.distribution = fact.shape().is_some_and(|s| s.is_column());
        }
        Op::Norm2 => fact.nonnegative = true,
        Op::Power => {
            fact.positive = c[0].positive;
            let even = c[1]
                .number
                .as_ref()
                .is_some_and(|p| p.is_integer() && (p.to_integer() % 2u32).is_zero());
            fact.nonnegative = even || c[0].nonnegative;
        }
        Op::Apply | Op::EigAbs | Op::EigClip => fact.symmetric |= c[c.len() - 1].symmetric,
        _ => {}
    }
    fact.zero |= fact.number.as_ref().is_some_and(Zero::is_zero);
    fact.nonnegative |= fact.positive;
    fact
}

/// The exact value, when the operands' exact values are known.
fn number_of(op: &Op, c: &[&Fact]) -> Option<Rational> {
    let numbers = || {
        c.iter()
            .map(|f| f.number.clone())
            .collect::<Option<Vec<_>>>()
    };
    match op {
        Op::Number(value) => Some(value.clone()),
        Op::Ones
            if c.iter()
                .all(|f| dimension_of(f).is_some_and(Dimension::is_one)) =>
        {
            Some(Rational::one())
        }
        Op::Dimension(d) => d
            .as_constant()
            .map(|value| Rational::from_integer(value.into())),
        Op::Add => numbers().map(|n| n.iter().sum()),
        Op::Scale | Op::Hadamard | Op::Multiply => {
            if !c.iter().all(|f| f.shape().is_some_and(|s| s.is_scalar())) {
                return None;
            }
            numbers().map(|n| n.iter().product())
        }
        Op::Power => {
            let n = numbers()?;
            let exponent = n[1]
                .is_integer()
                .then(|| n[1].to_integer().to_i32())
                .flatten()?;
            if exponent.abs() > 64 || (n[0].is_zero() && exponent <= 0) {
                return None;
            }
            Some(n[0].pow(exponent))
        }
        Op::Transpose | Op::Trace | Op::Sum | Op::Mean | Op::Vec | Op::Diag | Op::DiagVec => c[0]
            .number
            .clone()
            .filter(|_| c[0].shape().is_some_and(|s| s.is_scalar())),
        _ => None,
    }
}

/// The dimension of a class, if it is one.
pub(crate) fn dimension_of(fact: &Fact) -> Option<&Dimension> {
    match &fact.sort {
        Sort::Dimension(d) => Some(d),
        _ => None,
    }
}
