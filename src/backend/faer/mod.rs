//! The fast algebra: faer behind [`Algebra`]. Why: its products run at the speed of the machine and its factorisations
//! several times faster than nalgebra's. Whatever it needs beside its operands stays here from one call to the next, so
//! that a call of the same sizes allocates nothing.

use faer::linalg::lu::partial_pivoting::factor::{lu_in_place, lu_in_place_scratch};
use faer::linalg::triangular_solve::{
    solve_unit_lower_triangular_in_place, solve_upper_triangular_in_place,
};
use faer::{MatMut, MatRef, Par};
use nalgebra::ComplexField;

mod eigen;
mod positive;

pub(crate) use eigen::symmetric_eigen;
use positive::Positive;

use super::algebra::{Algebra, MatrixRef, Singular};
use super::element::{Element, max};
use super::iterate::Workspace;
use super::plain::Nalgebra;
use super::products;
use super::scratch::Memory;
use super::unformed::Parts;

/// faer, with the memory that its factorisations work in.
///
/// The results depend on the operands and on the processor's instruction set, not on the number of threads.
#[derive(Debug, Default)]
pub struct Faer<T> {
    /// The matrix that is factorised, then its factors.
    factors: Vec<T>,
    vectors: Vec<T>,
    values: Vec<T>,
    scaled: Vec<T>,
    /// Row i of the permuted matrix is row `permutation[i]` of the matrix.
    permutation: Vec<usize>,
    inverse_permutation: Vec<usize>,
    memory: Memory,
    workspace: Workspace<T>,
}

impl<T: Element> Algebra<T> for Faer<T> {
    fn product(
        &mut self,
        out: &mut [T],
        scale: T,
        left: MatrixRef<'_, T>,
        right: MatrixRef<'_, T>,
    ) {
        let (Some(a), Some(b)) = (products::view(left), products::view(right)) else {
            return Nalgebra.product(out, scale, left, right);
        };
        products::product(column_major(out, left.rows, right.cols), scale, a, b);
    }

    fn symmetric_product(
        &mut self,
        out: &mut [T],
        scale: T,
        left: MatrixRef<'_, T>,
        right: MatrixRef<'_, T>,
    ) {
        let (Some(a), Some(b)) = (products::view(left), products::view(right)) else {
            return Nalgebra.symmetric_product(out, scale, left, right);
        };
        products::symmetric_product(column_major(out, left.rows, left.rows), scale, a, b);
    }

    fn solve(
        &mut self,
        out: &mut [T],
        matrix: MatrixRef<'_, T>,
        right: MatrixRef<'_, T>,
    ) -> Result<(), Singular> {
        self.factorise(matrix);
        self.is_regular(matrix.rows)?;
        let rows = self.permutation.iter();
        for (j, column) in columns(out, right.rows, right.cols) {
            for (entry, row) in column.iter_mut().zip(rows.clone()) {
                *entry = right.at(*row, j);
            }
        }
        self.substitute(column_major(out, right.rows, right.cols));
        Ok(())
    }

    fn solve_positive(
        &mut self,
        out: &mut [T],
        matrix: MatrixRef<'_, T>,
        right: MatrixRef<'_, T>,
    ) -> Result<(), Singular> {
        self.positive(out, &Positive::Formed(matrix), right, &mut [])
    }

    fn solve_unformed(
        &mut self,
        out: &mut [T],
        matrix: &Parts<'_, T>,
        right: MatrixRef<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), Singular> {
        self.positive(out, &Positive::Unformed(matrix), right, scratch)
    }

    fn inverse(&mut self, out: &mut [T], matrix: MatrixRef<'_, T>) -> Result<(), Singular> {
        self.factorise(matrix);
        self.is_regular(matrix.rows)?;
        // The permutation of the identity.
        out[..matrix.rows * matrix.rows].fill(T::zero());
        for (i, row) in self.permutation.iter().enumerate() {
            out[i + row * matrix.rows] = T::one();
        }
        self.substitute(column_major(out, matrix.rows, matrix.rows));
        Ok(())
    }

    fn determinant(&mut self, matrix: MatrixRef<'_, T>) -> T {
        let sign = if self.factorise(matrix).is_multiple_of(2) {
            T::one()
        } else {
            -T::one()
        };
        let pivots = self.pivots_to_zero(matrix);
        pivots.fold(sign, |product, pivot| product * pivot)
    }

    fn log_determinant(&mut self, matrix: MatrixRef<'_, T>) -> T {
        self.factorise(matrix);
        // Factor by factor: the determinant itself may overflow.
        let logarithms = self
            .pivots_to_zero(matrix)
            .map(|pivot| ComplexField::abs(pivot).ln());
        logarithms.fold(T::zero(), |sum, logarithm| sum + logarithm)
    }

