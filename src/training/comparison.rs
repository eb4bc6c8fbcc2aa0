//! What runs have in common, and how each went. Why runs that differ by seed alone are one: the scatter over seeds says whether a difference between
//! two settings is one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::summary::{Summary, summarise};
use super::{Metrics, Settings, TrainingError, read_metrics, read_settings};

/// A run as it stands in its directory.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedRun {
    /// The directory, as it was given.
    pub name: String,
    /// Its settings.
    pub settings: Settings,
    /// Its rows, from epoch 0 on; there is one at least.
    pub rows: Vec<Metrics>,
}

/// A setting in which runs differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Its name in `config.json`.
    pub key: String,
    /// Its value in each run, in the order of the runs; null for a run that does not read it.
    pub values: Vec<Value>,
}

/// Runs that differ by seed alone.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedGroup {
    /// What tells them from the others: the optimiser, and more where that is not enough.
    pub label: String,
    /// Their places in [`RunComparison::runs`].
    pub runs: Vec<usize>,
    /// Their statistics.
    pub summary: Summary,
}

/// Runs beside each other.
#[derive(Clone, Debug, PartialEq)]
pub struct RunComparison {
    /// In the order in which they were given.
    pub runs: Vec<RecordedRun>,
    /// The settings that differ, in the order of `config.json`.
    pub differences: Vec<Difference>,
    /// In the order of their first runs.
    pub groups: Vec<SeedGroup>,
}

/// Reads a run from its directory.
///
/// # Errors
/// When there is none, a file of it cannot be read, or its rows are not those of epochs 0, 1, 2, ….
pub fn read_run(path: &Path) -> Result<RecordedRun, TrainingError> {
    let settings = read_settings(path)?;
    let metrics = path.join("metrics.csv");
    let shown = metrics.display();
    if !metrics.exists() {
        return Err(TrainingError::setting(
            format!(
                "`{}` has settings of a run, but no metrics.csv",
                path.display()
            ),
            "it ended before its first epoch was measured: begin it anew with `hbp train --force`, or leave it out",
        ));
    }
    let rows = read_metrics(&metrics).map_err(|error| {
        TrainingError::setting(
            error.to_string(),
            "it is cut off, or not of `hbp train`: `hbp train --resume` puts a cut-off one right",
        )
    })?;
    // A row that is cut off may still be one, of fewer digits.
    let is_whole = fs::read(&metrics).is_ok_and(|bytes| bytes.ends_with(b"\n"));
    if !is_whole && !rows.is_empty() {
        return Err(TrainingError::setting(
            format!("`{shown}` ends within a row"),
            "it is being written, or cut off: ask again, or `hbp train --resume` puts it right",
        ));
    }
    if rows.is_empty() {
        return Err(TrainingError::setting(
            format!("`{shown}` has no row yet"),
            "wait for the first epoch, or leave the run out",
        ));
    }
    for (row, epoch) in rows.iter().zip(0_u64..) {
        if row.epoch != epoch {
            return Err(TrainingError::setting(
                format!(
                    "line {} of `{shown}` is of epoch {}, not {epoch}",
                    epoch + 2,
                    row.epoch
                ),
                "a metrics file has a row for every epoch from 0 on",
            ));
        }
    }
    Ok(RecordedRun {
        name: path.display().to_string(),
        settings,
        rows,
    })
}

/// Compares runs. Two with the same settings and the same seed are no two samples: the second is a group of its own.
pub fn compare(runs: Vec<RecordedRun>) -> RunComparison {
    let settings: Vec<Vec<(String, Value)>> = runs.iter().map(entries).collect();
    let keys = settings.first().into_iter().flatten();
    let differences: Vec<Difference> = keys
        .enumerate()
        .map(|(place, (key, _))| Difference {
            key: key.clone(),
            values: settings.iter().map(|of| of[place].1.clone()).collect(),
        })
        .filter(|difference| {
            let read: Vec<&Value> = difference.values.iter().filter(|v| !v.is_null()).collect();
            read.windows(2).any(|two| two[0] != two[1])
        })
        .collect();
    let groups = grouped(&runs);
    let labels = labels(&runs, &differences, &groups);
    let groups = groups.into_iter().zip(labels).map(|(places, label)| {
        let members: Vec<(&str, &[Metrics])> = places
            .iter()
            .map(|place| (runs[*place].name.as_str(), runs[*place].rows.as_slice()))
            .collect();
        let epochs = runs[places[0]].settings.epochs;
        SeedGroup {
            summary: summarise(&label, &members, epochs),
            label,
            runs: places,
        }
    });
    RunComparison {
        groups: groups.collect(),
        differences,
        runs,
    }
}

