//! `hbp report`: runs beside each other.

use std::collections::BTreeMap;
use std::path::Path;

use super::train::{failed, not_of_a_run};
use crate::cli::Exit;
use crate::cli::arguments::{Report, ReportFormat};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::data::write_whole;
use crate::report::{curves, figure, runs_csv, runs_json, runs_text};
use crate::training::{RunComparison, Summary, compare, read_run, summary_csv};

/// Reads everything, then writes files, then prints: bad input leaves nothing half done.
pub(super) fn run(arguments: &Report, output: &mut Output) -> Result<Exit, Failure> {
    let image = arguments.figure.as_deref().map(kind).transpose()?;
    let is_csv = |path: &Path| {
        path.extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("csv"))
    };
    if let Some(path) = arguments.summary.as_deref().filter(|path| !is_csv(path)) {
        return Err(Failure::bad_input(
            format!("`{}` is no name of a table", path.display()),
            "a summary is a table: FILE.csv",
        ));
    }
    for path in arguments.figure.iter().chain(&arguments.summary) {
        not_of_a_run(path)?;
    }
    only_once(&arguments.runs)?;
    let runs: Result<Vec<_>, _> = arguments.runs.iter().map(|run| read_run(run)).collect();
    let comparison = compare(runs.map_err(|error| failed(&error))?);
    let mut files = Vec::new();
    if let (Some(path), Some(image)) = (&arguments.figure, image) {
        files.push((path, drawn(&comparison, image)?));
    }
    if let Some(path) = &arguments.summary {
        let groups = comparison.groups.iter();
        let summaries: Vec<Summary> = groups.map(|group| group.summary.clone()).collect();
        files.push((path, summary_csv(&summaries).into_bytes()));
    }
    let text = match arguments.format {
        ReportFormat::Text => runs_text(&comparison),
        ReportFormat::Json => runs_json(&comparison),
        ReportFormat::Csv => runs_csv(&comparison),
    };
    for (path, bytes) in files {
        write_whole(path, &bytes)
            .map_err(|error| Failure::bad_input(&error.message, &error.help))?;
        output.note(&format!("wrote {}", path.display()));
    }
    output.text(&text)?;
    Ok(Exit::Done)
}

/// What a figure is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Image {
    Svg,
    Png,
}

fn kind(path: &Path) -> Result<Image, Failure> {
    let extension = path.extension().and_then(|e| e.to_str());
    match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("svg") => Ok(Image::Svg),
        Some("png") => Ok(Image::Png),
        _ => Err(Failure::bad_input(
            format!("`{}` is no name of a figure", path.display()),
            "a figure is an SVG or PNG image: FILE.svg or FILE.png",
        )),
    }
}

fn drawn(comparison: &RunComparison, image: Image) -> Result<Vec<u8>, Failure> {
    let groups = comparison.groups.iter();
    let summaries: Vec<&Summary> = groups.map(|group| &group.summary).collect();
    let drawn = figure(&curves(&summaries));
    match image {
        Image::Svg => Ok(drawn.svg().into_bytes()),
        Image::Png => drawn
            .png()
            .map_err(|error| Failure::bad_input(&error, error.help())),
    }
}

/// A run that is given twice would count as two seeds.
fn only_once(runs: &[std::path::PathBuf]) -> Result<(), Failure> {
    let mut seen = BTreeMap::new();
    for run in runs {
        // What is not there is found when it is read.
        let Ok(place) = run.canonicalize() else {
            continue;
        };
        if let Some(other) = seen.insert(place, run) {
            return Err(Failure::bad_input(
                format!(
                    "`{}` and `{}` are the same run",
                    other.display(),
                    run.display()
                ),
                "give every directory once",
            ));
        }
    }
    Ok(())
}
