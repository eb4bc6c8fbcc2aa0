//! The equations of Hessian backpropagation as index expressions: Jacobian, gradient, residual, Hessian. Why again:
//! they share nothing with the rules but the forward map, so that agreement says something.

use super::arrange::{joined, transposed};
use super::core::{Core, Tensor};
use super::error::{IndexError, Outcome};
use super::expression::IndexExpression;
use super::term::{Index, Slot};
use crate::expr::{Dimension, Graph, Id, Name, Shape};

/// What a module sends its parent for one variable v.
#[derive(Clone, Debug)]
pub struct Derivation {
    /// D z(v) = ∂ vec z / ∂ (vec v)'.
    pub jacobian: IndexExpression,
    /// δv = D z(v)' δz, of the shape of v.
    pub gradient: IndexExpression,
    /// The Jacobian of v ↦ D z(v)' δz with δz held constant.
    pub residual: IndexExpression,
    /// ℋv = D z(v)' ℋz D z(v) + R.
    pub hessian: IndexExpression,
}

/// What arrives from the child of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream<'a> {
    /// The loss gradient `grad(z)` and Hessian `hess(z)` at the output called z.
    Output(&'a str),
    /// The output is the loss: δ = 1 and ℋ = 0.
    Loss,
}

/// The Jacobian of an expression with respect to a declared variable.
///
/// # Errors
/// When an operation has no index form or no derivative, or a limit is reached.
pub fn differentiate(
    graph: &Graph,
    expression: Id,
    variable: &str,
) -> Result<IndexExpression, IndexError> {
    let mut core = Core::varying(graph, variable);
    let jacobian = core.jacobian(expression, variable)?;
    core.finish(jacobian)
}

/// The equations for one variable.
///
/// # Errors
/// When an operation has no index form or no derivative, or a limit is reached.
pub fn derive(
    graph: &Graph,
    output: Id,
    upstream: Upstream<'_>,
    variable: &str,
) -> Result<Derivation, IndexError> {
    let mut core = Core::varying(graph, variable);
    let shape = core.shape_of(variable)?;
    let jacobian = core.jacobian(output, variable)?;
    let gradient = core.gradient(output, upstream, &jacobian)?;
    let residual = core.column_derivative(&gradient, variable)?;
    let curved = core.congruence(output, upstream, &jacobian, &jacobian)?;
    let hessian = core.sum_of(curved, residual.clone());
    let (row, col) = divided(&gradient.row, &shape.rows);
    let gradient = Tensor {
        row,
        col,
        terms: gradient.terms,
    };
    // The variable's facts come last: they hold for its value and not for how it varies.
    let mut finish = |tensor: Tensor| {
        core.varied = Some(variable.into());
        core.finish(tensor)
    };
    Ok(Derivation {
        jacobian: finish(jacobian)?,
        gradient: finish(gradient)?,
        residual: finish(residual)?,
        hessian: finish(hessian)?,
    })
}

/// The block ℋ(u, v) = D z(u)' ℋz D z(v) + R of two variables, R the Jacobian of D z(u)' δz with respect to v.
///
/// # Errors
/// When an operation has no index form or no derivative, or a limit is reached.
pub fn cross_block(
    graph: &Graph,
    output: Id,
    upstream: Upstream<'_>,
    rows: &str,
    cols: &str,
) -> Result<IndexExpression, IndexError> {
    let mut core = Core::varying(graph, rows);
    let first = core.jacobian(output, rows)?;
    core.vary(cols);
    let second = core.jacobian(output, cols)?;
    core.vary(rows);
    let gradient = core.gradient(output, upstream, &first)?;
    let residual = core.column_derivative(&gradient, cols)?;
    let curved = core.congruence(output, upstream, &first, &second)?;
    let hessian = core.sum_of(curved, residual);
    core.finish(hessian)
}

impl<'g> Core<'g> {
    /// A computation in which the entries of one variable are varied freely.
    fn varying(graph: &'g Graph, variable: &str) -> Self {
        let mut core = Self::new(graph);
        core.varied = Some(variable.into());
        core
    }

    /// Varies another variable: what was lowered with the facts of the one is not used for the other.
    fn vary(&mut self, variable: &str) {
        self.varied = Some(variable.into());
        self.lowered.clear();
    }

    fn shape_of(&self, variable: &str) -> Outcome<Shape> {
        let unknown = || IndexError::unsupported(variable, "it is not a declared variable");
        self.graph
            .variables()
            .get(variable)
            .map(|v| v.shape.clone())
            .ok_or_else(unknown)
    }

    /// D z(v): subscripts vec z, vec v.
    fn jacobian(&mut self, output: Id, variable: &str) -> Outcome<Tensor> {
        let z = self.lower(output)?;
        let vector = Tensor {
            row: joined(&z.row, &z.col),
            col: Slot::new(),
            terms: z.terms,
        };
        self.column_derivative(&vector, variable)
    }

    /// The Jacobian of a column.
    fn column_derivative(&mut self, vector: &Tensor, variable: &str) -> Outcome<Tensor> {
        let shape = self.shape_of(variable)?;
        let vector = self.fresh(vector);
        let (row, col) = (self.slot(&shape.rows), self.slot(&shape.cols));
        let name: Name = variable.into();
        let terms = self.derivative(&vector.terms, &name, &row, &col)?;
        self.settle(Tensor {
            row: vector.row,
            col: joined(&row, &col),
            terms,
        })
    }

    /// D z(v)' vec δz.
    fn gradient(
        &mut self,
        output: Id,
        upstream: Upstream<'_>,
        jacobian: &Tensor,
    ) -> Outcome<Tensor> {
        let jacobian = self.fresh(jacobian);
        let Upstream::Output(name) = upstream else {
            return Ok(Tensor {
                row: jacobian.col,
                col: Slot::new(),
                terms: jacobian.terms,
            });
        };
        let delta = self.named(&format!("grad({name})").into(), &self.graph.shape(output));
        let delta = Tensor {
            row: joined(&delta.row, &delta.col),
            col: Slot::new(),
            terms: delta.terms,
        };
        let product = self.matrix_product(transposed(jacobian), delta)?;
        self.settle(product)
    }

    /// D z(u)' ℋz D z(v).
    fn congruence(
        &mut self,
        output: Id,
        upstream: Upstream<'_>,
        left: &Tensor,
        right: &Tensor,
    ) -> Outcome<Tensor> {
        let (left, right) = (self.fresh(left), self.fresh(right));
        let Upstream::Output(name) = upstream else {
            return Ok(Tensor {
                row: left.col,
                col: right.col,
                terms: Vec::new(),
            });
        };
        let size = self.graph.shape(output).size();
        let shape = Shape::matrix(size.clone(), size);
        let hessian = self.named(&format!("hess({name})").into(), &shape);
        let product = self.matrix_product(hessian, right)?;
        let product = self.settle(product)?;
        let product = self.matrix_product(transposed(left), product)?;
        self.settle(product)
    }

    fn sum_of(&mut self, a: Tensor, b: Tensor) -> Tensor {
        let (mut a, b) = self.align(a, b);
        a.terms.extend(b.terms);
        a
    }
}

/// A subscript in two, the first of the given range.
fn divided(slot: &[Index], rows: &Dimension) -> (Slot, Slot) {
    let at = (0..=slot.len())
        .find(|&k| super::matrices::range(&slot[..k]) == *rows)
        .unwrap_or(slot.len());
    (slot[..at].into(), slot[at..].into())
}
