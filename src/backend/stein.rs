//! α M + β B M K = R on numbers. Why sums in double precision: an iteration ends by squares of norms, and the squares of the small gradients of
//! low layers vanish in single precision.

use crate::kernel::{InnerProduct, Stein, SteinFactor, SteinMethod, View};

use super::algebra::{Algebra, MatrixRef, Singular};
use super::element::Element;
use super::iterate::{add, dot, follow};

/// A symmetric factor.
#[derive(Clone, Copy)]
enum Factor<'a, T> {
    Identity,
    Dense(MatrixRef<'a, T>),
    /// The diagonal.
    Diagonal(&'a [T]),
    /// S S', by S.
    Root(MatrixRef<'a, T>),
}

impl<T: Element> Factor<'_, T> {
    /// The largest diagonal entry of a positive semidefinite factor.
    fn largest_diagonal(self) -> f64 {
        let top = |top: f64, entry: f64| top.max(entry);
        match self {
            Self::Identity => 1.0,
            Self::Diagonal(diagonal) => diagonal.iter().map(|d| d.double()).fold(0.0, top),
            Self::Dense(of) => {
                let next = of.strides.0 + of.strides.1;
                let diagonal = of.data.iter().step_by(next).take(of.rows);
                diagonal.map(|d| d.double()).fold(0.0, top)
            }
            Self::Root(of) => {
                let row = |i: usize| {
                    let entries = of.data.iter().skip(i * of.strides.0);
                    let entries = entries.step_by(of.strides.1).take(of.cols);
                    entries.map(|s| s.double() * s.double()).sum::<f64>()
                };
                (0..of.rows).map(row).fold(0.0, top)
            }
        }
    }
}

/// The equation with its arrays.
pub(super) struct System<'a, T> {
    alpha: T,
    beta: T,
    left: Factor<'a, T>,
    right: Factor<'a, T>,
    of: MatrixRef<'a, T>,
    method: SteinMethod,
}

impl<'a, T: Element> System<'a, T> {
    pub(super) fn new(stein: &Stein, matrix: impl Fn(&View) -> MatrixRef<'a, T>) -> Self {
        let factor = |factor: &SteinFactor| match factor {
            SteinFactor::Identity => Factor::Identity,
            SteinFactor::Dense(view) => Factor::Dense(matrix(view)),
            SteinFactor::Diagonal(view) => Factor::Diagonal(&matrix(view).data[..view.rows]),
            SteinFactor::Root(view) => Factor::Root(matrix(view)),
        };
        Self {
            alpha: matrix(&stein.alpha).data[0],
            beta: matrix(&stein.beta).data[0],
            left: factor(&stein.left),
            right: factor(&stein.right),
            of: matrix(&stein.of),
            method: stein.method,
        }
    }

    /// Writes M to `out`.
    pub(super) fn solve(
        &self,
        out: &mut [T],
        algebra: &mut impl Algebra<T>,
        workspace: &mut [T],
    ) -> Result<(), Singular> {
        match self.method {
            SteinMethod::Eigenbases => self.through_eigenbases(out, algebra, workspace),
            SteinMethod::ConjugateGradients {
                tolerance,
                iterations,
                inner,
            } => {
                self.iterate(out, algebra, workspace, (tolerance.0, iterations), inner);
                Ok(())
            }
        }
    }

    fn through_eigenbases(
        &self,
        out: &mut [T],
        algebra: &mut impl Algebra<T>,
        workspace: &mut [T],
    ) -> Result<(), Singular> {
        let (rows, cols) = (self.of.rows, self.of.cols);
        let (left, workspace) = Basis::of(self.left, algebra, workspace);
        let (right, workspace) = Basis::of(self.right, algebra, workspace);
        let other = &mut workspace[..rows * cols];
        // Q_B' R Q_K to `out`.
        match (left.vectors, right.vectors) {
            (Some(q), Some(p)) => {
                algebra.product(other, T::one(), q.transpose(), self.of);
                algebra.product(out, T::one(), self.shaped(other), p);
            }
            (Some(q), None) => algebra.product(out, T::one(), q.transpose(), self.of),
            (None, Some(p)) => algebra.product(out, T::one(), self.of, p),
            (None, None) => out.copy_from_slice(&self.of.data[..rows * cols]),
        }
        self.divide(out, &left, &right)?;
        // And back.
        match (left.vectors, right.vectors) {
            (Some(q), Some(p)) => {
                algebra.product(other, T::one(), q, self.shaped(out));
                algebra.product(out, T::one(), self.shaped(other), p.transpose());
            }
            (Some(q), None) => {
                other.copy_from_slice(out);
                algebra.product(out, T::one(), q, self.shaped(other));
            }
            (None, Some(p)) => {
                other.copy_from_slice(out);
                algebra.product(out, T::one(), self.shaped(other), p.transpose());
            }
            (None, None) => {}
        }
        Ok(())
    }

