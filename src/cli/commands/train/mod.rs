//! `hbp train`: an optimiser on real data, into a directory.

mod settings;
mod shown;

use std::path::Path;
use std::thread::available_parallelism;

use super::options::memory_limit;
use crate::cli::Exit;
use crate::cli::arguments::Train;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::source;
use crate::data::{DataSource, Dataset, Targets, load_dataset, write_whole};
use crate::network::RunOptions;
use crate::report::{curves, figure};
use crate::training::{
    Ending, Metrics, RunDirectory, Settings, Stop, TrainingError, read_metrics, resume, summarise,
    train,
};
use settings::settings;
pub(super) use shown::Shown;

/// The stack of a thread of the pool: deriving recurses.
const STACK: usize = 1 << 26;

/// Trains, or goes on.
pub(super) fn run(arguments: &Train, output: &mut Output) -> Result<Exit, Failure> {
    let rewriter = source::rewriter(&arguments.book)?;
    let (directory, settings, goes_on) = match (&arguments.resume, &arguments.out) {
        (Some(path), _) => {
            let (directory, settings) = resumed(arguments, path)?;
            (directory, settings, true)
        }
        (None, Some(path)) => {
            let settings = settings(arguments, output)?;
            let directory = RunDirectory::create(path, &settings, arguments.force);
            (directory.map_err(|error| failed(&error))?, settings, false)
        }
        (None, None) => {
            return Err(Failure::bad_input(
                "no directory is given",
                "hbp train --out RUN begins a run, hbp train --resume RUN goes on",
            ));
        }
    };
    let options = RunOptions {
        limit: memory_limit(arguments.memory),
        rewriter,
        ..RunOptions::default()
    };
    let stop = stop()?;
    let pool = pool(settings.threads)?;
    let mut shown = Shown::new(output);
    let begin = if goes_on { resume } else { train };
    let ended = pool.install(|| begin(&directory, &settings, &options, &mut shown, &stop));
    let Shown { last, .. } = shown;
    output.progress("");
    let ending = ended.map_err(|error| failed(&error))?;
    let path = directory.path().display();
    if let Some(row) = last {
        output.line(&sentence(&row, settings.epochs))?;
    } else {
        output.line(&format!("all {} epochs are done already", settings.epochs))?;
    }
    drawn(&directory, &settings)?;
    match ending {
        Ending::Done => {
            output.line(&format!(
                "{path}: config.json, metrics.csv, checkpoint.safetensors, curves.svg, curves.png"
            ))?;
            Ok(Exit::Done)
        }
        Ending::Stopped => {
            output.note(&format!(
                "stopped and saved; go on with: hbp train --resume {path}"
            ));
            Ok(Exit::Done)
        }
        Ending::Diverged { epoch, step } => {
            let place = match step {
                Some(step) => format!("epoch {epoch}, step {step}"),
                None => format!("after epoch {epoch}"),
            };
            output.note(&format!(
                "diverged: {place}: the loss is no finite number; the checkpoint is from before\n  help: a smaller --lr, more --alpha, or --damping levenberg-marquardt"
            ));
            Ok(Exit::No)
        }
    }
}

/// Draws the curves of a run into its directory.
fn drawn(run: &RunDirectory, settings: &Settings) -> Result<(), Failure> {
    let rows = read_metrics(&run.metrics()).map_err(|error| failed(&error))?;
    let summary = summarise(&settings.optimizer, &[("run", &rows)], settings.epochs);
    let figure = figure(&curves(&[&summary]));
    let png = figure.png();
    let png = png.map_err(|error| Failure::limit(error, "`hbp report` draws SVG files"))?;
    for (path, bytes) in [
        (run.path().join("curves.svg"), figure.svg().into_bytes()),
        (run.path().join("curves.png"), png),
    ] {
        write_whole(&path, &bytes).map_err(|error| failed(&error.into()))?;
    }
    Ok(())
}

/// Ctrl-C and SIGTERM ask the run to end; asked again, the process ends at once.
pub(super) fn stop() -> Result<Stop, Failure> {
    let stop = Stop::default();
    let asked = stop.clone();
    let handled = ctrlc::set_handler(move || {
        if asked.is_asked() {
            std::process::exit(130);
        }
        asked.ask();
    });
    match handled {
        Ok(()) | Err(ctrlc::Error::MultipleHandlers) => Ok(stop),
        Err(error) => Err(Failure::limit(
            format!("no signal can be waited for: {error}"),
            "",
        )),
    }
}

pub(super) fn pool(threads: usize) -> Result<rayon::ThreadPool, Failure> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(STACK)
        .build()
        .map_err(|e| {
            Failure::limit(
                format!("{threads} threads cannot be started: {e}"),
                "use fewer: --threads 1",
            )
        })
}

/// Why a run did not begin, or ended.
pub(super) fn failed(error: &TrainingError) -> Failure {
    if error.is_limit() {
        Failure::limit(error, error.help())
    } else {
        Failure::bad_input(error, error.help())
    }
}

/// The threads that are asked for, or one for every core.
pub(super) fn threads(asked: Option<u32>) -> usize {
    let cores = || available_parallelism().map_or(1, usize::from);
    asked.map_or_else(cores, |threads| threads as usize)
}

/// Features and outputs of a sample, and whether those are classes.
pub(super) fn data_outline(source: &DataSource) -> Result<(usize, usize, bool), Failure> {
    let data: Dataset<f32> = load_dataset(source).map_err(|error| failed(&error.into()))?;
    let (outputs, is_classification) = match (data.n_classes, data.train.targets()) {
        (Some(classes), _) => (classes, true),
        (None, Targets::Values { width, .. }) => (*width, false),
        (None, Targets::Classes(_)) => (1, false),
    };
    Ok((data.n_features(), outputs, is_classification))
}

/// The settings of a run that goes on.
fn resumed(arguments: &Train, path: &Path) -> Result<(RunDirectory, Settings), Failure> {
    let (directory, mut settings) = RunDirectory::open(path).map_err(|error| failed(&error))?;
    if let Some(epochs) = arguments.epochs {
        settings.epochs = epochs;
        directory.keep(&settings).map_err(|error| failed(&error))?;
    }
    if let Some(threads) = arguments.threads {
        settings.threads = threads as usize;
    }
    Ok((directory, settings))
}

fn sentence(row: &Metrics, epochs: u64) -> String {
    let accuracy = row
        .test_accuracy
        .map(|share| format!(", accuracy {:.2} %", share * 100.0));
    format!(
        "epoch {} of {epochs}: training loss {:.6}, test loss {:.6}{}, {:.1} s",
        row.epoch,
        row.train_loss,
        row.test_loss,
        accuracy.unwrap_or_default(),
        row.seconds
    )
}
