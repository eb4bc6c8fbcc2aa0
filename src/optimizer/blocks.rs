//! Eq. 8 on blocks as operators. Why beside updates in one program: what is computed module by module, or sample by sample, comes as blocks in many
//! structures, and each is solved in its own.

use nalgebra::{DMatrix, DVector};

use super::{Newton, OptimizerError};
use crate::backend::{Element, OutputBlock};
use crate::curvature::{CurvatureError, Operator, Stop, conjugate_gradients, row_ranges};
use crate::expr::{Name, Rational};
use crate::network::Solver;

/// Δ of one parameter.
#[derive(Debug)]
pub(super) struct Solved<T: Element> {
    pub(super) step: DMatrix<T>,
    /// True where the damped block is singular to working precision: it was solved for by conjugate gradients instead.
    pub(super) is_singular: bool,
}

/// Where conjugate gradients take the place of a factorisation they stop here.
const INSTEAD: Stop = Stop {
    tolerance: 1e-4,
    iterations: 200,
};

/// The solver that takes the place of a factorisation.
pub(super) fn instead() -> Solver {
    Solver::ConjugateGradients {
        tolerance: Rational::from_float(INSTEAD.tolerance).unwrap_or_default(),
        iterations: INSTEAD.iterations,
    }
}

/// When conjugate gradients of a solver stop.
pub(super) fn stop(tolerance: &Rational, iterations: usize) -> Stop {
    Stop {
        tolerance: num_traits::ToPrimitive::to_f64(tolerance).unwrap_or(0.0),
        iterations,
    }
}

/// Δ of a parameter at α, in an epoch counted from 1.
pub(super) fn step<T: Element>(
    block: &OutputBlock<T>,
    (name, gradient): (&Name, &DMatrix<T>),
    newton: &Newton,
    (alpha, epoch): (f64, u64),
) -> Result<Solved<T>, OptimizerError> {
    let parts = newton.parts.at(epoch).min(gradient.nrows().max(1));
    let mut found = cut(block, gradient, &newton.solver, (alpha, parts));
    let is_singular = matches!(found, Err(CurvatureError::Singular { .. }));
    if is_singular {
        found = cut(block, gradient, &instead(), (alpha, parts));
    }
    let step = found.map_err(|error| OptimizerError::Block {
        parameter: name.to_string(),
        error,
    })?;
    Ok(Solved { step, is_singular })
}

/// The same with a block cut by groups of rows.
fn cut<T: Element>(
    block: &OutputBlock<T>,
    gradient: &DMatrix<T>,
    solver: &Solver,
    (alpha, parts): (f64, usize),
) -> Result<DMatrix<T>, CurvatureError> {
    let operator = Operator::new(block)?;
    if parts <= 1 {
        return solved(&operator, gradient, solver, alpha);
    }
    let (rows, cols) = gradient.shape();
    let mut step = DMatrix::zeros(rows, cols);
    let blocks = operator.split((rows, cols), parts)?;
    for (range, block) in row_ranges(rows, parts)?.into_iter().zip(blocks) {
        let own = gradient.rows_range(range.clone()).into_owned();
        let part = solved(&Operator::new(&block)?, &own, solver, alpha)?;
        step.rows_range_mut(range).copy_from(&part);
    }
    Ok(step)
}

fn solved<T: Element>(
    operator: &Operator<'_, T>,
    gradient: &DMatrix<T>,
    solver: &Solver,
    alpha: f64,
) -> Result<DMatrix<T>, CurvatureError> {
    match solver {
        Solver::Exact => operator.damped(alpha)?.step(gradient),
        Solver::ConjugateGradients {
            tolerance,
            iterations,
        } => {
            let stop = stop(tolerance, *iterations);
            let right = DVector::from_iterator(gradient.len(), gradient.iter().map(|g| -*g));
            let found = conjugate_gradients(operator, alpha, &right, stop)?;
            let (rows, cols) = gradient.shape();
            Ok(DMatrix::from_column_slice(
                rows,
                cols,
                found.solution.as_slice(),
            ))
        }
    }
}
