//! What is known of every e-class: shape, dependence, facts, exact values. Why: conditions of rules read it,
//! and classes of zero, identity and dimension are pruned to their literal, which keeps e-graphs small.

use std::collections::HashMap;

use egg::{DidMerge, EGraph, Language};
use num_traits::{One, Zero};

use super::enode::ENode;
use super::fact::fact_of;
use crate::expr::{Dimension, Graph, Id, Name, Op, Rational, Role, Shape, Sort, is_output_hessian};

/// The e-graph of this floor.
pub(crate) type Egraph = EGraph<ENode, Knowledge>;

/// Variables as bits of 128: at most this many in one module, beside δz and ℋz.
pub(crate) const MAX_VARIABLES: usize = 126;

/// What the analysis knows from outside the e-graph.
#[derive(Clone, Debug, Default)]
pub(crate) struct Knowledge {
    variables: HashMap<Name, Fact>,
    bits: HashMap<Name, u32>,
    sample_mask: u128,
    hessian_mask: u128,
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
    /// The exact value, when it is known.
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
            let is_hessian = variable.role == Role::Upstream && is_output_hessian(name);
            if is_hessian {
                knowledge.hessian_mask |= 1 << bit;
            }
            fact.symmetric |= variable.facts.imply_symmetric() || is_hessian;
            fact.diagonal |= variable.facts.diagonal;
            fact.distribution = variable.facts.distribution;
            // A definite scalar is above zero.
            let is_scalar = variable.shape.is_scalar();
            fact.positive = is_scalar && variable.facts.positive_definite;
            fact.nonnegative = variable.facts.distribution || fact.positive;
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

impl Knowledge {
    /// The bits of ℋz.
    pub(crate) fn hessian_mask(&self) -> u128 {
        self.hessian_mask
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
            // Ones say everything, too; `a .* a.^-1` beside them only breeds.
            if egraph[id].nodes.iter().any(|node| node.op == Op::Ones) {
                egraph[id].nodes.retain(|node| node.op == Op::Ones);
            }
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
    let mut fact = egraph[id].data.clone();
    fact.zero |= is_multiple_of_itself(egraph, id);
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

/// x = p x with p ≠ 1 says that x is zero. Such a class would otherwise be multiplied by p for ever.
fn is_multiple_of_itself(egraph: &Egraph, id: egg::Id) -> bool {
    let id = egraph.find(id);
    egraph[id].nodes.iter().any(|node| {
        node.op == Op::Scale
            && egraph.find(node.children[1]) == id
            && egraph[node.children[0]]
                .data
                .number
                .as_ref()
                .is_some_and(|p| !p.is_one())
    })
}

/// The dimension of a class, if it is one.
pub(crate) fn dimension_of(fact: &Fact) -> Option<&Dimension> {
    match &fact.sort {
        Sort::Dimension(d) => Some(d),
        _ => None,
    }
}
