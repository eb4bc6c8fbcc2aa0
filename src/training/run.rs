//! The loop. Why every random choice is a function of seed and epoch: a run that was cut off and one that was not write the same numbers.

use std::time::Instant;

use super::checkpoint::{Checkpoint, Position};
use super::diagnostics::Examiner;
use super::metrics::MetricsFile;
use super::samples::{Arrays, order, subset};
use super::start::{first_parameters, problem};
use super::{Metrics, Progress, RunDirectory, Settings, Stop, TrainingError};
use crate::backend::Element;
use crate::data::{Dataset, load_dataset};
use crate::network::{Precision, RunOptions};
use crate::optimizer::{Batch, Compiled, Evaluation, Evaluator, EvaluatorPass, Method, Optimizer};

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// All epochs are done.
    Done,
    /// It was asked to end, and saved where it was.
    Stopped,
    /// The loss or a parameter is no number; the last checkpoint is from before.
    Diverged {
        /// The epoch, from 1.
        epoch: u64,
        /// The step of the epoch, from 1; nothing for the evaluation after it.
        step: Option<u64>,
    },
}

/// Trains from the start, into a directory that holds the settings.
///
/// # Errors
/// When settings, data and network do not fit, a pass fails, or a file cannot be written.
pub fn train(
    run: &RunDirectory,
    settings: &Settings,
    options: &RunOptions,
    progress: &mut dyn Progress,
    stop: &Stop,
) -> Result<Ending, TrainingError> {
    started(run, settings, options, progress, stop, false)
}

/// Goes on from the last checkpoint; from the start where there is none.
///
/// # Errors
/// As [`train`]; when the checkpoint does not belong to the run.
pub fn resume(
    run: &RunDirectory,
    settings: &Settings,
    options: &RunOptions,
    progress: &mut dyn Progress,
    stop: &Stop,
) -> Result<Ending, TrainingError> {
    let has_checkpoint = run.checkpoint().exists();
    started(run, settings, options, progress, stop, has_checkpoint)
}

fn started(
    run: &RunDirectory,
    settings: &Settings,
    options: &RunOptions,
    progress: &mut dyn Progress,
    stop: &Stop,
    goes_on: bool,
) -> Result<Ending, TrainingError> {
    match settings.precision()? {
        Precision::Double => looped::<f64>(run, settings, options, progress, stop, goes_on),
        Precision::Single => looped::<f32>(run, settings, options, progress, stop, goes_on),
    }
}

/// Everything that an epoch needs.
struct Loop<'a, 'p, T: Element> {
    run: &'a RunDirectory,
    settings: &'a Settings,
    optimizer: Optimizer<'p, T>,
    train: Arrays<T>,
    batch: Arrays<T>,
    /// The evaluation on a part of the training set, and on the test set.
    evaluators: (Evaluator<'p, T>, Evaluator<'p, T>),
    parts: (Arrays<T>, Arrays<T>),
    examiner: Option<Examiner>,
    metrics: MetricsFile,
    batch_size: usize,
    begun: Instant,
    before: f64,
    saved: Instant,
    noted: Noted,
}

/// What has been said once.
#[derive(Default)]
struct Noted {
    ascent: bool,
    back: bool,
    singular: bool,
}