    /// Entry (i, j) over α + βλᵢμⱼ. NaN stays NaN; a denominator that is rounding and nothing else is an error.
    fn divide(
        &self,
        out: &mut [T],
        left: &Basis<'_, T>,
        right: &Basis<'_, T>,
    ) -> Result<(), Singular> {
        let rows = self.of.rows;
        let (alpha, beta) = (self.alpha.double().abs(), self.beta.double().abs());
        let (of_left, of_right) = (left.largest(), right.largest());
        let epsilon = 4.0 * T::default_epsilon().double();
        for (j, column) in out.chunks_exact_mut(rows).enumerate() {
            let mu = right.value(j);
            for (i, entry) in column.iter_mut().enumerate() {
                let lambda = left.value(i);
                let term = self.beta * lambda * mu;
                let denominator = self.alpha + term;
                // Only where the two cancel does it matter that an eigenvalue is known to ε times the largest.
                let moved = of_left * mu.double().abs() + of_right * lambda.double().abs();
                let rounding = epsilon * (alpha + beta * moved);
                let cancels = self.alpha.double() * term.double() < 0.0;
                if denominator == T::zero() || cancels && denominator.double().abs() <= rounding {
                    return Err(Singular);
                }
                *entry /= denominator;
            }
        }
        Ok(())
    }

    fn iterate(
        &self,
        out: &mut [T],
        algebra: &mut impl Algebra<T>,
        workspace: &mut [T],
        (tolerance, iterations): (f64, usize),
        inner: InnerProduct,
    ) {
        let entries = self.of.rows * self.of.cols;
        let (residual, workspace) = workspace.split_at_mut(entries);
        let (direction, workspace) = workspace.split_at_mut(entries);
        let (image, workspace) = workspace.split_at_mut(entries);
        // The residual times K and the direction times K.
        let (weighed, workspace) = workspace.split_at_mut(entries);
        let (outer, between) = workspace.split_at_mut(entries);
        let is_gram = inner == InnerProduct::Gram;
        out.fill(T::zero());
        residual.copy_from_slice(&self.of.data[..entries]);
        direction.copy_from_slice(residual);
        if is_gram {
            self.times_right(weighed, residual, algebra, between);
            outer.copy_from_slice(weighed);
        }
        // Where K is singular or nearly so, what is left of the residual is orthogonal to X, and what is measured is rounding.
        let weight = if is_gram {
            T::default_epsilon().double() * self.right.largest_diagonal()
        } else {
            0.0
        };
        let measure =
            |residual: &[T], weighed: &[T]| dot(residual, if is_gram { weighed } else { residual });
        let mut square = measure(residual, weighed);
        let target = tolerance * tolerance * square;
        for _ in 0..iterations {
            if square <= target || is_gram && square <= weight * dot(residual, residual) {
                break;
            }
            if !is_gram {
                self.times_right(outer, direction, algebra, between);
            }
            self.times_left(image, outer, algebra, between);
            for (image, direction) in image.iter_mut().zip(&*direction) {
                *image = self.alpha * *direction + self.beta * *image;
            }
            let curvature = dot(image, if is_gram { outer } else { direction });
            if curvature <= 0.0 {
                break;
            }
            let length = T::number(square / curvature);
            add(out, length, direction);
            add(residual, -length, image);
            if is_gram {
                self.times_right(weighed, residual, algebra, between);
            }
            let next = measure(residual, weighed);
            let share = T::number(next / square);
            follow(direction, share, residual);
            if is_gram {
                follow(outer, share, weighed);
            }
            square = next;
        }
        if !square.is_finite() {
            out.fill(T::number(f64::NAN));
        }
    }

