//! Gradients and steps that no program of a whole step yields. Why in one place: whatever a block is known by, what becomes of its step is the same.

use std::collections::BTreeMap;

use nalgebra::DMatrix;

use super::compiled::{Compiled, Pass};
use super::{Batch, Method, OptimizerError, Parameters, blocks, free, implicit};
use crate::backend::Element;
use crate::expr::Name;
use crate::network::{MatrixFreeSession, RunError, Sampling};

/// Where a step begins.
pub(super) struct Point<'a, T> {
    pub(super) parameters: &'a Parameters<T>,
    pub(super) batch: Batch<'a, T>,
    /// α.
    pub(super) alpha: f64,
    pub(super) epoch: u64,
    /// That of targets drawn in this step.
    pub(super) seed: u64,
}

/// What is found there.
pub(super) struct Found<T: Element> {
    /// The mean loss.
    pub(super) loss: f64,
    pub(super) gradients: BTreeMap<Name, DMatrix<T>>,
    /// Δ, by parameter; none for a method along gradients.
    pub(super) steps: BTreeMap<Name, DMatrix<T>>,
    /// γ.
    pub(super) rate: f64,
    /// A parameter whose damped block is singular to working precision.
    pub(super) singular: Option<Name>,
}

/// By passes that run module by module, or sample by sample.
pub(super) fn found<T: Element>(
    compiled: &Compiled,
    method: &Method,
    point: &Point<'_, T>,
) -> Result<Found<T>, OptimizerError> {
    let names = compiled.names();
    let numbers = |name: &str| point.batch.find(names, point.parameters, name);
    match (&compiled.pass, method) {
        (Pass::Blocks(pass) | Pass::Roots(pass, _), Method::Newton(newton)) => {
            let sampling = match newton.sampling {
                Sampling::Drawn { targets, .. } => Sampling::Drawn {
                    targets,
                    seed: point.seed,
                },
                Sampling::Exact => Sampling::Exact,
            };
            let run = match (pass.run(&numbers, sampling), &compiled.pass) {
                // A loss Hessian without a root is no reason to end: the block is the same.
                (Err(_), Pass::Roots(_, Some(whole))) => whole.run(&numbers, sampling)?,
                (run, _) => run?,
            };
            let mut found = Found::along(run.loss, run.gradients);
            found.rate = newton.rate;
            for (name, gradient) in &found.gradients {
                let Some(block) = run.blocks.get(name) else {
                    continue;
                };
                let solved =
                    blocks::step(block, (name, gradient), newton, (point.alpha, point.epoch))?;
                if solved.is_singular {
                    found.singular.get_or_insert(name.clone());
                }
                found.steps.insert(name.clone(), solved.step);
            }
            Ok(found)
        }
        (Pass::Products(pass), Method::HessianFree(rule)) => {
            let mut session = pass.at(&numbers)?;
            let mut found = Found::along(session.loss(), session.gradients().clone());
            found.steps = free::steps(&mut session, rule, point.alpha)?;
            found.rate = rule.rate;
            Ok(found)
        }
        (Pass::Products(pass), _) => {
            let session = pass.at(&numbers)?;
            Ok(Found::along(session.loss(), session.gradients().clone()))
        }
        _ => unreachable!("a pass is made for its method"),
    }
}

/// By products with blocks that are never formed, and by blocks that have a form.
pub(super) fn found_by_products<T: Element>(
    session: &mut MatrixFreeSession<'_, T>,
    compiled: &Compiled,
    method: &Method,
    point: &Point<'_, T>,
) -> Result<Found<T>, OptimizerError> {
    let names = compiled.names();
    let parameters = point.parameters.0.iter();
    let given = parameters.map(|parameter| (&*parameter.name, parameter.values.as_slice()));
    let data = [(names.0, point.batch.x), (names.1, point.batch.y)];
    for (name, values) in given.chain(data) {
        if let Some(slot) = session.input_mut(name) {
            slot.copy_from_slice(values);
        }
    }
    session.draw(point.seed)?;
    session.run()?;
    let mut gradients = BTreeMap::new();
    for parameter in &point.parameters.0 {
        if let Some(gradient) = session.gradient(&parameter.name)? {
            gradients.insert(parameter.name.clone(), gradient);
        }
    }
    let mut found = Found::along(session.loss(), gradients);
    let limit = session.limit();
    for (name, gradient) in &found.gradients {
        let block = session.hessian(name);
        let mut product = |direction: &DMatrix<T>| {
            let image = session.product(name, direction.as_slice())?;
            let entries = image.ok_or_else(|| {
                RunError::input(
                    format!("`{name}` has no product"),
                    "report this as a defect",
                )
            })?;
            let (rows, cols) = direction.shape();
            Ok(DMatrix::from_vec(rows, cols, entries))
        };
        let step = match method {
            Method::HessianFree(rule) => {
                found.rate = rule.rate;
                free::step(&mut product, (name, gradient), rule, point.alpha)?
            }
            Method::Newton(newton) => {
                found.rate = newton.rate;
                let at = (point.alpha, point.epoch);
                let solved = match &block {
                    Some(block) => blocks::step(block, (name, gradient), newton, at)?,
                    None => {
                        implicit::step(&mut product, (name, gradient), newton, (at.0, at.1, limit))?
                    }
                };
                if solved.is_singular {
                    found.singular.get_or_insert(name.clone());
                }
                solved.step
            }
            Method::Momentum(_) | Method::Adam(_) => continue,
        };
        found.steps.insert(name.clone(), step);
    }
    Ok(found)
}

impl<T: Element> Found<T> {
    /// Gradients alone.
    fn along(loss: f64, gradients: BTreeMap<Name, DMatrix<T>>) -> Self {
        Self {
            loss,
            gradients,
            steps: BTreeMap::new(),
            rate: 0.0,
            singular: None,
        }
    }
}
