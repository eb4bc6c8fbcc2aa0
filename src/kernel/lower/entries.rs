//! Reading a matrix entry by entry, in whatever form it is. Why: a sum of a dense matrix, a diagonal and a Kronecker
//! product is one loop, and none of its terms needs an array of its own.

use crate::kernel::builder::read;
use crate::kernel::ir::{Kernel, View};
use crate::kernel::matrix::{Form, Matrix, Scalar};
use crate::kernel::scalar::{Access, Axis, Number, Operand, ScalarOp};

use super::Lowering;

impl Lowering<'_> {
    /// The matrix as a stored array with its scale applied.
    pub(super) fn force(&mut self, matrix: &Matrix) -> View {
        match &matrix.form {
            Form::Dense(view) if matrix.scale.is_one() => *view,
            // Loops run over arrays as they are stored; the transpose is read off the result.
            Form::Dense(view) if view.transposed => self.force(&matrix.transpose()).transpose(),
            Form::Product(factors) => {
                let factors = factors.clone();
                let product = self.multiplied(&factors);
                let scaled = self.scaled(&product, matrix.scale);
                self.force(&scaled)
            }
            Form::Inverse(of) if matrix.scale.is_one() => {
                self.builder
                    .kernel(Kernel::Inverse { of: *of }, matrix.rows, matrix.cols)
            }
            Form::Commutation(rows, cols) if matrix.scale.is_one() => {
                let kernel = Kernel::Commutation {
                    rows: *rows,
                    cols: *cols,
                };
                self.builder.kernel(kernel, matrix.rows, matrix.cols)
            }
            // A product of two columns is the outer product b a', read column by column.
            Form::Kronecker(factors) if matrix.is_vector() => {
                let (a, b) = (self.force(&factors.0), self.force(&factors.1));
                let (a, b) = (column(a), column(b));
                let outer = self.outer(a, b);
                let outer = Matrix {
                    scale: matrix.scale,
                    ..Matrix::dense(outer.reshaped(matrix.rows, matrix.cols))
                };
                self.force(&outer)
            }
            Form::Sum(terms) if !matrix.symmetric && turned(terms) => {
                self.force(&matrix.transpose()).transpose()
            }
            _ => {
                let operand = self.entry(matrix);
                self.materialise(operand, matrix.rows, matrix.cols, matrix.symmetric)
            }
        }
    }

    /// As [`Self::force`], with the columns one after the other.
    pub(super) fn contiguous(&mut self, matrix: &Matrix) -> View {
        let view = self.force(matrix);
        if view.transposed {
            return self.builder.map(
                ScalarOp::Copy,
                view.rows,
                view.cols,
                &[read(view)],
                matrix.symmetric,
            );
        }
        view
    }

    /// The column or row `b a'` stacks: entry (i, j) is `b[i] * a[j]`.
    fn outer(&mut self, a: View, b: View) -> View {
        let operands = [
            Operand::Read(b.value, Access::strided(1, 0)),
            Operand::Read(a.value, Access::strided(0, 1)),
        ];
        self.builder
            .map(ScalarOp::Multiply, b.rows, a.rows, &operands, false)
    }

    fn materialise(&mut self, operand: Operand, rows: usize, cols: usize, symmetric: bool) -> View {
        if let Operand::Read(value, access) = operand {
            let stored = &self.builder.values[value.index()];
            if access.is_identity(rows, cols) && stored.len() == rows.saturating_mul(cols) {
                return View {
                    value,
                    rows,
                    cols,
                    transposed: false,
                };
            }
        }
        self.builder
            .map(ScalarOp::Copy, rows, cols, &[operand], symmetric)
    }

    /// What reads entry (i, j) of a matrix in a loop over its rows and columns.
    pub(super) fn entry(&mut self, matrix: &Matrix) -> Operand {
        let (rows, cols) = (matrix.rows, matrix.cols);
        let bare = match &matrix.form {
            Form::Zero => return Operand::Number(Number(0.0)),
            Form::Ones => return self.builder.scalar_operand(matrix.scale),
            Form::Identity => {
                // The scale is read on the diagonal only.
                let scale = self.builder.scalar_operand(matrix.scale);
                let value = match scale {
                    Operand::Read(value, _) => value,
                    Operand::Number(_) => {
                        self.builder.map(ScalarOp::Copy, 1, 1, &[scale], true).value
                    }
                };
                return Operand::Read(
                    value,
                    Access {
                        diagonal: true,
                        ..Access::scalar()
                    },
                );
            }
            Form::Diagonal(view) => Operand::Read(
                view.value,
                Access {
                    diagonal: true,
                    ..Access::strided(1, 0)
                },
            ),
            Form::Dense(view) => read(*view),
            Form::Kronecker(factors) if factors.0.form == Form::Ones && !matrix.is_vector() => {
                repeated_read(self.force(&factors.1))
            }
            Form::Kronecker(factors) if !matrix.is_vector() => {
                let (a, b) = (self.force(&factors.0), self.force(&factors.1));
                let (a, b) = (block_read(a, (b.rows, b.cols)), repeated_read(b));
                self.combine(ScalarOp::Multiply, matrix, &[a, b])
            }
            // What a column or row of ones spreads is read where it is.
            Form::Product(factors) if let Some((line, access)) = spread(factors) => {
                Operand::Read(self.force(&line).value, access)
            }
            Form::Product(_) => match self.rank_one(&matrix.bare()) {
                Some((a, b)) if !matrix.is_vector() => {
                    let a = Operand::Read(a.value, Access::strided(1, 0));
                    let b = Operand::Read(b.value, Access::strided(0, 1));
                    self.combine(ScalarOp::Multiply, matrix, &[a, b])
                }
                _ => read(self.force(&matrix.bare())),
            },
            Form::Sum(terms) => {
                let terms = terms.clone();
                self.sum_entry(&terms, matrix)
            }
            Form::Kronecker(_) | Form::Commutation(..) | Form::Inverse(_) => {
                read(self.force(&matrix.bare()))
            }
        };
        self.scaled_entry(bare, matrix.scale, rows, cols, matrix.symmetric)
    }

    /// A scalar operation at every entry, as an operand of the next.
    pub(super) fn combine(&mut self, op: ScalarOp, like: &Matrix, operands: &[Operand]) -> Operand {
        read(
            self.builder
                .map(op, like.rows, like.cols, operands, like.symmetric),
        )
    }

    fn scaled_entry(
        &mut self,
        entry: Operand,
        scale: Scalar,
        rows: usize,
        cols: usize,
        symmetric: bool,
    ) -> Operand {
        if scale.is_one() {
            return entry;
        }
        let view = if scale == Scalar::number(-1.0) {
            self.builder
                .map(ScalarOp::Negate, rows, cols, &[entry], symmetric)
        } else {
            let scale = self.builder.scalar_operand(scale);
            self.builder
                .map(ScalarOp::Multiply, rows, cols, &[scale, entry], symmetric)
        };
        read(view)
    }

    fn sum_entry(&mut self, terms: &[Matrix], like: &Matrix) -> Operand {
        let mut total = self.entry(&terms[0]);
        for term in &terms[1..] {
            // a + (−s) b is a − s b.
            let (op, term) = if term.scale.number.0 < 0.0 {
                let scale = Scalar {
                    number: Number(-term.scale.number.0),
                    ..term.scale
                };
                (
                    ScalarOp::Subtract,
                    Matrix {
                        scale,
                        ..term.clone()
                    },
                )
            } else {
                (ScalarOp::Add, term.clone())
            };
            let entry = self.entry(&term);
            total = self.combine(op, like, &[total, entry]);
        }
        total
    }

    /// Both factors of a matrix of rank one by its form, `a b'`, as columns.
    pub(super) fn rank_one(&mut self, matrix: &Matrix) -> Option<(View, View)> {
        let (place, 1) = matrix.rank()? else {
            return None;
        };
        let Form::Product(factors) = matrix.form.clone() else {
            return None;
        };
        let left = self.multiplied(&factors[..place]);
        let right = self.multiplied(&factors[place..]).transpose();
        Some((self.force(&left), self.force(&right)))
    }
}

