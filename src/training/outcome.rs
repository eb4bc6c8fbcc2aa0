//! How a run went, in a few numbers. Why the plateau: at small weights a sigmoid network's loss hardly moves, and leaving that state early is what
//! curvature is for.

use super::Metrics;
use super::comparison::RecordedRun;

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// All epochs are done.
    Done,
    /// It was stopped, is still going on, or diverged before an epoch's end: its files do not tell these apart.
    Unfinished,
    /// The training loss is no finite number after this epoch.
    Diverged {
        /// The epoch.
        epoch: u64,
    },
}

/// A value and the epoch after which it was reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reached {
    /// The value.
    pub value: f64,
    /// The first epoch that has it.
    pub epoch: u64,
}

/// Of a quantity: at the end, and at its best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Course {
    /// After the last epoch.
    pub last: f64,
    /// The best finite value, and when; nothing where none is finite.
    pub best: Option<Reached>,
}

/// How a run went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// How far it came.
    pub state: RunState,
    /// Epochs with finite training losses.
    pub epochs: u64,
    /// The training loss.
    pub train_loss: Course,
    /// The test loss.
    pub test_loss: Course,
    /// The share of the test set that is right; nothing where there are no classes.
    pub test_accuracy: Option<Course>,
    /// Seconds for an epoch, on average; nothing where none is done.
    pub seconds_per_epoch: Option<f64>,
    /// The first epoch after which the training loss is below nine tenths of its first value.
    pub left_plateau: Option<u64>,
}

/// How a run went.
pub fn outcome(run: &RecordedRun) -> Outcome {
    let rows = &run.rows;
    let diverged = rows.iter().find(|row| !row.train_loss.is_finite());
    let epochs = match (diverged, rows.last()) {
        (Some(row), _) => row.epoch.saturating_sub(1),
        (None, Some(row)) => row.epoch,
        (None, None) => 0,
    };
    let state = match diverged {
        Some(row) => RunState::Diverged { epoch: row.epoch },
        None if epochs < run.settings.epochs => RunState::Unfinished,
        None => RunState::Done,
    };
    let accuracy = rows.iter().all(|row| row.test_accuracy.is_some());
    let first = rows.first();
    let begun = first.map_or(0.0, |row| row.seconds);
    let ended = rows.last().map(|row| (row.epoch, row.seconds));
    // Nine tenths of a loss above zero; below zero a tenth less.
    let limit = first.map_or(f64::NAN, |row| row.train_loss - 0.1 * row.train_loss.abs());
    Outcome {
        state,
        epochs,
        train_loss: course(rows, |row| row.train_loss, f64::lt),
        test_loss: course(rows, |row| row.test_loss, f64::lt),
        test_accuracy: accuracy
            .then(|| course(rows, |row| row.test_accuracy.unwrap_or(f64::NAN), f64::gt)),
        seconds_per_epoch: ended
            .filter(|(epoch, _)| *epoch > 0)
            .map(|(epoch, seconds)| (seconds - begun) / epoch as f64),
        left_plateau: rows
            .iter()
            .find(|row| row.train_loss < limit)
            .map(|row| row.epoch),
    }
}

fn course(
    rows: &[Metrics],
    value: impl Fn(&Metrics) -> f64,
    is_better: fn(&f64, &f64) -> bool,
) -> Course {
    let finite = rows.iter().filter(|row| value(row).is_finite());
    let best = finite.fold(None, |best: Option<Reached>, row| {
        let found = value(row);
        match best {
            Some(known) if !is_better(&found, &known.value) => Some(known),
            _ => Some(Reached {
                value: found,
                epoch: row.epoch,
            }),
        }
    });
    Course {
        last: rows.last().map_or(f64::NAN, value),
        best,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::Settings;

    fn run(losses: &[f64], epochs: u64) -> Outcome {
        let row = |(loss, epoch): (&f64, u64)| Metrics {
            epoch,
            step: epoch,
            train_loss: *loss,
            test_loss: -loss,
            test_accuracy: Some(loss / 10.0),
            seconds: 2.0 + 3.0 * epoch as f64,
        };
        outcome(&RecordedRun {
            name: "r".to_owned(),
            settings: Settings {
                epochs,
                ..Settings::defaults()
            },
            rows: losses.iter().zip(0..).map(row).collect(),
        })
    }

    #[test]
    fn states_and_plateaus() {
        let nan = f64::NAN;
        let diverged = |epoch| RunState::Diverged { epoch };
        for (losses, epochs, state, done, left) in [
            (vec![2.0, 1.9, 1.79, 1.0], 3, RunState::Done, 3, Some(2)),
            (vec![2.0, 1.9, 1.8], 3, RunState::Unfinished, 2, None),
            (vec![2.0, 1.0, nan], 9, diverged(2), 1, Some(1)),
            (vec![nan], 9, diverged(0), 0, None),
            (vec![2.0], 0, RunState::Done, 0, None),
            (vec![-2.0, -2.1, -2.3], 2, RunState::Done, 2, Some(2)),
        ] {
            let found = run(&losses, epochs);
            assert_eq!(
                (found.state, found.epochs, found.left_plateau),
                (state, done, left),
                "{losses:?}"
            );
            let seconds = (losses.len() > 1).then_some(3.0);
            assert_eq!(found.seconds_per_epoch, seconds);
        }
    }

    #[test]
    fn the_best_is_the_first_of_the_best() {
        let found = run(&[3.0, 1.0, 2.0, 1.0, f64::INFINITY], 9);
        let best = |value, epoch| Some(Reached { value, epoch });
        assert_eq!(found.train_loss.best, best(1.0, 1));
        assert_eq!(found.test_loss.best, best(-3.0, 0));
        assert_eq!(found.test_accuracy.and_then(|a| a.best), best(0.3, 0));
        assert!(found.train_loss.last.is_infinite());
    }
}
