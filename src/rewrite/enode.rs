//! The e-graph's language: the expression graph's operations on e-classes. Why a bridge of its own: `expr`
//! knows no egg, and rules, phases and proofs need nothing but this.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use egg::{ENodeOrVar, Language, PatternAst, Var};
use smallvec::SmallVec;

use crate::expr::{Graph, Id, Name, Op, ShapeError};

/// An operation on e-classes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ENode {
    pub(crate) op: Op,
    pub(crate) children: SmallVec<[egg::Id; 3]>,
}

impl ENode {
    pub(crate) fn new(op: Op, children: &[egg::Id]) -> Self {
        Self {
            op,
            children: SmallVec::from_slice(children),
        }
    }

    pub(crate) fn leaf(op: Op) -> Self {
        Self::new(op, &[])
    }
}

impl Language for ENode {
    type Discriminant = Op;

    fn discriminant(&self) -> Op {
        self.op.clone()
    }

    fn matches(&self, other: &Self) -> bool {
        self.op == other.op && self.children.len() == other.children.len()
    }

    fn children(&self) -> &[egg::Id] {
        &self.children
    }

    fn children_mut(&mut self) -> &mut [egg::Id] {
        &mut self.children
    }
}

impl fmt::Display for ENode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.op {
            Op::Variable(name) => write!(f, "{name}"),
            Op::Number(value) => write!(f, "{value}"),
            Op::Dimension(d) => write!(f, "{d}"),
            Op::Function(function) => {
                write!(
                    f,
                    "{}{}",
                    function.name,
                    "'".repeat(function.order as usize)
                )
            }
            op => write!(f, "{}", op.head().map_or("?", |(name, _)| name)),
        }
    }
}

/// A term with its operations, children before parents; the last one is the root.
pub(crate) type Term = egg::RecExpr<ENode>;

/// Writes `root` as a term with sums and Hadamard products nested to the right, one node for each shared subexpression.
pub(crate) fn to_term(graph: &Graph, root: Id) -> Term {
    let mut term = Term::default();
    let mut ids: HashMap<Id, egg::Id> = HashMap::new();
    for id in graph.topological(&[root]) {
        let node = &graph[id];
        let children: Vec<egg::Id> = node.children.iter().map(|c| ids[c]).collect();
        let new = if node.op == Op::Add {
            nest(&mut |node| term.add(node), &Op::Add, &children)
        } else if node.op == Op::Hadamard {
            let factors = hadamard_factors(graph, id);
            let factors: Vec<egg::Id> = factors.iter().map(|factor| ids[factor]).collect();
            nest(&mut |node| term.add(node), &Op::Hadamard, &factors)
        } else {
            term.add(ENode::new(node.op.clone(), &children))
        };
        ids.insert(id, new);
    }
    term
}

/// The factors of nested Hadamard products, in order; each stands before the product in topological order.
pub(crate) fn hadamard_factors(graph: &Graph, id: Id) -> Vec<Id> {
    let mut factors = Vec::new();
    let mut stack = vec![id];
    while let Some(id) = stack.pop() {
        if graph[id].op == Op::Hadamard {
            stack.extend(graph[id].children.iter().rev());
        } else {
            factors.push(id);
        }
    }
    factors
}

/// Nests an associative operation to the right: `a + (b + (c + d))`.
pub(crate) fn nest(
    add: &mut dyn FnMut(ENode) -> egg::Id,
    op: &Op,
    children: &[egg::Id],
) -> egg::Id {
    let (last, rest) = children
        .split_last()
        .expect("an associative operation has operands");
    rest.iter().rev().fold(*last, |tail, head| {
        add(ENode::new(op.clone(), &[*head, tail]))
    })
}

/// Adds one operation to a graph, turning whole numbers into dimensions where a dimension is meant.
pub(crate) fn build(
    graph: &mut Graph,
    op: &Op,
    children: &[Id],
    locals: &[(Name, Id)],
) -> Result<Id, ShapeError> {
    if let Op::Variable(name) = op
        && let Some((_, value)) = locals.iter().find(|(local, _)| local == name)
    {
        return Ok(*value);
    }
    let sizes = match op {
        Op::Eye | Op::Ones | Op::Zeros | Op::Commutation | Op::DimensionProduct => 0,
        Op::Reshape => 1,
        _ => children.len(),
    };
    let mut children = children.to_vec();
    for child in &mut children[..sizes] {
        if let Op::Dimension(d) = &graph[*child].op
            && let Some(value) = d.as_constant()
        {
            *child = graph.number(crate::expr::Rational::from_integer(value.into()));
        }
    }
    for child in &mut children[sizes..] {
        if let Some(value) = graph.as_number(*child)
            && value.is_integer()
            && let Ok(value) = u64::try_from(value.to_integer())
        {
            *child = graph.dimension(crate::expr::Dimension::constant(value));
        }
    }
    graph.node(op.clone(), &children)
}

/// Writes a pattern into a graph with its variables replaced.
pub(crate) fn instantiate(
    graph: &mut Graph,
    pattern: &PatternAst<ENode>,
    ids: &BTreeMap<Var, Id>,
) -> Result<Id, ShapeError> {
    let mut nodes: Vec<Id> = Vec::with_capacity(pattern.len());
    for node in pattern {
        let id = match node {
            ENodeOrVar::Var(v) => ids[v],
            ENodeOrVar::ENode(node) => {
                let children = node.children.iter().map(|c| nodes[usize::from(*c)]);
                build(graph, &node.op, &children.collect::<Vec<_>>(), &[])?
            }
        };
        nodes.push(id);
    }
    Ok(nodes[nodes.len() - 1])
}
