//! Metrics of a run, a row an epoch. Why CSV: everything reads it. Why the shortest digits: what is read back is what was written, bit by bit.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::TrainingError;
use crate::data::{DataError, write_whole};

const HEADER: &str = "epoch,step,train_loss,test_loss,test_accuracy,seconds";

/// What is known after an epoch; epoch 0 is before the first step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metrics {
    /// Epochs that are done.
    pub epoch: u64,
    /// Steps that are done.
    pub step: u64,
    /// The mean loss on a part of the training set as large as the test set.
    pub train_loss: f64,
    /// The mean loss on the test set.
    pub test_loss: f64,
    /// Between 0 and 1; nothing where there are no classes.
    pub test_accuracy: Option<f64>,
    /// Since the beginning of the run, without interruptions.
    pub seconds: f64,
}

impl Metrics {
    fn line(&self) -> String {
        let accuracy = self
            .test_accuracy
            .map(|a| a.to_string())
            .unwrap_or_default();
        format!(
            "{},{},{},{},{accuracy},{:.3}",
            self.epoch, self.step, self.train_loss, self.test_loss, self.seconds
        )
    }

    fn read(line: &str) -> Option<Self> {
        let cells: Vec<&str> = line.split(',').collect();
        let [epoch, step, train, test, accuracy, seconds] = cells[..] else {
            return None;
        };
        Some(Self {
            epoch: epoch.parse().ok()?,
            step: step.parse().ok()?,
            train_loss: train.parse().ok()?,
            test_loss: test.parse().ok()?,
            test_accuracy: match accuracy {
                "" => None,
                text => Some(text.parse().ok()?),
            },
            seconds: seconds.parse().ok()?,
        })
    }
}

/// All rows of a metrics file.
///
/// # Errors
/// When the file cannot be read, or a line is no row.
pub fn read_metrics(path: &Path) -> Result<Vec<Metrics>, TrainingError> {
    let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let wrong = |number: usize, what: &str| {
        TrainingError::setting(
            format!("line {number} of `{}` {what}", path.display()),
            format!("a metrics file begins with `{HEADER}` and has a row an epoch"),
        )
    };
    let mut lines = text.lines().enumerate();
    if lines.next().map(|(_, line)| line) != Some(HEADER) {
        return Err(wrong(1, "is not the header"));
    }
    let rows =
        lines.map(|(place, line)| Metrics::read(line).ok_or_else(|| wrong(place + 1, "is no row")));
    rows.collect()
}

/// A metrics file that grows.
#[derive(Debug)]
pub(super) struct MetricsFile {
    path: PathBuf,
    file: File,
}

impl MetricsFile {
    /// A file with its header alone.
    pub(super) fn create(path: &Path) -> Result<Self, TrainingError> {
        write_whole(path, format!("{HEADER}\n").as_bytes())?;
        Self::open(path)
    }

    /// A file without the rows after an epoch, and without a row that was cut off.
    pub(super) fn resume(path: &Path, epoch: u64) -> Result<Self, TrainingError> {
        let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        let rows = text.lines().skip(1).map_while(Metrics::read);
        let rows: Vec<Metrics> = rows.filter(|row| row.epoch <= epoch).collect();
        if !is_whole(&rows) || rows.len() as u64 != epoch + 1 {
            return Err(TrainingError::setting(
                format!(
                    "`{}` has not all rows of epochs 0 to {epoch}, after which the checkpoint was written",
                    path.display()
                ),
                "put the file back as it was, or begin anew with `hbp train --force`",
            ));
        }
        let mut kept = format!("{HEADER}\n");
        for row in &rows {
            kept.push_str(&row.line());
            kept.push('\n');
        }
        if kept != text {
            write_whole(path, kept.as_bytes())?;
        }
        Self::open(path)
    }

    fn open(path: &Path) -> Result<Self, TrainingError> {
        let file = OpenOptions::new().append(true).open(path);
        Ok(Self {
            path: path.to_owned(),
            file: file.map_err(|error| failed("write", path, &error))?,
        })
    }

    /// Adds a row that lasts.
    pub(super) fn append(&mut self, row: &Metrics) -> Result<(), TrainingError> {
        let written = writeln!(self.file, "{}", row.line()).and_then(|()| self.file.sync_data());
        written.map_err(|error| failed("write", &self.path, &error))
    }
}

/// True when the rows are of epochs 0, 1, 2, ….
pub(super) fn is_whole(rows: &[Metrics]) -> bool {
    rows.iter().zip(0..).all(|(row, epoch)| row.epoch == epoch)
}

fn unreadable(path: &Path, error: &std::io::Error) -> TrainingError {
    TrainingError::setting(
        format!("cannot read `{}`: {error}", path.display()),
        "give the directory of a whole run; one without its metrics is begun anew with `hbp train --force`",
    )
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> TrainingError {
    TrainingError::Data(DataError {
        message: format!("cannot {what} `{}`: {error}", path.display()),
        help: "what was written before is kept: make room or change the rights, and go on with --resume".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were() {
        for (loss, accuracy) in [
            (0.1 + 0.2, Some(1.0 / 3.0)),
            (f64::INFINITY, None),
            (1e-300, Some(0.0)),
        ] {
            let row = Metrics {
                epoch: 3,
                step: 70,
                train_loss: loss,
                test_loss: -loss,
                test_accuracy: accuracy,
                seconds: 1.25,
            };
            assert_eq!(Metrics::read(&row.line()), Some(row));
        }
        assert_eq!(Metrics::read("1,2,3,4,5"), None);
        assert_eq!(Metrics::read("1,2,x,4,5,6"), None);
    }
}
