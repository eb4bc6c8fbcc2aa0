//! Matrices while they are lowered: how each is put together from stored arrays. Why: most of the speed is in what
//! is never formed. A Kronecker product, a diagonal, a chain of factors stay what they are until a consumer needs
//! their entries.

use std::rc::Rc;

use super::ir::{ValueId, View};
use super::scalar::Number;

/// A factor in front of a matrix: a number, possibly times a stored scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scalar {
    pub(crate) number: Number,
    pub(crate) value: Option<ValueId>,
}

impl Scalar {
    pub(crate) const ONE: Self = Self {
        number: Number(1.0),
        value: None,
    };

    pub(crate) fn number(value: f64) -> Self {
        Self {
            number: Number(value),
            value: None,
        }
    }

    pub(crate) fn is_one(self) -> bool {
        self == Self::ONE
    }

    /// True for a constant above 0.
    pub(crate) fn is_positive(self) -> bool {
        self.value.is_none() && self.number.0 > 0.0 && self.number.0.is_finite()
    }

    pub(crate) fn is_zero(self) -> bool {
        self.value.is_none() && self.number.0 == 0.0
    }
}

/// `scale * form`, of `rows × cols`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Matrix {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) scale: Scalar,
    /// Known to equal its transpose.
    pub(crate) symmetric: bool,
    pub(crate) form: Form,
}

/// What a matrix is. The factors of products and Kronecker products have scale 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// All entries 0.
    Zero,
    /// A stored matrix.
    Dense(View),
    /// A diagonal matrix, its diagonal a stored column.
    Diagonal(View),
    /// The identity.
    Identity,
    /// All entries 1. Every 1 × 1 matrix is this with a scale.
    Ones,
    /// A ⊗ B.
    Kronecker(Rc<(Matrix, Matrix)>),
    /// A chain of factors whose order of multiplication is still open; never nested.
    Product(Rc<[Matrix]>),
    /// A sum; never nested.
    Sum(Rc<[Matrix]>),
    /// K with K vec A = vec A' for A of these rows and columns.
    Commutation(usize, usize),
    /// The inverse of a stored matrix.
    Inverse(View),
}

impl Matrix {
    pub(crate) fn new(rows: usize, cols: usize, form: Form) -> Self {
        let square = rows == cols;
        let symmetric = match &form {
            Form::Zero | Form::Ones => square,
            Form::Commutation(m, n) => m == n,
            Form::Dense(_) | Form::Inverse(_) => square && rows == 1,
            Form::Diagonal(_) | Form::Identity => true,
            Form::Kronecker(factors) => factors.0.symmetric && factors.1.symmetric,
            Form::Product(factors) => square && is_palindrome(factors),
            Form::Sum(terms) => square && terms.iter().all(|t| t.symmetric),
        };
        Self {
            rows,
            cols,
            scale: Scalar::ONE,
            symmetric,
            form,
        }
    }

    pub(crate) fn zero(rows: usize, cols: usize) -> Self {
        Self::new(rows, cols, Form::Zero)
    }

    pub(crate) fn ones(rows: usize, cols: usize) -> Self {
        Self::new(rows, cols, Form::Ones)
    }

    pub(crate) fn identity(n: usize) -> Self {
        Self::new(n, n, if n == 1 { Form::Ones } else { Form::Identity })
    }

    pub(crate) fn dense(view: View) -> Self {
        Self::new(view.rows, view.cols, Form::Dense(view))
    }

    pub(crate) fn diagonal(view: View) -> Self {
        Self::new(view.rows, view.rows, Form::Diagonal(view))
    }

    pub(crate) fn scalar(scale: Scalar) -> Self {
        Self {
            scale,
            ..Self::ones(1, 1)
        }
    }

    pub(crate) fn commutation(rows: usize, cols: usize) -> Self {
        let n = rows.saturating_mul(cols);
        if rows == 1 || cols == 1 {
            Self::identity(n)
        } else {
            Self::new(n, n, Form::Commutation(rows, cols))
        }
    }

    /// The same matrix, known to be symmetric.
    pub(crate) fn marked(mut self, symmetric: bool) -> Self {
        self.symmetric |= symmetric;
        if let (true, Form::Dense(view)) = (self.symmetric, &mut self.form) {
            view.transposed = false;
        }
        self
    }

