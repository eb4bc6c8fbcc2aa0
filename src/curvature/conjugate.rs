//! Conjugate gradients. Why beside the exact solves: products are all they need, so they work on sums whose entries would
//! not fit, and they stop early where the paper's experiment does.

use nalgebra::{DMatrix, DVector};

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
    if !(0.0..=1.0).contains(&alpha) {
        return Err(CurvatureError::Damping(alpha));
    }
    let size = operator.size()?;
    if right.len() != size {
        return Err(CurvatureError::Shape {
            what: "the right side",
            expected: size,
            found: right.len(),
            whole: false,
        });
    }
    let (damping, weight) = (T::number(alpha), T::number(1.0 - alpha));
    let mut solution = DVector::zeros(size);
    let mut residual = right.clone();
    let mut direction = DMatrix::from_column_slice(size, 1, right.as_slice());
    let mut square = residual.norm_squared();
    let target = stop.tolerance * right.norm().double();
    let mut iterations = 0;
    let ending = loop {
        let norm = square.double().sqrt();
        if !norm.is_finite() {
            return Err(CurvatureError::NotFinite);
        }
        if norm <= target {
            break Ending::Converged;
        }
        if iterations == stop.iterations {
            break Ending::Exhausted;
        }
        let image = operator.product(&direction)? * weight + &direction * damping;
        iterations += 1;
        let curvature = direction.dot(&image);
        if !curvature.double().is_finite() {
            return Err(CurvatureError::NotFinite);
        }
        if curvature <= T::zero() {
            break Ending::NegativeCurvature;
        }
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
