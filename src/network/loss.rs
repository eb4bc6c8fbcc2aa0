//! A root of the loss Hessian of one sample. Why a root: ℋ = SS' has as few columns as the loss allows (its rank, or the number
//! of drawn targets), and J'S goes back as gradients do.

use nalgebra::DMatrix;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Poisson, StandardNormal};

use super::averaged::Abreast;
use super::graph::Live;
use super::machine::{Crossed, Machine};
use super::programs::dense;
use super::{RunError, Sampling};
use crate::backend::{Element, Inputs, OutputBlock, symmetric_eigen};
use crate::expr::{Distribution, Name};

/// A negative eigenvalue of this size, relative to the largest, is rounding.
const NEGATIVE: f64 = 1e-10;
/// An eigenvalue below this, relative to the largest, is rounding and needs no column.
const ZERO: f64 = 1e-13;

/// A root of the loss Hessian with respect to all that the loss reads.
#[derive(Clone, Debug)]
pub(super) struct LossRoot<T: Element> {
    /// The loss's variables: what they are, their first row and their size.
    pub(super) rows: Vec<(Name, Live, usize, usize)>,
    /// S, with ℋ = SS'.
    pub(super) root: DMatrix<T>,
}

impl<T: Element> LossRoot<T> {
    fn part(&self, start: usize, size: usize) -> DMatrix<T> {
        self.root.rows(start, size).into_owned()
    }
}

