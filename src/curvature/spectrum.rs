//! Eigenvalues and eigenbases by structure. Why a tree: the eigenvectors of `A ⊗ B` are those of A times those of B, its
//! eigenvalues their products, so neither is ever formed for the product.

use nalgebra::DMatrix;

use super::diagonal::{diagonal, is_diagonal};
use super::product::{factor_by_factor, khatri_rao_times, khatri_rao_transposed_times};
use super::split::fits;
use super::symmetric::{eigen, largest};
use super::{CurvatureError, Operator};
use crate::backend::{Element, OutputBlock, khatri_rao};

/// The smallest and the largest eigenvalue, in double precision whatever the block's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

/// An eigenvalue, and how far rounding may have moved it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Eigenvalue {
    pub(super) value: f64,
    pub(super) error: f64,
}

impl Eigenvalue {
    /// A number that is stored, not computed.
    pub(super) fn exact(value: f64) -> Self {
        Self { value, error: 0.0 }
    }

    fn times(self, other: Self) -> Self {
        let (a, b) = (self.value.abs(), other.value.abs());
        Self {
            value: self.value * other.value,
            error: self.error * b + other.error * a + self.error * other.error,
        }
    }
}

/// A symmetric block in its eigenbasis.
#[derive(Clone, Debug)]
pub(super) enum Spectrum<T: Element> {
    /// Eigenvectors are the unit vectors.
    Unit(Vec<Eigenvalue>),
    /// Orthonormal eigenvectors, one a column. To all that is orthogonal to them belongs the eigenvalue 0.
    Vectors {
        vectors: DMatrix<T>,
        values: Vec<Eigenvalue>,
    },
    /// Of `left ⊗ right`.
    Kronecker(Box<Self>, Box<Self>),
    /// Of S S' with S = `left` ⊙ `right` (Khatri-Rao), wider factors than columns: the eigenvalues of S'S, with its eigenvectors
    /// V. Those of S S' are S V, not normalised. To all that is orthogonal to them belongs the eigenvalue 0.
    Columns {
        left: DMatrix<T>,
        right: DMatrix<T>,
        vectors: DMatrix<T>,
        values: Vec<Eigenvalue>,
    },
}

impl<T: Element> Operator<'_, T> {
    /// The smallest and the largest eigenvalue. Of `A ⊗ B` they are products of extreme eigenvalues of A and B; those of a
    /// sum need its entries.
    ///
    /// # Errors
    /// When the block is not square, not symmetric or not finite; when a part whose entries are needed does not fit.
    pub fn range(&self) -> Result<Range, CurvatureError> {
        self.size()?;
        Ok(Spectrum::of(self.block, self.limit)?.range())
    }

    /// The eigenvalues below which these shares of all of them lie: 0 gives the smallest, 1/2 the median, 1 the largest. In double precision
    /// whatever the block's.
    ///
    /// ```
    /// use hbp::{backend::OutputBlock::Root, curvature::Operator};
    /// // S S' with S = (3, 0, 4)': the eigenvalues are 0, 0 and 25.
    /// let block = Root(nalgebra::dmatrix![3.0; 0.0; 4.0]);
    /// let found = Operator::new(&block).expect("well formed").quantiles(&[0.0, 0.5, 1.0]).expect("symmetric");
    /// assert_eq!(&found[..2], [0.0, 0.0]);
    /// assert!((found[2] - 25.0_f64).abs() < 1e-12);
    /// ```
    ///
    /// # Errors
    /// As [`Operator::range`].
    pub fn quantiles(&self, shares: &[f64]) -> Result<Vec<f64>, CurvatureError> {
        let size = self.size()?;
        let values = Spectrum::of(self.block, self.limit)?.values();
        let mut values: Vec<f64> = values.iter().map(|known| known.value).collect();
        values.sort_by(f64::total_cmp);
        // All that has no eigenvector is zero.
        let zeros = size - values.len();
        let negative = values.partition_point(|value| *value < 0.0);
        values.splice(negative..negative, std::iter::repeat_n(0.0, zeros));
        let at = |share: &f64| {
            let place = share.clamp(0.0, 1.0) * (size - 1) as f64;
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 0 and the number of eigenvalues"
            )]
            let place = place.round() as usize;
            values[place]
        };
        Ok(shares.iter().map(at).collect())
    }
}

impl<T: Element> Spectrum<T> {
    /// The eigenvalues and eigenvectors of a square block.
    pub(super) fn of(block: &OutputBlock<T>, limit: u64) -> Result<Self, CurvatureError> {
        match block {
            OutputBlock::KhatriRao { left, right } if left.ncols() < block.shape().0 => {
                let columns = left.ncols();
                fits::<T>(columns, columns, limit)?;
                largest(left.iter().chain(right.iter()))?;
                // (S'S)ᵢⱼ = (lᵢ'lⱼ)(rᵢ'rⱼ): S, as high as the block, is never formed.
                let (vectors, values) = eigen(&gram(left).component_mul(&gram(right)))?;
                Ok(Self::Columns {
                    left: left.clone(),
                    right: right.clone(),
                    vectors,
                    values,
                })
            }
            OutputBlock::Sum(terms) if terms.len() == 1 => Self::of(&terms[0], limit),
            _ => Self::normalised(block, limit),
        }
    }

