//! Samples as passes take them, in an order that a seed and an epoch give. Why no state: a run that is resumed in the middle of an epoch sees what it would
//! have seen.

use flate2::Crc;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::TrainingError;
use crate::backend::Element;
use crate::data::{Dataset, Samples, Targets};
use crate::expr::{Distribution, Facts};
use crate::network::check_facts;
use crate::optimizer::{Batch, OptimizerError, Problem, Value};

/// Streams of random numbers of one seed, apart from those of parameters, which count from 0.
const SUBSET: u64 = 1 << 40;
const SHUFFLES: u64 = 1 << 41;

/// Inputs and targets, sample by sample.
#[derive(Clone, Debug)]
pub(super) struct Arrays<T> {
    pub(super) x: Vec<T>,
    pub(super) y: Vec<T>,
    pub(super) samples: usize,
    n: usize,
    m: usize,
}

impl<T: Element> Arrays<T> {
    /// As the network takes them: classes as columns of 0 and 1, and of a matrix, which data give row by row, column after column.
    pub(super) fn new(samples: &Samples<T>, problem: &Problem) -> Result<Self, TrainingError> {
        let outputs = problem.target.size();
        let y = match samples.targets() {
            Targets::Classes(labels) if problem.has_numbers => {
                labels.iter().map(|label| f64::from(*label)).collect()
            }
            Targets::Classes(labels) => {
                let mut y = vec![0.0; labels.len() * outputs];
                for (column, label) in y.chunks_exact_mut(outputs.max(1)).zip(labels) {
                    let slot = column.get_mut(*label as usize).ok_or_else(|| {
                        TrainingError::setting(
                            format!("the label {label} does not fit a target of {outputs} entries"),
                            "give the target of the network one entry a class",
                        )
                    })?;
                    *slot = 1.0;
                }
                y
            }
            Targets::Values { width, values } => {
                if *width != outputs {
                    return Err(TrainingError::setting(
                        format!(
                            "the data have {width} target values a sample, the target of the network has {outputs}"
                        ),
                        "change the target's declared size",
                    ));
                }
                by_columns(values, &problem.target)
            }
        };
        let x = by_columns(samples.features(), &problem.input);
        let of_features = x.iter().map(|value| value.double());
        check(&problem.input, of_features)?;
        check(&problem.target, y.iter().copied())?;
        supported(problem, &y)?;
        Ok(Self {
            x,
            y: y.into_iter().map(T::number).collect(),
            samples: samples.len(),
            n: samples.n_features(),
            m: outputs,
        })
    }

    /// The samples at these places, in their order.
    pub(super) fn pick(&self, places: &[usize], into: &mut Self) {
        into.x.clear();
        into.y.clear();
        for place in places {
            into.x
                .extend_from_slice(&self.x[place * self.n..(place + 1) * self.n]);
            into.y
                .extend_from_slice(&self.y[place * self.m..(place + 1) * self.m]);
        }
        into.samples = places.len();
    }

    /// All of them.
    pub(super) fn batch(&self) -> Batch<'_, T> {
        self.first(self.samples)
    }

    /// The first so many samples.
    pub(super) fn first(&self, count: usize) -> Batch<'_, T> {
        let samples = count.min(self.samples);
        Batch {
            x: &self.x[..samples * self.n],
            y: &self.y[..samples * self.m],
            samples,
        }
    }

    /// No samples yet, of the same sizes.
    pub(super) fn empty(&self) -> Self {
        Self {
            x: Vec::new(),
            y: Vec::new(),
            samples: 0,
            ..*self
        }
    }
}

/// Refuses samples that are not what is declared of the value.
fn check(of: &Value, values: impl Iterator<Item = f64>) -> Result<(), TrainingError> {
    if of.facts == Facts::default() {
        return Ok(());
    }
    let values: Vec<f64> = values.collect();
    // Samples are drawn from the data in another order, so that their places would mislead.
    let place = format!("a sample of `{}`", of.name);
    for entries in values.chunks(of.size().max(1)) {
        let checked = check_facts(&place, of.facts, (of.rows, of.cols), entries);
        checked.map_err(OptimizerError::Run)?;
    }
    Ok(())
}