/// The column that a row of ones spreads, or the row that a column of ones spreads, and how it is read.
fn spread(factors: &[Matrix]) -> Option<(Matrix, Access)> {
    match factors {
        [column, ones] if column.cols == 1 && ones.form == Form::Ones => {
            Some((column.clone(), Access::strided(1, 0)))
        }
        [ones, row] if row.rows == 1 && ones.form == Form::Ones => {
            Some((row.clone(), Access::strided(0, 1)))
        }
        _ => None,
    }
}

/// Entry (i, j) of A ⊗ B reads A at (i / rows of B, j / columns of B).
fn block_read(a: View, (rows, cols): (usize, usize)) -> Operand {
    let (row, col) = a.strides();
    let axis = |divide, stride| Axis {
        divide,
        ..Axis::plain(stride)
    };
    Operand::Read(
        a.value,
        Access {
            row: axis(rows, row),
            col: axis(cols, col),
            diagonal: false,
        },
    )
}

/// Entry (i, j) of A ⊗ B reads B at (i mod its rows, j mod its columns).
fn repeated_read(b: View) -> Operand {
    let (row, col) = b.strides();
    let axis = |modulo, stride| Axis {
        modulo,
        ..Axis::plain(stride)
    };
    Operand::Read(
        b.value,
        Access {
            row: axis(b.rows, row),
            col: axis(b.cols, col),
            diagonal: false,
        },
    )
}

/// True when every stored term holds its transpose and no other term has to be computed.
fn turned(terms: &[Matrix]) -> bool {
    let fits = |term: &Matrix| match &term.form {
        Form::Dense(view) => view.transposed,
        form => matches!(form, Form::Diagonal(_) | Form::Identity | Form::Ones),
    };
    terms.iter().all(fits) && terms.iter().any(|term| matches!(term.form, Form::Dense(_)))
}

/// A row or column read as a column.
fn column(view: View) -> View {
    view.reshaped(view.rows * view.cols, 1)
}
