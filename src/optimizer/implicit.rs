//! Eq. 8 on blocks that are known by their products alone. Why apart from blocks that are formed: an exact solution is one of conjugate gradients
//! to working precision, and only where they do not come so far are entries made.

use nalgebra::{DMatrix, DVector};

use super::blocks::{Solved, instead, stop};
use super::{Newton, OptimizerError};
use crate::backend::{Algebra, Element, Faer, MatrixRef, OutputBlock};
use crate::curvature::{
    CurvatureError, Ending, Iterated, IterationError, Operator, Until, conjugate_gradients_by,
    row_ranges,
};
use crate::expr::Name;
use crate::network::{RunError, Solver};

/// The product of a block with a direction of the parameter's shape.
pub(super) type BlockProduct<'a, T> = dyn FnMut(&DMatrix<T>) -> Result<DMatrix<T>, RunError> + 'a;

/// The most products of an exact solution before entries are made.
const PRODUCTS: usize = 2_000;
/// The same where entries do not fit, so that there is nothing else.
const PRODUCTS_ALONE: usize = 50_000;

pub(super) type Failure = IterationError<RunError>;

/// Δ of a parameter at α, in an epoch counted from 1, where no matrix of more bytes than the limit is formed.
pub(super) fn step<T: Element>(
    product: &mut BlockProduct<'_, T>,
    (name, gradient): (&Name, &DMatrix<T>),
    newton: &Newton,
    (alpha, epoch, limit): (f64, u64, u64),
) -> Result<Solved<T>, OptimizerError> {
    let parts = newton.parts.at(epoch).min(gradient.nrows().max(1));
    let mut found = cut(product, gradient, &newton.solver, (alpha, parts, limit));
    let is_singular = matches!(
        &found,
        Err(IterationError::Curvature(CurvatureError::Singular { .. }))
    );
    if is_singular {
        found = cut(product, gradient, &instead(), (alpha, parts, limit));
    }
    let step = found.map_err(|error| refused(name, error))?;
    Ok(Solved { step, is_singular })
}

/// Δ, block by block of so many groups of rows.
fn cut<T: Element>(
    product: &mut BlockProduct<'_, T>,
    gradient: &DMatrix<T>,
    solver: &Solver,
    (alpha, parts, limit): (f64, usize, u64),
) -> Result<DMatrix<T>, Failure> {
    let (rows, cols) = gradient.shape();
    let mut step = DMatrix::zeros(rows, cols);
    for range in row_ranges(rows, parts)? {
        let own = gradient.rows_range(range.clone()).into_owned();
        // Of the block of a group, the product of a direction in it as it is there.
        let mut of_group = |direction: &DMatrix<T>| {
            let entries = direction.as_slice();
            let direction = DMatrix::from_column_slice(range.len(), cols, entries);
            let mut whole = DMatrix::zeros(rows, cols);
            whole.rows_range_mut(range.clone()).copy_from(&direction);
            let image = product(&whole)?;
            let image = image.rows_range(range.clone()).into_owned();
            Ok(DMatrix::from_column_slice(image.len(), 1, image.as_slice()))
        };
        let right = DVector::from_iterator(own.len(), own.iter().map(|g| -*g));
        let found = solved(&mut of_group, &right, solver, (alpha, limit))?;
        let found = DMatrix::from_column_slice(range.len(), cols, found.as_slice());
        step.rows_range_mut(range.clone()).copy_from(&found);
    }
    Ok(step)
}

/// The same with the parameter's name.
pub(super) fn refused(name: &str, error: Failure) -> OptimizerError {
    match error {
        IterationError::Product(error) => OptimizerError::Run(error),
        IterationError::Curvature(error) => OptimizerError::Block {
            parameter: name.to_owned(),
            error,
        },
    }
}

/// By the solver asked for, from products with columns.
fn solved<T: Element>(
    product: &mut BlockProduct<'_, T>,
    right: &DVector<T>,
    solver: &Solver,
    (alpha, limit): (f64, u64),
) -> Result<DVector<T>, Failure> {
    let Solver::ConjugateGradients {
        tolerance,
        iterations,
    } = solver
    else {
        return exact(product, right, (alpha, limit));
    };
    let stop = stop(tolerance, *iterations);
    Ok(iterated(product, right, alpha, stop)?.solution)
}

/// By conjugate gradients.
pub(super) fn iterated<T: Element>(
    product: &mut BlockProduct<'_, T>,
    right: &DVector<T>,
    alpha: f64,
    until: impl Into<Until>,
) -> Result<Iterated<T>, Failure> {
    conjugate_gradients_by(|direction| product(direction), alpha, right, until)
}

/// To working precision.
fn exact<T: Element>(
    product: &mut BlockProduct<'_, T>,
    right: &DVector<T>,
    (alpha, limit): (f64, u64),
) -> Result<DVector<T>, Failure> {
    let size = right.len();
    let entries = (size as u64).saturating_mul(size as u64);
    let iterations = if entries.saturating_mul(T::BYTES) > limit {
        PRODUCTS_ALONE
    } else {
        size.min(PRODUCTS)
    };
    let found = iterated(
        product,
        right,
        alpha,
        Until::WorkingPrecision { iterations },
    )?;
    if found.ending == Ending::Converged {
        return Ok(found.solution);
    }
    // Not positive, or not in so many products: by factors.
    let whole = formed(product, (size, limit))?;
    let mut damped = &whole * T::number(1.0 - alpha);
    for place in 0..size {
        damped[(place, place)] += T::number(alpha);
    }
    let matrix = |data, cols| MatrixRef {
        data,
        rows: size,
        cols,
        strides: (1, size),
    };
    let mut solution = DVector::zeros(size);
    let (system, right_side) = (matrix(damped.as_slice(), size), matrix(right.as_slice(), 1));
    let solved = Faer::default().solve_positive(solution.as_mut_slice(), system, right_side);
    if solved.is_ok() {
        return Ok(solution);
    }
    // Singular: by how many eigenvalues, the spectrum says.
    let block = OutputBlock::Dense(whole);
    let operator = Operator::within(&block, limit)?;
    Ok(operator.damped(alpha)?.solve_vector(right)?)
}

/// All entries, a column a product.
fn formed<T: Element>(
    product: &mut BlockProduct<'_, T>,
    (size, limit): (usize, u64),
) -> Result<DMatrix<T>, Failure> {
    let (rows, cols) = (size, size);
    let zeros = OutputBlock::<T>::Zero { rows, cols }.to_dense(limit);
    let mut whole = zeros.map_err(CurvatureError::from)?;
    let mut direction = DMatrix::zeros(size, 1);
    for place in 0..size {
        direction[place] = T::one();
        let image = product(&direction).map_err(IterationError::Product)?;
        whole.column_mut(place).copy_from(&image.column(0));
        direction[place] = T::zero();
    }
    Ok(whole)
}
