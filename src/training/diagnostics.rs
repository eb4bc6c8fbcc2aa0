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

/// The columns of `diagnostics.csv`. A quantile of 0.05 is the eigenvalue below which a twentieth of them lies.
const HEADER: &str = "epoch,parameter,trace,smallest,largest,condition,cg_iterations,distance_6,distance_7,quantile_0.05,quantile_0.25,quantile_0.5,quantile_0.75,quantile_0.95";

/// The shares of eigenvalues, the ends first.
const SHARES: [f64; 7] = [0.0, 1.0, 0.05, 0.25, 0.5, 0.75, 0.95];

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
    pub(super) fn begin(&mut self, path: &Path, resumed: Option<u64>) -> Result<(), TrainingError> {
        let before = resumed.map_or_else(String::new, |epoch| {
            let text = fs::read_to_string(path);
            text.map_or_else(|_| String::new(), |text| kept(&text, epoch))
        });
        path.clone_into(&mut self.path);
        Ok(write_whole(path, format!("{HEADER}\n{before}").as_bytes())?)
    }

    /// Compiles what diagnostics of so many samples need.
    pub(super) fn compile(
        problem: &Problem,
        method: &Method,
        samples: usize,
    ) -> Result<Self, TrainingError> {
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
            path: PathBuf::new(),
            samples,
            names: (
                problem.input.name.to_string(),
                problem.target.name.to_string(),
            ),
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
        let batch = train.first(self.samples);
        let names = (self.names.0.as_str(), self.names.1.as_str());
        let numbers = |name: &str| batch.find(names, parameters, name);
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
            let (measures, quantiles) = self.described(block, gradient);
            let distances = distances(&others, &parameter.name);
            let cells = measures.into_iter().chain(distances).chain(quantiles);
            let cells =
                cells.map(|cell: Option<f64>| cell.map(|v| v.to_string()).unwrap_or_default());
            let cells: Vec<String> = cells.collect();
            let _ = writeln!(text, "{epoch},{},{}", parameter.name, cells.join(","));
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

    /// Trace, smallest and largest eigenvalue, condition number of the damped block, products of conjugate gradients; and quantiles.
    fn described<T: Element>(
        &self,
        block: &OutputBlock<T>,
        gradient: Option<DVector<T>>,
    ) -> ([Option<f64>; 5], [Option<f64>; 5]) {
        let Ok(operator) = Operator::new(block) else {
            return ([None; 5], [None; 5]);
        };
        let trace = operator.trace().ok().map(Element::double);
        let found = (largest_factor(block) <= ROWS).then(|| operator.quantiles(&SHARES));
        let found = found.and_then(Result::ok).unwrap_or_default();
        let quantile = |place: usize| found.get(place).copied();
        let ends = [quantile(0), quantile(1)];
        let damped = ends.map(|end| Some(self.alpha + (1.0 - self.alpha) * end?));
        let condition = match damped {
            [Some(least), Some(most)] if least > 0.0 => Some(most / least),
            _ => None,
        };
        let iterations = gradient.and_then(|gradient| {
            let found = conjugate_gradients(&operator, self.alpha, &gradient, Stop::default());
            Some(found.ok()?.iterations as f64)
        });
        let measures = [trace, ends[0], ends[1], condition, iterations];
        (measures, [2, 3, 4, 5, 6].map(quantile))
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

/// A row of `diagnostics.csv`: a parameter's block after an epoch. What is not known is nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// Epochs that are done.
    pub epoch: u64,
    /// The parameter.
    pub parameter: String,
    /// The trace of its block in the optimiser's modes.
    pub trace: Option<f64>,
    /// The condition number of the damped block.
    pub condition: Option<f64>,
    /// How far the means of (6) and of (7) are from the exact block, over its norm.
    pub distances: [Option<f64>; 2],
}

/// The rows of a file of diagnostics; lines that are none are passed over.
///
/// # Errors
/// When the file cannot be read.
pub fn read_diagnostics(path: &Path) -> std::io::Result<Vec<Diagnosis>> {
    let text = fs::read_to_string(path)?;
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |place: usize| cells.get(place).and_then(|cell| cell.parse().ok());
        Some(Diagnosis {
            epoch: cells.first()?.parse().ok()?,
            parameter: (*cells.get(1)?).to_owned(),
            trace: number(2),
            condition: number(5),
            distances: [number(7), number(8)],
        })
    };
    Ok(text.lines().skip(1).filter_map(row).collect())
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
