//! Matrices that differ from sample to sample, by what they are made of. Why: the Hessian of a loss is a diagonal less a product of
//! columns far more often than anything else, and is then never formed for all samples.

use super::{Form, Samples, Stop};
use crate::expr::{Graph, Id, Name, Op, ShapeError};

/// A square matrix of every sample: `diag(d) + Σ u v'`, each column a sample.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// d, where there is a diagonal.
    pub diagonal: Option<Id>,
    /// The pairs of u and v.
    pub outers: Vec<(Id, Id)>,
}

/// The terms of a matrix for all samples, as [`batched`](super::batched) makes forms; nothing where it has other terms.
///
/// # Errors
/// When an expression is ill shaped.
pub fn terms_of(
    graph: &mut Graph,
    matrix: Id,
    varying: &[Name],
    samples: &Name,
) -> Result<Option<Terms>, ShapeError> {
    let mut batch = Samples::new(graph, varying, samples);
    let mut terms = Terms::default();
    match batch.add_terms(matrix, None, &mut terms) {
        Ok(()) => Ok(Some(terms)),
        Err(Stop::NoForm) => Ok(None),
        Err(Stop::Shape(error)) => Err(error),
    }
}

impl Samples<'_> {
    /// Adds the terms of `factor` times a matrix.
    fn add_terms(&mut self, id: Id, factor: Option<Id>, terms: &mut Terms) -> Form<()> {
        let node = self.graph[id].clone();
        match (&node.op, node.children.as_slice()) {
            (Op::Zeros, _) => Ok(()),
            (Op::Add, parts) => parts
                .iter()
                .try_for_each(|part| self.add_terms(*part, factor, terms)),
            (Op::Scale, [s, a]) => {
                let factor = match factor {
                    Some(factor) => self.node(Op::Scale, &[factor, *s])?,
                    None => *s,
                };
                self.add_terms(*a, Some(factor), terms)
            }
            (Op::Eye, _) => {
                let shape = self.graph.shape(id);
                let ones = self.graph.ones(&crate::expr::Shape::vector(shape.rows));
                self.add_diagonal(ones, factor, terms)
            }
            (Op::Diag, [d]) => self.add_diagonal(*d, factor, terms),
            _ => {
                let (u, v) = self.rank_one(id)?;
                let u = match factor {
                    Some(factor) => self.times_scalar(factor, u)?,
                    None => u,
                };
                terms.outers.push((u, v));
                Ok(())
            }
        }
    }

    fn add_diagonal(&mut self, d: Id, factor: Option<Id>, terms: &mut Terms) -> Form<()> {
        let columns = self.columns(d)?;
        let columns = match factor {
            Some(factor) => self.times_scalar(factor, columns)?,
            None => columns,
        };
        terms.diagonal = Some(match terms.diagonal {
            Some(known) => self.node(Op::Add, &[known, columns])?,
            None => columns,
        });
        Ok(())
    }
}
