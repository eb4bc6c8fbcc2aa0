//! How a run begins and goes on. Why all is read and compiled first: what can be refused is refused before anything is written or removed.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use super::checkpoint::{Checkpoint, Position};
use super::diagnostics::Examiner;
use super::directory::Held;
use super::epochs::Loop;
use super::judges::{Judges, judged};
use super::metrics::MetricsFile;
use super::samples::{Arrays, fingerprint, subset};
use super::start::{first_parameters, problem};
use super::{Metrics, Progress, RunDirectory, Settings, Stop, TrainingError};
use crate::backend::Element;
use crate::data::{Dataset, load_dataset};
use crate::network::{Precision, RunOptions};
use crate::optimizer::{
    Compiled, Evaluation, Evaluator, EvaluatorPass, Method, Optimizer, Parameters, Problem,
};

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

/// A run's network and samples.
struct Prepared<T> {
    problem: Problem,
    train: Arrays<T>,
    /// A part of those, and the test set.
    sets: [Arrays<T>; 2],
    has_classes: bool,
    fingerprint: String,
}

/// A run's directory, and where the run is.
struct Opened {
    run: RunDirectory,
    held: Held,
    metrics: MetricsFile,
    position: Position,
    /// The row of epoch 0, which is to be written.
    row: Option<Metrics>,
}

