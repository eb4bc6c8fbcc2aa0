//! Normal forms as values: what the core hands out, and the decision whether two expressions are equal.

use std::collections::BTreeSet;

use super::core::{Core, Tensor, scaled};
use super::error::{IndexError, Outcome};
use super::functions::integer;
use super::lambda::number_tensor;
use super::term::{Kind, Term};
use crate::expr::{Graph, Id, Shape};

/// A matrix in normal form: a sum of products of tensors with named indices.
///
/// Two expressions with the same normal form are equal; its text shows the row's indices, then the column's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexExpression {
    pub(super) shape: Shape,
    pub(super) tensor: Tensor,
}

/// Whether two expressions are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Equal wherever both are defined, and defined at the same places as far as divisions are concerned.
    Equal,
    /// Different polynomials in the entries of unrestricted values.
    Different,
    /// Not decided, and why.
    Undecided(String),
}

impl IndexExpression {
    /// The shape of the matrix.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The number of terms.
    pub fn terms(&self) -> usize {
        self.tensor.terms.len()
    }

    /// Decides whether an expression of a graph has this value. The graph holds the facts that may be used.
    pub fn equals(&self, graph: &Graph, id: Id) -> Decision {
        self.compare(graph, id)
            .unwrap_or_else(|error| Decision::Undecided(error.to_string()))
    }

    fn compare(&self, graph: &Graph, id: Id) -> Outcome<Decision> {
        let mut core = Core::new(graph);
        let other = core.lower(id)?;
        let own = core.fresh(&self.tensor);
        difference(&mut core, own, other).map(|rest| verdict(graph, &rest))
    }

    /// True when it is identically zero.
    pub fn is_zero(&self) -> bool {
        self.tensor.terms.is_empty()
    }
}

/// The normal form of an expression.
///
/// ```
/// use hbp::calculus::index::normal_form;
/// use hbp::expr::{Dimension, Facts, Graph, Op, Role, Shape, Variable};
/// let mut graph = Graph::default();
/// let n = Dimension::named("n");
/// let vector = Variable { shape: Shape::vector(n), role: Role::Input, facts: Facts::default() };
/// let x = graph.declare("x", vector);
/// let t = graph.node(Op::Transpose, &[x])?;
/// let dot = graph.node(Op::Multiply, &[t, x])?;
/// assert_eq!(normal_form(&graph, dot)?.to_string(), "Σ_i x[i]^2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When an operation has no index form, a value is not defined, or a limit is reached.
pub fn normal_form(graph: &Graph, id: Id) -> Result<IndexExpression, IndexError> {
    let mut core = Core::new(graph);
    let tensor = core.lower(id)?;
    core.finish(tensor)
}

/// The form of an expression in which every elementwise function keeps its name, for structure that is to be written
/// and run: in terms of few functions, numbers cancel and overflow.
///
/// # Errors
/// When an operation has no index form, a value is not defined, or a limit is reached.
pub fn form_as_written(graph: &Graph, id: Id) -> Result<IndexExpression, IndexError> {
    let mut core = Core::new(graph);
    core.as_written = true;
    let tensor = core.lower(id)?;
    core.finish(tensor)
}

/// Decides whether two expressions of one shape are equal. Where the values `defined` exist, nothing that they divide by
/// is zero.
pub fn equal(graph: &Graph, a: Id, b: Id, defined: &[Id]) -> Decision {
    decide(graph, a, b, defined).unwrap_or_else(|error| Decision::Undecided(error.to_string()))
}

