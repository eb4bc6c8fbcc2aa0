//! Runs beside each other, for readers and programs. Why the settings that differ come first: they are what the numbers below are about.

mod data;
mod text;

pub use data::{runs_csv, runs_json};
pub use text::runs_text;

use crate::training::{Course, Outcome, Reached, RunComparison, RunState, outcome};

/// What every run came to, in the order of the runs.
fn outcomes(comparison: &RunComparison) -> Vec<Outcome> {
    comparison.runs.iter().map(outcome).collect()
}

fn state(outcome: &Outcome) -> &'static str {
    match outcome.state {
        RunState::Done => "done",
        RunState::Unfinished => "unfinished",
        RunState::Diverged { .. } => "diverged",
    }
}

/// The label of a run's group.
fn group(comparison: &RunComparison, run: usize) -> &str {
    let mut groups = comparison.groups.iter();
    let found = groups.find(|group| group.runs.contains(&run));
    found.map_or("", |group| group.label.as_str())
}

fn best(course: &Course) -> Option<Reached> {
    course.best
}
