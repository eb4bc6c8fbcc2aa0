//! What `hbp report` can be asked. Why directories and no patterns: a shell expands them, and names each.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

pub(super) const HELP: &str = "\
Examples:
  hbp report runs/first                                    how one run went
  hbp report runs/sgd-* runs/newton-*                      seeds are averaged, settings that differ are named
  hbp report runs/* --figure curves.svg                    training loss and test accuracy against epochs
  hbp report runs/* --format csv > runs.csv                a row a run
  hbp report runs/* --summary epochs.csv                   means and standard deviations, a row an epoch

RUN is the directory of a run: hbp train --out RUN begins one. Runs that differ by seed alone are one line of a figure: the mean, and a band
of one standard deviation (with n - 1) around it. A run counts until its training loss is no finite number. The same runs give the same bytes.

Exit codes: 0 done · 2 bad input: a directory without a whole run, and nothing is written.";

/// How a comparison is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ReportFormat {
    /// Tables for a terminal.
    #[default]
    Text,
    /// Everything, epoch by epoch.
    Json,
    /// A row a run.
    Csv,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Report {
    /// The directories of runs.
    #[arg(value_name = "RUN", required = true)]
    pub(in crate::cli) runs: Vec<PathBuf>,
    /// How the comparison is written.
    #[arg(long, value_enum, default_value_t)]
    pub(in crate::cli) format: ReportFormat,
    /// Draw the curves: FILE.svg or FILE.png.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) figure: Option<PathBuf>,
    /// Write means and standard deviations over seeds at each epoch: a .csv file.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) summary: Option<PathBuf>,
}
