//! Matrices for tests of the algebra, stored in every way a view can be. Why gaps full of NaN: whoever reads or keeps an
//! entry that is not the matrix's is found out.

use hbp::backend::{Element, MatrixRef};

/// How a matrix lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Columns,
    Rows,
    ColumnsWithGaps,
    RowsWithGaps,
    Scattered,
}

pub(crate) const LAYOUTS: [Layout; 5] = [
    Layout::Columns,
    Layout::Rows,
    Layout::ColumnsWithGaps,
    Layout::RowsWithGaps,
    Layout::Scattered,
];

/// A matrix that owns its entries.
#[derive(Clone, Debug)]
pub(crate) struct Stored<T> {
    data: Vec<T>,
    rows: usize,
    cols: usize,
    strides: (usize, usize),
}

impl<T: Element> Stored<T> {
    /// The matrix of `entry(i, j)`.
    pub(crate) fn new(
        rows: usize,
        cols: usize,
        layout: Layout,
        mut entry: impl FnMut(usize, usize) -> f64,
    ) -> Self {
        let strides = match layout {
            Layout::Columns => (1, rows),
            Layout::Rows => (cols, 1),
            Layout::ColumnsWithGaps => (1, rows + 3),
            Layout::RowsWithGaps => (cols + 5, 1),
            Layout::Scattered => (2, 2 * rows + 1),
        };
        let last = (rows - 1) * strides.0 + (cols - 1) * strides.1;
        let mut data = vec![T::number(f64::NAN); last + 1];
        for j in 0..cols {
            for i in 0..rows {
                data[i * strides.0 + j * strides.1] = T::number(entry(i, j));
            }
        }
        Self {
            data,
            rows,
            cols,
            strides,
        }
    }

    pub(crate) fn view(&self) -> MatrixRef<'_, T> {
        MatrixRef {
            data: &self.data,
            rows: self.rows,
            cols: self.cols,
            strides: self.strides,
        }
    }
}

/// Numbers in (−1, 1), the same for the same seed.
pub(crate) fn noise(seed: u64) -> impl FnMut(usize, usize) -> f64 {
    move |i, j| {
        let mut x = seed.wrapping_add(0x5851_F42D_4C95_7F2D) ^ ((i as u64) << 32) ^ (j as u64 + 1);
        for _ in 0..3 {
            x = (x ^ (x >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
        (x >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

/// A place for results that must be overwritten.
pub(crate) fn dirty<T: Element>(size: usize) -> Vec<T> {
    vec![T::number(f64::NAN); size]
}
