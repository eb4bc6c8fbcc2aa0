//! Blocks for every row of a parameter, with the eigenvalues of each treated. Why here and not in a program: there are as many as the parameter
//! has rows, each with eigenvalues of its own, and between rows there is nothing.

use nalgebra::DMatrix;

use crate::backend::{Element, symmetric_eigen};
use crate::expr::Name;
use crate::network::linked::Treatment;

/// Where the factors of a matrix are found, as [`row_factors`](crate::hbp::row_factors) makes them.
#[derive(Clone, Debug)]
pub(super) struct RowFactors {
    pub(super) treatment: Treatment,
    /// X, a column for every sample.
    pub(super) columns: Name,
    /// W, a row for every row of the parameter.
    pub(super) weights: Name,
}

/// `E[wᵢ xx']` for every row i of W, with its eigenvalues treated; NaN where they were not found.
pub(super) fn blocks<T: Element>(
    treatment: Treatment,
    x: &DMatrix<T>,
    weights: &DMatrix<T>,
) -> Vec<DMatrix<T>> {
    let share = T::one() / T::number(x.ncols() as f64);
    let of_row = |row: usize| {
        let mut scaled = x.clone();
        for (sample, mut column) in scaled.column_iter_mut().enumerate() {
            column *= weights[(row, sample)] * share;
        }
        treated(treatment, scaled * x.transpose())
    };
    (0..weights.nrows()).map(of_row).collect()
}

fn treated<T: Element>(treatment: Treatment, matrix: DMatrix<T>) -> DMatrix<T> {
    let size = matrix.nrows();
    let Some(mut eigen) = symmetric_eigen(matrix) else {
        return DMatrix::from_element(size, size, T::number(f64::NAN));
    };
    eigen.eigenvalues.apply(|value| {
        *value = match treatment {
            Treatment::Abs => value.abs(),
            Treatment::Clip => value.max(T::zero()),
        }
    });
    eigen.recompose()
}

/// Adds the product with a direction, column by column as the parameter is.
pub(super) fn add_product<T: Element>(blocks: &[DMatrix<T>], direction: &[T], image: &mut [T]) {
    let rows = blocks.len();
    for (row, block) in blocks.iter().enumerate() {
        for (place, column) in block.column_iter().enumerate() {
            let factor = direction[place * rows + row];
            for (entry, own) in image[row..].iter_mut().step_by(rows).zip(&column) {
                *entry += factor * *own;
            }
        }
    }
}
