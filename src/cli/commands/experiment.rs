//! `hbp experiment`: several optimisers, several seeds; and `hbp export`: the parameters of a run for other programs.

use std::path::Path;

use super::options::memory_limit;
use super::train::{Shown, data_outline, failed, not_of_a_run, placed, stop};
use crate::cli::Exit;
use crate::cli::arguments::{Experiment as Arguments, Export};
use crate::cli::choices::word;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::source;
use crate::cli::threads::{pool, threads};
use crate::data::{DataSource, KnownDataset, write_whole};
use crate::network::RunOptions;
use crate::report::{curves, figure};
use crate::training::{
    Competitor, Ending, Experiment, Metrics, Moments, PAPER, RunDirectory, Settings, Summary,
    default_network, export, read_metrics, summarise, summary_csv,
};

/// Runs what is not done yet, and draws the figure.
pub(super) fn run(arguments: &Arguments, output: &mut Output) -> Result<Exit, Failure> {
    let experiment = experiment(arguments)?;
    let options = RunOptions {
        limit: memory_limit(arguments.resources.memory),
        rewriter: source::rewriter(&arguments.book)?,
        ..RunOptions::default()
    };
    let stop = stop()?;
    let pool = pool(experiment.settings.threads)?;
    let folder = &arguments.out;
    let mut shown = Shown::new(output);
    let ended = pool.install(|| experiment.run(folder, &options, &mut shown, &stop));
    output.progress("");
    let ending = ended.map_err(|error| failed(&error))?;
    if ending == Ending::Stopped {
        output.note("stopped and saved; the same command goes on");
        return Ok(Exit::Done);
    }
    let summaries = summaries(&experiment, folder)?;
    let drawn = figure(&curves(&summaries.iter().collect::<Vec<_>>()));
    let png = drawn
        .png()
        .map_err(|error| Failure::limit(error, "the SVG file needs no font"))?;
    for (name, bytes) in [
        ("figure5.csv", summary_csv(&summaries).into_bytes()),
        ("figure5.svg", drawn.svg().into_bytes()),
        ("figure5.png", png),
    ] {
        write_whole(&folder.join(name), &bytes).map_err(|error| failed(&error.into()))?;
    }
    let lines = table(&summaries);
    for line in lines {
        output.line(&line)?;
    }
    for early in summaries.iter().flat_map(|summary| &summary.ended_early) {
        let epoch = early
            .epoch
            .map_or_else(|| "the start".to_owned(), |epoch| format!("epoch {epoch}"));
        output.note(&format!("note: {} ended early, after {epoch}", early.run));
    }
    output.line(&format!(
        "{}: figure5.csv, figure5.svg, figure5.png",
        folder.display()
    ))?;
    Ok(Exit::Done)
}

/// Statistics over the seeds of every optimiser.
fn summaries(experiment: &Experiment, folder: &Path) -> Result<Vec<Summary>, Failure> {
    let parts = experiment.parts(folder);
    let all = experiment.competitors.iter().map(|of| {
        let own = parts.iter().filter(|part| part.name == of.name);
        let runs = own.map(|part| {
            let rows = read_metrics(&part.path.join("metrics.csv"));
            let mut rows = rows.map_err(|error| failed(&error))?;
            // A run may have gone further before.
            rows.retain(|row| row.epoch <= experiment.settings.epochs);
            Ok((format!("{}, seed {}", part.name, part.seed), rows))
        });
        let runs = runs.collect::<Result<Vec<_>, Failure>>()?;
        let runs: Vec<(&str, &[Metrics])> = runs
            .iter()
            .map(|(name, rows)| (name.as_str(), rows.as_slice()))
            .collect();
        Ok(summarise(of.name, &runs, experiment.settings.epochs))
    });
    all.collect()
}

