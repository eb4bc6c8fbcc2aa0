//! The damped block `αI + (1−α)ℋ` (Eq. 8), prepared once. Why prepared: the step, the inertia and the log-determinant read
//! the same factorisation, and many right sides may follow.

use nalgebra::{DMatrix, DVector};

use super::diagonal::is_diagonal;
use super::spectrum::{Eigenvalue, Spectrum};
use super::symmetric::{cholesky, epsilon, symmetric_part};
use super::{CurvatureError, Operator};
use crate::backend::{Element, OutputBlock};

/// The signs of the eigenvalues of a damped block (Sylvester).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inertia {
    /// How many are above zero.
    pub positive: usize,
    /// How many are zero to working precision.
    pub zero: usize,
    /// How many are below zero.
    pub negative: usize,
}

impl Inertia {
    /// True when all are above zero: then Eq. 8 gives a direction of descent.
    pub fn is_positive_definite(self) -> bool {
        self.zero == 0 && self.negative == 0
    }
}

/// The sign of a determinant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Above zero.
    Positive,
    /// Below zero: the matrix is indefinite.
    Negative,
}

/// A determinant, by its logarithm, in double precision whatever the block's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LogDeterminant {
    /// Zero, to working precision: it has no logarithm.
    Singular,
    /// `sign · exp(log_abs)`.
    Regular {
        /// The sign.
        sign: Sign,
        /// The logarithm of its absolute value.
        log_abs: f64,
    },
}

/// `αI + (1−α)ℋ`, ready to solve.
#[derive(Clone, Debug)]
pub struct Damped<T: Element> {
    alpha: f64,
    form: Form<T>,
}

#[derive(Clone, Debug)]
enum Form<T: Element> {
    /// The eigenvalues of the damped matrix beside the eigenbasis; α belongs to what is orthogonal to it.
    Spectral {
        spectrum: Spectrum<T>,
        values: Vec<Eigenvalue>,
    },
    /// L with L L' the damped matrix.
    Cholesky(DMatrix<T>),
}

impl<T: Element> Operator<'_, T> {
    /// The block with damping: `αI + (1−α)ℋ`, exactly by structure. Diagonal blocks entry by entry, Kronecker products through
    /// both eigenbases, roots on their columns alone (Woodbury's identity; of a Khatri-Rao product, by the Gram matrices of its factors, and it
    /// is not formed), all others by Cholesky or, where they are not
    /// positive definite, by eigenvalues.
    ///
    /// # Errors
    /// When α is not in 0 … 1; when the block is not square, not symmetric or not finite; when entries that are needed, of a
    /// factor or of a sum, do not fit.
    pub fn damped(&self, alpha: f64) -> Result<Damped<T>, CurvatureError> {
        if !(0.0..=1.0).contains(&alpha) {
            return Err(CurvatureError::Damping(alpha));
        }
        self.size()?;
        if has_no_structure(self.block) {
            let mut whole = symmetric_part(&self.dense()?)? * T::number(1.0 - alpha);
            for i in 0..whole.nrows() {
                whole[(i, i)] += T::number(alpha);
            }
            if let Some(factor) = cholesky(&whole) {
                let form = Form::Cholesky(factor);
                return Ok(Damped { alpha, form });
            }
        }
        let spectrum = Spectrum::of(self.block, self.limit)?;
        let values = spectrum.values().into_iter();
        let values = values.map(|v| damped_value::<T>(v, alpha)).collect();
        let form = Form::Spectral { spectrum, values };
        Ok(Damped { alpha, form })
    }

    /// The log-determinant of the block itself; that of the damped block is [`Damped::log_determinant`].
    ///
    /// # Errors
    /// As [`Operator::damped`].
    pub fn log_determinant(&self) -> Result<LogDeterminant, CurvatureError> {
        Ok(self.damped(0.0)?.log_determinant())
    }
}

fn has_no_structure<T: Element>(block: &OutputBlock<T>) -> bool {
    match block {
        OutputBlock::Dense(_) => true,
        OutputBlock::Root(root) => root.ncols() >= root.nrows(),
        OutputBlock::KhatriRao { left, .. } => left.ncols() >= block.shape().0,
        OutputBlock::Sum(terms) if terms.len() == 1 => has_no_structure(&terms[0]),
        OutputBlock::Sum(_) => !is_diagonal(block),
        _ => false,
    }
}

/// α + (1−α)λ.
fn damped_value<T: Element>(of: Eigenvalue, alpha: f64) -> Eigenvalue {
    let scaled = (1.0 - alpha) * of.value;
    // What is stored and not damped is exact; a sum is rounded where its terms cancel.
    let rounding = if alpha > 0.0 && alpha < 1.0 {
        epsilon::<T>() * (alpha + scaled.abs())
    } else {
        0.0
    };
    Eigenvalue {
        value: alpha + scaled,
        error: (1.0 - alpha) * of.error + rounding,
    }
}

fn is_zero(of: &Eigenvalue) -> bool {
    of.value.abs() <= of.error
}

impl<T: Element> Damped<T> {
    /// Rows and columns.
    pub fn size(&self) -> usize {
        match &self.form {
            Form::Spectral { spectrum, .. } => spectrum.size(),
            Form::Cholesky(factor) => factor.nrows(),
        }
    }

