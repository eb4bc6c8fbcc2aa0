//! Conjugate gradients. Why beside the exact solves: products are all they need, so they work on sums whose entries would
//! not fit, and they stop early where the paper's experiment does.

use nalgebra::{DMatrix, DVector};

use super::symmetric::epsilon;
use super::{CurvatureError, Operator};
use crate::backend::Element;

/// When to stop: at `‖r‖ ≤ tolerance · ‖b‖`, or after so many products.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// Relative to the norm of the right side.
    pub tolerance: f64,
    /// The most products with the block.
    pub iterations: usize,
}

impl Default for Stop {
    /// The paper's: 0.1 and 50.
    fn default() -> Self {
        Self {
            tolerance: 0.1,
            iterations: 50,
        }
    }
}

/// When a solution is near enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Until {
    /// As [`Stop`] says.
    Residual(Stop),
    /// To working precision, where it solves a system that differs from this one by no more than rounding (Rigal & Gaches 1967): at
    /// `‖r‖ ≤ cε (‖M‖ ‖x‖ + ‖b‖)`, with the largest quotient `p'Mp / p'p` met so far for ‖M‖.
    WorkingPrecision {
        /// The most products with the block.
        iterations: usize,
    },
}

impl From<Stop> for Until {
    fn from(stop: Stop) -> Self {
        Self::Residual(stop)
    }
}

impl Until {
    fn iterations(self) -> usize {
        match self {
            Self::Residual(Stop { iterations, .. }) | Self::WorkingPrecision { iterations } => {
                iterations
            }
        }
    }
}

/// c of [`Until::WorkingPrecision`].
const ROUNDING: f64 = 4.0;

/// Why the iteration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The residual is small enough.
    Converged,
    /// All products are used.
    Exhausted,
    /// A direction p with `p'Mp ≤ 0` was met: M is not positive definite. The solution is the one before it.
    NegativeCurvature,
}

/// Why there is no solution.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum IterationError<E> {
    /// The system is no system, or has numbers that are not finite.
    #[error(transparent)]
    Curvature(#[from] CurvatureError),
    /// A product failed.
    #[error("a product failed")]
    Product(E),
}

/// What conjugate gradients give.
#[derive(Clone, Debug, PartialEq)]
pub struct Iterated<T: Element> {
    /// The approximate solution.
    pub solution: DVector<T>,
    /// `‖b − Mx‖`, as the iteration carries it on.
    pub residual: f64,
    /// The products that were used.
    pub iterations: usize,
    /// Why the iteration ended.
    pub ending: Ending,
}

/// Solves `[αI + (1−α)ℋ] x = b` from x = 0 by products alone (Hestenes & Stiefel 1952).
///
/// # Errors
/// When α is not in 0 … 1, the block is not square, b does not fit, or numbers are not finite.
///
/// ```
/// use hbp::backend::OutputBlock;
/// use hbp::curvature::{Ending, Operator, Stop, conjugate_gradients};
/// use nalgebra::dvector;
/// let block = OutputBlock::Diagonal(dvector![1.0, 3.0]);
/// let operator = Operator::new(&block).expect("well formed");
/// let stop = Stop { tolerance: 1e-12, iterations: 10 };
/// let found = conjugate_gradients(&operator, 0.5, &dvector![1.0, 2.0], stop).expect("finite");
/// assert_eq!(found.ending, Ending::Converged);
/// assert!((found.solution - dvector![1.0, 1.0]).norm() < 1e-12);
/// ```
pub fn conjugate_gradients<T: Element>(
    operator: &Operator<'_, T>,
    alpha: f64,
    right: &DVector<T>,
    stop: Stop,
) -> Result<Iterated<T>, CurvatureError> {
    let size = operator.size()?;
    if right.len() != size {
        return Err(CurvatureError::Shape {
            what: "the right side",
            expected: size,
            found: right.len(),
            whole: false,
        });
    }
    let product = |direction: &DMatrix<T>| operator.product(direction);
    conjugate_gradients_by(product, alpha, right, stop).map_err(|error| match error {
        IterationError::Curvature(error) | IterationError::Product(error) => error,
    })
}

/// As [`conjugate_gradients`], where ℋ is known by its products alone: of a direction, one column with a row for every entry of b.
///
/// # Errors
/// When α is not in 0 … 1, numbers are not finite, or a product fails.
///
/// ```
/// use std::convert::Infallible;
/// use hbp::curvature::{Stop, conjugate_gradients_by};
/// use nalgebra::{DMatrix, dvector};
/// let twice = |direction: &DMatrix<f64>| Ok::<_, Infallible>(direction * 2.0);
/// let found = conjugate_gradients_by(twice, 0.5, &dvector![3.0, 6.0], Stop::default()).expect("finite");
/// assert_eq!(found.solution, dvector![2.0, 4.0]);
/// ```
pub fn conjugate_gradients_by<T: Element, E>(
    mut product: impl FnMut(&DMatrix<T>) -> Result<DMatrix<T>, E>,
    alpha: f64,
    right: &DVector<T>,
    until: impl Into<Until>,
) -> Result<Iterated<T>, IterationError<E>> {
    let until = until.into();
    if !(0.0..=1.0).contains(&alpha) {
        return Err(CurvatureError::Damping(alpha).into());
    }
    let size = right.len();
    let (damping, weight) = (T::number(alpha), T::number(1.0 - alpha));
    let mut solution: DVector<T> = DVector::zeros(size);
    let mut residual = right.clone();
    let mut direction = DMatrix::from_column_slice(size, 1, right.as_slice());
    let mut square = residual.norm_squared();
    let of_right = right.norm().double();
    let (mut largest, mut iterations) = (0.0_f64, 0);
    let ending = loop {
        let norm = square.double().sqrt();
        if !norm.is_finite() {
            return Err(CurvatureError::NotFinite.into());
        }
        let target = match until {
            Until::Residual(stop) => stop.tolerance * of_right,
            Until::WorkingPrecision { .. } => {
                let of_image = largest * solution.norm().double();
                ROUNDING * epsilon::<T>() * (of_image + of_right)
            }
        };
        if norm <= target {
            break Ending::Converged;
        }
        if iterations == until.iterations() {
            break Ending::Exhausted;
        }
        let image = product(&direction).map_err(IterationError::Product)?;
        let image = image * weight + &direction * damping;
        iterations += 1;
        let curvature = direction.dot(&image);
        if !curvature.double().is_finite() {
            return Err(CurvatureError::NotFinite.into());
        }
        if curvature <= T::zero() {
            break Ending::NegativeCurvature;
        }
        largest = largest.max((curvature / direction.norm_squared()).double());
        let length = square / curvature;
        solution += direction.column(0) * length;
        residual -= image.column(0) * length;
        let next = residual.norm_squared();
        direction *= next / square;
        let mut column = direction.column_mut(0);
        column += &residual;
        square = next;
    };
    Ok(Iterated {
        solution,
        residual: square.double().sqrt(),
        iterations,
        ending,
    })
}