fn decide(graph: &Graph, a: Id, b: Id, defined: &[Id]) -> Outcome<Decision> {
    if graph[a].sort.shape() != graph[b].sort.shape() || graph[a].sort.shape().is_none() {
        return Ok(Decision::Undecided("the shapes differ".into()));
    }
    let mut left = Core::new(graph);
    let mut right = Core::new(graph);
    let (p, q) = (left.lower(a)?, right.lower(b)?);
    let (p, q) = (left.finish(p)?, right.finish(q)?);
    if p != q {
        let mut both = Core::new(graph);
        let (p, q) = (both.lower(a)?, both.lower(b)?);
        let (total, q) = both.align(p, q);
        let rest = both.minus(total, &q)?;
        let verdict = verdict(graph, &both.finish(rest.clone())?);
        if verdict != Decision::Equal && !both.vanishes_without_inverses(rest)? {
            return Ok(verdict);
        }
    }
    // What cancelled on one side must be known to be nonzero, from the other or from what is defined.
    let mut known = BTreeSet::new();
    for id in defined {
        let mut core = Core::new(graph);
        // As far as it comes: a value without an index form says nothing.
        let _ = core.lower(*id);
        known.append(&mut core.denominators);
        known.append(&mut core.cancelled);
    }
    let mut unknown = (left.cancelled.difference(&right.denominators))
        .chain(right.cancelled.difference(&left.denominators))
        .filter(|head| !known.contains(*head));
    Ok(match unknown.next() {
        None => Decision::Equal,
        Some(head) => Decision::Undecided(format!(
            "equal only where {} is not zero",
            super::display::head(head)
        )),
    })
}

/// The normal form of p - q.
fn difference(core: &mut Core<'_>, p: Tensor, q: Tensor) -> Outcome<IndexExpression> {
    let (p, q) = core.align(p, q);
    let rest = core.minus(p, &q)?;
    core.finish(rest)
}

/// What a difference says.
fn verdict(graph: &Graph, difference: &IndexExpression) -> Decision {
    if difference.is_zero() {
        Decision::Equal
    } else if is_polynomial(graph, &difference.tensor.terms) {
        Decision::Different
    } else {
        Decision::Undecided(format!(
            "the difference is not seen to be zero: {difference}"
        ))
    }
}

/// True for polynomials in entries of values without facts, over indices of symbolic range: distinct ones differ for
/// some sizes and entries.
fn is_polynomial(graph: &Graph, terms: &[Term]) -> bool {
    let free_entry = |kind: &Kind| match kind {
        Kind::Size(_) => true,
        Kind::Variable(name) => {
            graph
                .variables()
                .get(name)
                .is_some_and(|v| v.facts == crate::expr::Facts::default())
                && !name.starts_with("hess(")
        }
        _ => false,
    };
    terms.iter().all(|t| {
        t.factors.iter().all(|f| {
            free_entry(&f.head.kind)
                && f.power.is_integer()
                && *f.power.numer() > 0
                && f.indices().all(|i| i.size.as_name().is_some())
        })
    })
}

impl Core<'_> {
    /// p - q, both at the same subscripts.
    fn minus(&mut self, mut p: Tensor, q: &Tensor) -> Outcome<Tensor> {
        p.terms.extend(scaled(&q.terms, &integer(-1)));
        self.settle(p)
    }

    /// The normal form of a tensor, facts included.
    pub(super) fn finish(&mut self, tensor: Tensor) -> Outcome<IndexExpression> {
        let tensor = self.settle(tensor)?;
        let tensor = self.with_facts(tensor)?;
        let tensor = self.fuse_free(tensor);
        let shape = Shape::matrix(
            super::matrices::range(&tensor.row),
            super::matrices::range(&tensor.col),
        );
        Ok(IndexExpression {
            shape,
            tensor: number_tensor(&tensor)?,
        })
    }

    /// Uses the declared facts of the variable that was varied.
    fn with_facts(&mut self, mut tensor: Tensor) -> Outcome<Tensor> {
        let Some(name) = self.varied.take() else {
            return Ok(tensor);
        };
        let facts = self.facts(&name);
        let shape = self.graph.variables().get(&name).map(|v| v.shape.clone());
        let (Some(shape), true) = (shape, facts != crate::expr::Facts::default()) else {
            return Ok(tensor);
        };
        tensor.terms =
            self.replace(&tensor.terms, &mut |core, factor| match &factor.head.kind {
                Kind::Variable(own) if *own == name => {
                    let value = core.named(&name, &shape);
                    let placed =
                        super::differentiate::placed(value, &factor.slots[0], &factor.slots[1]);
                    let terms = core.simplify(placed)?;
                    core.power(&terms, factor.power).map(Some)
                }
                _ => Ok(None),
            })?;
        self.settle(tensor)
    }
}
