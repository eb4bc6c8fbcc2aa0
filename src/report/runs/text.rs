//! A comparison as tables for a terminal. Why a line a run, and a line for all seeds below: an average hides the one that diverged.

use std::fmt::Write;

use super::{best, outcomes, state};
use crate::training::{Course, Moments, Outcome, RunComparison, RunState, SeedGroup, shown_values};

/// The comparison as text.
pub fn runs_text(comparison: &RunComparison) -> String {
    let mut out = settings(comparison);
    out.push('\n');
    out.push_str(&courses(comparison));
    for group in &comparison.groups {
        for ended in &group.summary.ended_early {
            if group.runs.len() > 1 {
                let until = match ended.epoch {
                    Some(epoch) => format!("counts up to epoch {epoch}"),
                    None => "counts nowhere".to_owned(),
                };
                let _ = writeln!(
                    out,
                    "{} ended early: in what is averaged over seeds at each epoch it {until}",
                    ended.run
                );
            }
        }
    }
    out
}

/// The settings that differ, a column a group.
fn settings(comparison: &RunComparison) -> String {
    if comparison.differences.is_empty() {
        return "settings that differ: none\n".to_owned();
    }
    let labels = comparison.groups.iter().map(|group| group.label.clone());
    let mut rows = vec![
        std::iter::once("settings that differ".to_owned())
            .chain(labels)
            .collect::<Vec<_>>(),
    ];
    for difference in &comparison.differences {
        let shown = shown_values(&difference.values);
        let of = |group: &SeedGroup| {
            let mut values: Vec<&str> = group.runs.iter().map(|run| shown[*run].as_str()).collect();
            values.dedup();
            values.join(", ")
        };
        let mut row = vec![format!("  {}", difference.key)];
        row.extend(comparison.groups.iter().map(of));
        rows.push(row);
    }
    table(&rows)
}

/// How the runs went, a line a run.
fn courses(comparison: &RunComparison) -> String {
    let outcomes = outcomes(comparison);
    let has_classes = outcomes.iter().any(|o| o.test_accuracy.is_some());
    let mut header = vec![
        "runs",
        "state",
        "epochs",
        "training loss",
        "best (epoch)",
        "test loss",
        "best (epoch)",
    ];
    if has_classes {
        header.extend(["test accuracy", "best (epoch)"]);
    }
    header.extend(["s/epoch", "left the plateau"]);
    let mut rows: Vec<Vec<String>> = vec![header.into_iter().map(str::to_owned).collect()];
    for group in &comparison.groups {
        if comparison.groups.len() > 1 {
            rows.push(vec![format!("  {}", group.label)]);
        }
        for place in &group.runs {
            let run = &comparison.runs[*place];
            rows.push(line(
                &run.name,
                run.settings.epochs,
                &outcomes[*place],
                has_classes,
            ));
        }
        rows.extend(averages(group, &outcomes, has_classes));
    }
    let last = "training and test loss, accuracy: after the last epoch, and at their best; left the plateau: the first epoch after which the training loss is below 90 % of its first value\n";
    table(&rows) + last
}

fn line(name: &str, asked: u64, outcome: &Outcome, has_classes: bool) -> Vec<String> {
    let mut row = vec![
        format!("    {name}"),
        match outcome.state {
            RunState::Diverged { epoch } => format!("diverged in epoch {epoch}"),
            _ => state(outcome).to_owned(),
        },
        format!("{} of {asked}", outcome.epochs),
    ];
    let mut course = |course: Option<Course>, written: fn(f64) -> String| {
        let best = course.as_ref().and_then(best);
        row.push(course.map_or_else(dash, |course| written(course.last)));
        row.push(best.map_or_else(dash, |b| format!("{} ({})", written(b.value), b.epoch)));
    };
    course(Some(outcome.train_loss), number);
    course(Some(outcome.test_loss), number);
    if has_classes {
        course(outcome.test_accuracy, percent);
    }
    row.push(outcome.seconds_per_epoch.map_or_else(dash, number));
    row.push(
        outcome
            .left_plateau
            .map_or_else(dash, |epoch| format!("epoch {epoch}")),
    );
    row
}

/// The means over the seeds whose runs are done.
fn averages(group: &SeedGroup, outcomes: &[Outcome], has_classes: bool) -> Option<Vec<String>> {
    let all = group.runs.iter().map(|place| &outcomes[*place]);
    let done: Vec<&Outcome> = all.filter(|o| o.state == RunState::Done).collect();
    if done.len() < 2 {
        return None;
    }
    let of = |value: &dyn Fn(&Outcome) -> Option<f64>, written: fn(f64) -> String| {
        // A mean over some of the seeds would pass for one over all.
        let values: Option<Vec<f64>> = done.iter().map(|outcome| value(outcome)).collect();
        let moments = values.and_then(|values| Moments::of(&values));
        moments.map_or_else(dash, |Moments { mean, deviation }| match deviation {
            Some(deviation) => format!("{} ± {}", written(mean), written(deviation)),
            None => written(mean),
        })
    };
    let left_out = group.runs.len() - done.len();
    let mut row = vec![
        format!("    mean ± sd of {} seeds", done.len()),
        match left_out {
            0 => String::new(),
            n => format!("without {n} not done"),
        },
        String::new(),
    ];
    row.push(of(&|o| Some(o.train_loss.last), number));
    row.push(of(&|o| best(&o.train_loss).map(|b| b.value), number));
    row.push(of(&|o| Some(o.test_loss.last), number));
    row.push(of(&|o| best(&o.test_loss).map(|b| b.value), number));
    if has_classes {
        row.push(of(&|o| o.test_accuracy.map(|a| a.last), percent));
        let accuracy = |o: &Outcome| best(&o.test_accuracy?).map(|b| b.value);
        row.push(of(&accuracy, percent));
    }
    row.push(of(&|o| o.seconds_per_epoch, number));
    row.push(of(
        &|o| o.left_plateau.map(|epoch| epoch as f64),
        |epochs| format!("{epochs:.1}"),
    ));
    Some(row)
}

fn dash() -> String {
    "–".to_owned()
}

/// Five digits or so.
fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() || (1e-3..1e5).contains(&value.abs()) {
        format!("{value:.4}")
    } else {
        format!("{value:.3e}")
    }
}

fn percent(value: f64) -> String {
    format!("{:.2} %", value * 100.0)
}

/// Columns that are as wide as their widest cell; a row of one cell is as long as it likes.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let length = |cell: &String| cell.chars().count();
    let width = |column: usize| {
        let cells = rows.iter().filter(|row| row.len() > 1);
        cells.filter_map(|row| row.get(column)).map(length).max()
    };
    let widths: Vec<usize> = (0..columns).map(|c| width(c).unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths);
        let mut line = String::new();
        for (cell, width) in cells {
            let _ = write!(line, "{cell:<width$}  ");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
