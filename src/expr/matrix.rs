//! Dense matrices over any [`Scalar`]. Why our own: the reference evaluator must be readable at a glance and
//! run on dual numbers and power series, where a tuned library brings nothing.

use std::ops::{Index, IndexMut};

use super::{EvaluateError, Scalar};

/// A matrix in column order: entry (i, j) is `values[i + j * rows]`, so that `values` is its vec.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix<S> {
    rows: usize,
    cols: usize,
    values: Vec<S>,
}

impl<S: Scalar> Matrix<S> {
    /// A matrix from its entries in column order.
    ///
    /// # Errors
    /// When the number of values is not `rows * cols`.
    pub fn new(rows: usize, cols: usize, values: Vec<S>) -> Result<Self, EvaluateError> {
        if rows.checked_mul(cols) == Some(values.len()) {
            Ok(Self { rows, cols, values })
        } else {
            Err(EvaluateError::Operands {
                operation: "matrix",
                left: (rows, cols),
                right: (values.len(), 1),
            })
        }
    }

    /// A matrix whose entry (i, j) is `entry(i, j)`.
    pub fn from_fn(rows: usize, cols: usize, mut entry: impl FnMut(usize, usize) -> S) -> Self {
        let mut values = Vec::with_capacity(rows * cols);
        for j in 0..cols {
            for i in 0..rows {
                values.push(entry(i, j));
            }
        }
        Self { rows, cols, values }
    }

    /// All entries equal.
    pub fn filled(rows: usize, cols: usize, value: f64) -> Self {
        Self {
            rows,
            cols,
            values: vec![S::from_f64(value); rows * cols],
        }
    }

    /// The identity.
    pub fn identity(n: usize) -> Self {
        Self::from_fn(n, n, |i, j| S::from_f64(if i == j { 1.0 } else { 0.0 }))
    }

    /// A column vector.
    pub fn vector(values: Vec<S>) -> Self {
        Self {
            rows: values.len(),
            cols: 1,
            values,
        }
    }

