//! The kernel IR: static single assignment over stored arrays with concrete shapes. Why arrays only: what a matrix
//! *is* (a Kronecker product, a diagonal, a root) is decided while lowering, so a back end only meets dense arrays
//! and index patterns.

use crate::expr::Name;

use super::reduction::{Reduction, Spectrum};
use super::scalar::{Loop, Number};
use super::stein::Stein;
use super::unformed::Unformed;

/// A stored array of one program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub u32);

impl ValueId {
    /// Position in [`super::Program::values`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A stored array, column by column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// What the array is.
    pub representation: Representation,
    /// The operation or output it stands for, for plans and errors.
    pub label: String,
}

impl Value {
    /// The number of entries.
    pub fn len(&self) -> usize {
        self.rows.saturating_mul(self.cols)
    }

    /// True when there is no entry, which does not happen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How a stored array is known to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Representation {
    /// A matrix without known structure.
    Dense,
    /// A matrix equal to its transpose.
    Symmetric,
    /// A column or row.
    Vector,
    /// A single number.
    Scalar,
}

/// A stored array read as a matrix of `rows × cols`: reshaped for free, or transposed by swapping strides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct View {
    /// The array.
    pub value: ValueId,
    /// Rows of the matrix.
    pub rows: usize,
    /// Columns of the matrix.
    pub cols: usize,
    /// The array holds the transpose, `cols × rows`.
    pub transposed: bool,
}

impl View {
    /// Offsets between neighbouring rows and neighbouring columns.
    pub fn strides(&self) -> (usize, usize) {
        if self.transposed {
            (self.cols, 1)
        } else {
            (1, self.rows)
        }
    }

    /// True for a single row or column.
    pub fn is_vector(&self) -> bool {
        self.rows == 1 || self.cols == 1
    }

    /// The transpose; a vector's is a matter of reading.
    pub fn transpose(&self) -> Self {
        let transposed = !self.transposed && !self.is_vector();
        Self {
            value: self.value,
            rows: self.cols,
            cols: self.rows,
            transposed,
        }
    }

    pub(crate) fn reshaped(&self, rows: usize, cols: usize) -> Self {
        assert!(!self.transposed, "a reshape keeps the order of entries");
        assert_eq!(
            self.rows.saturating_mul(self.cols),
            rows.saturating_mul(cols),
            "a reshape keeps all entries"
        );
        Self {
            rows,
            cols,
            ..*self
        }
    }
}

/// What a step computes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// A fused elementwise loop, possibly with several results.
    Loop(Loop),
    /// `scale * left * right`. With `symmetric`, the result is known to be symmetric (a Gram product, the second half of
    /// a congruence J'(HJ)): its lower half is computed and mirrored.
    Product {
        /// The left factor.
        left: View,
        /// The right factor.
        right: View,
        /// The result equals its transpose.
        symmetric: bool,
        /// The factor in front.
        scale: Number,
    },
    /// `[L₁ R, L₂ R, …]` for `left = [L₁, L₂, …]`: one half of a product with a Kronecker product.
    BlockProduct {
        /// The blocks side by side, contiguous.
        left: View,
        /// The factor of each.
        right: View,
        /// The number of blocks.
        blocks: usize,
    },
    /// The diagonal of `left * right`, a column.
    ProductDiagonal {
        /// The left factor.
        left: View,
        /// The right factor.
        right: View,
    },
    /// All entries to one number.
    Reduce {
        /// How.
        reduction: Reduction,
        /// The matrix.
        of: View,
    },
    /// The entries of each column to one number, a row.
    ReduceColumns {
        /// How.
        reduction: Reduction,
        /// The matrix, contiguous.
        of: View,
    },
    /// The sum of each row, a column.
    RowSums {
        /// The matrix.
        of: View,
    },
    /// S with `S S' = diag(d) + Σ u v'` for every column of its terms, by a Cholesky factorisation with pivoting: S has
    /// `columns` columns for each, the first of all first.
    SampleRoots {
        /// The columns d.
        diagonal: View,
        /// The columns u and v of every term.
        outers: Vec<(View, View)>,
        /// The most columns that any of the roots has.
        columns: usize,
    },
    /// The softmax of each column, stable.
    Softmax {
        /// The matrix, contiguous.
        of: View,
    },
    /// The solution of an equation of matrices.
    Stein(Stein),
    /// `matrix⁻¹ right` by LU with partial pivoting; with `symmetric`, by Cholesky where the matrix is positive definite.
    Solve {
        /// The square matrix.
        matrix: View,
        /// The right-hand sides.
        right: View,
        /// The matrix equals its transpose.
        symmetric: bool,
    },
    /// `matrix⁻¹ right` by conjugate gradients to working precision; where a few products are not enough, the matrix is formed and solved with
    /// as in [`Kernel::Solve`].
    UnformedSolve {
        /// The matrix.
        matrix: Unformed,
        /// The right-hand sides.
        right: View,
    },
    /// `matrix * right`.
    UnformedProduct {
        /// The matrix.
        matrix: Unformed,
        /// The columns that it is multiplied by.
        right: View,
    },
    /// The inverse by LU with partial pivoting.
    Inverse {
        /// The square matrix.
        of: View,
    },
    /// The determinant by LU.
    Determinant {
        /// The square matrix.
        of: View,
    },
    /// log |det| by LU.
    LogDeterminant {
        /// The square matrix.
        of: View,
    },
    /// A function of the eigenvalues of a symmetric matrix.
    Spectral {
        /// The function.
        spectrum: Spectrum,
        /// The symmetric matrix.
        of: View,
    },
    /// The commutation matrix K with K vec A = vec A' for A of `rows × cols`, stored.
    Commutation {
        /// Rows of A.
        rows: usize,
        /// Columns of A.
        cols: usize,
    },
}