impl Training<'_> {
    fn run<T: Element>(
        &self,
        start: Start<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Ending, TrainingError> {
        let settings = self.settings;
        let method = settings.method()?;
        let Prepared {
            problem,
            train,
            sets,
            has_classes,
            fingerprint,
        } = self.prepared::<T>(start)?;
        if let Start::Checkpoint(_) = start
            && !["", &self.rules()].contains(&settings.rules_fingerprint.as_str())
        {
            progress.note("the rule book is not the one that the run was begun with: what it derives is equal, but numbers may differ by rounding");
        }
        let batch_size = settings.batch_size.min(train.samples).max(1);
        if batch_size < settings.batch_size {
            progress.note(&format!(
                "there are {} samples to learn from: a batch has {batch_size} of them, not {}",
                train.samples, settings.batch_size
            ));
        }
        let compiled = compiled(&problem, &method, (train.samples, batch_size))?;
        note_costs(&compiled[0], progress);
        let passes = [
            EvaluatorPass::compile(&problem, sets[0].samples)?,
            EvaluatorPass::compile(&problem, sets[1].samples)?
                .with_accuracy(&problem, has_classes)?,
        ];
        let mut judges = Judges {
            evaluators: passes.each_ref().map(Evaluator::new),
            sets,
        };
        let mut examiner = (settings.diagnostics > 0)
            .then(|| Examiner::compile(&problem, &method, train.samples))
            .transpose()?;
        let begin = |first: Parameters<T>| Optimizer::new(&method, &compiled, first, settings.seed);
        let (opened, optimizer) = match start {
            Start::New { path, force } => {
                let first = first_parameters(settings, &problem)?;
                if settings.epochs > 0 {
                    try_out(begin(first.clone()), &train, batch_size)?;
                }
                let opened = self.created((path, force), judges.judge(&first)?, fingerprint)?;
                (opened, begin(first))
            }
            Start::Checkpoint(run) => {
                let mut optimizer = begin(problem.zeros());
                (self.reopened(run, &mut optimizer, &problem)?, optimizer)
            }
        };
        let Opened {
            run,
            held,
            metrics,
            position,
            row,
        } = opened;
        if let Some(examiner) = &mut examiner {
            let resumed = row.is_none().then_some(position.epoch);
            examiner.begin(&run.diagnostics(), resumed)?;
        }
        let mut looped = Loop {
            run,
            held,
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
            has_moved: false,
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
        self.stop.work(true);
        let ending = looped.epochs(position, progress, self.stop);
        self.stop.work(false);
        ending
    }

    fn prepared<T: Element>(&self, start: Start<'_>) -> Result<Prepared<T>, TrainingError> {
        let settings = self.settings;
        let source = settings.data.parse().unwrap_or_else(|never| match never {});
        let data: Dataset<T> = load_dataset(&source)?;
        let fingerprint = fingerprint(&data);
        if let Start::Checkpoint(_) = start {
            same_data(settings, &fingerprint)?;
        }
        let problem = problem(settings, &data, self.options)?;
        let train = Arrays::new(&data.train, &problem)?;
        let test = Arrays::new(&data.test, &problem)?;
        let mut part = train.empty();
        let places = subset(train.samples, test.samples, settings.seed);
        train.pick(&places, &mut part);
        Ok(Prepared {
            has_classes: data.n_classes.is_some() && !problem.has_numbers,
            problem,
            train,
            sets: [part, test],
            fingerprint,
        })
    }

    /// What tells the rule book from others.
    fn rules(&self) -> String {
        format!("{:016x}", self.options.rewriter.fingerprint())
    }

    /// The directory of a new run, which begins with these evaluations.
    fn created(
        &self,
        (path, force): (&Path, bool),
        first: [Evaluation; 2],
        data_fingerprint: String,
    ) -> Result<Opened, TrainingError> {
        let settings = Settings {
            data_fingerprint,
            rules_fingerprint: self.rules(),
            ..self.settings.clone()
        };
        let (run, held) = RunDirectory::create(path, &settings, force)?;
        Ok(Opened {
            metrics: MetricsFile::create(&run.metrics())?,
            run,
            held,
            position: Position::default(),
            row: Some(judged(first, 0, 0, 0.0)),
        })
    }

    /// The directory of a run that goes on, its optimiser where it was.
    fn reopened<T: Element>(
        &self,
        run: &RunDirectory,
        optimizer: &mut Optimizer<'_, T>,
        problem: &Problem,
    ) -> Result<Opened, TrainingError> {
        let held = run.hold()?;
        let kept = optimizer.state().len();
        let checkpoint = Checkpoint::read(&run.checkpoint(), &problem.zeros(), kept)?;
        let position = checkpoint.position;
        if self.settings.epochs < position.epoch {
            return Err(TrainingError::setting(
                format!("the run has {} epochs behind it already", position.epoch),
                format!("give more: --epochs {}", position.epoch + 1),
            ));
        }
        let metrics = MetricsFile::resume(&run.metrics(), position.epoch)?;
        run.keep(self.settings)?;
        let at = (position.alpha, position.steps);
        optimizer.restore(checkpoint.parameters, checkpoint.state, at);
        Ok(Opened {
            run: run.clone(),
            held,
            metrics,
            position,
            row: None,
        })
    }
}

/// Refuses other data than those that the run was begun with, if that is known.
fn same_data(settings: &Settings, fingerprint: &str) -> Result<(), TrainingError> {
    if ["", fingerprint].contains(&settings.data_fingerprint.as_str()) {
        return Ok(());
    }
    Err(TrainingError::setting(
        format!(
            "the data of {} are not those that the run was begun with",
            settings.data
        ),
        "give their new place, if they were moved: --resume RUN --data DATA; or begin a run on these",
    ))
}

/// The passes of an epoch: its batches are of one size, and what is left is one of its own.
fn compiled(
    problem: &Problem,
    method: &Method,
    (samples, batch_size): (usize, usize),
) -> Result<Vec<Compiled>, TrainingError> {
    let mut compiled = vec![Compiled::new(problem, method, batch_size)?];
    let rest = samples % batch_size;
    if rest > 0 {
        compiled.push(Compiled::new(problem, method, rest)?);
    }
    Ok(compiled)
}

/// Says of what takes long that it does.
fn note_costs(compiled: &Compiled, progress: &mut dyn Progress) {
    if !compiled.is_for_all_samples() {
        progress.note("a step of this network in these modes has no form for all samples: it runs module by module or sample by sample, which is slower");
    }
    if let Some(slow) = compiled.slow_eigenvalues() {
        progress.note(&format!(
            "every step takes the eigenvalues of {} matrices of {size} × {size} entries in the block of `{}`, which takes a while; --curvature ggn takes none",
            slow.matrices,
            slow.parameter,
            size = slow.size
        ));
    }
}

/// Takes a step and forgets it: what cannot be run is refused before anything is written or removed.
fn try_out<T: Element>(
    mut optimizer: Optimizer<'_, T>,
    train: &Arrays<T>,
    batch_size: usize,
) -> Result<(), TrainingError> {
    match optimizer.step(train.first(batch_size), 1) {
        // How a run diverges is told by its row.
        Err(error) if !error.is_not_finite() => Err(error.into()),
        _ => Ok(()),
    }
}
