//! The loop. Why every random choice is a function of seed and epoch: a run that was cut off and one that was not write the same numbers.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use super::checkpoint::{Checkpoint, Position};
use super::diagnostics::Examiner;
use super::directory::Held;
use super::judges::{Judges, judged};
use super::metrics::MetricsFile;
use super::samples::{Arrays, order, subset};
use super::start::{first_parameters, problem};
use super::{Metrics, Progress, RunDirectory, Settings, Stop, TrainingError};
use crate::backend::Element;
use crate::data::{Dataset, load_dataset};
use crate::network::{Precision, RunOptions};
use crate::optimizer::{Compiled, Evaluator, EvaluatorPass, Method, Optimizer};

/// A training loss that is so many times what it was before the first step is worth a word.
const RISE: f64 = 2.0;

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

/// What a run is, whether it begins or goes on.
#[derive(Clone, Copy, Debug)]
pub struct Training<'a> {
    /// Every setting.
    pub settings: &'a Settings,
    /// Rules and limits.
    pub options: &'a RunOptions,
    /// Asked after every step.
    pub stop: &'a Stop,
}

/// Where a run is from.
#[derive(Clone, Copy)]
enum Start<'a> {
    /// A new one, into a directory that may hold another with `force`.
    New { path: &'a Path, force: bool },
    /// From the checkpoint of one that was begun.
    Checkpoint(&'a RunDirectory),
}

impl Training<'_> {
    /// Trains from the start, into a directory that is made once everything fits; with `force`, a run that is in it is removed then.
    ///
    /// # Errors
    /// When the directory is in use, or settings, data and network do not fit: nothing is changed then. When a pass fails, or a file
    /// cannot be written.
    pub fn begin(
        &self,
        path: &Path,
        force: bool,
        progress: &mut dyn Progress,
    ) -> Result<Ending, TrainingError> {
        RunDirectory::check(path, force)?;
        self.start(Start::New { path, force }, progress)
    }

    /// Goes on from the last checkpoint, with these settings; from the start where there is none.
    ///
    /// # Errors
    /// As [`Training::begin`]; when the checkpoint does not belong to the run.
    pub fn resume(
        &self,
        run: &RunDirectory,
        progress: &mut dyn Progress,
    ) -> Result<Ending, TrainingError> {
        if run.checkpoint().exists() {
            self.start(Start::Checkpoint(run), progress)
        } else {
            self.begin(run.path(), true, progress)
        }
    }

    fn start(
        &self,
        start: Start<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Ending, TrainingError> {
        match self.settings.precision()? {
            Precision::Double => self.run::<f64>(start, progress),
            Precision::Single => self.run::<f32>(start, progress),
        }
    }
}

/// Everything that an epoch needs.
struct Loop<'a, 'p, T: Element> {
    run: RunDirectory,
    _held: Held,
    settings: &'a Settings,
    optimizer: Optimizer<'p, T>,
    train: Arrays<T>,
    batch: Arrays<T>,
    judges: Judges<'p, T>,
    examiner: Option<Examiner>,
    metrics: MetricsFile,
    batch_size: usize,
    /// The training loss before the first step, where this run began with it.
    first_loss: Option<f64>,
    begun: Instant,
    before: f64,
    saved: Instant,
    noted: BTreeSet<Noted>,
}

/// What is said once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Noted {
    Ascent,
    TakenBack,
    Singular,
    Rise,
}

