//! What people ask of blocks while a network learns: trace, spectrum, condition, products that conjugate gradients need, how far means are from exact
//! blocks. Why on a few samples of the training set: an exact block has a Hessian for every sample.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use nalgebra::DVector;

use super::TrainingError;
use super::samples::Arrays;
use crate::backend::{Element, OutputBlock};
use crate::curvature::{Operator, Stop, conjugate_gradients};
use crate::data::write_whole;
use crate::network::{Batch, ModularPass, ModularRun, RunOptions, Sampling};
use crate::optimizer::{Method, OptimizerError, Parameters, Problem};

/// The columns of `diagnostics.csv`.
pub(super) const HEADER: &str =
    "epoch,parameter,trace,smallest,largest,condition,cg_iterations,distance_6,distance_7";

/// Samples that blocks are computed on.
const SAMPLES: usize = 32;
/// Rows of a factor up to which eigenvalues are computed, and of a block up to which its entries are compared.
const ROWS: usize = 1024;
/// The α of condition numbers and iterations where the optimiser has none.
const ALPHA: f64 = 0.02;

/// Computes diagnostics of a run, and writes them.
pub(super) struct Examiner {
    path: PathBuf,
    samples: usize,
    names: (String, String),
    alpha: f64,
    /// The blocks of the optimiser's modes; those of the exact curvature, of (6) and of (7), where they can be had.
    own: ModularPass,
    others: [Option<ModularPass>; 3],
}

impl Examiner {
    /// Begins a file, or goes on with what one holds up to an epoch.
    pub(super) fn new(
        problem: &Problem,
        method: &Method,
        path: &Path,
        (samples, resumed): (usize, Option<u64>),
    ) -> Result<Self, TrainingError> {
        let before = match resumed {
            Some(epoch) => {
                fs::read_to_string(path).map_or_else(|_| String::new(), |text| kept(&text, epoch))
            }
            None => String::new(),
        };
        write_whole(path, format!("{HEADER}\n{before}").as_bytes())?;
        let samples = samples.clamp(1, SAMPLES);
        let own = RunOptions {
            batch_size: samples,
            ..problem.options.clone()
        };
        let own = match method {
            Method::Newton(newton) => RunOptions {
                curvature: newton.curvature,
                batch: newton.batch,
                message: newton.message,
                ..own
            },
            Method::HessianFree(free) => RunOptions {
                curvature: free.curvature,
                batch: Batch::Exact,
                ..own
            },
            Method::Momentum(_) | Method::Adam(_) => RunOptions {
                batch: Batch::AverageHessian,
                ..own
            },
        };
        let compiled =
            |options: &RunOptions| ModularPass::compile(&problem.file, &problem.name, options);
        let other = |batch: Batch| {
            let options = RunOptions {
                batch,
                message: crate::network::Message::Hessian,
                ..own.clone()
            };
            compiled(&options).ok()
        };
        Ok(Self {
            path: path.to_owned(),
            samples,
            names: (problem.input.0.to_string(), problem.target.0.to_string()),
            alpha: method
                .damping()
                .map_or(ALPHA, crate::optimizer::Damping::initial),
            others: [Batch::Exact, Batch::AverageHessian, Batch::AverageJacobian].map(other),
            own: compiled(&own).map_err(OptimizerError::Run)?,
        })
    }

