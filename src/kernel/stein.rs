//! The kernel for α M + β B M K = R, the equation of a damped step with a Kronecker block. Why one kernel: through eigenbases, or by
//! iteration, the work is a few products whose results nobody else reads, and an iteration ends by numbers.

use super::cost::product;
use super::ir::{ValueId, View};
use super::scalar::Number;

/// M with α M + β B M K = R.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stein {
    /// α, a scalar.
    pub alpha: View,
    /// β, a scalar.
    pub beta: View,
    /// B, symmetric, with as many rows as R.
    pub left: SteinFactor,
    /// K, symmetric, with as many rows as R has columns.
    pub right: SteinFactor,
    /// R, contiguous.
    pub of: View,
    /// How it is solved.
    pub method: SteinMethod,
}

/// A symmetric factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SteinFactor {
    /// The identity.
    Identity,
    /// A stored matrix.
    Dense(View),
    /// A diagonal matrix, its diagonal a stored column, contiguous.
    Diagonal(View),
    /// S S', by S; for iterations only.
    Root(View),
}

/// How the equation is solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SteinMethod {
    /// M = Q [(Q'RP) ⊘ (α + βλμ')] P' through the eigenbases Q of B and P of K. Where α + βλμ vanishes to working precision, the
    /// equation is singular.
    Eigenbases,
    /// Conjugate gradients from M = 0, until ‖residual‖ ≤ tolerance · ‖R‖, or after so many iterations, or with what they have at a direction
    /// of curvature ≤ 0, or, measured by Gram matrices, where ‖residual‖ is rounding. Where numbers are not finite, M is NaN.
    ConjugateGradients {
        /// Relative to ‖R‖.
        tolerance: Number,
        /// The most iterations.
        iterations: usize,
        /// What is measured by.
        inner: InnerProduct,
    },
}

/// An inner product of matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InnerProduct {
    /// ⟨M, N⟩ = tr(M'N).
    Entries,
    /// ⟨M, N⟩ = tr(M'NK), that of MX' and NX' where K = X'X.
    Gram,
}

impl SteinFactor {
    /// The array it is stored in.
    pub fn view(&self) -> Option<&View> {
        match self {
            Self::Identity => None,
            Self::Dense(view) | Self::Diagonal(view) | Self::Root(view) => Some(view),
        }
    }

    fn view_mut(&mut self) -> Option<&mut View> {
        match self {
            Self::Identity => None,
            Self::Dense(view) | Self::Diagonal(view) | Self::Root(view) => Some(view),
        }
    }

    /// Operations of the product with a matrix of `other` columns.
    fn product_flops(&self, other: usize) -> u64 {
        match self {
            Self::Identity => 0,
            Self::Dense(view) => product(&[2, view.rows, view.rows, other]),
            Self::Diagonal(view) => product(&[view.rows, other]),
            Self::Root(view) => product(&[4, view.rows, view.cols, other]),
        }
    }

    /// Operations of the eigendecomposition.
    fn eigen_flops(&self) -> u64 {
        match self {
            Self::Dense(view) => product(&[9, view.rows, view.rows, view.rows]),
            _ => 0,
        }
    }

    /// Entries for eigenvalues and eigenvectors.
    pub(crate) fn eigen_entries(&self) -> usize {
        match self {
            Self::Dense(view) => (view.rows.saturating_mul(view.rows)).saturating_add(view.rows),
            _ => 0,
        }
    }

    /// Columns of a root.
    fn rank(&self) -> usize {
        match self {
            Self::Root(view) => view.cols,
            _ => 0,
        }
    }
}

impl Stein {
    pub(crate) fn reads(&self) -> Vec<ValueId> {
        let factors = [self.left, self.right];
        let factors = factors.iter().filter_map(SteinFactor::view);
        let views = [&self.alpha, &self.beta, &self.of].into_iter();
        views.chain(factors).map(|view| view.value).collect()
    }

    pub(crate) fn views_mut(&mut self) -> impl Iterator<Item = &mut View> {
        let scalars = [&mut self.alpha, &mut self.beta, &mut self.of];
        let factors = [self.left.view_mut(), self.right.view_mut()];
        scalars.into_iter().chain(factors.into_iter().flatten())
    }

    /// Operations: of an iteration those of all that it may take, eigendecompositions 9n³.
    pub(crate) fn flops(&self) -> u64 {
        let (rows, cols) = (self.of.rows, self.of.cols);
        let entries = product(&[rows, cols]);
        let both = (self.left.product_flops(cols)).saturating_add(self.right.product_flops(rows));
        match self.method {
            SteinMethod::Eigenbases => {
                let bases = (self.left.eigen_flops()).saturating_add(self.right.eigen_flops());
                // Into the bases and out of them; diagonal factors are in theirs.
                let turns = match (&self.left, &self.right) {
                    (SteinFactor::Dense(_), SteinFactor::Dense(_)) => both,
                    (SteinFactor::Dense(_), _) => self.left.product_flops(cols),
                    (_, SteinFactor::Dense(_)) => self.right.product_flops(rows),
                    _ => 0,
                };
                bases
                    .saturating_add(turns.saturating_mul(2))
                    .saturating_add(entries.saturating_mul(4))
            }
            SteinMethod::ConjugateGradients { iterations, .. } => {
                let each = both.saturating_add(entries.saturating_mul(12));
                each.saturating_mul(iterations as u64)
            }
        }
    }

    /// Entries of scratch memory that a back end needs beside the result.
    pub(crate) fn workspace(&self) -> usize {
        let (rows, cols) = (self.of.rows, self.of.cols);
        let entries = self.of.rows.saturating_mul(self.of.cols);
        match self.method {
            SteinMethod::Eigenbases => (self.left.eigen_entries())
                .saturating_add(self.right.eigen_entries())
                .saturating_add(entries),
            SteinMethod::ConjugateGradients { .. } => {
                // Residual, direction, image and what stands between a factor and the next; for Gram matrices the residual times K, too.
                let inner = (self.right.rank().saturating_mul(rows))
                    .max(self.left.rank().saturating_mul(cols));
                entries.saturating_mul(5).saturating_add(inner)
            }
        }
    }

    pub(crate) fn describe(&self, view: impl Fn(&View) -> String) -> String {
        let factor = |factor: &SteinFactor| match factor {
            SteinFactor::Identity => "I".to_owned(),
            SteinFactor::Dense(of) => view(of),
            SteinFactor::Diagonal(of) => format!("diag({})", view(of)),
            SteinFactor::Root(of) => format!("({s} {s}')", s = view(of)),
        };
        let equation = format!(
            "{}*M + {}*{}*M*{} = {}",
            view(&self.alpha),
            view(&self.beta),
            factor(&self.left),
            factor(&self.right),
            view(&self.of)
        );
        match self.method {
            SteinMethod::Eigenbases => format!("solve {equation} through eigenbases"),
            SteinMethod::ConjugateGradients {
                tolerance,
                iterations,
                inner,
            } => {
                let measure = match inner {
                    InnerProduct::Entries => "",
                    InnerProduct::Gram => ", measured by tr(M'MK)",
                };
                format!(
                    "solve {equation} by at most {iterations} conjugate gradients, to {}{measure}",
                    tolerance.0
                )
            }
        }
    }
}