impl Training<'_> {
    fn run<T: Element>(
        &self,
        start: Start<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Ending, TrainingError> {
        let settings = self.settings;
        let method = settings.method()?;
        let source = settings.data.parse().unwrap_or_else(|never| match never {});
        let data: Dataset<T> = load_dataset(&source)?;
        let problem = problem(settings, &data, self.options)?;
        let train = Arrays::new(&data.train, &problem)?;
        let test = Arrays::new(&data.test, &problem)?;
        let batch_size = settings.batch_size.min(train.samples).max(1);
        if batch_size < settings.batch_size {
            progress.note(&format!(
                "there are {} samples to learn from: a batch has {batch_size} of them, not {}",
                train.samples, settings.batch_size
            ));
        }
        let mut part = train.empty();
        let places = subset(train.samples, test.samples, settings.seed);
        train.pick(&places, &mut part);
        // An epoch has batches of one size, and what is left in one of its own.
        let mut compiled = vec![Compiled::new(&problem, &method, batch_size)?];
        let rest = train.samples % batch_size;
        if rest > 0 {
            compiled.push(Compiled::new(&problem, &method, rest)?);
        }
        if !compiled[0].is_one_program() && !matches!(method, Method::HessianFree(_)) {
            progress.note("a step of this network in these modes is no single program: it runs module by module, which is slower");
        }
        let has_classes = data.n_classes.is_some() && !problem.has_numbers;
        let passes = [
            EvaluatorPass::compile(&problem, part.samples)?,
            EvaluatorPass::compile(&problem, test.samples)?.with_accuracy(&problem, has_classes)?,
        ];
        let mut judges = Judges {
            evaluators: passes.each_ref().map(Evaluator::new),
            sets: [part, test],
        };
        let mut examiner = (settings.diagnostics > 0)
            .then(|| Examiner::compile(&problem, &method, train.samples))
            .transpose()?;
        let first = first_parameters(settings, &problem)?;
        let mut optimizer = Optimizer::new(&method, &compiled, first.clone(), settings.seed);
        let (run, held, metrics, position, row);
        match start {
            Start::New { path, force } => {
                // All that can be refused has been, so that nothing is lost or left behind by what is.
                let begun = Instant::now();
                row = Some(judged(
                    judges.judge(&first)?,
                    0,
                    0,
                    begun.elapsed().as_secs_f64(),
                ));
                (run, held) = RunDirectory::create(path, settings, force)?;
                metrics = MetricsFile::create(&run.metrics())?;
                position = Position::default();
            }
            Start::Checkpoint(begun) => {
                held = begun.hold()?;
                let kept = optimizer.state().len();
                let checkpoint = Checkpoint::read(&begun.checkpoint(), &first, kept)?;
                row = None;
                run = begun.clone();
                position = checkpoint.position;
                metrics = MetricsFile::resume(&run.metrics(), position.epoch)?;
                run.keep(settings)?;
                let at = (position.alpha, position.steps);
                optimizer.restore(checkpoint.parameters, checkpoint.state, at);
            }
        }
        if let Some(examiner) = &mut examiner {
            let resumed = row.is_none().then_some(position.epoch);
            examiner.begin(&run.diagnostics(), resumed)?;
        }
        let mut looped = Loop {
            run,
            _held: held,
            settings,
            optimizer,
            batch: train.empty(),
            train,
            judges,
            examiner,
            metrics,
            batch_size,
            first_loss: row.map(|row: Metrics| row.train_loss),
            begun: Instant::now(),
            before: position.seconds,
            saved: Instant::now(),
            noted: BTreeSet::new(),
        };
        if let Some(row) = row {
            looped.finish(&row, position, progress)?;
            if !row.train_loss.is_finite() {
                return Ok(Ending::Diverged {
                    epoch: 0,
                    step: None,
                });
            }
        }
        looped.epochs(position, progress, self.stop)
    }
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
            let has_risen = self
                .first_loss
                .is_some_and(|first| row.train_loss > RISE * first);
            if has_risen && self.noted.insert(Noted::Rise) {
                progress.note(&format!(
                    "epoch {epoch}: the training loss is {:.4}, and was {:.4} before the first step; a smaller --lr, more --alpha or --damping levenberg-marquardt make smaller steps",
                    row.train_loss,
                    self.first_loss.unwrap_or_default()
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
        let report = self.optimizer.step(self.batch.batch(), epoch);
        let report = report.map_err(|error| TrainingError::Step {
            place: format!("epoch {epoch}, step {step}: "),
            error,
        })?;
        if !report.is_descent && self.noted.insert(Noted::Ascent) {
            progress.note(&format!(
                "epoch {epoch}, step {step}: a step does not go downhill, since a damped block is not positive; pch-abs, pch-clip, ggn, more --alpha or --solver cg make it so"
            ));
        }
        if report.is_taken_back && self.noted.insert(Noted::TakenBack) {
            progress.note(&format!(
                "epoch {epoch}, step {step}: the loss of the batch is larger after a step; it is taken back, and the next is damped more"
            ));
        }
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
