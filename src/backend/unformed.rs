//! Symmetric matrices by their parts, on numbers. Why the product with several columns: with one it is a step of conjugate gradients, with panels of
//! the identity it forms the matrix.

use smallvec::SmallVec;

use super::algebra::{Algebra, MatrixRef};
use super::element::Element;
use crate::kernel::{PANEL, Term, Unformed, View};

/// A symmetric matrix as a sum of products, which is not formed.
#[derive(Debug)]
pub struct Parts<'a, T> {
    size: usize,
    terms: SmallVec<[Part<'a, T>; 4]>,
}

/// `scale diag(l₁) diag(l₂) … F₁ F₂ … diag(r₁) diag(r₂) …`
#[derive(Debug)]
struct Part<'a, T> {
    scale: T,
    left: SmallVec<[&'a [T]; 2]>,
    factors: SmallVec<[MatrixRef<'a, T>; 4]>,
    right: SmallVec<[&'a [T]; 2]>,
}

/// What a term is multiplied by.
#[derive(Clone, Copy)]
enum Columns<'a, T> {
    Given(MatrixRef<'a, T>),
    /// So many columns of the identity, from this one on.
    Identity(usize, usize),
}

impl<'a, T: Element> Parts<'a, T> {
    pub(super) fn new(of: &Unformed, matrix: impl Fn(&View) -> MatrixRef<'a, T>) -> Self {
        let column = |view: &View| &matrix(view).data[..of.size];
        let part = |term: &Term| Part {
            scale: (term.scalars.iter()).fold(T::number(term.scale.0), |all, scalar| {
                all * matrix(scalar).data[0]
            }),
            left: term.left.iter().map(column).collect(),
            factors: term.factors.iter().map(&matrix).collect(),
            right: term.right.iter().map(column).collect(),
        };
        Self {
            size: of.size,
            terms: of.terms.iter().map(part).collect(),
        }
    }

    /// Rows and columns.
    pub fn size(&self) -> usize {
        self.size
    }

    /// `out = matrix * right`.
    pub fn times(
        &self,
        out: &mut [T],
        right: MatrixRef<'_, T>,
        algebra: &mut impl Algebra<T>,
        scratch: &mut [T],
    ) {
        self.sum(out, Columns::Given(right), algebra, scratch);
    }

    /// The matrix, formed at the front of `scratch`.
    pub fn form<'s>(
        &self,
        algebra: &mut impl Algebra<T>,
        scratch: &'s mut [T],
    ) -> MatrixRef<'s, T> {
        let n = self.size;
        let (formed, scratch) = scratch.split_at_mut(n * n);
        for (place, panel) in formed.chunks_mut(n * PANEL.min(n)).enumerate() {
            let columns = Columns::Identity(place * PANEL, panel.len() / n);
            self.sum(panel, columns, algebra, scratch);
        }
        MatrixRef {
            data: formed,
            rows: n,
            cols: n,
            strides: (1, n),
        }
    }

    fn sum(
        &self,
        out: &mut [T],
        of: Columns<'_, T>,
        algebra: &mut impl Algebra<T>,
        scratch: &mut [T],
    ) {
        out.fill(T::zero());
        for part in &self.terms {
            let image = part.image(self.size, of, algebra, scratch);
            for (out, image) in out
                .chunks_exact_mut(self.size)
                .zip(image.chunks_exact(self.size))
            {
                for (i, (out, image)) in out.iter_mut().zip(image).enumerate() {
                    let scale = part.left.iter().fold(part.scale, |all, left| all * left[i]);
                    *out += scale * *image;
                }
            }
        }
    }
}

impl<T: Element> Part<'_, T> {
    /// All of the product but what scales its rows.
    fn image<'s>(
        &self,
        size: usize,
        of: Columns<'_, T>,
        algebra: &mut impl Algebra<T>,
        scratch: &'s mut [T],
    ) -> &'s [T] {
        let (mut image, mut next) = scratch.split_at_mut(scratch.len() / 2);
        let cols = match of {
            Columns::Given(right) => right.cols,
            Columns::Identity(_, count) => count,
        };
        let weight = |j: usize| {
            self.right
                .iter()
                .fold(T::one(), |all, right| all * right[j])
        };
        let (mut rows, mut factors) = (size, self.factors.as_slice());
        match (of, self.factors.split_last()) {
            (Columns::Given(right), _) => {
                for (j, image) in image.chunks_exact_mut(size).take(cols).enumerate() {
                    for (i, entry) in image.iter_mut().enumerate() {
                        *entry = weight(i) * right.at(i, j);
                    }
                }
            }
            (Columns::Identity(start, _), Some((last, before))) => {
                (rows, factors) = (last.rows, before);
                for (j, image) in image.chunks_exact_mut(rows).take(cols).enumerate() {
                    let weight = weight(start + j);
                    for (i, entry) in image.iter_mut().enumerate() {
                        *entry = weight * last.at(i, start + j);
                    }
                }
            }
            (Columns::Identity(start, _), None) => {
                for (j, image) in image.chunks_exact_mut(size).take(cols).enumerate() {
                    image.fill(T::zero());
                    image[start + j] = weight(start + j);
                }
            }
        }
        for factor in factors.iter().rev() {
            let of = MatrixRef {
                data: &*image,
                rows,
                cols,
                strides: (1, rows),
            };
            algebra.product(&mut next[..factor.rows * cols], T::one(), *factor, of);
            rows = factor.rows;
            std::mem::swap(&mut image, &mut next);
        }
        &image[..rows * cols]
    }
}
