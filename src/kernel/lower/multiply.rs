//! The product of two matrices by their forms. Why one table: each pair of forms has a product that forms the least,
//! and the order of a chain is chosen among exactly these products.

use crate::kernel::ir::{Kernel, View};
use crate::kernel::matrix::{Form, Matrix};
use crate::kernel::scalar::{Access, Axis, Number, Operand, ScalarOp};

use super::Lowering;

/// Products built before a compilation stops multiplying sums term by term, which nested sums make endless.
const EFFORT: usize = 1_000;
use super::chain::aligned;

impl Lowering<'_> {
    /// `left * right`, known to be symmetric or not. Never an open chain, unless inside a Kronecker product.
    pub(super) fn multiply(&mut self, left: &Matrix, right: &Matrix, symmetric: bool) -> Matrix {
        let (rows, cols) = (left.rows, right.cols);
        if left.is_zero() || right.is_zero() {
            return Matrix::zero(rows, cols);
        }
        self.effort += 1;
        let scale = self.builder.scalar_product(left.scale, right.scale);
        let product = self.multiply_bare(&left.bare(), &right.bare(), symmetric);
        self.scaled(&product, scale)
    }

    fn multiply_bare(&mut self, left: &Matrix, right: &Matrix, symmetric: bool) -> Matrix {
        use Form::{Commutation, Diagonal, Identity, Inverse, Kronecker, Ones, Sum};
        match (&left.form, &right.form) {
            (Identity, _) => right.clone(),
            (_, Identity) => left.clone(),
            _ if left.is_scalar() => {
                let scale = self.scalar(left);
                self.scaled(right, scale)
            }
            _ if right.is_scalar() => {
                let scale = self.scalar(right);
                self.scaled(left, scale)
            }
            (Diagonal(a), Diagonal(b)) => {
                let diagonal = self.hadamard(&Matrix::dense(*a), &Matrix::dense(*b));
                self.diagonal_matrix(&diagonal)
            }
            (Kronecker(_), _) | (_, Kronecker(_)) if aligned(left, right).is_some() => {
                self.aligned_product(left, right)
            }
            (Sum(terms), _) => {
                let terms = terms.clone();
                self.distributed(&terms, left, right, true, symmetric)
            }
            (_, Sum(terms)) => {
                let terms = terms.clone();
                self.distributed(&terms, right, left, false, symmetric)
            }
            (Ones, _) => self.ones_product(left, right),
            (_, Ones) => self
                .ones_product(&right.transpose(), &left.transpose())
                .transpose(),
            (Diagonal(scale), _) => self.scaled_lines(*scale, right, true, symmetric),
            (_, Diagonal(scale)) => self.scaled_lines(*scale, left, false, symmetric),
            (Commutation(m, n), _) => self.permuted_rows(*m, *n, right),
            // M K = (K' M')'.
            (_, Commutation(m, n)) => self.permuted_rows(*n, *m, &left.transpose()).transpose(),
            (Kronecker(factors), _) => {
                let factors = factors.clone();
                self.apply_left(&factors.0, &factors.1, right)
            }
            (_, Kronecker(factors)) => {
                let factors = factors.clone();
                self.apply_right(left, &factors.0, &factors.1)
            }
            (Inverse(of), _) => self.solved(*of, right, left.symmetric),
            // M A⁻¹ = (A'⁻¹ M')'.
            (_, Inverse(of)) => {
                let solved = self.solved(of.transpose(), &left.transpose(), right.symmetric);
                solved.transpose()
            }
            _ => self.dense_product(left, right, symmetric),
        }
    }

    fn dense_product(&mut self, left: &Matrix, right: &Matrix, symmetric: bool) -> Matrix {
        let (left, right) = (self.force(left), self.force(right));
        let (rows, cols) = (left.rows, right.cols);
        if left.cols == 1 {
            // An outer product is a loop, which can be fused with what follows.
            let column = Operand::Read(left.value, Access::strided(usize::from(rows > 1), 0));
            let row = Operand::Read(right.value, Access::strided(0, usize::from(cols > 1)));
            return Matrix::dense(self.builder.map(
                ScalarOp::Multiply,
                rows,
                cols,
                &[column, row],
                symmetric,
            ));
        }
        if rows == 1 && cols > 1 {
            // x A is (A' x')': one of both is enough.
            let (left, right) = (right.transpose(), left.transpose());
            let kernel = Kernel::Product {
                left,
                right,
                symmetric: false,
                scale: Number(1.0),
            };
            return Matrix::dense(self.builder.kernel(kernel, cols, 1).transpose());
        }
        let symmetric = symmetric && rows > 1;
        Matrix::dense(self.builder.kernel(
            Kernel::Product {
                left,
                right,
                symmetric,
                scale: Number(1.0),
            },
            rows,
            cols,
        ))
    }

    /// (A ⊗ B)(C ⊗ D) = AC ⊗ BD.
    fn aligned_product(&mut self, left: &Matrix, right: &Matrix) -> Matrix {
        let Some(((a, b), (c, d))) = aligned(left, right) else {
            return Matrix::zero(left.rows, right.cols);
        };
        let (outer, inner) = (self.chain(&[a, c]), self.chain(&[b, d]));
        let (outer, inner) = (self.settled(&outer), self.settled(&inner));
        self.kronecker(&outer, &inner)
    }

    /// A product with a sum: term by term, or with the sum computed first, whichever is cheaper.
    fn distributed(
        &mut self,
        terms: &[Matrix],
        sum: &Matrix,
        other: &Matrix,
        sum_is_left: bool,
        symmetric: bool,
    ) -> Matrix {
        let tired = self.effort > EFFORT;
        // With a vector, forming what is nested or large takes more than all its terms.
        let by_term = other.is_vector() && (tired || sum.depth() > 1 || sum.has_kronecker());
        let whole = if by_term {
            None
        } else {
            let stored = self.stored(sum);
            let (left, right) = if sum_is_left {
                (&stored, other)
            } else {
                (other, &stored)
            };
            Some(self.multiply_bare(left, right, symmetric))
        };
        if let (Some(whole), true) = (&whole, tired) {
            return whole.clone();
        }
        let mut products = Vec::with_capacity(terms.len());
        for term in terms {
            let pair = if sum_is_left {
                [term.clone(), other.clone()]
            } else {
                [other.clone(), term.clone()]
            };
            let product = self.chain(&pair);
            products.push(self.settled(&product));
        }
        let distributed = self.add(&products);
        let distributed = self.settled(&distributed);
        match whole {
            Some(whole) => self.cheaper(whole, distributed),
            None => distributed,
        }
    }

    /// ones * M for a row or column of ones.
    fn ones_product(&mut self, ones: &Matrix, right: &Matrix) -> Matrix {
        let (rows, cols) = (ones.rows, right.cols);
        if !ones.is_vector() {
            let row = self.ones_product(&Matrix::ones(1, ones.cols), right);
            return self.multiply(&Matrix::ones(rows, 1), &row, false);
        }
        if ones.cols == 1 {
            // A column of ones spreads the row it meets.
            if right.form == Form::Ones {
                return Matrix {
                    scale: right.scale,
                    ..Matrix::ones(rows, cols)
                };
            }
            let row = self.force(right);
            let access = Access::strided(0, usize::from(cols > 1));
            let operand = Operand::Read(row.value, access);
            return Matrix::dense(
                self.builder
                    .map(ScalarOp::Copy, rows, cols, &[operand], false),
            );
        }
        // A row of ones sums the columns it meets.
        match &right.form {
            Form::Ones => {
                let sums = Matrix::ones(1, cols);
                self.scaled(
                    &sums,
                    crate::kernel::matrix::Scalar::number(ones.cols as f64),
                )
            }
            Form::Diagonal(diagonal) => Matrix::dense(diagonal.transpose()),
            Form::Commutation(..) => ones.clone(),
            Form::Kronecker(factors) => {
                let factors = factors.clone();
                let sums = [&factors.0, &factors.1]
                    .map(|f| self.chain(&[Matrix::ones(1, f.rows), f.clone()]));
                let sums = sums.map(|s| self.settled(&s));
                self.kronecker(&sums[0], &sums[1])
            }
            Form::Inverse(of) => {
                let solved = self.solved(of.transpose(), &ones.transpose(), right.symmetric);
                solved.transpose()
            }
            _ => {
                let of = self.force(right).transpose();
                let sums = self.builder.kernel(Kernel::RowSums { of }, of.rows, 1);
                Matrix::dense(sums.transpose())
            }
        }
    }

    /// diag(scale) * M, or M * diag(scale).
    fn scaled_lines(
        &mut self,
        scale: View,
        matrix: &Matrix,
        by_row: bool,
        symmetric: bool,
    ) -> Matrix {
        let (row, col) = if by_row { (1, 0) } else { (0, 1) };
        if matches!(&matrix.form, Form::Dense(view) if view.transposed) {
            return self
                .scaled_lines(scale, &matrix.transpose(), !by_row, symmetric)
                .transpose();
        }
        let access = Access::strided(
            if matrix.rows > 1 { row } else { 0 },
            if matrix.cols > 1 { col } else { 0 },
        );
        let factor = Operand::Read(scale.value, access);
        let entry = self.entry(matrix);
        Matrix::dense(self.builder.map(
            ScalarOp::Multiply,
            matrix.rows,
            matrix.cols,
            &[factor, entry],
            symmetric,
        ))
    }

    /// K M with K vec A = vec A' for A of m × n: row j + i n of the result is row i + j m of M.
    fn permuted_rows(&mut self, m: usize, n: usize, matrix: &Matrix) -> Matrix {
        let view = self.force(matrix);
        let (row, col) = view.strides();
        let row = Axis {
            divide: 1,
            modulo: n,
            stride: m * row,
            carry: row,
        };
        let col = Axis::plain(if view.cols > 1 { col } else { 0 });
        let operand = Operand::Read(
            view.value,
            Access {
                row,
                col,
                diagonal: false,
            },
        );
        Matrix::dense(
            self.builder
                .map(ScalarOp::Copy, view.rows, view.cols, &[operand], false),
        )
    }

    /// A⁻¹ M by a solve, or with the inverse if that is cheaper.
    fn solved(&mut self, matrix: View, right: &Matrix, symmetric: bool) -> Matrix {
        let right = self.force(right);
        let kernel = Kernel::Solve {
            matrix,
            right,
            symmetric,
        };
        let solve = self.builder.kernel(kernel, right.rows, right.cols);
        let inverse = self
            .builder
            .kernel(Kernel::Inverse { of: matrix }, matrix.rows, matrix.rows);
        let whole = self.dense_product(&Matrix::dense(inverse), &Matrix::dense(right), false);
        self.cheaper(Matrix::dense(solve), whole)
    }

    /// (A ⊗ B) M without forming A ⊗ B: each column of M is a vec X, and (A ⊗ B) vec X = vec(B X A').
    fn apply_left(&mut self, a: &Matrix, b: &Matrix, matrix: &Matrix) -> Matrix {
        let view = self.contiguous(matrix);
        let k = view.cols;
        let inner = Matrix::dense(view.reshaped(b.cols, a.cols.saturating_mul(k)));
        if k == 1 {
            let product = self.chain(&[b.clone(), inner, a.transpose()]);
            return self.reshape(&product, a.rows * b.rows, 1);
        }
        // B first, or A first.
        let first = self.chain(&[b.clone(), inner.clone()]);
        let first = self.blocks(&first, a, k);
        let second = self.blocks(&inner, a, k);
        let second = self.chain(&[b.clone(), second]);
        let (first, second) = (self.stored(&first), self.stored(&second));
        let best = self.cheaper(first, second);
        self.reshape(&best, a.rows * b.rows, k)
    }

    /// [X₁ A', X₂ A', …] for `matrix = [X₁, X₂, …]`.
    fn blocks(&mut self, matrix: &Matrix, a: &Matrix, blocks: usize) -> Matrix {
        if a.form == Form::Identity {
            return matrix.clone();
        }
        let left = self.contiguous(matrix);
        let right = self.force(a).transpose();
        let kernel = Kernel::BlockProduct {
            left,
            right,
            blocks,
        };
        Matrix::dense(
            self.builder
                .kernel(kernel, left.rows, a.rows.saturating_mul(blocks)),
        )
    }

    /// M (A ⊗ B) without forming A ⊗ B: M (I ⊗ B) acts on blocks of columns, (A ⊗ I) on whole blocks.
    fn apply_right(&mut self, matrix: &Matrix, a: &Matrix, b: &Matrix) -> Matrix {
        let k = matrix.rows;
        if k == 1 {
            return self
                .apply_left(&a.transpose(), &b.transpose(), &matrix.transpose())
                .transpose();
        }
        let view = self.contiguous(matrix);
        let whole = |m: &Matrix, cols: usize| {
            Matrix::dense(match m.form {
                Form::Dense(view) => view.reshaped(k.saturating_mul(cols), m.cols / cols),
                _ => unreachable!("only stored matrices are applied"),
            })
        };
        let start = Matrix::dense(view);
        // B first.
        let first = self.blocks(&start, &b.transpose(), a.rows);
        let first = self.chain(&[whole(&first, b.cols), a.clone()]);
        let first = self.settle_dense(&first);
        // A first.
        let second = self.chain(&[whole(&start, b.rows), a.clone()]);
        let second = self.settle_dense(&second);
        let second = self.reshape(&second, k, a.cols * b.rows);
        let second = self.blocks(&second, &b.transpose(), a.cols);
        let (first, second) = (
            self.reshape(&first, k, a.cols * b.cols),
            self.reshape(&second, k, a.cols * b.cols),
        );
        self.cheaper(first, second)
    }

    fn settle_dense(&mut self, matrix: &Matrix) -> Matrix {
        Matrix::dense(self.contiguous(matrix))
    }
}
