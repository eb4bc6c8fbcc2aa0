//! What a run is judged by. Why the same samples all through it: two epochs then differ by the parameters alone.

use super::samples::Arrays;
use super::{Metrics, TrainingError};
use crate::backend::Element;
use crate::optimizer::{Evaluation, Evaluator, Parameters};

/// Evaluates on a part of the training set, and on the test set.
pub(super) struct Judges<'p, T: Element> {
    pub(super) evaluators: [Evaluator<'p, T>; 2],
    pub(super) sets: [Arrays<T>; 2],
}

impl<T: Element> Judges<'_, T> {
    /// The evaluation on both, at these parameters.
    pub(super) fn judge(
        &mut self,
        parameters: &Parameters<T>,
    ) -> Result<[Evaluation; 2], TrainingError> {
        let [train, test] = &mut self.evaluators;
        let [part, rest] = &self.sets;
        Ok([
            train.evaluate(parameters, part.batch())?,
            test.evaluate(parameters, rest.batch())?,
        ])
    }
}

/// The row of an epoch.
pub(super) fn judged(
    [train, test]: [Evaluation; 2],
    epoch: u64,
    step: u64,
    seconds: f64,
) -> Metrics {
    Metrics {
        epoch,
        step,
        train_loss: train.loss,
        test_loss: test.loss,
        test_accuracy: test.accuracy,
        seconds,
    }
}
