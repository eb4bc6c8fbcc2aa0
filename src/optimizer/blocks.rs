//! Eq. 8 on blocks as operators. Why beside updates in one program: what is computed module by module, or sample by sample, comes as blocks in many
//! structures, and each is solved in its own.

use std::collections::BTreeMap;

use nalgebra::{DMatrix, DVector};

use super::{Newton, OptimizerError};
use crate::backend::{Element, OutputBlock};
use crate::curvature::{CurvatureError, Operator, Stop, conjugate_gradients, row_ranges};
use crate::expr::{Name, Rational};
use crate::network::{ModularRun, Solver};

/// Δ for every parameter.
#[derive(Debug, Default)]
pub(super) struct Steps<T: Element> {
    pub(super) steps: BTreeMap<Name, DMatrix<T>>,
    /// A parameter whose damped block is singular to working precision, and was solved for by conjugate gradients instead.
    pub(super) singular: Option<Name>,
}

/// Where conjugate gradients take the place of a factorisation they stop here.
const INSTEAD: Stop = Stop {
    tolerance: 1e-4,
    iterations: 200,
};

/// Δ for every parameter.
pub(super) fn steps<T: Element>(
    run: &ModularRun<T>,
    newton: &Newton,
    alpha: f64,
    epoch: u64,
) -> Result<Steps<T>, OptimizerError> {
    let mut steps = BTreeMap::new();
    let mut singular = None;
    for (name, gradient) in &run.gradients {
        let Some(block) = run.blocks.get(name) else {
            continue;
        };
        let parts = newton.parts.at(epoch).min(gradient.nrows().max(1));
        let mut found = step(block, gradient, &newton.solver, (alpha, parts));
        if let Err(CurvatureError::Singular { .. }) = found {
            singular.get_or_insert(name.clone());
            let tolerance = Rational::from_float(INSTEAD.tolerance).unwrap_or_default();
            let iterations = INSTEAD.iterations;
            let solver = Solver::ConjugateGradients {
                tolerance,
                iterations,
            };
            found = step(block, gradient, &solver, (alpha, parts));
        }
        let found = found.map_err(|error| OptimizerError::Block {
            parameter: name.to_string(),
            error,
        })?;
        steps.insert(name.clone(), found);
    }
    Ok(Steps { steps, singular })
}

fn step<T: Element>(
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
            let stop = Stop {
                tolerance: num_traits::ToPrimitive::to_f64(tolerance).unwrap_or(0.0),
                iterations: *iterations,
            };
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