/// The last epoch of every optimiser.
fn table(summaries: &[Summary]) -> Vec<String> {
    let row = |cells: [String; 6]| {
        let [name, epoch, seeds, train, test, accuracy] = cells;
        format!("{name:<12} {epoch:>5} {seeds:>5} {train:>19} {test:>19} {accuracy:>17}")
    };
    let heads = [
        "optimizer",
        "epoch",
        "seeds",
        "training loss",
        "test loss",
        "accuracy (%)",
    ];
    let mut lines = vec![row(heads.map(str::to_owned))];
    for summary in summaries {
        let Some(last) = summary.epochs.last() else {
            continue;
        };
        let cell = |moments: Moments, factor: f64, places: usize| {
            let mean = moments.mean * factor;
            match moments.deviation {
                Some(deviation) => format!("{mean:.places$} ± {:.places$}", deviation * factor),
                None => format!("{mean:.places$}"),
            }
        };
        let accuracy = last
            .test_accuracy
            .map_or_else(|| "-".to_owned(), |m| cell(m, 100.0, 2));
        lines.push(row([
            summary.label.clone(),
            last.epoch.to_string(),
            last.n_seeds.to_string(),
            cell(last.train_loss, 1.0, 5),
            cell(last.test_loss, 1.0, 5),
            accuracy,
        ]));
    }
    lines
}

fn experiment(arguments: &Arguments) -> Result<Experiment, Failure> {
    let source: DataSource = arguments
        .data
        .parse()
        .unwrap_or_else(|never| match never {});
    let is_small = source == DataSource::Known(KnownDataset::Digits);
    let mut defaults = Settings::defaults();
    if let Some(dtype) = &arguments.dtype {
        defaults.dtype = word(dtype);
    }
    let (features, outputs, is_classification) = data_outline(&source, &defaults)?;
    let hidden = arguments.hidden.clone();
    let hidden = hidden.unwrap_or_else(|| {
        if is_small {
            vec![64, 32, 16]
        } else {
            PAPER.to_vec()
        }
    });
    if hidden.contains(&0) {
        return Err(Failure::bad_input(
            "a width of --hidden is 0",
            "as in --hidden 128,64",
        ));
    }
    let settings = Settings {
        file: "figure5.hbp".to_owned(),
        text: default_network(features, outputs, is_classification, &hidden),
        network: "net".to_owned(),
        data: placed(&arguments.data),
        compose: "activation-affine".to_owned(),
        solver: word(&arguments.solver),
        // As in the paper.
        damping: "fixed".to_owned(),
        epochs: arguments.epochs.unwrap_or(if is_small { 20 } else { 100 }),
        batch_size: arguments
            .batch_size
            .map_or(if is_small { 50 } else { 500 }, |size| size as usize),
        threads: threads(arguments.resources.threads),
        ..defaults
    };
    let competitors = match &arguments.optimizers {
        None => Competitor::ALL.to_vec(),
        Some(names) => {
            let found = names.iter().map(|name| {
                let mut all = Competitor::ALL.into_iter();
                all.find(|of| of.name == name.trim()).ok_or_else(|| {
                    let names: Vec<&str> = Competitor::ALL.iter().map(|of| of.name).collect();
                    Failure::bad_input(
                        format!("no optimiser of the experiment is called `{name}`"),
                        format!("they are {}", names.join(", ")),
                    )
                })
            });
            found.collect::<Result<_, _>>()?
        }
    };
    Ok(Experiment {
        settings,
        competitors,
        seeds: arguments.seeds.unwrap_or(if is_small { 3 } else { 10 }),
    })
}

/// Writes the parameters of a run.
pub(super) fn run_export(arguments: &Export, output: &mut Output) -> Result<Exit, Failure> {
    not_of_a_run(&arguments.out)?;
    let (run, _) = RunDirectory::open(&arguments.run).map_err(|error| failed(&error))?;
    let epoch = export(&run, &arguments.out).map_err(|error| failed(&error))?;
    output.line(&format!(
        "{}: the parameters after epoch {epoch}",
        arguments.out.display()
    ))?;
    Ok(Exit::Done)
}
