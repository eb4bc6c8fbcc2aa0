//! Products. Why never by entries: `A ⊗ B` is applied factor by factor, `vec V ↦ vec(B V A')`, at any depth of nesting.

use nalgebra::{DMatrix, DVector};

use super::{CurvatureError, Operator};
use crate::backend::{Element, OutputBlock};

impl<T: Element> Operator<'_, T> {
    /// The block times a matrix of columns.
    ///
    /// # Errors
    /// When the matrix has not as many rows as the block has columns.
    pub fn product(&self, columns: &DMatrix<T>) -> Result<DMatrix<T>, CurvatureError> {
        let expected = self.shape().1;
        if columns.nrows() != expected {
            return Err(CurvatureError::Shape {
                what: "the matrix to multiply",
                expected,
                found: columns.nrows(),
                whole: false,
            });
        }
        Ok(multiply(self.block, columns))
    }

    /// The block times a vector.
    ///
    /// # Errors
    /// As [`Operator::product`].
    pub fn product_vector(&self, vector: &DVector<T>) -> Result<DVector<T>, CurvatureError> {
        let column = DMatrix::from_column_slice(vector.len(), 1, vector.as_slice());
        Ok(self.product(&column)?.column(0).into_owned())
    }
}

/// The block times a matrix that fits.
fn multiply<T: Element>(block: &OutputBlock<T>, columns: &DMatrix<T>) -> DMatrix<T> {
    match block {
        OutputBlock::Zero { rows, .. } => DMatrix::zeros(*rows, columns.ncols()),
        OutputBlock::Dense(matrix) => matrix * columns,
        OutputBlock::Diagonal(diagonal) => {
            let mut scaled = columns.clone();
            for mut column in scaled.column_iter_mut() {
                column.component_mul_assign(diagonal);
            }
            scaled
        }
        OutputBlock::ScaledIdentity { scale, .. } => columns * *scale,
        OutputBlock::Kronecker { left, right } => factor_by_factor(
            columns,
            right.shape().1,
            |m| multiply(left, m),
            |m| multiply(right, m),
        ),
        // (S S') v = S (S' v)
        OutputBlock::Root(root) => root * root.tr_mul(columns),
        OutputBlock::KhatriRao { left, right } => khatri_rao_times(
            left,
            right,
            &khatri_rao_transposed_times(left, right, columns),
        ),
        OutputBlock::Sum(terms) => {
            let (rows, _) = block.shape();
            let zero = DMatrix::zeros(rows, columns.ncols());
            terms
                .iter()
                .fold(zero, |sum, term| sum + multiply(term, columns))
        }
    }
}

/// S' times columns, S the Khatri-Rao product: entry k for a column vec V is `rₖ' V lₖ`.
pub(super) fn khatri_rao_transposed_times<T: Element>(
    left: &DMatrix<T>,
    right: &DMatrix<T>,
    columns: &DMatrix<T>,
) -> DMatrix<T> {
    let mut product = DMatrix::zeros(left.ncols(), columns.ncols());
    for (mut out, column) in product.column_iter_mut().zip(columns.column_iter()) {
        let entries = column.clone_owned();
        let matrix = DMatrix::from_column_slice(right.nrows(), left.nrows(), entries.as_slice());
        out.tr_copy_from(&right.component_mul(&(matrix * left)).row_sum());
    }
    product
}

/// S times columns: a column w becomes `vec Σ wₖ rₖ lₖ'`.
pub(super) fn khatri_rao_times<T: Element>(
    left: &DMatrix<T>,
    right: &DMatrix<T>,
    columns: &DMatrix<T>,
) -> DMatrix<T> {
    let mut product = DMatrix::zeros(left.nrows() * right.nrows(), columns.ncols());
    let transposed = left.transpose();
    for (mut out, weights) in product.column_iter_mut().zip(columns.column_iter()) {
        let mut scaled = right.clone();
        for (mut column, weight) in scaled.column_iter_mut().zip(weights.iter()) {
            column *= *weight;
        }
        out.copy_from_slice((scaled * &transposed).as_slice());
    }
    product
}

/// Applies `A ⊗ B`, given as what A and B do to a matrix, to every column `vec V`: `vec(B V A')`. `inner`: the columns of B.
pub(super) fn factor_by_factor<T: Element>(
    columns: &DMatrix<T>,
    inner: usize,
    left: impl FnOnce(&DMatrix<T>) -> DMatrix<T>,
    right: impl FnOnce(&DMatrix<T>) -> DMatrix<T>,
) -> DMatrix<T> {
    let count = columns.ncols();
    let outer = columns.nrows() / inner;
    // The columns one beside the other are the matrices V one beside the other, so B takes them all at once.
    let beside = DMatrix::from_column_slice(inner, outer * count, columns.as_slice());
    let right = right(&beside);
    let left = left(&slices_transposed(&right, outer, count));
    let result = slices_transposed(&left, right.nrows(), count);
    let rows = left.nrows() * right.nrows();
    DMatrix::from_column_slice(rows, count, result.as_slice())
}

/// `[X₁ … Xₖ]`, each of `width` columns, as `[X₁' … Xₖ']`.
fn slices_transposed<T: Element>(matrix: &DMatrix<T>, width: usize, count: usize) -> DMatrix<T> {
    let height = matrix.nrows();
    let mut out = DMatrix::zeros(width, height * count);
    for slice in 0..count {
        out.columns_mut(slice * height, height)
            .tr_copy_from(&matrix.columns(slice * width, width));
    }
    out
}
