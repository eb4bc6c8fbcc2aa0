//! Hadamard products, powers and functions of matrices. Why by form: a Hadamard product with an outer product scales
//! rows and columns, and a function that keeps 0 keeps a diagonal.

use std::rc::Rc;

use crate::kernel::matrix::{Form, Matrix, Scalar};
use crate::kernel::scalar::ScalarOp;

use super::Lowering;

impl Lowering<'_> {
    pub(super) fn hadamard(&mut self, a: &Matrix, b: &Matrix) -> Matrix {
        if a.is_zero() || b.is_zero() {
            return Matrix::zero(a.rows, a.cols);
        }
        let scale = self.builder.scalar_product(a.scale, b.scale);
        let product = self.hadamard_bare(&a.bare(), &b.bare());
        self.scaled(&product, scale)
    }

    fn hadamard_bare(&mut self, a: &Matrix, b: &Matrix) -> Matrix {
        match (&a.form, &b.form) {
            (Form::Ones, _) => return b.clone(),
            (_, Form::Ones) => return a.clone(),
            (Form::Kronecker(l), Form::Kronecker(r))
                if (l.0.rows, l.0.cols, l.1.rows, l.1.cols)
                    == (r.0.rows, r.0.cols, r.1.rows, r.1.cols) =>
            {
                let (l, r) = (Rc::clone(l), Rc::clone(r));
                let (left, right) = (self.hadamard(&l.0, &r.0), self.hadamard(&l.1, &r.1));
                return self.kronecker(&left, &right);
            }
            _ => {}
        }
        if a.is_diagonal() || b.is_diagonal() {
            let (x, y) = (self.diagonal_of(a), self.diagonal_of(b));
            let diagonal = self.hadamard(&x, &y);
            return self.diagonal_matrix(&diagonal);
        }
        if !a.is_vector() {
            // (a b') ⊙ M = diag(a) M diag(b), in an order that is still open.
            let (outer, other) = if a.rank().is_some_and(|(_, rank)| rank == 1) {
                (a, b)
            } else {
                (b, a)
            };
            if let Some((column, row)) = self.rank_one(outer) {
                let ends = [
                    Matrix::diagonal(column),
                    other.clone(),
                    Matrix::diagonal(row),
                ];
                return self.chain(&ends).marked(a.symmetric && b.symmetric);
            }
        }
        self.zip(ScalarOp::Multiply, a, b)
    }

    pub(super) fn power(&mut self, base: &Matrix, exponent: &Matrix) -> Matrix {
        let Some(scale) = (match exponent.form {
            Form::Ones => Some(exponent.scale),
            Form::Zero => Some(Scalar::number(0.0)),
            _ => None,
        }) else {
            return self.zip(ScalarOp::Power, base, exponent);
        };
        let number = scale.value.is_none().then_some(scale.number.0);
        let op = match number {
            Some(1.0) => return base.clone(),
            Some(0.0) => return Matrix::ones(base.rows, base.cols),
            Some(2.0) => Some(ScalarOp::Square),
            Some(-1.0) => Some(ScalarOp::Reciprocal),
            Some(0.5) => Some(ScalarOp::Sqrt),
            _ => None,
        };
        if let Some(op) = op {
            return self.applied(op, base);
        }
        match &base.form {
            Form::Ones => {
                let scale = self
                    .builder
                    .scalar_map(ScalarOp::Power, &[base.scale, scale]);
                Matrix {
                    scale,
                    ..base.clone()
                }
            }
            Form::Zero | Form::Diagonal(_) | Form::Identity if number.is_some_and(|p| p > 0.0) => {
                if base.is_zero() {
                    return base.clone();
                }
                let diagonal = self.diagonal_of(base);
                let power = self.map(ScalarOp::Power, &diagonal, Some(scale));
                self.diagonal_matrix(&power)
            }
            _ => self.map(ScalarOp::Power, base, Some(scale)),
        }
    }

    /// A function of every entry.
    pub(super) fn applied(&mut self, op: ScalarOp, matrix: &Matrix) -> Matrix {
        match &matrix.form {
            Form::Ones => {
                let scale = self.builder.scalar_map(op, &[matrix.scale]);
                Matrix {
                    scale,
                    ..matrix.clone()
                }
            }
            Form::Zero if op.keeps_zero() => matrix.clone(),
            Form::Zero => {
                let scale = self.builder.scalar_map(op, &[Scalar::number(0.0)]);
                Matrix {
                    scale,
                    ..Matrix::ones(matrix.rows, matrix.cols)
                }
            }
            Form::Diagonal(_) | Form::Identity if op.keeps_zero() => {
                let diagonal = self.diagonal_of(matrix);
                let mapped = self.applied(op, &diagonal);
                self.diagonal_matrix(&mapped)
            }
            _ => self.map(op, matrix, None),
        }
    }
}
