//! The loop. Why every random choice is a function of seed and epoch: a run that was cut off and one that was not write the same numbers.

use std::collections::BTreeSet;
use std::time::Instant;

use super::checkpoint::{Checkpoint, Position};
use super::diagnostics::Examiner;
use super::directory::Held;
use super::judges::{Judges, judged};
use super::metrics::MetricsFile;
use super::run::Ending;
use super::samples::{Arrays, order};
use super::{Metrics, Progress, RunDirectory, Settings, Stop, TrainingError};
use crate::backend::Element;
use crate::optimizer::Optimizer;

/// A loss in few characters.
fn short(loss: f64) -> String {
    if (1e-3..1e5).contains(&loss.abs()) {
        format!("{loss:.4}")
    } else {
        format!("{loss:.3e}")
    }
}

/// A training loss that is so many times what it was before the first step is worth a word.
const RISE: f64 = 2.0;

/// Everything that an epoch needs.
pub(super) struct Loop<'a, 'p, T: Element> {
    pub(super) run: RunDirectory,
    /// As long as the run goes on, its directory is its own.
    #[expect(dead_code, reason = "held, not read")]
    pub(super) held: Held,
    pub(super) settings: &'a Settings,
    pub(super) optimizer: Optimizer<'p, T>,
    pub(super) train: Arrays<T>,
    pub(super) batch: Arrays<T>,
    pub(super) judges: Judges<'p, T>,
    pub(super) examiner: Option<Examiner>,
    pub(super) metrics: MetricsFile,
    pub(super) batch_size: usize,
    /// The training loss before the first step, where this run began with it.
    pub(super) first_loss: Option<f64>,
    pub(super) begun: Instant,
    pub(super) before: f64,
    pub(super) saved: Instant,
    pub(super) noted: BTreeSet<Noted>,
    /// A step of this epoch was not taken back.
    pub(super) has_moved: bool,
}

/// What is said once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Noted {
    Ascent,
    Singular,
    Rise,
    Standstill,
}

impl<T: Element> Loop<'_, '_, T> {
    fn seconds(&self) -> f64 {
        self.before + self.begun.elapsed().as_secs_f64()
    }

    pub(super) fn epochs(
        &mut self,
        mut position: Position,
        progress: &mut dyn Progress,
        stop: &Stop,
    ) -> Result<Ending, TrainingError> {
        while position.epoch < self.settings.epochs {
            let epoch = position.epoch + 1;
            self.has_moved = position.within > 0;
            let order = order(self.train.samples, self.settings.seed, epoch);
            let count = order.chunks(self.batch_size).count() as u64;
            for (place, places) in order.chunks(self.batch_size).enumerate() {
                let step = place as u64 + 1;
                if step <= position.within {
                    continue;
                }
                self.train.pick(places, &mut self.batch);
                let loss = self.step(epoch, (step, count), progress)?;
                if !loss.is_finite() {
                    // The row tells of it, to whoever reads the run later; the checkpoint stays that of before.
                    let row = Metrics {
                        train_loss: loss,
                        ..self.evaluated(epoch, position.steps + 1)?
                    };
                    self.metrics.append(&row)?;
                    progress.epoch(self.settings.epochs, &row);
                    return Ok(Ending::Diverged {
                        epoch,
                        step: Some(step),
                    });
                }
                position.within = step;
                position.steps += 1;
                let is_due = self.saved.elapsed().as_secs_f64() >= self.settings.checkpoint_seconds;
                if step < count && (is_due || stop.is_asked()) {
                    self.save(position)?;
                }
                if step < count && stop.is_asked() {
                    return Ok(Ending::Stopped);
                }
            }
            let row = self.evaluated(epoch, position.steps)?;
            if !row.train_loss.is_finite() || !self.optimizer.parameters().is_finite() {
                // The row tells of it; the checkpoint stays that of before.
                self.metrics.append(&row)?;
                progress.epoch(self.settings.epochs, &row);
                return Ok(Ending::Diverged { epoch, step: None });
            }
            position.epoch = epoch;
            position.within = 0;
            if !self.has_moved && self.noted.insert(Noted::Standstill) {
                progress.note(&format!(
                    "epoch {epoch}: every step was taken back, each damped more than the one before; a smaller --lr gets there sooner"
                ));
            }
            let has_risen = self
                .first_loss
                .is_some_and(|first| row.train_loss > first + (RISE - 1.0) * first.abs());
            if has_risen && self.noted.insert(Noted::Rise) {
                progress.note(&format!(
                    "epoch {epoch}: the training loss is {}, and was {} before the first step; {}",
                    short(row.train_loss),
                    short(self.first_loss.unwrap_or_default()),
                    self.settings.smaller_steps()
                ));
            }
            self.finish(&row, position, progress)?;
            if stop.is_asked() && epoch < self.settings.epochs {
                return Ok(Ending::Stopped);
            }
        }
        Ok(Ending::Done)
    }

    fn step(
        &mut self,
        epoch: u64,
        (step, count): (u64, u64),
        progress: &mut dyn Progress,
    ) -> Result<f64, TrainingError> {
        let report = match self.optimizer.step(self.batch.batch(), epoch) {
            Ok(report) => report,
            Err(error) if error.is_not_finite() || !self.optimizer.parameters().is_finite() => {
                return Ok(f64::NAN);
            }
            Err(error) => {
                return Err(TrainingError::Step {
                    place: format!("epoch {epoch}, step {step}: "),
                    error,
                });
            }
        };
        if !report.is_descent && self.noted.insert(Noted::Ascent) {
            progress.note(&format!(
                "epoch {epoch}, step {step}: a step does not go downhill, since a damped block is not positive; pch-abs, pch-clip, ggn, more --alpha or --solver cg make it so"
            ));
        }
        self.has_moved |= !report.is_taken_back;
        if let Some(name) = &report.singular
            && self.noted.insert(Noted::Singular)
        {
            progress.note(&format!(
                "epoch {epoch}, step {step}: the damped block of `{name}` is singular to working precision; it is solved by conjugate gradients (more --alpha or --dtype f64 would make it regular)"
            ));
        }
        progress.step((epoch, self.settings.epochs), (step, count), report.loss);
        Ok(report.loss)
    }

    /// The row of an epoch.
    fn evaluated(&mut self, epoch: u64, step: u64) -> Result<Metrics, TrainingError> {
        let both = self.judges.judge(self.optimizer.parameters())?;
        Ok(judged(both, epoch, step, self.seconds()))
    }

    /// Writes an epoch's row and the state after it, in this order: a row without a checkpoint is dropped when the run goes on.
    pub(super) fn finish(
        &mut self,
        row: &Metrics,
        position: Position,
        progress: &mut dyn Progress,
    ) -> Result<(), TrainingError> {
        self.metrics.append(row)?;
        if let Some(examiner) = &self.examiner
            && row.epoch.is_multiple_of(self.settings.diagnostics.max(1))
        {
            examiner.examine(row.epoch, self.optimizer.parameters(), &self.train)?;
        }
        self.save(position)?;
        progress.epoch(self.settings.epochs, row);
        Ok(())
    }

    fn save(&mut self, position: Position) -> Result<(), TrainingError> {
        let seconds = self.seconds();
        let parameters = self.optimizer.parameters().clone();
        let checkpoint = Checkpoint {
            parameters,
            state: self.optimizer.state().to_vec(),
            position: Position {
                alpha: self.optimizer.position().0,
                seconds,
                ..position
            },
        };
        checkpoint.write(&self.run.checkpoint())?;
        self.saved = Instant::now();
        Ok(())
    }
}