impl Kernel {
    /// The values it reads, in order, possibly repeated.
    pub fn reads(&self) -> Vec<ValueId> {
        match self {
            Self::Loop(body) => body.reads.iter().map(|(value, _)| *value).collect(),
            Self::Product { left, right, .. }
            | Self::BlockProduct { left, right, .. }
            | Self::ProductDiagonal { left, right }
            | Self::Solve {
                matrix: left,
                right,
                ..
            } => vec![left.value, right.value],
            Self::Stein(stein) => stein.reads(),
            Self::UnformedSolve { matrix, right } | Self::UnformedProduct { matrix, right } => {
                [matrix.reads(), vec![right.value]].concat()
            }
            Self::Reduce { of, .. }
            | Self::ReduceColumns { of, .. }
            | Self::RowSums { of }
            | Self::Softmax { of }
            | Self::Inverse { of }
            | Self::Determinant { of }
            | Self::LogDeterminant { of }
            | Self::Spectral { of, .. } => vec![of.value],
            Self::SampleRoots {
                diagonal, outers, ..
            } => {
                let outers = outers.iter().flat_map(|(u, v)| [u.value, v.value]);
                std::iter::once(diagonal.value).chain(outers).collect()
            }
            Self::Commutation { .. } => Vec::new(),
        }
    }
}

/// A kernel and where its results go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The kernel.
    pub kernel: Kernel,
    /// Its results; only a loop may have several.
    pub outputs: Vec<ValueId>,
}

/// An array the caller provides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The variable.
    pub name: Name,
    /// Its value; it has no buffer and is read in place.
    pub value: ValueId,
}

/// How an output is put together from stored arrays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// Identically zero.
    Zero {
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
    },
    /// A stored matrix.
    Dense {
        /// The array.
        value: ValueId,
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
    },
    /// A diagonal matrix with a stored diagonal.
    Diagonal {
        /// The diagonal.
        value: ValueId,
        /// Rows and columns.
        size: usize,
    },
    /// A multiple of the identity.
    ScaledIdentity {
        /// The multiple, a stored scalar.
        value: ValueId,
        /// Rows and columns.
        size: usize,
    },
    /// `left ⊗ right`.
    Kronecker {
        /// The outer factor.
        left: Box<Block>,
        /// The inner factor.
        right: Box<Block>,
    },
    /// `scale * S S'` with a stored S of `rows × cols`.
    Root {
        /// S.
        value: ValueId,
        /// Rows of S.
        rows: usize,
        /// Columns of S.
        cols: usize,
        /// The factor in front, above 0.
        scale: Number,
    },
    /// A sum of blocks of one shape.
    Sum(Vec<Block>),
}

impl Block {
    /// Rows and columns of the matrix.
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Self::Zero { rows, cols } | Self::Dense { rows, cols, .. } => (*rows, *cols),
            Self::Diagonal { size, .. } | Self::ScaledIdentity { size, .. } => (*size, *size),
            Self::Kronecker { left, right } => {
                let ((a, b), (c, d)) = (left.shape(), right.shape());
                (a.saturating_mul(c), b.saturating_mul(d))
            }
            Self::Root { rows, .. } => (*rows, *rows),
            Self::Sum(terms) => terms.first().map_or((0, 0), Self::shape),
        }
    }

    /// The stored arrays it consists of, in order.
    pub fn values(&self) -> Vec<ValueId> {
        match self {
            Self::Zero { .. } => Vec::new(),
            Self::Dense { value, .. }
            | Self::Diagonal { value, .. }
            | Self::ScaledIdentity { value, .. }
            | Self::Root { value, .. } => vec![*value],
            Self::Kronecker { left, right } => [left.values(), right.values()].concat(),
            Self::Sum(terms) => terms.iter().flat_map(Self::values).collect(),
        }
    }

    /// The name of the form, as in `kronecker`.
    pub fn form(&self) -> &'static str {
        match self {
            Self::Zero { .. } => "zero",
            Self::Dense { .. } => "dense",
            Self::Diagonal { .. } => "diagonal",
            Self::ScaledIdentity { .. } => "scaled identity",
            Self::Kronecker { .. } => "kronecker",
            Self::Root { .. } => "root",
            Self::Sum(_) => "sum",
        }
    }
}