    /// The same with orthonormal eigenvectors, as the factor of a Kronecker product needs them.
    fn normalised(block: &OutputBlock<T>, limit: u64) -> Result<Self, CurvatureError> {
        if is_diagonal(block) {
            let diagonal = diagonal(block);
            largest(diagonal.iter())?;
            let values = diagonal.iter().map(|d| Eigenvalue::exact(d.double()));
            return Ok(Self::Unit(values.collect()));
        }
        match block {
            OutputBlock::Kronecker { left, right } => {
                if let Some(product) = Self::of_factors(left, right, limit)? {
                    return Ok(product);
                }
            }
            OutputBlock::Root(root) if root.ncols() < root.nrows() => return Self::of_root(root),
            OutputBlock::KhatriRao { left, right } if left.ncols() < block.shape().0 => {
                let (rows, cols) = (block.shape().0, left.ncols());
                fits::<T>(rows, cols, limit)?;
                return Self::of_root(&khatri_rao(left, right));
            }
            OutputBlock::Sum(terms) if terms.len() == 1 => {
                return Self::normalised(&terms[0], limit);
            }
            _ => {}
        }
        let (vectors, values) = eigen(&block.to_dense(limit)?)?;
        Ok(Self::Vectors { vectors, values })
    }

    /// Through both eigenbases. Factors that are not square or not symmetric have none of use here, though their product may
    /// be symmetric: nothing is returned for them.
    fn of_factors(
        left: &OutputBlock<T>,
        right: &OutputBlock<T>,
        limit: u64,
    ) -> Result<Option<Self>, CurvatureError> {
        let is_square = |b: &OutputBlock<T>| b.shape().0 == b.shape().1;
        if !(is_square(left) && is_square(right)) {
            return Ok(None);
        }
        let pair = Self::normalised(left, limit)
            .and_then(|left| Ok((left, Self::normalised(right, limit)?)));
        match pair {
            Ok((left, right)) => Ok(Some(Self::Kronecker(Box::new(left), Box::new(right)))),
            Err(CurvatureError::Asymmetric { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// With S = Q R and R R' = W Λ W', S S' = (Q W) Λ (Q W)': only as many columns as the root has.
    fn of_root(root: &DMatrix<T>) -> Result<Self, CurvatureError> {
        largest(root.iter())?;
        let (q, r) = root.clone().qr().unpack();
        let (inner, values) = eigen(&(&r * r.transpose()))?;
        Ok(Self::Vectors {
            vectors: q * inner,
            values,
        })
    }

    /// Rows of the block.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Unit(values) => values.len(),
            Self::Vectors { vectors, .. } => vectors.nrows(),
            Self::Kronecker(left, right) => left.size() * right.size(),
            Self::Columns { left, right, .. } => left.nrows() * right.nrows(),
        }
    }

    /// The eigenvalues that have an eigenvector, in the order in which [`Self::in_basis`] gives coefficients.
    pub(super) fn values(&self) -> Vec<Eigenvalue> {
        match self {
            Self::Unit(values) | Self::Vectors { values, .. } | Self::Columns { values, .. } => {
                values.clone()
            }
            Self::Kronecker(left, right) => {
                let inner = right.values();
                let outer = left.values().into_iter();
                outer
                    .flat_map(|a| inner.iter().map(move |b| a.times(*b)))
                    .collect()
            }
        }
    }

    /// How many eigenvectors there are; all others belong to the eigenvalue 0.
    pub(super) fn rank(&self) -> usize {
        match self {
            Self::Unit(values) | Self::Vectors { values, .. } | Self::Columns { values, .. } => {
                values.len()
            }
            Self::Kronecker(left, right) => left.rank() * right.rank(),
        }
    }

    /// Whether the eigenvectors are not normalised.
    pub(super) fn is_of_columns(&self) -> bool {
        matches!(self, Self::Columns { .. })
    }

    /// Q' times the columns, Q the eigenvectors as they are.
    pub(super) fn in_basis(&self, columns: &DMatrix<T>) -> DMatrix<T> {
        match self {
            Self::Unit(_) => columns.clone(),
            Self::Vectors { vectors, .. } => vectors.tr_mul(columns),
            Self::Columns {
                left,
                right,
                vectors,
                ..
            } => vectors.tr_mul(&khatri_rao_transposed_times(left, right, columns)),
            Self::Kronecker(left, right) => factor_by_factor(
                columns,
                right.size(),
                |m| left.in_basis(m),
                |m| right.in_basis(m),
            ),
        }
    }

    /// Q times the columns, Q the eigenvectors as they are.
    pub(super) fn out_of_basis(&self, coefficients: &DMatrix<T>) -> DMatrix<T> {
        match self {
            Self::Unit(_) => coefficients.clone(),
            Self::Vectors { vectors, .. } => vectors * coefficients,
            Self::Columns {
                left,
                right,
                vectors,
                ..
            } => khatri_rao_times(left, right, &(vectors * coefficients)),
            Self::Kronecker(left, right) => factor_by_factor(
                coefficients,
                right.rank(),
                |m| left.out_of_basis(m),
                |m| right.out_of_basis(m),
            ),
        }
    }

    fn range(&self) -> Range {
        let of = |values: &mut dyn Iterator<Item = f64>| {
            let none = Range {
                min: f64::INFINITY,
                max: f64::NEG_INFINITY,
            };
            values.fold(none, |range, v| Range {
                min: range.min.min(v),
                max: range.max.max(v),
            })
        };
        match self {
            Self::Unit(values) | Self::Vectors { values, .. } | Self::Columns { values, .. } => {
                let null = (self.size() > values.len()).then_some(0.0);
                of(&mut values.iter().map(|v| v.value).chain(null))
            }
            Self::Kronecker(left, right) => {
                let (a, b) = (left.range(), right.range());
                let corners = [a.min * b.min, a.min * b.max, a.max * b.min, a.max * b.max];
                of(&mut corners.into_iter())
            }
        }
    }
}

/// M'M
fn gram<T: Element>(matrix: &DMatrix<T>) -> DMatrix<T> {
    let mut gram = DMatrix::zeros(matrix.ncols(), matrix.ncols());
    gram.gemm(T::one(), &matrix.transpose(), matrix, T::zero());
    gram
}