    /// How many eigenvalues are above, at and below zero.
    pub fn inertia(&self) -> Inertia {
        let (values, rest) = match &self.form {
            Form::Cholesky(_) => (&[][..], self.size()),
            Form::Spectral { spectrum, values } => {
                (values.as_slice(), spectrum.size() - spectrum.rank())
            }
        };
        let mut inertia = Inertia::default();
        // Beside the eigenvectors of a root lies α; a Cholesky factor exists of positive eigenvalues only.
        if self.alpha > 0.0 || matches!(self.form, Form::Cholesky(_)) {
            inertia.positive += rest;
        } else {
            inertia.zero += rest;
        }
        for value in values {
            if is_zero(value) {
                inertia.zero += 1;
            } else if value.value > 0.0 {
                inertia.positive += 1;
            } else {
                inertia.negative += 1;
            }
        }
        inertia
    }

    /// The log-determinant.
    pub fn log_determinant(&self) -> LogDeterminant {
        let inertia = self.inertia();
        if inertia.zero > 0 {
            return LogDeterminant::Singular;
        }
        let log_abs = match &self.form {
            Form::Cholesky(factor) => factor
                .diagonal()
                .iter()
                .map(|pivot| 2.0 * pivot.double().ln())
                .sum(),
            Form::Spectral { spectrum, values } => {
                let rest = spectrum.size() - spectrum.rank();
                let beside = if rest == 0 {
                    0.0
                } else {
                    rest as f64 * self.alpha.ln()
                };
                let logs = values.iter().map(|v| v.value.abs().ln());
                beside + logs.sum::<f64>()
            }
        };
        let sign = if inertia.negative.is_multiple_of(2) {
            Sign::Positive
        } else {
            Sign::Negative
        };
        LogDeterminant::Regular { sign, log_abs }
    }

    /// X with `[αI + (1−α)ℋ] X = B`, column by column.
    ///
    /// # Errors
    /// When the damped block is singular, or B has not as many rows.
    pub fn solve(&self, right: &DMatrix<T>) -> Result<DMatrix<T>, CurvatureError> {
        let (size, alpha) = (self.size(), self.alpha);
        if right.nrows() != size {
            return Err(CurvatureError::Shape {
                what: "the right side",
                expected: size,
                found: right.nrows(),
                whole: false,
            });
        }
        let zero = self.inertia().zero;
        if zero > 0 {
            return Err(CurvatureError::Singular { alpha, zero, size });
        }
        match &self.form {
            Form::Cholesky(factor) => {
                let mut solution = right.clone();
                // A positive diagonal cannot fail.
                let is_solved = factor.solve_lower_triangular_mut(&mut solution)
                    && factor.tr_solve_lower_triangular_mut(&mut solution);
                debug_assert!(is_solved, "a Cholesky factor has no zero pivot");
                Ok(solution)
            }
            // (αI + βSS')⁻¹ b = (b − βS V (α + βΛ)⁻¹ V'S'b)/α with S'S = VΛV' (Woodbury): one number a column of S is solved for.
            Form::Spectral { spectrum, values } if spectrum.is_of_columns() => {
                let mut coefficients = spectrum.in_basis(right);
                for mut column in coefficients.column_iter_mut() {
                    for (entry, value) in column.iter_mut().zip(values) {
                        *entry *= T::number((1.0 - alpha) / value.value);
                    }
                }
                let part = spectrum.out_of_basis(&coefficients);
                Ok((right - part) * T::number(1.0 / alpha))
            }
            Form::Spectral { spectrum, values } => {
                let coefficients = spectrum.in_basis(right);
                let mut divided = coefficients.clone();
                for mut column in divided.column_iter_mut() {
                    for (entry, value) in column.iter_mut().zip(values) {
                        *entry /= T::number(value.value);
                    }
                }
                let mut solution = spectrum.out_of_basis(&divided);
                if spectrum.rank() < size {
                    // (1/α)(b − Q Q' b): what the eigenvectors do not reach.
                    let beside = right - spectrum.out_of_basis(&coefficients);
                    solution += beside * T::number(1.0 / alpha);
                }
                Ok(solution)
            }
        }
    }

    /// The solution for one right side.
    ///
    /// # Errors
    /// As [`Damped::solve`].
    pub fn solve_vector(&self, right: &DVector<T>) -> Result<DVector<T>, CurvatureError> {
        let column = DMatrix::from_column_slice(right.len(), 1, right.as_slice());
        Ok(self.solve(&column)?.column(0).into_owned())
    }

    /// Δ with `[αI + (1−α)ℋ] vec Δ = −vec δ` (Eq. 8), for a gradient of the shape of its variable.
    ///
    /// # Errors
    /// When the damped block is singular, or has not one row for every entry of the gradient.
    pub fn step(&self, gradient: &DMatrix<T>) -> Result<DMatrix<T>, CurvatureError> {
        if gradient.len() != self.size() {
            return Err(CurvatureError::Shape {
                what: "the gradient",
                expected: self.size(),
                found: gradient.len(),
                whole: true,
            });
        }
        let column = DMatrix::from_column_slice(gradient.len(), 1, gradient.as_slice());
        let solution = self.solve(&-column)?;
        let (rows, cols) = gradient.shape();
        Ok(DMatrix::from_column_slice(rows, cols, solution.as_slice()))
    }
}