fn looped<T: Element>(
    run: &RunDirectory,
    settings: &Settings,
    options: &RunOptions,
    progress: &mut dyn Progress,
    stop: &Stop,
    goes_on: bool,
) -> Result<Ending, TrainingError> {
    let method = settings.method()?;
    let source = settings.data.parse().unwrap_or_else(|never| match never {});
    let data: Dataset<T> = load_dataset(&source)?;
    let problem = problem(settings, &data, options)?;
    let outputs = problem.target.1;
    let train = Arrays::new(&data.train, outputs)?;
    let test = Arrays::new(&data.test, outputs)?;
    let batch_size = settings.batch_size.min(train.samples).max(1);
    if batch_size < settings.batch_size {
        progress.note(&format!(
            "there are {} samples to learn from: a batch has {batch_size} of them, not {}",
            train.samples, settings.batch_size
        ));
    }
    let mut part = train.empty();
    train.pick(
        &subset(train.samples, test.samples, settings.seed),
        &mut part,
    );
    let classes = data.n_classes;
    // One epoch has batches of one size, and what is left in one of its own.
    let mut compiled = vec![Compiled::new(&problem, &method, batch_size)?];
    if train.samples % batch_size > 0 {
        compiled.push(Compiled::new(
            &problem,
            &method,
            train.samples % batch_size,
        )?);
    }
    if !compiled[0].is_one_program() && !matches!(method, Method::HessianFree(_)) {
        progress.note("a step of this network in these modes is no single program: it runs module by module, which is slower");
    }
    let evaluators = (
        EvaluatorPass::compile(&problem, part.samples, classes)?,
        EvaluatorPass::compile(&problem, test.samples, classes)?,
    );
    let first = first_parameters(settings, &problem)?;
    let mut optimizer = Optimizer::new(&method, &compiled, first.clone(), settings.seed);
    let mut position = Position::default();
    if goes_on {
        let kept = optimizer.state().len();
        let checkpoint = Checkpoint::read(&run.checkpoint(), &first, kept)?;
        position = checkpoint.position;
        let Checkpoint {
            parameters, state, ..
        } = checkpoint;
        optimizer.restore(parameters, state, (position.alpha, position.steps));
    }
    let metrics = if goes_on {
        MetricsFile::resume(&run.metrics(), position.epoch)?
    } else {
        MetricsFile::create(&run.metrics())?
    };
    let examiner = (settings.diagnostics > 0)
        .then(|| {
            let resumed = goes_on.then_some(position.epoch);
            Examiner::new(
                &problem,
                &method,
                &run.diagnostics(),
                (train.samples, resumed),
            )
        })
        .transpose()?;
    let mut looped = Loop {
        run,
        settings,
        optimizer,
        batch: train.empty(),
        train,
        evaluators: (Evaluator::new(&evaluators.0), Evaluator::new(&evaluators.1)),
        parts: (part, test),
        examiner,
        metrics,
        batch_size,
        begun: Instant::now(),
        before: position.seconds,
        saved: Instant::now(),
        noted: Noted::default(),
    };
    if !goes_on {
        let row = looped.evaluated(0, 0)?;
        looped.finish(&row, position, progress)?;
        if !row.train_loss.is_finite() {
            return Ok(Ending::Diverged {
                epoch: 0,
                step: None,
            });
        }
    }
    looped.epochs(position, progress, stop)
}

impl<T: Element> Loop<'_, '_, T> {
    fn seconds(&self) -> f64 {
        self.before + self.begun.elapsed().as_secs_f64()
    }

    fn epochs(
        &mut self,
        mut position: Position,
        progress: &mut dyn Progress,
        stop: &Stop,
    ) -> Result<Ending, TrainingError> {
        while position.epoch < self.settings.epochs {
            let epoch = position.epoch + 1;
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
        let batch = Batch {
            x: &self.batch.x,
            y: &self.batch.y,
            samples: self.batch.samples,
        };
        let report = self.optimizer.step(batch, epoch);
        let report = report.map_err(|error| TrainingError::Step {
            place: format!("epoch {epoch}, step {step}: "),
            error,
        })?;
        if !report.is_descent && !std::mem::replace(&mut self.noted.ascent, true) {
            progress.note(&format!(
                "epoch {epoch}, step {step}: a step does not go downhill, since a damped block is not positive; pch-abs, pch-clip, ggn, more --alpha or --solver cg make it so"
            ));
        }
        if report.is_taken_back && !std::mem::replace(&mut self.noted.back, true) {
            progress.note(&format!(
                "epoch {epoch}, step {step}: the loss of the batch is larger after a step; it is taken back, and the next is damped more"
            ));
        }
        if let Some(name) = &report.singular
            && !std::mem::replace(&mut self.noted.singular, true)
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
        let parameters = self.optimizer.parameters();
        let of = |evaluator: &mut Evaluator<'_, T>,
                  arrays: &Arrays<T>|
         -> Result<Evaluation, TrainingError> {
            let data = Batch {
                x: &arrays.x,
                y: &arrays.y,
                samples: arrays.samples,
            };
            Ok(evaluator.evaluate(parameters, data)?)
        };
        let train = of(&mut self.evaluators.0, &self.parts.0)?;
        let test = of(&mut self.evaluators.1, &self.parts.1)?;
        Ok(Metrics {
            epoch,
            step,
            train_loss: train.loss,
            test_loss: test.loss,
            test_accuracy: test.accuracy,
            seconds: self.seconds(),
        })
    }

    /// Writes an epoch's row and the state after it, in this order: a row without a checkpoint is dropped when the run goes on.
    fn finish(
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
