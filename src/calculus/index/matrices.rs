//! Functions of whole matrices: inverse, determinant, eigenvalues. Why the products are taken apart first: inv(A B) is
//! inv(B) inv(A) for square factors only, which the graph shows and the index form of the product does not.

use num_traits::{One, Signed};

use super::arrange::{joined, scalar, summed, transposed};
use super::core::{Core, Tensor, scaled, size};
use super::error::{IndexError, Outcome};
use super::functions::{integer, ratio};
use super::lambda::limited;
use super::lower::exchanges;
use super::power::numeric_content;
use super::term::{Factor, Kind, Matrix, Power, Slots, Symbol, Term};
use crate::expr::{Id, Op};

impl Core<'_> {
    /// The inverse of a node.
    pub(super) fn lower_inverse(&mut self, of: Id) -> Outcome<Tensor> {
        let graph = self.graph;
        let node = &graph[of];
        let child = |k: usize| node.children[k];
        let square = |id: Id| graph.shape(id).is_square();
        match &node.op {
            Op::Multiply if square(child(0)) && square(child(1)) => {
                let (a, b) = (self.lower_inverse(child(0))?, self.lower_inverse(child(1))?);
                let product = self.matrix_product(b, a)?;
                self.settle(product)
            }
            Op::Kronecker if square(child(0)) && square(child(1)) => {
                let (a, b) = (self.lower_inverse(child(0))?, self.lower_inverse(child(1))?);
                let terms = self.times(&a.terms, &b.terms)?;
                Ok(Tensor {
                    row: joined(&b.row, &a.row),
                    col: joined(&b.col, &a.col),
                    terms,
                })
            }
            Op::Transpose => self.lower_inverse(child(0)).map(transposed),
            Op::Inverse => self.lower(child(0)),
            Op::Commutation => self.lower(of).map(transposed),
            Op::Scale => {
                let s = self.lower(child(0))?;
                let share = self.power(&s.terms, -Power::one())?;
                let mut a = self.lower_inverse(child(1))?;
                a.terms = self.times(&share, &a.terms)?;
                Ok(a)
            }
            _ => {
                let a = self.lower(of)?;
                self.inverse(a)
            }
        }
    }

    /// The inverse of a matrix; its subscripts are new.
    pub(super) fn inverse(&mut self, a: Tensor) -> Outcome<Tensor> {
        let a = self.settle(a)?;
        if a.terms.is_empty() {
            return Err(IndexError::Undefined("the inverse of zero".into()));
        }
        if let Some(entries) = diagonal_entries(&a) {
            let vector = Tensor {
                terms: self.power(&entries, -Power::one())?,
                ..a
            };
            return Ok(on_diagonal(vector));
        }
        let number = numeric_content(&a.terms, false);
        let closed = |f: &Factor| f.indices().next().is_none();
        let (common, rest) = self.common(&a.terms, number, closed)?;
        let share = self.power(&[common], -Power::one())?;
        let (row_size, col_size) = (range(&a.row), range(&a.col));
        let (matrix, flip, symmetric) = self.close_matrix(Tensor { terms: rest, ..a })?;
        let head = limited(Symbol::new(
            Kind::Inverse(matrix.into()),
            exchanges(symmetric),
        ))?;
        let (row, col) = (self.slot(&col_size), self.slot(&row_size));
        let slots = if flip {
            [col.clone(), row.clone()]
        } else {
            [row.clone(), col.clone()]
        };
        let terms = self.times(&share, &[Term::single(Factor::new(head, slots))])?;
        Ok(Tensor { row, col, terms })
    }

    /// The determinant of a node.
    pub(super) fn determinant(&mut self, of: Id) -> Outcome<Vec<Term>> {
        let graph = self.graph;
        let node = &graph[of];
        let child = |k: usize| node.children[k];
        let square = |id: Id| graph.shape(id).is_square();
        match &node.op {
            Op::Multiply if square(child(0)) && square(child(1)) => {
                let (a, b) = (self.determinant(child(0))?, self.determinant(child(1))?);
                self.times(&a, &b)
            }
            Op::Kronecker if square(child(0)) && square(child(1)) => {
                let (a, b) = (self.determinant(child(0))?, self.determinant(child(1))?);
                let a = self.symbolic_power(&a, &size(&graph.shape(child(1)).rows))?;
                let b = self.symbolic_power(&b, &size(&graph.shape(child(0)).rows))?;
                self.times(&a, &b)
            }
            Op::Transpose => self.determinant(child(0)),
            Op::Inverse => {
                let a = self.determinant(child(0))?;
                self.power(&a, -Power::one())
            }
            Op::Scale => {
                let s = self.lower(child(0))?;
                let s = self.symbolic_power(&s.terms, &size(&graph.shape(of).rows))?;
                let a = self.determinant(child(1))?;
                self.times(&s, &a)
            }
            Op::Eye => Ok(vec![Term::number(integer(1))]),
            _ => {
                let a = self.lower(of)?;
                self.whole(a, Kind::Determinant)
            }
        }
    }

    /// log |det| of a node.
    pub(super) fn log_determinant(&mut self, of: Id) -> Outcome<Vec<Term>> {
        let graph = self.graph;
        let node = &graph[of];
        let child = |k: usize| node.children[k];
        let square = |id: Id| graph.shape(id).is_square();
        match &node.op {
            Op::Multiply if square(child(0)) && square(child(1)) => {
                let (a, b) = (
                    self.log_determinant(child(0))?,
                    self.log_determinant(child(1))?,
                );
                self.sum([a, b])
            }
            Op::Kronecker if square(child(0)) && square(child(1)) => {
                let (a, b) = (
                    self.log_determinant(child(0))?,
                    self.log_determinant(child(1))?,
                );
                let a = self.times(&a, &size(&graph.shape(child(1)).rows))?;
                let b = self.times(&b, &size(&graph.shape(child(0)).rows))?;
                self.sum([a, b])
            }
            Op::Transpose => self.log_determinant(child(0)),
            Op::Inverse => {
                let a = self.log_determinant(child(0))?;
                Ok(scaled(&a, &integer(-1)))
            }
            Op::Scale => {
                let s = self.lower(child(0))?;
                let log = self.log_absolute(&s.terms)?;
                let log = self.times(&log, &size(&graph.shape(of).rows))?;
                let a = self.log_determinant(child(1))?;
                self.sum([log, a])
            }
            Op::Eye => Ok(Vec::new()),
            _ => {
                let a = self.lower(of)?;
                if let Some(entries) = diagonal_entries(&a) {
                    let logs = self.log_absolute(&entries)?;
                    return self.simplify(summed(logs, &a.row));
                }
                self.whole(a, Kind::LogDeterminant)
            }
        }
    }

    /// log |t| = log(t²) / 2.
    fn log_absolute(&mut self, t: &[Term]) -> Outcome<Vec<Term>> {
        let square = self.power(t, Power::from(2))?;
        let log = self.log(&square)?;
        Ok(scaled(&log, &ratio(1, 2)))
    }

    /// A scalar function of a matrix that is the same for the transpose.
    pub(super) fn whole(
        &mut self,
        a: Tensor,
        kind: impl FnOnce(std::sync::Arc<Matrix>) -> Kind,
    ) -> Outcome<Vec<Term>> {
        let (matrix, ..) = self.close_matrix(a)?;
        let head = limited(Symbol::plain(kind(matrix.into())))?;
        Ok(vec![Term::single(Factor::new(head, []))])
    }

    /// |·| or max(·, 0) of the eigenvalues of a symmetric node.
    pub(super) fn eigenvalue_function(&mut self, of: Id, absolute: bool) -> Outcome<Tensor> {
        let a = self.lower(of)?;
        self.eigenvalues(a, absolute)
    }

    pub(super) fn eigenvalues(&mut self, a: Tensor, absolute: bool) -> Outcome<Tensor> {
        let a = self.settle(a)?;
        if a.terms.is_empty() {
            return Ok(a);
        }
        if let Some(entries) = diagonal_entries(&a) {
            let name = if absolute { "abs" } else { "relu" };
            let terms = self.apply(&name.into(), 0, &entries)?;
            return Ok(on_diagonal(Tensor { terms, ..a }));
        }
        let common = numeric_content(&a.terms, !absolute);
        let terms = scaled(&a.terms, &common.recip());
        let (row, col) = (self.slot(&range(&a.row)), self.slot(&range(&a.col)));
        let (matrix, ..) = self.close_matrix(Tensor { terms, ..a })?;
        let matrix = matrix.into();
        let kind = if absolute {
            Kind::EigAbs(matrix)
        } else {
            Kind::EigClip(matrix)
        };
        // The function of a symmetric matrix is symmetric.
        let head = limited(Symbol::new(kind, exchanges(true)))?;
        let terms = scaled(
            &[Term::single(Factor::new(head, [row.clone(), col.clone()]))],
            &common.abs(),
        );
        Ok(Tensor { row, col, terms })
    }

    /// A function of a matrix again, of a changed argument.
    pub(super) fn remake_matrix(&mut self, kind: &Kind, argument: Tensor) -> Outcome<Tensor> {
        match kind {
            Kind::Inverse(_) => self.inverse(argument),
            Kind::Determinant(_) => self.whole(argument, Kind::Determinant).map(scalar),
            Kind::LogDeterminant(_) => self.whole(argument, Kind::LogDeterminant).map(scalar),
            kind => self.eigenvalues(argument, matches!(kind, Kind::EigAbs(_))),
        }
    }
}