    /// The same matrix without its scale.
    pub(crate) fn bare(&self) -> Self {
        Self {
            scale: Scalar::ONE,
            ..self.clone()
        }
    }

    pub(crate) fn is_vector(&self) -> bool {
        self.rows == 1 || self.cols == 1
    }

    pub(crate) fn is_scalar(&self) -> bool {
        self.rows == 1 && self.cols == 1
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.form == Form::Zero
    }

    /// Zero off the diagonal by its form.
    pub(crate) fn is_diagonal(&self) -> bool {
        matches!(self.form, Form::Diagonal(_) | Form::Identity)
    }

    /// The entries of a dense array of this shape.
    pub(crate) fn entries(&self) -> u64 {
        super::cost::product(&[self.rows, self.cols])
    }

    pub(crate) fn transpose(&self) -> Self {
        if self.symmetric {
            return self.clone();
        }
        let form = match &self.form {
            Form::Dense(view) => Form::Dense(view.transpose()),
            Form::Kronecker(factors) => {
                Form::Kronecker(Rc::new((factors.0.transpose(), factors.1.transpose())))
            }
            Form::Product(factors) => {
                Form::Product(factors.iter().rev().map(Self::transpose).collect())
            }
            Form::Sum(terms) => Form::Sum(terms.iter().map(Self::transpose).collect()),
            Form::Commutation(rows, cols) => Form::Commutation(*cols, *rows),
            Form::Inverse(view) => Form::Inverse(view.transpose()),
            form @ (Form::Zero | Form::Diagonal(_) | Form::Identity | Form::Ones) => form.clone(),
        };
        Self {
            rows: self.cols,
            cols: self.rows,
            scale: self.scale,
            symmetric: false,
            form,
        }
    }

    /// For a chain, the place and size of its smallest inner dimension: the product of the factors before and
    /// of those from that place on has at most this rank.
    pub(crate) fn rank(&self) -> Option<(usize, usize)> {
        let Form::Product(factors) = &self.form else {
            return None;
        };
        (1..factors.len())
            .map(|k| (k, factors[k].rows))
            .min_by_key(|(_, rank)| *rank)
    }

    /// A chain that takes fewer numbers as two factors than as a matrix.
    pub(crate) fn is_low_rank(&self) -> bool {
        self.rank().is_some_and(|(_, rank)| {
            super::cost::product(&[rank, self.rows.saturating_add(self.cols)]) < self.entries()
        })
    }

    /// How deeply sums are nested in products and sums.
    pub(crate) fn depth(&self) -> usize {
        match &self.form {
            Form::Sum(terms) => 1 + terms.iter().map(Self::depth).max().unwrap_or(0),
            Form::Product(factors) => factors.iter().map(Self::depth).max().unwrap_or(0),
            Form::Kronecker(factors) => factors.0.depth().max(factors.1.depth()),
            _ => 0,
        }
    }

    /// True when a Kronecker product stands in it, so that its entries are many.
    pub(crate) fn has_kronecker(&self) -> bool {
        match &self.form {
            Form::Kronecker(_) => true,
            Form::Sum(parts) | Form::Product(parts) => parts.iter().any(Self::has_kronecker),
            _ => false,
        }
    }

    /// The stored arrays it is made of.
    pub(crate) fn values(&self, into: &mut Vec<ValueId>) {
        into.extend(self.scale.value);
        match &self.form {
            Form::Dense(view) | Form::Diagonal(view) | Form::Inverse(view) => into.push(view.value),
            Form::Kronecker(factors) => {
                factors.0.values(into);
                factors.1.values(into);
            }
            Form::Product(parts) | Form::Sum(parts) => parts.iter().for_each(|p| p.values(into)),
            Form::Zero | Form::Identity | Form::Ones | Form::Commutation(..) => {}
        }
    }
}

/// True when the product of `factors` equals its transpose by its form: S' M S with a symmetric M, or S' S.
pub(crate) fn is_palindrome(factors: &[Matrix]) -> bool {
    let n = factors.len();
    (0..n.div_ceil(2)).all(|i| {
        let (left, right) = (&factors[i], &factors[n - 1 - i]);
        // The middle of an odd chain meets itself, which asks for its symmetry.
        (left.rows, left.cols) == (right.cols, right.rows)
            && *left == right.transpose()
            && (i != n - 1 - i || left.symmetric)
    })
}
