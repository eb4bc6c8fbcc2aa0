//! Sums. Why apart: a sum keeps its diagonal, its constant and its Kronecker terms as they are, since a product
//! with it is often cheaper term by term.

use crate::kernel::matrix::{Form, Matrix, Scalar};
use crate::kernel::scalar::ScalarOp;

use super::Lowering;

/// Sums nested more deeply in products of sums are computed, so that trying both ways stays cheap.
const DEPTH: usize = 8;

impl Lowering<'_> {
    /// The sum of matrices of one shape.
    pub(super) fn add(&mut self, terms: &[Matrix]) -> Matrix {
        let (rows, cols) = (terms[0].rows, terms[0].cols);
        let mut flat = Vec::new();
        for term in terms {
            match &term.form {
                Form::Zero => {}
                Form::Sum(parts) => {
                    for part in parts.clone().iter() {
                        flat.push(self.scaled(part, term.scale));
                    }
                }
                _ => flat.push(term.clone()),
            }
        }
        let mut kept: Vec<Matrix> = Vec::new();
        for term in flat {
            let merged = kept.iter_mut().enumerate().find_map(|(k, other)| {
                let same_form = match (&other.form, &term.form) {
                    (Form::Ones, Form::Ones) | (Form::Identity, Form::Identity) => true,
                    _ => other.is_diagonal() && term.is_diagonal(),
                };
                same_form.then_some(k)
            });
            match merged {
                Some(k) => {
                    let sum = self.add_alike(&kept[k].clone(), &term);
                    kept[k] = sum;
                }
                None => kept.push(term),
            }
        }
        kept.retain(|term| !term.is_zero());
        match kept.as_slice() {
            [] => Matrix::zero(rows, cols),
            [one] => one.clone(),
            _ => self.sum_of(kept, rows, cols),
        }
    }

    fn sum_of(&mut self, terms: Vec<Matrix>, rows: usize, cols: usize) -> Matrix {
        let lazy = |t: &Matrix| !matches!(t.form, Form::Dense(_) | Form::Inverse(_));
        let mut parts: Vec<Matrix> = Vec::with_capacity(terms.len());
        for term in terms {
            let deep = term.depth() >= DEPTH && !term.has_kronecker();
            parts.push(if deep { self.stored(&term) } else { term });
        }
        let sum = Matrix::new(rows, cols, Form::Sum(parts.clone().into()));
        // Vectors and sums of stored matrices have nothing to keep apart.
        if sum.is_vector() || !parts.iter().any(lazy) {
            return self.stored(&sum);
        }
        // A sum of transposes is the transpose of the sum: decide by the stored terms.
        let (stored, open): (Vec<Matrix>, Vec<Matrix>) = parts.into_iter().partition(|t| !lazy(t));
        if stored.len() < 2 {
            return sum;
        }
        let first = Matrix::new(rows, cols, Form::Sum(stored.into()));
        let first = self.stored(&first);
        Matrix::new(
            rows,
            cols,
            Form::Sum(std::iter::once(first).chain(open).collect()),
        )
    }

    /// Two constants, or two diagonal matrices.
    fn add_alike(&mut self, a: &Matrix, b: &Matrix) -> Matrix {
        if a.form == b.form && matches!(a.form, Form::Ones | Form::Identity) {
            let scale = self.builder.scalar_sum(a.scale, b.scale);
            return if scale.is_zero() {
                Matrix::zero(a.rows, a.cols)
            } else {
                Matrix { scale, ..a.clone() }
            };
        }
        let (first, second) = (self.diagonal_of(a), self.diagonal_of(b));
        let sum = self.add(&[first, second]);
        self.diagonal_matrix(&sum)
    }

    /// Entrywise operation on two matrices of one shape.
    pub(super) fn zip(&mut self, op: ScalarOp, a: &Matrix, b: &Matrix) -> Matrix {
        if transposed(a) && !upright(b) || transposed(b) && !upright(a) {
            return self.zip(op, &a.transpose(), &b.transpose()).transpose();
        }
        let like = Matrix {
            symmetric: a.symmetric && b.symmetric,
            ..Matrix::ones(a.rows, a.cols)
        };
        let (x, y) = (self.entry(a), self.entry(b));
        let view = self
            .builder
            .map(op, a.rows, a.cols, &[x, y], like.symmetric);
        Matrix::dense(view).marked(like.symmetric)
    }

    /// Entrywise operation on a matrix, with a number as second operand if there is one.
    pub(super) fn map(&mut self, op: ScalarOp, a: &Matrix, exponent: Option<Scalar>) -> Matrix {
        if transposed(a) {
            return self.map(op, &a.transpose(), exponent).transpose();
        }
        let mut operands = vec![self.entry(a)];
        if let Some(exponent) = exponent {
            operands.push(self.builder.scalar_operand(exponent));
        }
        let view = self.builder.map(op, a.rows, a.cols, &operands, a.symmetric);
        Matrix::dense(view).marked(a.symmetric)
    }
}

fn transposed(matrix: &Matrix) -> bool {
    matches!(&matrix.form, Form::Dense(view) if view.transposed)
}

fn upright(matrix: &Matrix) -> bool {
    matches!(&matrix.form, Form::Dense(view) if !view.transposed && !view.is_vector())
}
