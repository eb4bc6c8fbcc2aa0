//! Exact costs of kernels. Why exact: the cheapest order is chosen by these numbers, and tests can set ceilings on them.
//!
//! A multiplication and an addition count as two, a function evaluation as one. Factorisations count their leading
//! term: LU 2n³/3, Cholesky half of it, a triangular solve 2n² a column, an inverse 2n³, a symmetric eigendecomposition with its
//! recomposition 10n³. Conjugate gradients count all the products that they may take.

use super::ir::{Kernel, View};
use super::scalar::Loop;

impl Kernel {
    /// Entries of scratch memory that a back end needs beside the results.
    pub fn workspace(&self) -> usize {
        match self {
            Self::Stein(stein) => stein.workspace(),
            Self::SampleRoots { diagonal, .. } => diagonal.rows,
            Self::UnformedSolve { matrix, .. } => matrix.solve_workspace(),
            Self::UnformedProduct { matrix, right } => matrix.product_workspace(right.cols),
            _ => 0,
        }
    }

    /// Floating-point operations of one execution.
    pub fn flops(&self) -> u64 {
        match self {
            Self::Loop(body) => body.flops(),
            Self::Product {
                left,
                right,
                symmetric,
                ..
            } => {
                if *symmetric {
                    // The lower half with the diagonal, mirrored.
                    product(&[left.rows, left.rows + 1, left.cols])
                } else {
                    product(&[2, left.rows, left.cols, right.cols])
                }
            }
            Self::BlockProduct { left, right, .. } => {
                product(&[2, left.rows, left.cols, right.cols])
            }
            Self::ProductDiagonal { left, .. } => product(&[2, left.rows, left.cols]),
            Self::Reduce { reduction, of } | Self::ReduceColumns { reduction, of } => {
                use super::reduction::Reduction::{LogSumExp, Norm2, Product, Sum};
                let each = match reduction {
                    Sum | Product => 1,
                    Norm2 => 2,
                    LogSumExp => 3,
                };
                product(&[each, of.rows, of.cols])
            }
            Self::RowSums { of } => entries(of),
            Self::Softmax { of } => entries(of).saturating_mul(4),
            Self::Solve {
                matrix,
                right,
                symmetric,
            } => {
                let n = matrix.rows;
                let lu = product(&[2, n, n, n]) / 3;
                let factor = if *symmetric { lu / 2 } else { lu };
                factor.saturating_add(product(&[2, n, n, right.cols]))
            }
            Self::Stein(stein) => stein.flops(),
            Self::UnformedSolve { matrix, right } => matrix.solve_flops(right.cols),
            Self::UnformedProduct { matrix, right } => matrix.product_flops(right.cols),
            Self::Inverse { of } => product(&[2, of.rows, of.rows, of.rows]),
            Self::Determinant { of } | Self::LogDeterminant { of } => {
                product(&[2, of.rows, of.rows, of.rows]) / 3
            }
            Self::Spectral { of, .. } => product(&[10, of.rows, of.rows, of.rows]),
            Self::SampleRoots {
                diagonal,
                outers,
                columns,
            } => {
                // Of every column each diagonal entry, by the factors of the outer products, and each entry.
                let factors = 2 * outers.len();
                let each = factors * (factors + 2) + 1;
                product(&[2, diagonal.rows, diagonal.cols, *columns, each])
            }
            Self::Commutation { .. } => 0,
        }
    }
}

impl Loop {
    /// Floating-point operations of one execution.
    pub fn flops(&self) -> u64 {
        let each: u64 = self.body.iter().map(|line| line.op.flops()).sum();
        product(&[self.rows, self.cols]).saturating_mul(each)
    }
}

fn entries(view: &View) -> u64 {
    product(&[view.rows, view.cols])
}

pub(crate) fn product(factors: &[usize]) -> u64 {
    factors
        .iter()
        .fold(1u64, |total, n| total.saturating_mul(*n as u64))
}