    /// `out = B matrix`.
    fn times_left(
        &self,
        out: &mut [T],
        matrix: &[T],
        algebra: &mut impl Algebra<T>,
        between: &mut [T],
    ) {
        let (rows, cols) = (self.of.rows, self.of.cols);
        let of = self.shaped(matrix);
        match self.left {
            Factor::Identity => out.copy_from_slice(matrix),
            Factor::Dense(left) => algebra.product(out, T::one(), left, of),
            Factor::Diagonal(left) => {
                for (out, column) in out.chunks_exact_mut(rows).zip(matrix.chunks_exact(rows)) {
                    for ((out, entry), factor) in out.iter_mut().zip(column).zip(left) {
                        *out = *factor * *entry;
                    }
                }
            }
            Factor::Root(root) => {
                let inner = &mut between[..root.cols * cols];
                algebra.product(inner, T::one(), root.transpose(), of);
                let inner = MatrixRef {
                    data: inner,
                    rows: root.cols,
                    cols,
                    strides: (1, root.cols),
                };
                algebra.product(out, T::one(), root, inner);
            }
        }
    }

    /// `out = matrix K`.
    fn times_right(
        &self,
        out: &mut [T],
        matrix: &[T],
        algebra: &mut impl Algebra<T>,
        between: &mut [T],
    ) {
        let rows = self.of.rows;
        let of = self.shaped(matrix);
        match self.right {
            Factor::Identity => out.copy_from_slice(matrix),
            Factor::Dense(right) => algebra.product(out, T::one(), of, right),
            Factor::Diagonal(right) => {
                let columns = out.chunks_exact_mut(rows).zip(matrix.chunks_exact(rows));
                for ((out, column), factor) in columns.zip(right) {
                    for (out, entry) in out.iter_mut().zip(column) {
                        *out = *factor * *entry;
                    }
                }
            }
            Factor::Root(root) => {
                let inner = &mut between[..rows * root.cols];
                algebra.product(inner, T::one(), of, root);
                let inner = MatrixRef {
                    data: inner,
                    rows,
                    cols: root.cols,
                    strides: (1, rows),
                };
                algebra.product(out, T::one(), inner, root.transpose());
            }
        }
    }

    /// An array as a matrix of the shape of R.
    fn shaped<'b>(&self, data: &'b [T]) -> MatrixRef<'b, T> {
        MatrixRef {
            data,
            rows: self.of.rows,
            cols: self.of.cols,
            strides: (1, self.of.rows),
        }
    }
}

/// A factor in its eigenbasis.
struct Basis<'a, T> {
    /// The eigenvalues; none for the identity.
    values: Option<&'a [T]>,
    /// The eigenvectors, unless they are the unit vectors.
    vectors: Option<MatrixRef<'a, T>>,
}

impl<'a, T: Element> Basis<'a, T> {
    /// The basis, in the first part of the workspace, and the rest of it.
    fn of(
        factor: Factor<'a, T>,
        algebra: &mut impl Algebra<T>,
        workspace: &'a mut [T],
    ) -> (Self, &'a mut [T]) {
        let (values, vectors) = match factor {
            Factor::Diagonal(diagonal) => (Some(diagonal), None),
            // A root is never lowered for this method.
            Factor::Identity | Factor::Root(_) => (None, None),
            Factor::Dense(matrix) => {
                let size = matrix.rows;
                let (values, workspace) = workspace.split_at_mut(size);
                let (vectors, workspace) = workspace.split_at_mut(size * size);
                algebra.symmetric_eigen(matrix, values, vectors);
                without_rounding(values);
                let vectors = MatrixRef {
                    data: &*vectors,
                    rows: size,
                    cols: size,
                    strides: (1, size),
                };
                let basis = Self {
                    values: Some(values),
                    vectors: Some(vectors),
                };
                return (basis, workspace);
            }
        };
        (Self { values, vectors }, workspace)
    }

    fn value(&self, k: usize) -> T {
        self.values.map_or(T::one(), |values| values[k])
    }

    /// The largest absolute eigenvalue.
    fn largest(&self) -> f64 {
        let values = self.values.into_iter().flatten();
        let largest = values.fold(0.0, |top: f64, v| top.max(v.double().abs()));
        if self.values.is_none() { 1.0 } else { largest }
    }
}

/// Eigenvalues that are rounding and nothing else become zero: of a semidefinite factor they have either sign, which against a small α
/// would turn the step around.
fn without_rounding<T: Element>(values: &mut [T]) {
    let largest = values
        .iter()
        .fold(0.0, |top: f64, v| top.max(v.double().abs()));
    let rounding = values.len() as f64 * T::default_epsilon().double() * largest;
    for value in values.iter_mut() {
        if value.double().abs() <= rounding {
            *value = T::zero();
        }
    }
}
