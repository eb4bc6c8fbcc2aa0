//! `hbp train`: an optimiser on real data, into a directory.

mod settings;
mod shown;

use std::io::Write;
use std::path::Path;

use super::options::memory_limit;
use crate::backend::Element;
use crate::cli::Exit;
use crate::cli::arguments::Train;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::source;
use crate::cli::threads::pool;
use crate::data::{DataSource, Dataset, Targets, load_dataset, write_whole};
use crate::network::{Precision, RunOptions};
use crate::report::{curves, diagnostic_curves, figure};
use crate::training::{
    Ending, Metrics, RunDirectory, Settings, Stop, Training, TrainingError, read_diagnostics,
    read_metrics, summarise,
};
pub(super) use settings::placed;
use settings::settings;
pub(super) use shown::Shown;

/// Trains, or goes on.
pub(super) fn run(arguments: &Train, output: &mut Output) -> Result<Exit, Failure> {
    let rewriter = source::rewriter(&arguments.book)?;
    let (directory, settings) = match (&arguments.resume, &arguments.out) {
        (Some(path), _) => resumed(arguments, path)?,
        (None, Some(path)) => {
            RunDirectory::check(path, arguments.force).map_err(|error| failed(&error))?;
            (RunDirectory::at(path), settings(arguments, output)?)
        }
        (None, None) => {
            return Err(Failure::bad_input(
                "no directory is given",
                "hbp train --out RUN begins a run, hbp train --resume RUN goes on",
            ));
        }
    };
    let options = RunOptions {
        limit: memory_limit(arguments.resources.memory),
        rewriter,
        ..RunOptions::default()
    };
    let stop = stop()?;
    let pool = pool(settings.threads)?;
    let mut shown = Shown::new(output);
    let training = Training {
        settings: &settings,
        options: &options,
        stop: &stop,
    };
    let ended = pool.install(|| match arguments.resume {
        Some(_) => training.resume(&directory, &mut shown),
        None => training.begin(directory.path(), arguments.force, &mut shown),
    });
    let Shown { last, .. } = shown;
    output.progress("");
    let ending = ended.map_err(|error| failed(&error))?;
    let path = directory.path().display();
    if let Some(row) = last {
        output.line(&sentence(&row, settings.epochs))?;
    } else if matches!(ending, Ending::Done) {
        output.line(&format!("all {} epochs are done already", settings.epochs))?;
    }
    drawn(&directory, &settings)?;
    match ending {
        Ending::Done => {
            let more = match settings.diagnostics {
                0 => "",
                _ => ", diagnostics.csv, diagnostics.svg, diagnostics.png",
            };
            output.line(&format!(
                "{path}: config.json, metrics.csv, checkpoint.safetensors, curves.svg, curves.png{more}"
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
            let help = if epoch == 0 {
                "it is none before the first step: other first parameters (--initialisation, --parameters) or scaled data would help".to_owned()
            } else {
                settings.smaller_steps().to_owned()
            };
            output.note(&format!(
                "diverged: {place}: the loss is no finite number; the checkpoint is from before\n  help: {help}"
            ));
            Ok(Exit::No)
        }
    }
}

/// Draws the curves of a run into its directory.
fn drawn(run: &RunDirectory, settings: &Settings) -> Result<(), Failure> {
    let rows = read_metrics(&run.metrics()).map_err(|error| failed(&error))?;
    let summary = summarise(&settings.optimizer, &[("run", &rows)], settings.epochs);
    let mut figures = vec![("curves", curves(&[&summary]))];
    if settings.diagnostics > 0 {
        // What cannot be read was said when it was written.
        let rows = read_diagnostics(&run.diagnostics()).unwrap_or_default();
        figures.push(("diagnostics", diagnostic_curves(&rows)));
    }
    for (name, panels) in figures.into_iter().filter(|(_, panels)| !panels.is_empty()) {
        let figure = figure(&panels);
        let png = figure.png();
        let png = png.map_err(|error| Failure::limit(error, "`hbp report` draws SVG files"))?;
        for (form, bytes) in [("svg", figure.svg().into_bytes()), ("png", png)] {
            let path = run.figure(name, form);
            write_whole(&path, &bytes).map_err(|error| failed(&error.into()))?;
        }
    }
    Ok(())
}

/// Ctrl-C and SIGTERM ask the run to end; asked again, or where nothing is to be saved, the process ends at once.
pub(super) fn stop() -> Result<Stop, Failure> {
    let stop = Stop::default();
    let asked = stop.clone();
    let handled = ctrlc::set_handler(move || {
        if asked.is_asked() || !asked.has_work() {
            std::process::exit(130);
        }
        asked.ask();
        // Nobody may be listening.
        let _ = writeln!(
            std::io::stderr(),
            "stopping after this step; once more ends at once, with what was saved before"
        );
    });
    match handled {
        Ok(()) | Err(ctrlc::Error::MultipleHandlers) => Ok(stop),
        Err(error) => Err(Failure::limit(
            format!("no signal can be waited for: {error}"),
            "",
        )),
    }
}

/// Why a run did not begin, or ended.
pub(super) fn failed(error: &TrainingError) -> Failure {
    if error.is_limit() {
        Failure::limit(error, error.help())
    } else {
        Failure::bad_input(error, error.help())
    }
}

/// Refuses to write over a file of a run.
pub(super) fn not_of_a_run(file: &Path) -> Result<(), Failure> {
    if !RunDirectory::owns(file) {
        return Ok(());
    }
    Err(Failure::bad_input(
        format!(
            "`{}` is a file of a run, which would be lost",
            file.display()
        ),
        "write to another place",
    ))
}

/// Features and outputs of a sample, and whether those are classes.
pub(super) fn data_outline(
    source: &DataSource,
    settings: &Settings,
) -> Result<(usize, usize, bool), Failure> {
    match settings.precision().map_err(|error| failed(&error))? {
        Precision::Double => outline::<f64>(source),
        Precision::Single => outline::<f32>(source),
    }
}

fn outline<T: Element>(source: &DataSource) -> Result<(usize, usize, bool), Failure> {
    let data: Dataset<T> = load_dataset(source).map_err(|error| failed(&error.into()))?;
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
    }
    if let Some(threads) = arguments.resources.threads {
        settings.threads = threads as usize;
    }
    if let Some(seconds) = arguments.checkpoint_seconds {
        settings.checkpoint_seconds = seconds;
    }
    if let Some(data) = &arguments.data {
        settings.data = placed(data);
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
