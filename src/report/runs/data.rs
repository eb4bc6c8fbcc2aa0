//! A comparison for programs. Why every digit: what is rounded cannot be compared again.

use serde_json::{Map, Value, json};

use super::{best, group, outcomes, state};
use crate::training::{
    Course, EpochSummary, Moments, RunComparison, RunState, csv_cell, shown_values,
};

/// The comparison as JSON. What is no finite number is `null`.
pub fn runs_json(comparison: &RunComparison) -> String {
    let outcomes = outcomes(comparison);
    let differences: Map<String, Value> = comparison
        .differences
        .iter()
        .map(|d| (d.key.clone(), json!(d.values)))
        .collect();
    let runs = comparison.runs.iter().zip(&outcomes).enumerate();
    let runs = runs.map(|(place, (run, outcome))| {
        json!({
            "run": run.name,
            "group": group(comparison, place),
            "seed": run.settings.seed,
            "state": state(outcome),
            "diverged_after_epoch": match outcome.state {
                RunState::Diverged { epoch } => Some(epoch),
                _ => None,
            },
            "epochs": outcome.epochs,
            "epochs_asked": run.settings.epochs,
            "train_loss": course(&outcome.train_loss),
            "test_loss": course(&outcome.test_loss),
            "test_accuracy": outcome.test_accuracy.as_ref().map(course),
            "seconds_per_epoch": outcome.seconds_per_epoch,
            "left_plateau_at_epoch": outcome.left_plateau,
        })
    });
    let runs: Vec<Value> = runs.collect();
    let groups = comparison.groups.iter().map(|group| {
        let names = group.runs.iter().map(|place| &comparison.runs[*place].name);
        let ended = group.summary.ended_early.iter();
        json!({
            "label": group.label,
            "runs": names.collect::<Vec<_>>(),
            "ended_early": ended.map(|e| json!({ "run": e.run, "epoch": e.epoch })).collect::<Vec<_>>(),
            "epochs": group.summary.epochs.iter().map(epoch).collect::<Vec<_>>(),
        })
    });
    let document = json!({
        "differences": differences,
        "runs": runs,
        "groups": groups.collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn course(course: &Course) -> Value {
    json!({
        "last": course.last,
        "best": best(course).map(|b| b.value),
        "best_epoch": best(course).map(|b| b.epoch),
    })
}

fn epoch(row: &EpochSummary) -> Value {
    let moments = |m: &Moments| json!({ "mean": m.mean, "sd": m.deviation });
    json!({
        "epoch": row.epoch,
        "n_seeds": row.n_seeds,
        "train_loss": moments(&row.train_loss),
        "test_loss": moments(&row.test_loss),
        "test_accuracy": row.test_accuracy.as_ref().map(moments),
    })
}

/// A table with a row a run; the settings that differ are its last columns. What is not known is empty.
pub fn runs_csv(comparison: &RunComparison) -> String {
    let mut header: Vec<String> = [
        "run",
        "group",
        "state",
        "epochs",
        "epochs_asked",
        "train_loss",
        "best_train_loss",
        "best_train_loss_epoch",
        "test_loss",
        "best_test_loss",
        "best_test_loss_epoch",
        "test_accuracy",
        "best_test_accuracy",
        "best_test_accuracy_epoch",
        "seconds_per_epoch",
        "left_plateau_at_epoch",
        "seed",
    ]
    .map(str::to_owned)
    .into();
    // The seed has its column, and so has the number of epochs.
    let more = comparison.differences.iter();
    let more = more.filter(|d| d.key != "seed" && d.key != "epochs");
    let more: Vec<(&str, Vec<String>)> = more
        .map(|d| (d.key.as_str(), shown_values(&d.values)))
        .collect();
    header.extend(more.iter().map(|(key, _)| csv_cell(key)));
    let mut out = header.join(",");
    out.push('\n');
    let outcomes = outcomes(comparison);
    for (place, (run, outcome)) in comparison.runs.iter().zip(&outcomes).enumerate() {
        let mut cells = vec![
            csv_cell(&run.name),
            csv_cell(group(comparison, place)),
            state(outcome).to_owned(),
            outcome.epochs.to_string(),
            run.settings.epochs.to_string(),
        ];
        for course in [
            Some(outcome.train_loss),
            Some(outcome.test_loss),
            outcome.test_accuracy,
        ] {
            let reached = course.as_ref().and_then(best);
            cells.push(written(course.map(|c| c.last)));
            cells.push(written(reached.map(|b| b.value)));
            cells.push(written(reached.map(|b| b.epoch)));
        }
        cells.push(written(outcome.seconds_per_epoch));
        cells.push(written(outcome.left_plateau));
        cells.push(run.settings.seed.to_string());
        cells.extend(more.iter().map(|(_, values)| csv_cell(&values[place])));
        out.push_str(&cells.join(","));
        out.push('\n');
    }
    out
}

fn written<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
