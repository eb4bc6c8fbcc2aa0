//! Samples as passes take them, in an order that a seed and an epoch give. Why no state: a run that is resumed in the middle of an epoch sees what it would
//! have seen.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::TrainingError;
use crate::backend::Element;
use crate::data::{Samples, Targets};

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
    /// With classes as columns of 0 and 1. `outputs` is the number of entries of a target.
    pub(super) fn new(samples: &Samples<T>, outputs: usize) -> Result<Self, TrainingError> {
        let y = match samples.targets() {
            Targets::Classes(labels) => {
                let mut y = vec![T::zero(); labels.len() * outputs];
                for (column, label) in y.chunks_exact_mut(outputs.max(1)).zip(labels) {
                    let slot = column.get_mut(*label as usize).ok_or_else(|| {
                        TrainingError::setting(
                            format!("the label {label} does not fit a target of {outputs} entries"),
                            "give the target of the network one entry a class",
                        )
                    })?;
                    *slot = T::one();
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
                values.iter().map(|value| T::number(*value)).collect()
            }
        };
        Ok(Self {
            x: samples.features().to_vec(),
            y,
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

    /// Inputs and targets of the first so many samples.
    pub(super) fn first(&self, count: usize) -> (&[T], &[T]) {
        let count = count.min(self.samples);
        (&self.x[..count * self.n], &self.y[..count * self.m])
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
