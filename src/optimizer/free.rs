//! Block-diagonal Hessian-free steps (Martens 2010; Zhang 2017): Eq. 8 by conjugate gradients, from products with the exact curvature of the batch. Why by
//! parameter: the blocks are those of every other method here.

use std::collections::BTreeMap;

use nalgebra::{DMatrix, DVector};

use super::implicit::{BlockProduct, iterated, refused};
use super::{HessianFree, OptimizerError};
use crate::backend::Element;
use crate::curvature::{Ending, Stop};
use crate::expr::Name;
use crate::network::{Extent, ProductSession};

/// Δ for every parameter, where products are made sample by sample.
pub(super) fn steps<T: Element>(
    session: &mut ProductSession<T>,
    rule: &HessianFree,
    alpha: f64,
) -> Result<BTreeMap<Name, DMatrix<T>>, OptimizerError> {
    let mut steps = BTreeMap::new();
    for (name, gradient) in session.gradients().clone() {
        let mut product = |direction: &DMatrix<T>| {
            let vectors = BTreeMap::from([(name.clone(), direction.clone())]);
            let mut products = session.product(rule.curvature, Extent::Block, &vectors)?;
            let zeros = || DMatrix::zeros(direction.nrows(), direction.ncols());
            Ok(products.remove(&name).unwrap_or_else(zeros))
        };
        let step = step(&mut product, (&name, &gradient), rule, alpha)?;
        steps.insert(name, step);
    }
    Ok(steps)
}

/// Conjugate gradients on one block, from zero; they stop with what they have at a direction of curvature ≤ 0.
pub(super) fn step<T: Element>(
    product: &mut BlockProduct<'_, T>,
    (name, gradient): (&Name, &DMatrix<T>),
    rule: &HessianFree,
    alpha: f64,
) -> Result<DMatrix<T>, OptimizerError> {
    let (rows, cols) = gradient.shape();
    let shaped = |entries: &[T]| DMatrix::from_column_slice(rows, cols, entries);
    let mut of_column = |direction: &DMatrix<T>| {
        let image = product(&shaped(direction.as_slice()))?;
        Ok(DMatrix::from_column_slice(image.len(), 1, image.as_slice()))
    };
    let right = DVector::from_iterator(gradient.len(), gradient.iter().map(|g| -*g));
    let stop = Stop {
        tolerance: rule.tolerance,
        iterations: rule.iterations,
    };
    let found = iterated(&mut of_column, &right, alpha, stop);
    let found = found.map_err(|error| refused(name, error))?;
    // Of no step at all, downhill is what is left.
    if found.ending == Ending::NegativeCurvature && found.iterations == 1 {
        return Ok(shaped(right.as_slice()));
    }
    Ok(shaped(found.solution.as_slice()))
}
