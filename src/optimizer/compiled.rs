//! The passes of a method. Why compiled for batches of one size: a step then knows all its numbers of operations, and allocates nothing.

use super::{Damping, Method, Newton, OptimizerError, Problem};
use crate::network::{
    Coefficient, Curvature, ModularPass, NetworkPass, ProductPass, RunOptions, Step, Task,
};

/// The passes of a method for batches of one size.
#[derive(Debug)]
pub struct Compiled {
    pub(super) pass: Pass,
    /// The loss after a step, where damping follows it.
    pub(super) after: Option<NetworkPass>,
    names: (String, String),
    pub(super) samples: usize,
}

#[derive(Debug)]
pub(super) enum Pass {
    /// New parameters where the old ones lie.
    Update(Box<NetworkPass>),
    /// Gradients.
    Gradient(Box<NetworkPass>),
    /// Gradients and blocks, module by module.
    Blocks(Box<ModularPass>),
    /// Gradients and products.
    Products(Box<ProductPass>),
}

impl Compiled {
    /// Derives and compiles for batches of so many samples.
    ///
    /// # Errors
    /// When a number of the method is out of range; as [`NetworkPass::compile`].
    pub fn new(problem: &Problem, method: &Method, samples: usize) -> Result<Self, OptimizerError> {
        method.check().map_err(OptimizerError::Setting)?;
        let options = problem.options(samples);
        let (file, name) = (&problem.file, problem.name.as_str());
        let products = |options: &RunOptions| -> Result<Pass, OptimizerError> {
            let pass = ProductPass::compile(file, name, options);
            Ok(Pass::Products(Box::new(
                pass.map_err(|e| problem.located(e))?,
            )))
        };
        let pass = match method {
            Method::Momentum(_) | Method::Adam(_) => {
                match NetworkPass::compile(file, name, &Task::Gradient, &options) {
                    Ok(pass) => Pass::Gradient(Box::new(pass)),
                    Err(_) => products(&options)?,
                }
            }
            Method::HessianFree(_) => products(&options)?,
            Method::Newton(newton) => newton_pass(problem, newton, &options)?,
        };
        let follows = matches!(method.damping(), Some(Damping::LevenbergMarquardt { .. }));
        let after = if follows {
            let pass = NetworkPass::compile(file, name, &Task::Forward, &options);
            Some(pass.map_err(|error| problem.located(error))?)
        } else {
            None
        };
        Ok(Self {
            pass,
            after,
            names: (
                problem.input.name.to_string(),
                problem.target.name.to_string(),
            ),
            samples,
        })
    }

    /// The number of samples of a batch.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// The names of input and target.
    pub(super) fn names(&self) -> (&str, &str) {
        (&self.names.0, &self.names.1)
    }

    /// True when a step is one program.
    pub fn is_one_program(&self) -> bool {
        matches!(self.pass, Pass::Update(_) | Pass::Gradient(_))
    }
}

/// The update as one program, or else the blocks module by module.
fn newton_pass(
    problem: &Problem,
    newton: &Newton,
    options: &RunOptions,
) -> Result<Pass, OptimizerError> {
    let (file, name) = (&problem.file, problem.name.as_str());
    let options = RunOptions {
        curvature: newton.curvature,
        batch: newton.batch,
        message: newton.message,
        sampling: newton.sampling,
        grouping: newton.grouping.clone(),
        ..options.clone()
    };
    let step = Step {
        damping: Coefficient::Given,
        rate: Coefficient::Given,
        solver: newton.solver.clone(),
        is_split: newton.parts.any(),
        // What is positive goes downhill; what is fixed asks for no more.
        is_measured: matches!(newton.damping, Damping::LevenbergMarquardt { .. })
            || newton.curvature == Curvature::Hessian,
    };
    match NetworkPass::compile(file, name, &Task::Update(step), &options) {
        Ok(pass) => Ok(Pass::Update(Box::new(pass))),
        Err(error) => match ModularPass::compile(file, name, &options) {
            Ok(pass) => Ok(Pass::Blocks(Box::new(pass))),
            Err(_) => Err(problem.located(error)),
        },
    }
}