/// The product of the sizes.
pub(super) fn range(slot: &[super::term::Index]) -> crate::expr::Dimension {
    slot.iter()
        .fold(crate::expr::Dimension::one(), |n, i| n.times(&i.size))
}

/// The entries on the diagonal, at the row's indices, of a matrix that is zero elsewhere; a scalar is one.
fn diagonal_entries(a: &Tensor) -> Option<Vec<Term>> {
    if a.row.len() != a.col.len() {
        return None;
    }
    let mut entries = a.terms.clone();
    for term in &mut entries {
        for (i, j) in a.row.iter().zip(&a.col) {
            let pair: Slots = [
                [i.clone()].into_iter().collect(),
                [j.clone()].into_iter().collect(),
            ]
            .into_iter()
            .collect();
            let swapped: Slots = pair.iter().rev().cloned().collect();
            let found =
                |f: &Factor| f.head.kind == Kind::Delta && (f.slots == pair || f.slots == swapped);
            let at = term.factors.iter().position(found)?;
            term.factors.remove(at);
            // The delta made one of the two names stand for both.
            term.substitute(j.id, std::slice::from_ref(i));
        }
    }
    Some(entries)
}

/// The diagonal matrix of entries at the row's indices.
fn on_diagonal(mut a: Tensor) -> Tensor {
    for term in &mut a.terms {
        for (i, j) in a.row.iter().zip(&a.col) {
            let one = |k: &super::term::Index| [k.clone()].into_iter().collect();
            term.factors.push(super::core::delta(one(i), one(j)));
        }
    }
    a
}
