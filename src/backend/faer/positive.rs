//! Solves with matrices expected to be positive definite. Why conjugate gradients first: a damped block is near a multiple of the identity, and a few
//! products give all digits that its factors would.

use faer::Par;
use faer::linalg::cholesky::llt;
use faer::linalg::triangular_solve::{
    solve_lower_triangular_in_place, solve_upper_triangular_in_place,
};

use super::super::algebra::{Algebra, MatrixRef, Singular};
use super::super::element::Element;
use super::super::unformed::Parts;
use super::super::{iterate, products};
use super::{Faer, column_major, columns, copy};
use crate::kernel::iterations;

/// A symmetric matrix to solve with.
pub(super) enum Positive<'p, 'a, T> {
    Formed(MatrixRef<'a, T>),
    Unformed(&'p Parts<'a, T>),
}

impl<T: Element> Faer<T> {
    /// `out = matrix⁻¹ right`, by conjugate gradients or, where they take more than a factorisation, by Cholesky's factors; by LU where there are none.
    pub(super) fn positive(
        &mut self,
        out: &mut [T],
        matrix: &Positive<'_, '_, T>,
        right: MatrixRef<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), Singular> {
        if self.iterate(out, matrix, right, scratch) {
            return Ok(());
        }
        let formed = match matrix {
            Positive::Formed(matrix) => *matrix,
            Positive::Unformed(parts) => parts.form(self, scratch),
        };
        self.by_factors(out, formed, right)
    }

    /// Solves for a few columns by conjugate gradients, where that takes less than a factorisation; false where it does not.
    fn iterate(
        &mut self,
        out: &mut [T],
        matrix: &Positive<'_, '_, T>,
        right: MatrixRef<'_, T>,
        scratch: &mut [T],
    ) -> bool {
        let n = right.rows;
        let Some(most) = iterations(n, right.cols).filter(|_| right.strides.0 == 1) else {
            return false;
        };
        let mut workspace = std::mem::take(&mut self.workspace);
        let solved = columns(out, n, right.cols).all(|(j, x)| {
            let b = &right.columns(j, 1).data[..n];
            iterate::solve(x, b, most, &mut workspace, |image, direction| {
                let direction = MatrixRef {
                    data: direction,
                    rows: n,
                    cols: 1,
                    strides: (1, n),
                };
                match matrix {
                    Positive::Formed(matrix) => self.product(image, T::one(), *matrix, direction),
                    Positive::Unformed(parts) => parts.times(image, direction, self, scratch),
                }
            })
        });
        self.workspace = workspace;
        solved
    }

    fn by_factors(
        &mut self,
        out: &mut [T],
        matrix: MatrixRef<'_, T>,
        right: MatrixRef<'_, T>,
    ) -> Result<(), Singular> {
        let n = matrix.rows;
        copy(&mut self.factors, matrix);
        let mut factors = column_major(&mut self.factors, n, n);
        let stack = self.memory.get(llt::factor::cholesky_in_place_scratch::<T>(
            n,
            Par::Seq,
            faer::Spec::default(),
        ));
        let found = llt::factor::cholesky_in_place(
            factors.as_mut(),
            llt::factor::LltRegularization::default(),
            Par::Seq,
            stack,
            faer::Spec::default(),
        );
        if found.is_err() {
            return self.solve(out, matrix, right);
        }
        for (j, column) in columns(out, n, right.cols) {
            for (i, entry) in column.iter_mut().enumerate() {
                *entry = right.at(i, j);
            }
        }
        let lower = factors.as_ref();
        products::by_columns(column_major(out, n, right.cols), 2 * n * n, &|mut out| {
            solve_lower_triangular_in_place(lower, out.as_mut(), Par::Seq);
            solve_upper_triangular_in_place(lower.transpose(), out, Par::Seq);
        });
        Ok(())
    }
}
