//! Kernels and blocks over values numbered anew. Why: only what the outputs need keeps a number, so that plans count
//! without gaps.

use super::ir::{Block, Kernel, ValueId, View};

impl Kernel {
    pub(crate) fn renumbered(&self, renumber: &impl Fn(ValueId) -> ValueId) -> Self {
        let mut kernel = self.clone();
        let change = |view: &mut View| view.value = renumber(view.value);
        match &mut kernel {
            Self::Product { left, right, .. }
            | Self::BlockProduct { left, right, .. }
            | Self::ProductDiagonal { left, right }
            | Self::Solve {
                matrix: left,
                right,
                ..
            } => {
                change(left);
                change(right);
            }
            Self::Reduce { of, .. }
            | Self::ReduceColumns { of, .. }
            | Self::RowSums { of }
            | Self::Softmax { of }
            | Self::Inverse { of }
            | Self::Determinant { of }
            | Self::LogDeterminant { of }
            | Self::Spectral { of, .. } => change(of),
            Self::SampleRoots {
                diagonal, outers, ..
            } => {
                change(diagonal);
                for (u, v) in outers {
                    change(u);
                    change(v);
                }
            }
            Self::Stein(stein) => stein.views_mut().for_each(change),
            Self::UnformedSolve { matrix, right } | Self::UnformedProduct { matrix, right } => {
                matrix.views_mut().chain([right]).for_each(change);
            }
            Self::Loop(_) | Self::Commutation { .. } => {}
        }
        kernel
    }
}

impl Block {
    pub(crate) fn renumbered(&self, renumber: &impl Fn(ValueId) -> ValueId) -> Self {
        let mut block = self.clone();
        match &mut block {
            Self::Zero { .. } => {}
            Self::Dense { value, .. }
            | Self::Diagonal { value, .. }
            | Self::ScaledIdentity { value, .. }
            | Self::Root { value, .. } => *value = renumber(*value),
            Self::Kronecker { left, right } => {
                **left = left.renumbered(renumber);
                **right = right.renumbered(renumber);
            }
            Self::Sum(terms) => terms
                .iter_mut()
                .for_each(|term| *term = term.renumbered(renumber)),
        }
        block
    }
}
