//! Data made from a seed. Why: a time or a count is worth something when everyone can have the same numbers, without a file of them.

use std::collections::{BTreeMap, HashMap};

use nalgebra::DMatrix;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Poisson, StandardNormal};

use super::module::concrete_shape;
use super::prepare::{Definition, sized};
use super::{RunError, RunOptions, Session};
use crate::backend::Element;
use crate::expr::{Distribution, Facts, Name};
use crate::language::{File, Network};

/// Arrays for every input, target and parameter of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct SeededArrays(BTreeMap<Name, Vec<f64>>);

impl SeededArrays {
    /// The entries of a parameter, column by column, or of an input or target, sample by sample.
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// All arrays in the numbers that are computed with.
    pub fn of_type<T: Element>(&self) -> HashMap<String, Vec<T>> {
        let entries = |values: &[f64]| values.iter().map(|value| T::number(*value)).collect();
        let all = self.0.iter();
        all.map(|(name, values)| (name.to_string(), entries(values)))
            .collect()
    }

    /// Writes into a session whatever its pass reads.
    ///
    /// # Panics
    /// When the pass has other sizes or another number of samples.
    pub fn fill<T: Element>(&self, session: &mut Session<T>) {
        for (name, values) in &self.0 {
            let Some(slots) = session.input_mut(name) else {
                continue;
            };
            assert_eq!(slots.len(), values.len(), "`{name}` has two sizes");
            for (slot, value) in slots.iter_mut().zip(values) {
                *slot = T::number(*value);
            }
        }
    }
}

/// What an array is for.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Input,
    Target(Distribution),
    Parameter,
}

/// Arrays for a network at the sizes and the number of samples of `options`: inputs uniform in [0, 1); targets as the model of
/// the loss has them (one class, 0 or 1, counts, standard normal numbers), one class where they are declared a distribution; weights
/// normal with variance 2 / (rows + columns), after Glorot & Bengio (2010); parameters that are vectors zero. Declared facts hold. An
/// array does not depend on the others.
///
/// # Errors
/// When the network is not defined, a dimension has no size, or the arrays do not fit the memory limit.
pub fn seeded_arrays(
    file: &File,
    name: &str,
    options: &RunOptions,
    seed: u64,
) -> Result<SeededArrays, RunError> {
    let sized = sized(file, name, options).map_err(|error| error.located(file));
    let (Definition { network, .. }, sizes, _) = sized?;
    let samples = options.batch_size;
    let inputs = network.inputs.iter().map(|value| (value, Kind::Input));
    let targets = network.targets.iter().map(|value| {
        let kind = distribution(&network, &value.name, value.facts);
        (value, Kind::Target(kind))
    });
    let parameters = network.parameters.iter();
    let parameters = parameters.map(|value| (value, Kind::Parameter));
    let all: Vec<_> = inputs.chain(targets).chain(parameters).collect();
    let mut bytes = 0u64;
    let mut shapes = Vec::with_capacity(all.len());
    for (value, kind) in &all {
        let (rows, cols) = concrete_shape(&value.shape, &sizes)?;
        let copies = match kind {
            Kind::Parameter => 1,
            Kind::Input | Kind::Target(_) => samples,
        };
        let factors = [rows, cols, copies].map(|factor| factor as u64);
        let size = factors.into_iter().fold(f64::BYTES, u64::saturating_mul);
        bytes = bytes.saturating_add(size);
        shapes.push((rows, cols, copies));
    }
    if bytes > options.limit {
        return Err(RunError::limit(
            format!(
                "the arrays of `{name}` with {samples} samples take {bytes} bytes, above the memory limit of {}",
                options.limit
            ),
            "use a smaller batch or smaller dimensions, or a larger `--memory`",
        ));
    }
    let mut arrays = BTreeMap::new();
    for (place, ((value, kind), (rows, cols, copies))) in all.into_iter().zip(shapes).enumerate() {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(place as u64);
        let mut entries = Vec::with_capacity(rows * cols * copies);
        for _ in 0..copies {
            let drawn = draw(kind, (rows, cols), &mut rng);
            entries.extend_from_slice(true_to(value.facts, drawn).as_slice());
        }
        arrays.insert(value.name.clone(), entries);
    }
    Ok(SeededArrays(arrays))
}

/// How a target is distributed.
fn distribution(network: &Network, name: &Name, facts: Facts) -> Distribution {
    let loss = &network.loss;
    let own = loss.module.inputs.iter().zip(&loss.arguments);
    let own = own.filter(|(_, full)| *full == name).map(|(own, _)| own);
    let model = loss.module.model.as_ref();
    let modelled = model.filter(|model| own.clone().any(|own| *own == model.target));
    match modelled {
        Some(model) => model.distribution,
        None if facts.distribution => Distribution::Categorical,
        None => Distribution::Normal,
    }
}

/// One array without any facts.
fn draw(kind: Kind, (rows, cols): (usize, usize), rng: &mut ChaCha8Rng) -> DMatrix<f64> {
    let normal = |rng: &mut ChaCha8Rng| rng.sample::<f64, _>(StandardNormal);
    match kind {
        Kind::Input => DMatrix::from_fn(rows, cols, |_, _| rng.random()),
        Kind::Target(Distribution::Categorical) => {
            let mut one = DMatrix::zeros(rows, cols);
            one[rng.random_range(0..rows * cols)] = 1.0;
            one
        }
        Kind::Target(Distribution::Bernoulli) => {
            DMatrix::from_fn(rows, cols, |_, _| f64::from(u8::from(rng.random_bool(0.5))))
        }
        Kind::Target(Distribution::Poisson) => {
            // The rate is above 0, and so the distribution exists.
            let counts = Poisson::new(1.0).ok();
            DMatrix::from_fn(rows, cols, |_, _| counts.map_or(0.0, |d| rng.sample(d)))
        }
        Kind::Target(Distribution::Normal) => DMatrix::from_fn(rows, cols, |_, _| normal(rng)),
        Kind::Parameter if cols == 1 => DMatrix::zeros(rows, 1),
        Kind::Parameter => {
            let deviation = (2.0 / (rows + cols) as f64).sqrt();
            DMatrix::from_fn(rows, cols, |_, _| normal(rng) * deviation)
        }
    }
}

/// The nearest thing to an array of which the facts hold.
fn true_to(facts: Facts, array: DMatrix<f64>) -> DMatrix<f64> {
    let (rows, cols) = array.shape();
    let mut array = array;
    if facts.distribution {
        let sum: f64 = array.iter().map(|entry| entry.abs()).sum();
        array = if sum > 0.0 {
            array.map(|entry| entry.abs() / sum)
        } else {
            DMatrix::from_element(rows, cols, 1.0 / (rows * cols) as f64)
        };
    }
    if rows != cols {
        return array;
    }
    if facts.diagonal {
        array = DMatrix::from_diagonal(&array.diagonal());
    }
    if facts.positive_definite {
        array = &array * array.transpose() + DMatrix::identity(rows, cols);
    } else if facts.symmetric {
        array = (&array + array.transpose()) * 0.5;
    }
    array
}
