//! Operations on structure: diagonals, reshapes, traces, inverses, reductions. Why by form: the diagonal of a product
//! needs no product, and the trace of a Kronecker product is a product of traces.

use std::rc::Rc;

use crate::kernel::builder::read;
use crate::kernel::ir::Kernel;
use crate::kernel::matrix::{Form, Matrix, Scalar};
use crate::kernel::reduction::{Reduction, Spectrum};
use crate::kernel::scalar::{Access, Operand, ScalarOp};

use super::Lowering;

impl Lowering<'_> {
    /// The entries in column order as another shape.
    pub(super) fn reshape(&mut self, matrix: &Matrix, rows: usize, cols: usize) -> Matrix {
        if (matrix.rows, matrix.cols) == (rows, cols) {
            return matrix.clone();
        }
        match &matrix.form {
            Form::Zero => return Matrix::zero(rows, cols),
            Form::Ones => {
                return Matrix {
                    scale: matrix.scale,
                    ..Matrix::ones(rows, cols)
                };
            }
            // vec(b a') = a ⊗ b.
            Form::Product(_) if cols == 1 => {
                if let Some((b, a)) = self.rank_one(&matrix.bare()) {
                    let product = self.kronecker(&Matrix::dense(a), &Matrix::dense(b));
                    return self.scaled(&product, matrix.scale);
                }
            }
            _ => {}
        }
        // The scale stays in front of the reshaped array.
        let view = self.contiguous(&matrix.bare());
        let reshaped = Matrix::dense(view.reshaped(rows, cols));
        self.scaled(&reshaped, matrix.scale)
    }

    /// diag(column).
    pub(super) fn diagonal_matrix(&mut self, column: &Matrix) -> Matrix {
        let n = column.rows;
        if n == 1 {
            return column.clone();
        }
        let diagonal = match &column.form {
            Form::Zero => Matrix::zero(n, n),
            Form::Ones => Matrix::identity(n),
            Form::Kronecker(factors) => {
                let factors = factors.clone();
                let (a, b) = (
                    self.diagonal_matrix(&factors.0),
                    self.diagonal_matrix(&factors.1),
                );
                self.kronecker(&a, &b)
            }
            _ => Matrix::diagonal(self.force(&column.bare())),
        };
        self.scaled(&diagonal, column.scale)
    }

    /// The diagonal as a column.
    pub(super) fn diagonal_of(&mut self, matrix: &Matrix) -> Matrix {
        let n = matrix.rows;
        let diagonal = match &matrix.form {
            Form::Zero => Matrix::zero(n, 1),
            Form::Ones | Form::Identity => Matrix::ones(n, 1),
            Form::Diagonal(view) => Matrix::dense(*view),
            Form::Kronecker(factors)
                if factors.0.rows == factors.0.cols && factors.1.rows == factors.1.cols =>
            {
                let factors = factors.clone();
                let (a, b) = (self.diagonal_of(&factors.0), self.diagonal_of(&factors.1));
                self.kronecker(&a, &b)
            }
            Form::Product(factors) => {
                let factors = factors.clone();
                self.product_diagonal(&factors)
            }
            Form::Sum(terms) => {
                let terms = terms.clone();
                let diagonals: Vec<Matrix> = terms.iter().map(|t| self.diagonal_of(t)).collect();
                let sum = self.add(&diagonals);
                return self.scaled(&sum, matrix.scale);
            }
            _ => {
                let view = self.force(&matrix.bare());
                let (row, col) = view.strides();
                let operand = Operand::Read(
                    view.value,
                    Access::strided(if n > 1 { row + col } else { 0 }, 0),
                );
                Matrix::dense(self.builder.map(ScalarOp::Copy, n, 1, &[operand], false))
            }
        };
        self.scaled(&diagonal, matrix.scale)
    }

    /// The diagonal of a chain, cut in two where that is cheapest.
    fn product_diagonal(&mut self, factors: &[Matrix]) -> Matrix {
        let mut best: Option<Matrix> = None;
        for k in 1..factors.len() {
            let (left, right) = (
                self.multiplied(&factors[..k]),
                self.multiplied(&factors[k..]),
            );
            let (left, right) = (self.force(&left), self.force(&right));
            let kernel = Kernel::ProductDiagonal { left, right };
            let diagonal = Matrix::dense(self.builder.kernel(kernel, left.rows, 1));
            best = Some(match best {
                Some(other) => self.cheaper(other, diagonal),
                None => diagonal,
            });
        }
        best.unwrap_or_else(|| factors[0].clone())
    }

    pub(super) fn trace(&mut self, matrix: &Matrix) -> Matrix {
        match &matrix.form {
            Form::Kronecker(factors)
                if factors.0.rows == factors.0.cols && factors.1.rows == factors.1.cols =>
            {
                let factors = factors.clone();
                let (a, b) = (self.trace(&factors.0), self.trace(&factors.1));
                let product = self.kronecker(&a, &b);
                self.scaled(&product, matrix.scale)
            }
            _ => {
                let diagonal = self.diagonal_of(matrix);
                self.total(&diagonal)
            }
        }
    }

    /// The sum of all entries: 1' M 1, in the best order.
    pub(super) fn total(&mut self, matrix: &Matrix) -> Matrix {
        let total = match &matrix.form {
            Form::Zero => Matrix::zero(1, 1),
            Form::Ones => Matrix::scalar(Scalar::number(matrix.entries() as f64)),
            Form::Identity => Matrix::scalar(Scalar::number(matrix.rows as f64)),
            Form::Diagonal(view) => self.reduce(Reduction::Sum, &Matrix::dense(*view)),
            Form::Kronecker(factors) => {
                let factors = factors.clone();
                let (a, b) = (self.total(&factors.0), self.total(&factors.1));
                self.kronecker(&a, &b)
            }
            Form::Product(_) => {
                let ends = [
                    Matrix::ones(1, matrix.rows),
                    matrix.bare(),
                    Matrix::ones(matrix.cols, 1),
                ];
                let chain = self.chain(&ends);
                Matrix::scalar(self.scalar(&chain))
            }
            Form::Sum(terms) => {
                let terms = terms.clone();
                let totals: Vec<Matrix> = terms.iter().map(|term| self.total(term)).collect();
                self.add(&totals)
            }
            _ => self.reduce(Reduction::Sum, &matrix.bare()),
        };
        self.scaled(&total, matrix.scale)
    }

    pub(super) fn reduce(&mut self, reduction: Reduction, matrix: &Matrix) -> Matrix {
        let mut of = self.force(matrix);
        if of.transposed {
            // The order of the entries does not matter.
            of = of.transpose();
        }
        let value = Some(
            self.builder
                .kernel(Kernel::Reduce { reduction, of }, 1, 1)
                .value,
        );
        Matrix::scalar(Scalar {
            value,
            ..Scalar::ONE
        })
    }

    /// The entries of each column to one number.
    pub(super) fn reduce_columns(&mut self, reduction: Reduction, matrix: &Matrix) -> Matrix {
        let of = self.contiguous(matrix);
        let kernel = Kernel::ReduceColumns { reduction, of };
        Matrix::dense(self.builder.kernel(kernel, 1, of.cols))
    }

    pub(super) fn inverse(&mut self, matrix: &Matrix) -> Matrix {
        let inverted_scale = |this: &mut Self| {
            if matrix.scale.is_one() {
                Scalar::ONE
            } else {
                this.builder
                    .scalar_map(ScalarOp::Reciprocal, &[matrix.scale])
            }
        };
        let inverse = match &matrix.form {
            Form::Ones if matrix.is_scalar() => Matrix::ones(1, 1),
            Form::Identity => matrix.bare(),
            Form::Commutation(rows, cols) => Matrix::commutation(*cols, *rows),
            Form::Diagonal(view) => {
                let reciprocal = self.map(ScalarOp::Reciprocal, &Matrix::dense(*view), None);
                self.diagonal_matrix(&reciprocal)
            }
            Form::Kronecker(factors)
                if factors.0.rows == factors.0.cols && factors.1.rows == factors.1.cols =>
            {
                let factors = factors.clone();
                let (a, b) = (self.inverse(&factors.0), self.inverse(&factors.1));
                self.kronecker(&a, &b)
            }
            Form::Inverse(of) => Matrix::dense(*of).marked(matrix.symmetric),
            _ => {
                let of = self.force(matrix);
                return Matrix::new(matrix.rows, matrix.cols, Form::Inverse(of))
                    .marked(matrix.symmetric);
            }
        };
        let scale = inverted_scale(self);
        self.scaled(&inverse, scale)
    }

    /// det, or log |det|.
    pub(super) fn determinant(&mut self, matrix: &Matrix, logarithm: bool) -> Matrix {
        if matrix.is_diagonal() {
            let mut diagonal = self.diagonal_of(matrix);
            if logarithm {
                diagonal = self.map(ScalarOp::Abs, &diagonal, None);
                diagonal = self.map(ScalarOp::Log, &diagonal, None);
            }
            return self.reduce(
                if logarithm {
                    Reduction::Sum
                } else {
                    Reduction::Product
                },
                &diagonal,
            );
        }
        let of = self.force(matrix);
        let kernel = if logarithm {
            Kernel::LogDeterminant { of }
        } else {
            Kernel::Determinant { of }
        };
        Matrix::dense(self.builder.kernel(kernel, 1, 1))
    }

    /// |·| or max(·, 0) of the eigenvalues of a symmetric matrix.
    pub(super) fn spectral(&mut self, matrix: &Matrix, spectrum: Spectrum) -> Matrix {
        let op = match spectrum {
            Spectrum::Abs => ScalarOp::Abs,
            Spectrum::Clip => ScalarOp::Relu,
        };
        match &matrix.form {
            Form::Zero => matrix.clone(),
            _ if matrix.is_diagonal() || matrix.is_scalar() => {
                let diagonal = self.diagonal_of(matrix);
                let mapped = self.applied(op, &diagonal);
                self.diagonal_matrix(&mapped)
            }
            // The eigenvalues of A ⊗ B are the products of theirs.
            Form::Kronecker(factors)
                if spectrum == Spectrum::Abs && factors.0.symmetric && factors.1.symmetric =>
            {
                let factors = factors.clone();
                let (a, b) = (
                    self.spectral(&factors.0, spectrum),
                    self.spectral(&factors.1, spectrum),
                );
                let scale = self.applied(op, &Matrix::scalar(matrix.scale));
                let scale = self.scalar(&scale);
                let product = self.kronecker(&a, &b);
                self.scaled(&product, scale)
            }
            _ => {
                let of = self.force(matrix);
                Matrix::dense(self.builder.kernel(
                    Kernel::Spectral { spectrum, of },
                    of.rows,
                    of.cols,
                ))
                .marked(true)
            }
        }
    }

    /// A stored copy that is no input, contiguous, for an output.
    pub(super) fn output_array(&mut self, matrix: &Matrix) -> crate::kernel::ir::ValueId {
        let view = self.contiguous(matrix);
        if self.builder.is_input(view.value) && !self.keeps_inputs {
            return self
                .builder
                .map(
                    ScalarOp::Copy,
                    view.rows,
                    view.cols,
                    &[read(view)],
                    matrix.symmetric,
                )
                .value;
        }
        view.value
    }

    /// A ⊗ B as it is.
    pub(super) fn kronecker_parts(matrix: &Matrix) -> Option<Rc<(Matrix, Matrix)>> {
        match &matrix.form {
            Form::Kronecker(factors) => Some(factors.clone()),
            _ => None,
        }
    }
}
