//! Statistics over seeds. Why the sample's standard deviation, with n − 1: the seeds of a report are a few of all that there could be.

use std::fmt::Write;

use super::Metrics;

/// The mean of some numbers, and how they scatter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// The mean; not finite where one of the numbers or their sum is not.
    pub mean: f64,
    /// The standard deviation, with n − 1; nothing for one number.
    pub deviation: Option<f64>,
}

impl Moments {
    /// Of numbers; nothing where there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let deviation = (values.len() > 1).then(|| {
            // sd² = Σ (vᵢ − mean)² / (n − 1)
            let squares = values.iter().map(|value| (value - mean).powi(2));
            (squares.sum::<f64>() / (count - 1.0)).sqrt()
        });
        Some(Self { mean, deviation })
    }
}

/// An epoch of runs that differ by seed alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochSummary {
    /// Epochs that are done.
    pub epoch: u64,
    /// Runs that are so far.
    pub n_seeds: usize,
    /// Of the loss on a part of the training set.
    pub train_loss: Moments,
    /// Of the loss on the test set.
    pub test_loss: Moments,
    /// Of the share of the test set that is right; nothing where there are no classes.
    pub test_accuracy: Option<Moments>,
}

/// A run that has fewer epochs than others of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedEarly {
    /// The run.
    pub run: String,
    /// Its last epoch with a finite training loss; nothing where there is none.
    pub epoch: Option<u64>,
}

/// Runs that differ by seed alone, epoch by epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// What they have in common: the optimiser, and whatever else tells them from other runs.
    pub label: String,
    /// From epoch 0 on.
    pub epochs: Vec<EpochSummary>,
    /// Runs that the later epochs are without.
    pub ended_early: Vec<EndedEarly>,
}

/// Statistics over runs that differ by seed alone, given by name and rows. A run counts up to its last epoch before the training loss is no finite
/// number; runs that end before `epochs`, the number that was asked for, or before others, are named.
pub fn summarise(label: &str, runs: &[(&str, &[Metrics])], epochs: u64) -> Summary {
    let finite = |rows: &&[Metrics]| {
        rows.iter()
            .take_while(|row| row.train_loss.is_finite())
            .count()
    };
    let lengths: Vec<usize> = runs.iter().map(|(_, rows)| finite(rows)).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let summary = |place: usize| {
        let rows: Vec<&Metrics> = runs
            .iter()
            .zip(&lengths)
            .filter_map(|((_, rows), length)| rows[..*length].get(place))
            .collect();
        let of = |value: &dyn Fn(&Metrics) -> f64| {
            Moments::of(&rows.iter().map(|row| value(row)).collect::<Vec<_>>())
        };
        let accuracies: Option<Vec<f64>> = rows.iter().map(|row| row.test_accuracy).collect();
        Some(EpochSummary {
            epoch: rows.first()?.epoch,
            n_seeds: rows.len(),
            train_loss: of(&|row| row.train_loss)?,
            test_loss: of(&|row| row.test_loss)?,
            test_accuracy: accuracies.and_then(|values| Moments::of(&values)),
        })
    };
    let ended_early = runs
        .iter()
        .zip(&lengths)
        .filter_map(|((name, rows), length)| {
            let epoch = rows[..*length].last().map(|row| row.epoch);
            let is_early = *length < longest || epoch.is_none_or(|epoch| epoch < epochs);
            is_early.then(|| EndedEarly {
                run: (*name).to_owned(),
                epoch,
            })
        });
    Summary {
        label: label.to_owned(),
        epochs: (0..longest).filter_map(summary).collect(),
        ended_early: ended_early.collect(),
    }
}

/// A table of all of them, a row an epoch. What is not known (a deviation of one seed, an accuracy without classes) is empty; numbers have the shortest
/// digits that give them back.
pub fn summary_csv(summaries: &[Summary]) -> String {
    let mut out = String::from(
        "optimizer,epoch,n_seeds,train_loss_mean,train_loss_sd,test_loss_mean,test_loss_sd,test_accuracy_mean,test_accuracy_sd\n",
    );
    for summary in summaries {
        for row in &summary.epochs {
            let label = csv_cell(&summary.label);
            let _ = write!(out, "{label},{},{}", row.epoch, row.n_seeds);
            for moments in [Some(row.train_loss), Some(row.test_loss), row.test_accuracy] {
                let mean = moments.map(|m| m.mean.to_string()).unwrap_or_default();
                let deviation = moments.and_then(|m| m.deviation).map(|d| d.to_string());
                let _ = write!(out, ",{mean},{}", deviation.unwrap_or_default());
            }
            out.push('\n');
        }
    }
    out
}

/// A cell of a table of commas (RFC 4180).
pub fn csv_cell(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(losses: &[f64]) -> Vec<Metrics> {
        let row = |(loss, epoch): (&f64, u64)| Metrics {
            epoch,
            step: 10 * epoch,
            train_loss: *loss,
            test_loss: loss + 1.0,
            test_accuracy: Some(0.5),
            seconds: 0.0,
        };
        losses.iter().zip(0..).map(row).collect()
    }

    #[test]
    fn a_run_counts_until_it_diverges_and_is_named() {
        let (a, b, c) = (
            rows(&[3.0, 2.0, 1.0]),
            rows(&[5.0, 4.0]),
            rows(&[1.0, f64::NAN, 9.0]),
        );
        let summary = summarise("sgd, α 1", &[("a", &a), ("b", &b), ("c", &c)], 2);
        let counts: Vec<usize> = summary.epochs.iter().map(|row| row.n_seeds).collect();
        assert_eq!(counts, [3, 2, 1]);
        let ended: Vec<_> = summary
            .ended_early
            .iter()
            .map(|e| (e.run.as_str(), e.epoch))
            .collect();
        assert_eq!(ended, [("b", Some(1)), ("c", Some(0))]);
        assert_eq!(
            summary_csv(&[summary]),
            "optimizer,epoch,n_seeds,train_loss_mean,train_loss_sd,test_loss_mean,test_loss_sd,test_accuracy_mean,test_accuracy_sd\n\
             \"sgd, α 1\",0,3,3,2,4,2,0.5,0\n\
             \"sgd, α 1\",1,2,3,1.4142135623730951,4,1.4142135623730951,0.5,0\n\
             \"sgd, α 1\",2,1,1,,2,,0.5,\n"
        );
    }

    #[test]
    fn a_run_without_a_finite_loss_is_named_and_counts_nowhere() {
        let none = rows(&[f64::INFINITY]);
        let summary = summarise("sgd", &[("a", &none), ("b", &[])], 5);
        assert!(summary.epochs.is_empty());
        assert!(summary.ended_early.iter().all(|e| e.epoch.is_none()));
        assert_eq!(summary.ended_early.len(), 2);
    }

    proptest! {
        /// The second opinion: Welford's recurrence, which adds one number at a time.
        #[test]
        fn moments_are_those_of_a_recurrence(values in prop::collection::vec(-1e3..1e3_f64, 1..30)) {
            let (mut mean, mut squares) = (0.0, 0.0);
            for (value, count) in values.iter().zip(1_u32..) {
                let before = value - mean;
                mean += before / f64::from(count);
                squares += before * (value - mean);
            }
            let found = Moments::of(&values).expect("there are some");
            prop_assert!((found.mean - mean).abs() < 1e-9);
            let Some(deviation) = found.deviation else {
                prop_assert_eq!(values.len(), 1);
                return Ok(());
            };
            let expected = (squares / (values.len() as f64 - 1.0)).sqrt();
            prop_assert!((deviation - expected).abs() < 1e-8);
        }
    }
}