    fn symmetric_eigen(&mut self, matrix: MatrixRef<'_, T>, values: &mut [T], vectors: &mut [T]) {
        let n = matrix.rows;
        // Entries near 1 keep the squares of the iteration in range.
        let top = (matrix.data.iter()).fold(T::zero(), |top, x| max(top, ComplexField::abs(*x)));
        let unit = if top == T::zero() { T::one() } else { top };
        self.take_symmetric(matrix, T::one() / unit);
        if self.eigen(n) {
            vectors.copy_from_slice(&self.vectors);
            for (value, of) in values.iter_mut().zip(&self.values) {
                *value = *of * unit;
            }
        } else {
            vectors.fill(T::number(f64::NAN));
            values.fill(T::number(f64::NAN));
        }
    }

    fn spectral(&mut self, out: &mut [T], matrix: MatrixRef<'_, T>, f: fn(T) -> T) {
        let n = matrix.rows;
        self.take_symmetric(matrix, T::one());
        if !self.eigen(n) {
            return out.fill(T::number(f64::NAN));
        }
        self.scaled.resize(n * n, T::zero());
        let pairs = self.scaled.chunks_exact_mut(n.max(1));
        for ((scaled, vector), value) in pairs.zip(self.vectors.chunks_exact(n)).zip(&self.values) {
            let value = f(*value);
            for (entry, x) in scaled.iter_mut().zip(vector) {
                *entry = *x * value;
            }
        }
        let scaled = MatRef::from_column_major_slice(&self.scaled, n, n);
        let vectors = MatRef::from_column_major_slice(&self.vectors, n, n);
        products::symmetric_product(
            column_major(out, n, n),
            T::one(),
            scaled,
            vectors.transpose(),
        );
    }
}

impl<T: Element> Faer<T> {
    /// P A = L U, and the number of rows exchanged.
    fn factorise(&mut self, matrix: MatrixRef<'_, T>) -> usize {
        let n = matrix.rows;
        copy(&mut self.factors, matrix);
        self.permutation.resize(n, 0);
        self.inverse_permutation.resize(n, 0);
        let stack = self.memory.get(lu_in_place_scratch::<usize, T>(
            n,
            n,
            Par::Seq,
            faer::Spec::default(),
        ));
        let (found, _) = lu_in_place(
            column_major(&mut self.factors, n, n),
            &mut self.permutation,
            &mut self.inverse_permutation,
            Par::Seq,
            stack,
            faer::Spec::default(),
        );
        found.transposition_count
    }

    fn pivots(&self, n: usize) -> impl Iterator<Item = T> {
        (0..n).map(move |i| self.factors[i + i * n])
    }

    /// The pivots of a factorised matrix; of a singular one no more than the first that is zero, since faer divides by it
    /// and goes on with NaN.
    fn pivots_to_zero(&self, matrix: MatrixRef<'_, T>) -> impl Iterator<Item = T> {
        let n = matrix.rows;
        let zero = self.pivots(n).position(|pivot| pivot == T::zero());
        let count = zero.filter(|_| matrix.is_finite()).map_or(n, |i| i + 1);
        self.pivots(n).take(count)
    }

    fn is_regular(&self, n: usize) -> Result<(), Singular> {
        if self.pivots(n).any(|pivot| pivot == T::zero()) {
            Err(Singular)
        } else {
            Ok(())
        }
    }

    /// `out = U⁻¹ L⁻¹ out`
    fn substitute(&self, out: MatMut<'_, T>) {
        let n = out.nrows();
        let factors = MatRef::from_column_major_slice(&self.factors, n, n);
        products::by_columns(out, 2 * n * n, &|mut out| {
            solve_unit_lower_triangular_in_place(factors, out.as_mut(), Par::Seq);
            solve_upper_triangular_in_place(factors, out, Par::Seq);
        });
    }
}

fn column_major<T>(data: &mut [T], rows: usize, cols: usize) -> MatMut<'_, T> {
    MatMut::from_column_major_slice_mut(&mut data[..rows * cols], rows, cols)
}

fn columns<T>(data: &mut [T], rows: usize, cols: usize) -> impl Iterator<Item = (usize, &mut [T])> {
    data.chunks_exact_mut(rows.max(1)).take(cols).enumerate()
}

/// The entries, column by column.
fn copy<T: Element>(data: &mut Vec<T>, matrix: MatrixRef<'_, T>) {
    data.clear();
    for j in 0..matrix.cols {
        if matrix.strides.0 == 1 {
            let start = j * matrix.strides.1;
            data.extend_from_slice(&matrix.data[start..start + matrix.rows]);
        } else {
            data.extend((0..matrix.rows).map(|i| matrix.at(i, j)));
        }
    }
}