    /// A 1 × 1 matrix.
    pub fn scalar(value: S) -> Self {
        Self::vector(vec![value])
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// The entries in column order: vec of the matrix.
    pub fn values(&self) -> &[S] {
        &self.values
    }

    /// The entries in column order, to be changed.
    pub fn values_mut(&mut self) -> &mut [S] {
        &mut self.values
    }

    /// The columns, to be changed.
    pub(super) fn values_mut_columns(&mut self) -> impl Iterator<Item = &mut [S]> {
        self.values.chunks_mut(self.rows.max(1))
    }

    /// The entries in column order.
    pub fn into_values(self) -> Vec<S> {
        self.values
    }

    /// The same shape with `f` of every entry.
    pub fn map<T: Scalar>(&self, f: impl FnMut(&S) -> T) -> Matrix<T> {
        Matrix {
            rows: self.rows,
            cols: self.cols,
            values: self.values.iter().map(f).collect(),
        }
    }

    /// `f` of the entries of two matrices of one shape.
    ///
    /// # Errors
    /// When the shapes differ.
    pub fn zip(
        &self,
        other: &Self,
        operation: &'static str,
        f: impl Fn(&S, &S) -> S,
    ) -> Result<Self, EvaluateError> {
        self.conform(other, operation, self.shape() == other.shape())?;
        let values = self
            .values
            .iter()
            .zip(&other.values)
            .map(|(a, b)| f(a, b))
            .collect();
        Ok(Self { values, ..*self })
    }

    /// The sum.
    ///
    /// # Errors
    /// When the shapes differ.
    pub fn plus(&self, other: &Self) -> Result<Self, EvaluateError> {
        self.zip(other, "sum", |a, b| a.clone() + b.clone())
    }

    /// The difference.
    ///
    /// # Errors
    /// When the shapes differ.
    pub fn minus(&self, other: &Self) -> Result<Self, EvaluateError> {
        self.zip(other, "difference", |a, b| a.clone() - b.clone())
    }

    /// The Hadamard product.
    ///
    /// # Errors
    /// When the shapes differ.
    pub fn hadamard(&self, other: &Self) -> Result<Self, EvaluateError> {
        self.zip(other, "Hadamard product", |a, b| a.clone() * b.clone())
    }

    /// A number times the matrix.
    pub fn scaled(&self, factor: f64) -> Self {
        self.map(|a| S::from_f64(factor) * a.clone())
    }

    /// The matrix product.
    ///
    /// # Errors
    /// When the columns of the left are not the rows of the right.
    pub fn times(&self, other: &Self) -> Result<Self, EvaluateError> {
        self.conform(other, "product", self.cols == other.rows)?;
        Ok(Self::from_fn(self.rows, other.cols, |i, j| {
            total((0..self.cols).map(|k| self[(i, k)].clone() * other[(k, j)].clone()))
        }))
    }

    /// The transpose.
    pub fn transpose(&self) -> Self {
        Self::from_fn(self.cols, self.rows, |i, j| self[(j, i)].clone())
    }

    /// The Kronecker product: entry (i₁ p + i₂, j₁ q + j₂) is a(i₁, j₁) b(i₂, j₂) for a p × q right factor.
    pub fn kron(&self, other: &Self) -> Self {
        let (p, q) = other.shape();
        Self::from_fn(self.rows * p, self.cols * q, |i, j| {
            self[(i / p, j / q)].clone() * other[(i % p, j % q)].clone()
        })
    }

    /// The same entries in column order under another shape.
    ///
    /// # Errors
    /// When the number of entries differs.
    pub fn reshaped(&self, rows: usize, cols: usize) -> Result<Self, EvaluateError> {
        Self::new(rows, cols, self.values.clone())
    }

    /// The diagonal matrix of the entries.
    pub fn diag(&self) -> Self {
        let n = self.values.len();
        Self::from_fn(n, n, |i, j| {
            if i == j {
                self.values[i].clone()
            } else {
                S::from_f64(0.0)
            }
        })
    }

    /// The diagonal as a vector.
    pub fn diagvec(&self) -> Self {
        let n = self.rows.min(self.cols);
        Self::vector((0..n).map(|i| self[(i, i)].clone()).collect())
    }

    /// The sum of all entries.
    pub fn sum(&self) -> S {
        total(self.values.iter().cloned())
    }

    /// The sum of the diagonal.
    pub fn trace(&self) -> S {
        self.diagvec().sum()
    }

    /// The real parts.
    pub fn real(&self) -> Matrix<f64> {
        self.map(Scalar::value)
    }

    fn conform(
        &self,
        other: &Self,
        operation: &'static str,
        fits: bool,
    ) -> Result<(), EvaluateError> {
        if fits {
            return Ok(());
        }
        Err(EvaluateError::Operands {
            operation,
            left: self.shape(),
            right: other.shape(),
        })
    }
}

impl<S: Scalar> Matrix<S> {
    /// K with K vec A = vec A' for an m × n matrix A.
    pub fn commutation(m: usize, n: usize) -> Self {
        let mut k = Self::filled(m * n, m * n, 0.0);
        for i in 0..m {
            for j in 0..n {
                // a(i, j) is entry i + j m of vec A and entry j + i n of vec A'.
                k[(j + i * n, i + j * m)] = S::from_f64(1.0);
            }
        }
        k
    }
}

impl Matrix<f64> {
    /// The largest |a − b| over all entries, relative to `max(1, |a|, |b|)`; infinite when the shapes differ
    /// or only one of two entries is NaN.
    pub fn distance(&self, other: &Self) -> f64 {
        if self.shape() != other.shape() {
            return f64::INFINITY;
        }
        self.values
            .iter()
            .zip(&other.values)
            .map(|(a, b)| gap(*a, *b))
            .fold(0.0, f64::max)
    }
}

fn gap(a: f64, b: f64) -> f64 {
    #[allow(clippy::float_cmp, reason = "equal infinities differ by nothing")]
    if a == b || (a.is_nan() && b.is_nan()) {
        return 0.0;
    }
    let scale = a.abs().max(b.abs()).max(1.0);
    let relative = (a / scale - b / scale).abs();
    if relative.is_nan() {
        f64::INFINITY
    } else {
        relative
    }
}

/// The sum of some scalars.
pub(super) fn total<S: Scalar>(values: impl Iterator<Item = S>) -> S {
    values.fold(S::from_f64(0.0), |sum, value| sum + value)
}

impl<S> Index<(usize, usize)> for Matrix<S> {
    type Output = S;
    fn index(&self, (i, j): (usize, usize)) -> &S {
        &self.values[i + j * self.rows]
    }
}

impl<S> IndexMut<(usize, usize)> for Matrix<S> {
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut S {
        &mut self.values[i + j * self.rows]
    }
}