    /// Adds the rows of an epoch.
    pub(super) fn examine<T: Element>(
        &self,
        epoch: u64,
        parameters: &Parameters<T>,
        train: &Arrays<T>,
    ) -> Result<(), TrainingError> {
        let (x, y) = train.first(self.samples);
        let numbers = |name: &str| {
            if name == self.names.0 {
                Some(x)
            } else if name == self.names.1 {
                Some(y)
            } else {
                parameters.get(name)
            }
        };
        let run = |pass: &ModularPass| pass.run::<T>(&numbers, Sampling::Exact);
        let own = run(&self.own).map_err(OptimizerError::Run)?;
        // What is not to be had is left open.
        let others = self.others.each_ref();
        let others = others.map(|pass| pass.as_ref().and_then(|pass| run(pass).ok()));
        let mut text = String::new();
        for parameter in &parameters.0 {
            let Some(block) = own.blocks.get(&parameter.name) else {
                continue;
            };
            let gradient = own.gradients.get(&parameter.name);
            let gradient = gradient.map(|g| DVector::from_column_slice(g.as_slice()));
            let described = self.described(block, gradient);
            let cells =
                described.map(|cell| cell.map(|value| value.to_string()).unwrap_or_default());
            let distances = distances(&others, &parameter.name);
            let distances =
                distances.map(|cell| cell.map(|value| value.to_string()).unwrap_or_default());
            let _ = writeln!(
                text,
                "{epoch},{},{},{}",
                parameter.name,
                cells.join(","),
                distances.join(",")
            );
        }
        let file = OpenOptions::new().append(true).open(&self.path);
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| {
            TrainingError::setting(
                format!("cannot write `{}`: {error}", self.path.display()),
                "make room or change the rights, and go on with --resume",
            )
        })
    }

    /// Trace, smallest and largest eigenvalue, condition number of the damped block, products of conjugate gradients.
    fn described<T: Element>(
        &self,
        block: &OutputBlock<T>,
        gradient: Option<DVector<T>>,
    ) -> [Option<f64>; 5] {
        let Ok(operator) = Operator::new(block) else {
            return [None; 5];
        };
        let trace = operator.trace().ok().map(Element::double);
        let range = (largest_factor(block) <= ROWS)
            .then(|| operator.range().ok())
            .flatten();
        let damped = range.map(|range| {
            [range.min, range.max].map(|value| self.alpha + (1.0 - self.alpha) * value)
        });
        let condition = damped.and_then(|[least, most]| (least > 0.0).then(|| most / least));
        let iterations = gradient.and_then(|gradient| {
            let found = conjugate_gradients(&operator, self.alpha, &gradient, Stop::default());
            Some(found.ok()?.iterations as f64)
        });
        [
            trace,
            range.map(|range| range.min),
            range.map(|range| range.max),
            condition,
            iterations,
        ]
    }
}

/// ‖mean − exact‖ / ‖exact‖ of the means by (6) and (7), by Frobenius.
fn distances<T: Element>(runs: &[Option<ModularRun<T>>; 3], name: &str) -> [Option<f64>; 2] {
    let dense = |run: &Option<ModularRun<T>>| {
        let block = run.as_ref()?.blocks.get(name)?;
        (block.shape().0 <= ROWS)
            .then(|| block.to_dense(u64::MAX).ok())
            .flatten()
    };
    let [exact, six, seven] = runs.each_ref().map(dense);
    let of = |mean: Option<nalgebra::DMatrix<T>>| {
        let (mean, exact) = (mean?, exact.as_ref()?);
        let norm = exact.norm().double();
        (norm > 0.0).then(|| (mean - exact).norm().double() / norm)
    };
    [of(six), of(seven)]
}

/// Rows of the largest matrix whose eigenvalues are needed.
fn largest_factor<T: Element>(block: &OutputBlock<T>) -> usize {
    match block {
        OutputBlock::Kronecker { left, right } => largest_factor(left).max(largest_factor(right)),
        OutputBlock::Diagonal(_)
        | OutputBlock::ScaledIdentity { .. }
        | OutputBlock::Zero { .. } => 0,
        OutputBlock::Root(root) => root.ncols().min(root.nrows()),
        OutputBlock::KhatriRao { left, .. } => left.ncols(),
        OutputBlock::Dense(_) | OutputBlock::Sum(_) => block.shape().0,
    }
}

/// The rows up to an epoch.
fn kept(text: &str, epoch: u64) -> String {
    let rows = text.lines().skip(1).filter(|row| {
        let cells = row.split(',').count();
        let own = row
            .split(',')
            .next()
            .and_then(|cell| cell.parse::<u64>().ok());
        cells == HEADER.split(',').count() && own.is_some_and(|own| own <= epoch)
    });
    rows.flat_map(|row| [row, "\n"]).collect()
}
