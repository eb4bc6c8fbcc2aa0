//! Which predictions are right. Why by the model of the loss: of classes the most probable one counts, of yes and no the more probable answer, and what
//! is probable is what the loss declares.

use super::{OptimizerError, Problem};
use crate::backend::Element;
use crate::expr::Distribution;
use crate::network::Likelihood;

/// How predictions are judged.
#[derive(Debug)]
pub(super) enum Judge {
    /// By the probabilities of the loss's model.
    Model(Likelihood),
    /// By the largest entry of what the loss reads, for a loss without a model of classes: one entry a class.
    Largest,
}

/// How many of the answers are right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) right: usize,
    pub(super) all: usize,
}

/// What the loss reads of a network's nodes: names of the loss, and entries sample by sample.
pub(super) type Predictions<'a, T> = Vec<(&'a str, &'a [T])>;

impl Judge {
    /// For targets that are classes, or that the loss takes for classes or for yes and no; nothing for others.
    pub(super) fn new(
        problem: &Problem,
        has_classes: bool,
    ) -> Result<Option<Self>, OptimizerError> {
        let options = problem.options(1);
        let likelihood = Likelihood::compile(&problem.file, &problem.name, &options);
        let likelihood = likelihood.map_err(|error| problem.located(error))?;
        let of_classes = likelihood.filter(|likelihood| {
            matches!(
                likelihood.distribution(),
                Distribution::Categorical | Distribution::Bernoulli
            )
        });
        Ok(match of_classes {
            Some(likelihood) => Some(Self::Model(likelihood)),
            None => has_classes.then_some(Self::Largest),
        })
    }

    /// Counts what is right of so many samples; nothing where the predictions do not fit the targets.
    pub(super) fn tally<T: Element>(
        &self,
        predictions: &Predictions<'_, T>,
        targets: &[T],
        samples: usize,
    ) -> Result<Option<Tally>, OptimizerError> {
        let entries = targets.len() / samples.max(1);
        let pairs = targets.chunks(entries.max(1));
        match self {
            Self::Largest => {
                let [(_, predicted)] = predictions[..] else {
                    return Ok(None);
                };
                let fits = predicted.len() == targets.len();
                let right = predicted.chunks(entries.max(1)).zip(pairs);
                let right = right.filter(|(p, y)| largest(p) == largest(y)).count();
                Ok(fits.then_some(Tally {
                    right,
                    all: samples,
                }))
            }
            Self::Model(likelihood) => {
                let value = |sample: usize, name: &str| {
                    let found = predictions.iter().find(|(own, _)| *own == name);
                    found.and_then(|(_, values)| {
                        let own = values.len() / samples.max(1);
                        values.get(sample * own..(sample + 1) * own)
                    })
                };
                let Some(probabilities) = likelihood.of_samples(samples, value)? else {
                    return Ok(None);
                };
                let mut tally = Tally::default();
                for (p, y) in probabilities.iter().zip(pairs) {
                    let of_sample = if likelihood.distribution() == Distribution::Bernoulli {
                        answers(p.as_slice(), y)
                    } else {
                        Tally {
                            right: usize::from(largest(p.as_slice()) == largest(y)),
                            all: 1,
                        }
                    };
                    tally.right += of_sample.right;
                    tally.all += of_sample.all;
                }
                Ok(Some(tally))
            }
        }
    }
}

/// Yes where the probability is above one half, no where it is not; a probability that is no number is no answer.
fn answers<T: Element>(probabilities: &[T], targets: &[T]) -> Tally {
    let half = T::number(0.5);
    let is_right = |(p, y): &(&T, &T)| p.is_finite() && (**p > half) == (**y > half);
    Tally {
        right: probabilities.iter().zip(targets).filter(is_right).count(),
        all: targets.len(),
    }
}

fn largest<T: Element>(values: &[T]) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (place, value) in values.iter().enumerate() {
        if value.is_finite() && best.is_none_or(|best| *value > values[best]) {
            best = Some(place);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_largest_numbers_counts() {
        let nan = f64::NAN;
        assert_eq!(largest(&[1.0, 3.0, 3.0]), Some(1));
        assert_eq!(largest(&[nan, -1.0, f64::INFINITY]), Some(1));
        assert_eq!(largest(&[nan]), None);
    }

    #[test]
    fn answers_are_counted_one_by_one() {
        let tally = answers(&[0.9, 0.2, 0.5, f64::NAN], &[1.0, 1.0, 0.0, 0.0]);
        assert_eq!((tally.right, tally.all), (2, 4));
    }
}