impl<T: Element> Machine<'_, T> {
    /// True when the loss Hessian is estimated by targets drawn from its model.
    pub(super) fn is_drawn(&self) -> bool {
        self.curvature == crate::hbp::Curvature::Fisher && self.sampling != Sampling::Exact
    }

    /// The root for one of the samples that stand side by side.
    pub(super) fn loss_root_at(
        &mut self,
        place: usize,
        abreast: &Abreast<T>,
        sample: usize,
    ) -> Result<LossRoot<T>, RunError> {
        let executors = &self.executors[self.stages[place].pass];
        let mut inputs = self.inputs[place].clone();
        for runner in [&executors.root, &executors.model] {
            runner.lay_out(&abreast.nodes[place], sample, &mut inputs);
        }
        self.loss_root(place, &inputs, sample)
    }

    /// The root at the inputs of one sample.
    pub(super) fn loss_root(
        &mut self,
        place: usize,
        inputs: &Inputs<T>,
        sample: usize,
    ) -> Result<LossRoot<T>, RunError> {
        match self.sampling {
            Sampling::Drawn { targets, seed } if self.is_drawn() => {
                self.drawn_root(place, inputs.clone(), (targets, seed, sample))
            }
            _ => self.hessian_root(place, inputs, sample),
        }
    }

    /// (1/M) Σ g g' over the gradients g at M targets drawn from the model: the Fisher matrix, estimated.
    fn drawn_root(
        &mut self,
        place: usize,
        mut inputs: Inputs<T>,
        (targets, seed, sample): (usize, u64, usize),
    ) -> Result<LossRoot<T>, RunError> {
        let stage = &self.stages[place];
        let executors = &mut self.executors[stage.pass];
        let outputs = executors.model.sample(&inputs);
        let outputs = outputs.map_err(|error| stage.failed(error))?;
        let parameters: Result<Vec<DMatrix<T>>, _> =
            outputs.0.iter().map(|(_, block)| dense(block)).collect();
        let parameters = parameters?;
        let Some((target, distribution)) = &stage.target else {
            return Err(RunError::input(
                format!(
                    "the loss `{}` has no model to draw targets from",
                    stage.module
                ),
                "declare one in the loss, as in `y ~ normal(m, v)`",
            ));
        };
        // Every sample has a stream of its own, so that no draw depends on the others.
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(sample as u64);
        let scale = T::number(1.0 / (targets as f64).sqrt());
        let mut rows = Vec::new();
        let mut root = DMatrix::zeros(0, targets);
        for column in 0..targets {
            let drawn = draw(*distribution, &parameters, &mut rng);
            let drawn = drawn.map_err(|what| {
                RunError::input(
                    format!(
                        "sample {sample}: no target can be drawn from the model of `{}`: {what}",
                        stage.module
                    ),
                    "its parameters must be finite, and probabilities and rates not negative",
                )
            })?;
            inputs.insert(target.clone(), drawn);
            let outputs = executors.root.sample(&inputs);
            let outputs = outputs.map_err(|error| stage.failed(error))?;
            let mut start = 0;
            for (own, live) in &stage.rooted {
                let Some(block) = outputs.get(&format!("grad.{own}")) else {
                    continue;
                };
                let gradient = dense(block)?;
                let size = gradient.len();
                if column == 0 {
                    rows.push((own.clone(), live.clone(), start, size));
                    root = root.insert_rows(start, size, T::zero());
                }
                let part = gradient.as_slice().iter().map(|entry| *entry * scale);
                for (slot, entry) in root
                    .column_mut(column)
                    .rows_mut(start, size)
                    .iter_mut()
                    .zip(part)
                {
                    *slot = entry;
                }
                start += size;
            }
        }
        Ok(LossRoot { rows, root })
    }

    /// A root of the loss Hessian by its eigenvalues.
    fn hessian_root(
        &mut self,
        place: usize,
        inputs: &Inputs<T>,
        sample: usize,
    ) -> Result<LossRoot<T>, RunError> {
        let stage = &self.stages[place];
        let executors = &mut self.executors[stage.pass];
        let outputs = executors.root.sample(inputs);
        let outputs = outputs.map_err(|error| stage.failed(error))?;
        let block = |u: &Name, v: &Name| outputs.get(&format!("resid|{u}|{v}"));
        let mut rows = Vec::new();
        let mut size = 0;
        for (own, live) in &stage.rooted {
            let own_size = block(own, own).map_or(0, |block| block.shape().0);
            rows.push((own.clone(), live.clone(), size, own_size));
            size += own_size;
        }
        let mut whole = DMatrix::<T>::zeros(size, size);
        for (place, (u, _, row, height)) in rows.iter().enumerate() {
            for (v, _, column, width) in &rows[place..] {
                let Some(block) = block(u, v) else { continue };
                let block = dense(block)?;
                let mut upper = whole.view_mut((*row, *column), (*height, *width));
                upper.copy_from(&block);
                let mut lower = whole.view_mut((*column, *row), (*width, *height));
                lower.copy_from(&block.transpose());
            }
        }
        let root = root(whole).map_err(|what| {
            RunError::input(
                format!("the loss Hessian of sample {sample} has no root: {what}"),
                "use `--message hessian`, or a curvature that makes it positive: pch-abs, pch-clip",
            )
        })?;
        Ok(LossRoot { rows, root })
    }

    /// Takes up SS' of one sample in the place of the loss Hessian. `share` is the sample's part of the mean.
    pub(super) fn take_root(
        &mut self,
        place: usize,
        root: &LossRoot<T>,
        share: T,
        crossed: &mut Crossed<T>,
    ) -> Result<(), RunError> {
        let stage = &self.stages[place];
        for (at, (u, live, start, size)) in root.rows.iter().enumerate() {
            let left = root.part(*start, *size);
            if stage.crossing.once.contains(u) {
                let own = OutputBlock::Dense(&left * left.transpose());
                if let Some(mean) = stage.parameter(u).and_then(|p| self.blocks.get_mut(p)) {
                    mean.add(own)?;
                }
                continue;
            }
            if stage.crossing.is_alone {
                let block = &left * left.transpose() * share;
                match &mut crossed.block {
                    Some((_, sum)) => *sum += block,
                    None => crossed.block = Some((live.clone(), block)),
                }
                continue;
            }
            for (v, other, start, size) in &root.rows[at..] {
                if !stage.crossing.once.contains(v) {
                    let block = &left * root.part(*start, *size).transpose() * share;
                    crossed.step.add_residual(live, other, u == v, &block);
                }
            }
        }
        Ok(())
    }
}