/// Settings by name.
type Entries = Vec<(String, Value)>;

/// The settings as `config.json` has them, in its order, nothing for what the run does not read; every run has the same keys.
fn entries(run: &RecordedRun) -> Entries {
    let Ok(Value::Object(entries)) = serde_json::to_value(&run.settings) else {
        return Vec::new();
    };
    let unread = run.settings.unread();
    let read = |(key, value): (String, Value)| {
        let is_read = !unread.contains(&key.as_str());
        (key, if is_read { value } else { Value::Null })
    };
    entries.into_iter().map(read).collect()
}

/// Settings on which no number of a run depends.
const OF_NO_ACCOUNT: [&str; 3] = ["threads", "checkpoint_seconds", "diagnostics"];

/// The places of runs that differ by seed alone, or by what is of no account.
fn grouped(runs: &[RecordedRun]) -> Vec<Vec<usize>> {
    let but_seed = |run: &RecordedRun| {
        let mut entries = entries(run);
        entries.retain(|(key, _)| key != "seed" && !OF_NO_ACCOUNT.contains(&key.as_str()));
        entries
    };
    let mut groups: Vec<(Entries, BTreeSet<u64>, Vec<usize>)> = Vec::new();
    for (place, run) in runs.iter().enumerate() {
        let (key, seed) = (but_seed(run), run.settings.seed);
        let known = groups
            .iter_mut()
            .find(|(other, seeds, _)| *other == key && !seeds.contains(&seed));
        match known {
            Some((_, seeds, places)) => {
                seeds.insert(seed);
                places.push(place);
            }
            None => groups.push((key, BTreeSet::from([seed]), vec![place])),
        }
    }
    groups.into_iter().map(|(_, _, places)| places).collect()
}

/// A name for every group: the optimiser, and as few other settings as tell the groups apart; the directory where none does.
fn labels(runs: &[RecordedRun], differences: &[Difference], groups: &[Vec<usize>]) -> Vec<String> {
    let first = |group: &Vec<usize>| group[0];
    let mut labels: Vec<String> = groups
        .iter()
        .map(|group| runs[first(group)].settings.optimizer.clone())
        .collect();
    let told = |labels: &[String]| labels.iter().collect::<BTreeSet<_>>().len();
    for difference in differences {
        if ["optimizer", "seed"].contains(&difference.key.as_str())
            || OF_NO_ACCOUNT.contains(&difference.key.as_str())
        {
            continue;
        }
        let shown = shown_values(&difference.values);
        let key = difference.key.replace('_', " ");
        let more: Vec<String> = labels
            .iter()
            .zip(groups)
            .map(|(label, group)| match &difference.values[first(group)] {
                Value::Null => label.clone(),
                _ => format!("{label}, {key} {}", shown[first(group)]),
            })
            .collect();
        if told(&more) > told(&labels) {
            labels = more;
        }
    }
    let mut count: BTreeMap<&String, usize> = BTreeMap::new();
    for label in &labels {
        *count.entry(label).or_default() += 1;
    }
    let of_run = labels.iter().zip(groups).map(|(label, group)| {
        if count[label] > 1 {
            format!("{label}, {}", runs[first(group)].name)
        } else {
            label.clone()
        }
    });
    of_run.collect()
}

/// Values on one line each. Of texts of several lines, the first line that is not the same in all is shown.
pub fn shown_values(values: &[Value]) -> Vec<String> {
    let lines = |value: &Value, place: usize| -> String {
        let line = value.as_str().and_then(|text| text.lines().nth(place));
        line.unwrap_or_default().trim().to_owned()
    };
    let texts: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
    if texts.iter().any(|text| text.contains('\n')) {
        let longest = texts.iter().map(|text| text.lines().count()).max();
        let differs = |place: &usize| {
            let mut all = values.iter().map(|value| lines(value, *place));
            let first = all.next();
            all.any(|line| Some(line) != first)
        };
        let place = (0..longest.unwrap_or(0)).find(differs).unwrap_or(0);
        let shown = values.iter().map(|value| lines(value, place));
        return shown
            .map(|line| format!("`{line}` in line {}", place + 1))
            .collect();
    }
    let shown = values.iter().map(|value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    shown.collect()
}
