//! Symmetric matrices that are not formed. Why: conjugate gradients solve with a damped block in a few products, each of which takes about as long
//! with the factors of the block as with the block, and none of what forming it takes.

use super::cost::product;
use super::ir::{ValueId, View};
use super::scalar::Number;

/// A symmetric matrix as a sum of products.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unformed {
    /// Rows and columns.
    pub size: usize,
    /// What it is the sum of.
    pub terms: Vec<Term>,
}

/// `scale * s₁ s₂ … * diag(l₁) diag(l₂) … * F₁ F₂ … * diag(r₁) diag(r₂) …`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// The constant in front.
    pub scale: Number,
    /// Stored scalars s.
    pub scalars: Vec<View>,
    /// Stored columns l, one entry a row.
    pub left: Vec<View>,
    /// Stored matrices F; none for the identity.
    pub factors: Vec<View>,
    /// Stored columns r, one entry a column.
    pub right: Vec<View>,
}

/// Columns that are formed at once, where a matrix has to be formed after all.
pub(crate) const PANEL: usize = 64;

/// Conjugate gradients may take one product for so many rows and columns of the right side: a third of a factorisation, at the speed of each.
const ITERATED: usize = 24;
/// Fewer products than this are not worth a try.
const FEWEST: usize = 8;

/// How many products a solve by conjugate gradients may take for each of `columns`, before a factorisation takes over; none where it is not worth a try.
pub(crate) fn iterations(rows: usize, columns: usize) -> Option<usize> {
    let most = rows / ITERATED.saturating_mul(columns.max(1));
    (most >= FEWEST).then_some(most)
}

impl Unformed {
    pub(crate) fn reads(&self) -> Vec<ValueId> {
        let views = self.terms.iter().flat_map(Term::views);
        views.map(|view| view.value).collect()
    }

    pub(crate) fn views_mut(&mut self) -> impl Iterator<Item = &mut View> {
        self.terms.iter_mut().flat_map(|term| {
            let parts = [
                &mut term.scalars,
                &mut term.left,
                &mut term.factors,
                &mut term.right,
            ];
            parts.into_iter().flatten()
        })
    }

    /// Operations of the product with so many columns.
    pub(crate) fn product_flops(&self, columns: usize) -> u64 {
        let each = self.terms.iter().map(|term| {
            let factors = term.factors.iter();
            let factors = factors.map(|factor| product(&[2, factor.rows, factor.cols]));
            // Every diagonal, the scale, and the sum.
            let lines = term.left.len() + term.right.len() + 2;
            factors.fold(product(&[lines, self.size]), u64::saturating_add)
        });
        let one = each.fold(0, u64::saturating_add);
        one.saturating_mul(columns as u64)
    }

    /// Entries of scratch memory for a product with so many columns: what stands between a factor and the next.
    pub(crate) fn product_workspace(&self, columns: usize) -> usize {
        let factors = self.terms.iter().flat_map(|term| &term.factors);
        let rows = factors
            .map(|factor| factor.rows.max(factor.cols))
            .fold(self.size, usize::max);
        rows.saturating_mul(columns).saturating_mul(2)
    }

    /// Operations of a solve: of all products that it may take. What it takes where those are not enough is not counted.
    pub(crate) fn solve_flops(&self, columns: usize) -> u64 {
        let most = iterations(self.size, columns).unwrap_or(0);
        // Two inner products and three sums beside each product.
        let each = (self.product_flops(1)).saturating_add(product(&[10, self.size]));
        each.saturating_mul(columns as u64)
            .saturating_mul(most as u64)
    }

    /// Entries of scratch memory for a solve: the matrix, in case it has to be formed, and what is needed to form it.
    pub(crate) fn solve_workspace(&self) -> usize {
        let formed = self.size.saturating_mul(self.size);
        formed.saturating_add(self.product_workspace(PANEL.min(self.size)))
    }

    pub(crate) fn describe(&self, view: impl Fn(&View) -> String) -> String {
        let terms = self.terms.iter().map(|term| term.describe(&view));
        terms.collect::<Vec<_>>().join(" + ")
    }
}

impl Term {
    /// `factors`, and nothing else.
    pub(crate) fn product(factors: Vec<View>) -> Self {
        Self {
            scale: Number(1.0),
            scalars: Vec::new(),
            left: Vec::new(),
            factors,
            right: Vec::new(),
        }
    }

    fn views(&self) -> impl Iterator<Item = &View> {
        let parts = [&self.scalars, &self.left, &self.factors, &self.right];
        parts.into_iter().flatten()
    }

    fn describe(&self, view: impl Fn(&View) -> String) -> String {
        let diagonals = |of: &[View]| -> Vec<String> {
            of.iter().map(|of| format!("diag({})", view(of))).collect()
        };
        let mut parts = Vec::new();
        if self.scale != Number(1.0) {
            parts.push(self.scale.0.to_string());
        }
        parts.extend(self.scalars.iter().map(&view));
        parts.extend(diagonals(&self.left));
        parts.extend(self.factors.iter().map(&view));
        if self.factors.is_empty() && self.left.is_empty() && self.right.is_empty() {
            parts.push("I".to_owned());
        }
        parts.extend(diagonals(&self.right));
        parts.join(" * ")
    }
}
