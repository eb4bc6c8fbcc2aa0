//! The passes of a method. Why compiled for batches of one size: a step then knows all its numbers of operations, and allocates nothing.

use super::{Damping, EvaluatorPass, Method, Newton, OptimizerError, Problem};
use crate::language::File;
use crate::network::{
    Batch, Coefficient, Curvature, Eigenvalues, MatrixFreePass, Message, ModularPass, NetworkPass,
    ProductPass, RunError, RunOptions, Sampling, Step, Task, check_product_modes,
};

/// Entries cubed of matrices whose eigenvalues take some seconds.
const SLOW: usize = 5_000_000_000;

/// The passes of a method for batches of one size.
#[derive(Debug)]
pub struct Compiled {
    pub(super) pass: Pass,
    /// The loss after a step, where damping follows it.
    pub(super) after: Option<EvaluatorPass>,
    names: (String, String),
    pub(super) samples: usize,
}

#[derive(Debug)]
pub(super) enum Pass {
    /// New parameters where the old ones lie.
    Update(Box<NetworkPass>),
    /// Gradients.
    Gradient(Box<NetworkPass>),
    /// Gradients, and products with blocks that are never formed.
    MatrixFree(Box<MatrixFreePass>),
    /// Gradients and blocks, module by module.
    Blocks(Box<ModularPass>),
    /// The same with the Hessians of every sample, for those whose loss Hessian has no root.
    Roots(Box<ModularPass>, Option<Box<ModularPass>>),
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
            Method::HessianFree(free) => {
                check_product_modes(free.curvature, Batch::Exact)?;
                match MatrixFreePass::of_loss(file, name, free.curvature, &options) {
                    Ok(pass) => Pass::MatrixFree(Box::new(pass)),
                    Err(error) if error.is_limit() => return Err(problem.located(error)),
                    Err(_) => products(&options)?,
                }
            }
            Method::Newton(newton) => newton_pass(problem, newton, &options)?,
        };
        let follows = matches!(method.damping(), Some(Damping::LevenbergMarquardt { .. }));
        let after = follows.then(|| EvaluatorPass::compile(problem, samples));
        let after = after.transpose()?;
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

    /// The eigenvalues of a step that take long, some seconds and more: of what parameter, and how many.
    pub fn slow_eigenvalues(&self) -> Option<Eigenvalues> {
        let Pass::MatrixFree(pass) = &self.pass else {
            return None;
        };
        let work = |own: &Eigenvalues| own.matrices.saturating_mul(own.size.saturating_pow(3));
        pass.eigenvalues().filter(|own| work(own) > SLOW)
    }

    /// True when all that a step computes is computed for all samples at once.
    pub fn is_for_all_samples(&self) -> bool {
        matches!(
            self.pass,
            Pass::Update(_) | Pass::Gradient(_) | Pass::MatrixFree(_)
        )
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
    if let Ok(pass) = NetworkPass::compile(file, name, &Task::Update(step), &options) {
        return Ok(Pass::Update(Box::new(pass)));
    }
    match matrix_free(file, name, &options) {
        Ok(pass) => return Ok(Pass::MatrixFree(Box::new(pass))),
        Err(error) if error.is_limit() => return Err(problem.located(error)),
        // Module by module, as far as that leads.
        Err(_) => {}
    }
    let pass = ModularPass::compile(file, name, &options);
    let pass = pass.map_err(|error| problem.located(with_advice(error, &options)))?;
    let pass = Box::new(pass);
    if options.message == Message::Hessian || options.batch != Batch::Exact {
        return Ok(Pass::Blocks(pass));
    }
    let whole = RunOptions {
        message: Message::Hessian,
        ..options
    };
    let whole = ModularPass::compile(file, name, &whole).ok();
    Ok(Pass::Roots(pass, whole.map(Box::new)))
}

/// Where eigenvalues are the reason for blocks that do not fit, what has none.
fn with_advice(error: RunError, options: &RunOptions) -> RunError {
    let is_positive = matches!(
        options.curvature,
        Curvature::PositiveAbs | Curvature::PositiveClip
    );
    if error.is_limit() && is_positive {
        let help = format!(
            "{}; `--curvature ggn` takes products with blocks alone",
            error.help()
        );
        return RunError::limit(error.message(), help);
    }
    error
}

/// Products with the blocks: those of the whole loss, where every sample has a Hessian of its own.
fn matrix_free(file: &File, name: &str, options: &RunOptions) -> Result<MatrixFreePass, RunError> {
    let is_of_loss = check_product_modes(options.curvature, options.batch).is_ok()
        && options.sampling == Sampling::Exact;
    if is_of_loss {
        MatrixFreePass::of_loss(file, name, options.curvature, options)
    } else {
        MatrixFreePass::of_blocks(file, name, options)
    }
}