/// S with as many columns as the matrix has eigenvalues above zero.
fn root<T: Element>(matrix: DMatrix<T>) -> Result<DMatrix<T>, String> {
    if matrix.is_empty() {
        return Ok(DMatrix::zeros(0, 0));
    }
    let precision = T::number(if T::BYTES == 4 { 1e9 } else { 1.0 });
    let eigen = symmetric_eigen(matrix).ok_or("it is not finite")?;
    let top =
        eigen.eigenvalues.iter().fold(
            T::zero(),
            |top, value| {
                if value.abs() > top { value.abs() } else { top }
            },
        );
    let least =
        eigen.eigenvalues.iter().fold(
            T::zero(),
            |least, value| {
                if *value < least { *value } else { least }
            },
        );
    // Entries are differences of numbers of order one, such as p − p², and nothing is left of those but rounding where p is near 1.
    let rounding = T::default_epsilon() * T::number(64.0 * eigen.eigenvalues.len() as f64);
    if least < -(top * T::number(NEGATIVE) * precision + rounding) {
        return Err(format!("its eigenvalue {} is negative", least.double()));
    }
    let bound = top * T::number(ZERO) * precision;
    let kept: Vec<usize> = (0..eigen.eigenvalues.len())
        .filter(|k| eigen.eigenvalues[*k] > bound)
        .collect();
    let column = |k: usize| {
        eigen.eigenvectors.column(k) * nalgebra::ComplexField::sqrt(eigen.eigenvalues[k])
    };
    let columns: Vec<_> = kept.into_iter().map(column).collect();
    let rows = eigen.eigenvectors.nrows();
    Ok(if columns.is_empty() {
        DMatrix::zeros(rows, 0)
    } else {
        DMatrix::from_columns(&columns)
    })
}

/// A target drawn from a distribution with these parameters.
pub(super) fn draw<T: Element>(
    distribution: Distribution,
    parameters: &[DMatrix<T>],
    rng: &mut impl Rng,
) -> Result<DMatrix<T>, String> {
    let Some(first) = parameters.first() else {
        return Err("it has no parameters".into());
    };
    let mut drawn = DMatrix::zeros(first.nrows(), first.ncols());
    if distribution == Distribution::Categorical {
        let class = category(first, rng)?;
        drawn[class] = T::one();
        return Ok(drawn);
    }
    for (place, slot) in drawn.iter_mut().enumerate() {
        let of = |k: usize| parameters.get(k).map_or(f64::NAN, |p| p[place].double());
        let value = match distribution {
            Distribution::Normal if of(1) >= 0.0 && of(0).is_finite() && of(1).is_finite() => {
                of(0) + of(1).sqrt() * rng.sample::<f64, _>(StandardNormal)
            }
            Distribution::Bernoulli if (0.0..=1.0).contains(&of(0)) => {
                f64::from(u8::from(rng.random::<f64>() < of(0)))
            }
            Distribution::Poisson if of(0) == 0.0 => 0.0,
            Distribution::Poisson => match Poisson::new(of(0)) {
                Ok(poisson) => poisson.sample(rng),
                Err(error) => return Err(format!("the rate {}: {error}", of(0))),
            },
            _ => return Err(format!("its parameter is {}", of(parameters.len() - 1))),
        };
        *slot = T::number(value);
    }
    Ok(drawn)
}

/// The class at which the running sum of the probabilities passes a uniform number.
fn category<T: Element>(probabilities: &DMatrix<T>, rng: &mut impl Rng) -> Result<usize, String> {
    let total: f64 = probabilities.iter().map(|p| p.double()).sum();
    let valid = |p: &T| p.double().is_finite() && p.double() >= 0.0;
    if !probabilities.iter().all(valid) || total <= 0.0 {
        return Err("its probabilities are negative or not finite".into());
    }
    let mut rest = rng.random::<f64>() * total;
    let mut last = 0;
    for (class, p) in probabilities.iter().enumerate() {
        if p.double() > 0.0 {
            last = class;
        }
        rest -= p.double();
        if rest < 0.0 {
            return Ok(class);
        }
    }
    Ok(last)
}
