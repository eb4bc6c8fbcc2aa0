//! Block-diagonal Hessian-free steps (Martens 2010; Zhang 2017): Eq. 8 by conjugate gradients, from products with the exact curvature of the batch. Why by
//! parameter: the blocks are those of every other method here.

use std::collections::BTreeMap;

use nalgebra::DMatrix;

use super::{HessianFree, OptimizerError};
use crate::backend::Element;
use crate::expr::Name;
use crate::network::{Extent, ProductSession};

/// Δ for every parameter.
pub(super) fn steps<T: Element>(
    session: &mut ProductSession<T>,
    rule: &HessianFree,
    alpha: f64,
) -> Result<BTreeMap<Name, DMatrix<T>>, OptimizerError> {
    let mut steps = BTreeMap::new();
    for (name, gradient) in session.gradients().clone() {
        let step = solved(session, rule, alpha, (&name, &gradient))?;
        steps.insert(name, step);
    }
    Ok(steps)
}

/// Conjugate gradients on one block, from zero; they stop with what they have at a direction of curvature ≤ 0.
fn solved<T: Element>(
    session: &mut ProductSession<T>,
    rule: &HessianFree,
    alpha: f64,
    (name, gradient): (&Name, &DMatrix<T>),
) -> Result<DMatrix<T>, OptimizerError> {
    let (damping, weight) = (T::number(alpha), T::number(1.0 - alpha));
    let mut solution = DMatrix::zeros(gradient.nrows(), gradient.ncols());
    let mut residual = -gradient.clone();
    let mut direction = residual.clone();
    let mut square = residual.norm_squared();
    let target = rule.tolerance * gradient.norm().double();
    for _ in 0..rule.iterations {
        if square.double().sqrt() <= target || !square.is_finite() {
            break;
        }
        let vectors = BTreeMap::from([(name.clone(), direction.clone())]);
        let products = session.product(rule.curvature, Extent::Block, &vectors)?;
        let Some(product) = products.get(name) else {
            break;
        };
        let image = product * weight + &direction * damping;
        let curvature = direction.dot(&image);
        if !curvature.is_finite() || curvature <= T::zero() {
            // Of no step at all, downhill is what is left.
            if solution.iter().all(|entry| *entry == T::zero()) {
                solution = direction;
            }
            break;
        }
        let length = square / curvature;
        solution += &direction * length;
        residual -= image * length;
        let next = residual.norm_squared();
        direction *= next / square;
        direction += &residual;
        square = next;
    }
    Ok(solution)
}
