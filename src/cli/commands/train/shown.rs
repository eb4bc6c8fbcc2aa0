//! How far a run is, on a terminal. Why ten times a second: that is enough to read.

use std::time::Instant;

use crate::cli::output::Output;
use crate::training::{Metrics, Progress};

/// Shows on a terminal how far a run is.
pub(in crate::cli::commands) struct Shown<'a> {
    output: &'a mut Output,
    pub(in crate::cli::commands) last: Option<Metrics>,
    begun: Instant,
    told: Instant,
    first: Option<u64>,
    part: String,
}

impl<'a> Shown<'a> {
    pub(in crate::cli::commands) fn new(output: &'a mut Output) -> Self {
        let now = Instant::now();
        Self {
            output,
            last: None,
            begun: now,
            told: now,
            first: None,
            part: String::new(),
        }
    }
}

impl Progress for Shown<'_> {
    fn step(&mut self, (epoch, epochs): (u64, u64), (step, steps): (u64, u64), loss: f64) {
        let first = *self.first.get_or_insert((epoch - 1) * steps + step - 1);
        // Ten times a second is enough to read.
        if self.told.elapsed().as_secs_f64() < 0.1 {
            return;
        }
        self.told = Instant::now();
        let (done, all) = ((epoch - 1) * steps + step, epochs * steps);
        let share = (done - first) as f64 / (all - first).max(1) as f64;
        let left = self.begun.elapsed().as_secs_f64() / share.max(1e-9) * (1.0 - share);
        let accuracy = self.last.and_then(|row| row.test_accuracy);
        let accuracy = accuracy.map(|share| format!(", accuracy {:.2} %", share * 100.0));
        self.output.progress(&format!(
            "{}epoch {epoch}/{epochs}, step {step}/{steps}: loss {loss:.4}{}, {} left",
            self.part,
            accuracy.unwrap_or_default(),
            time(left)
        ));
    }

    fn epoch(&mut self, _: u64, row: &Metrics) {
        self.last = Some(*row);
    }

    fn part(&mut self, name: &str, seed: u64, (place, count): (usize, usize)) {
        (self.first, self.last, self.begun) = (None, None, Instant::now());
        self.part = format!("{name}, seed {seed} ({place} of {count}): ");
    }

    fn note(&mut self, text: &str) {
        self.output.progress("");
        self.output.note(&format!("note: {text}"));
    }
}

/// `42 s`, `3 min 5 s`, `2 h 10 min`.
fn time(seconds: f64) -> String {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped"
    )]
    let seconds = seconds.clamp(0.0, 1e9) as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}
