//! Training on real data: epochs, run directories, checkpoints. Why apart from optimisers: a step knows a batch, and nothing of epochs, files or clocks.

mod checkpoint;
mod comparison;
mod diagnostics;
mod directory;
mod epochs;
mod error;
mod experiment;
mod export;
mod judges;
mod metrics;
mod network;
mod outcome;
mod progress;
mod run;
mod samples;
mod settings;
mod start;
mod summary;

pub use comparison::{
    Difference, RecordedRun, RunComparison, SeedGroup, compare, read_run, shown_values,
};
pub use diagnostics::{Diagnosis, read_diagnostics};
pub use directory::{RunDirectory, read_settings};
pub use error::TrainingError;
pub use experiment::{Competitor, Experiment, PAPER, Part};
pub use export::export;
pub use metrics::{Metrics, read_metrics};
pub use network::default_network;
pub use outcome::{Course, Outcome, Reached, RunState, outcome};
pub use progress::{Progress, Stop};
pub use run::{Ending, Training};
pub use settings::Settings;
pub use summary::{EndedEarly, EpochSummary, Moments, Summary, csv_cell, summarise, summary_csv};