/// Refuses targets that the model of the loss gives no probability, or no share of one.
fn supported(problem: &Problem, y: &[f64]) -> Result<(), TrainingError> {
    let (fits, takes): (fn(f64) -> bool, _) = match problem.distribution {
        Some(Distribution::Bernoulli) => (|y| (0.0..=1.0).contains(&y), "between 0 and 1"),
        Some(Distribution::Poisson) => (|y| y >= 0.0, "counts, from 0 on"),
        Some(Distribution::Categorical | Distribution::Normal) | None => return Ok(()),
    };
    let Some(entry) = y.iter().find(|entry| !fits(**entry)) else {
        return Ok(());
    };
    Err(TrainingError::setting(
        format!(
            "the target `{}` of a sample has the entry {entry}, but its model in the loss takes values {takes}",
            problem.target.name
        ),
        "give such targets, or choose another loss: of classes softmax_cross_entropy with an entry a class, of numbers square_loss",
    ))
}

/// Samples whose matrices are given row by row, with each column by column.
fn by_columns<T: Copy>(values: &[T], of: &Value) -> Vec<T> {
    let (rows, cols) = (of.rows, of.cols);
    if rows == 1 || cols == 1 {
        return values.to_vec();
    }
    let mut turned = Vec::with_capacity(values.len());
    for sample in values.chunks_exact(of.size()) {
        for column in 0..cols {
            turned.extend((0..rows).map(|row| sample[row * cols + column]));
        }
    }
    turned
}

/// What tells data from others: their numbers of samples, and a checksum of all entries.
pub(super) fn fingerprint<T: Element>(data: &Dataset<T>) -> String {
    let mut checksum = Crc::new();
    let mut bytes = Vec::new();
    for samples in [&data.train, &data.test] {
        for sample in samples.features().chunks(samples.n_features()) {
            bytes.clear();
            bytes.extend(sample.iter().flat_map(|value| value.double().to_le_bytes()));
            checksum.update(&bytes);
        }
        match samples.targets() {
            Targets::Classes(labels) => {
                for label in labels {
                    checksum.update(&label.to_le_bytes());
                }
            }
            Targets::Values { values, .. } => {
                for value in values {
                    checksum.update(&value.to_le_bytes());
                }
            }
        }
    }
    let (train, test) = (data.train.len(), data.test.len());
    format!("{train}+{test}-{:08x}", checksum.sum())
}

/// The order of the samples in an epoch, counted from 1.
pub(super) fn order(samples: usize, seed: u64, epoch: u64) -> Vec<usize> {
    shuffled(samples, seed, SHUFFLES + epoch)
}

/// The places, in ascending order, of a random part of the samples that stays the same through a run.
pub(super) fn subset(samples: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut places = shuffled(samples, seed, SUBSET);
    places.truncate(count.max(1));
    places.sort_unstable();
    places
}

fn shuffled(samples: usize, seed: u64, stream: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    let mut places: Vec<usize> = (0..samples).collect();
    places.shuffle(&mut rng);
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_given_row_by_row_is_taken_column_by_column() {
        let of = |rows, cols| Value {
            name: "x".into(),
            rows,
            cols,
            facts: Facts::default(),
        };
        let values: Vec<f64> = (0..12).map(f64::from).collect();
        let turned = by_columns(&values, &of(2, 3));
        assert_eq!(turned[..6], [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(turned[6..], [6.0, 9.0, 7.0, 10.0, 8.0, 11.0]);
        assert_eq!(by_columns(&values, &of(6, 1)), values);
    }

    #[test]
    fn orders_are_those_of_seed_and_epoch() {
        let first = order(50, 3, 1);
        assert_eq!(first, order(50, 3, 1));
        assert_ne!(first, order(50, 3, 2));
        assert_ne!(first, order(50, 4, 1));
        let mut sorted = first;
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..50));
    }
}
