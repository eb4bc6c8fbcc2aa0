//! Who watches a run, and who ends it. Why a trait: the loop prints nothing and reads no signal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Metrics;

/// Hears of a run. Everything has an empty default.
pub trait Progress {
    /// A step is done, of so many in the epoch, with the loss of its batch.
    fn step(&mut self, epoch: (u64, u64), step: (u64, u64), loss: f64) {
        let _ = (epoch, step, loss);
    }

    /// An epoch is done, of so many.
    fn epoch(&mut self, epochs: u64, row: &Metrics) {
        let _ = (epochs, row);
    }

    /// A run of an experiment begins: its competitor, its seed, and which of how many it is.
    fn part(&mut self, name: &str, seed: u64, place: (usize, usize)) {
        let _ = (name, seed, place);
    }

    /// Something worth saying once.
    fn note(&mut self, text: &str) {
        let _ = text;
    }
}

impl Progress for () {}

/// A wish to end: the run saves where it is and returns.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    is_asked: AtomicBool,
    has_work: AtomicBool,
}

impl Stop {
    /// Asks the run to end after its step.
    pub fn ask(&self) {
        self.0.is_asked.store(true, Ordering::SeqCst);
    }

    /// True once somebody asked.
    pub fn is_asked(&self) -> bool {
        self.0.is_asked.load(Ordering::SeqCst)
    }

    /// True while there are steps that are not saved: not while a run is prepared, when nothing would be lost by ending at once.
    pub fn has_work(&self) -> bool {
        self.0.has_work.load(Ordering::SeqCst)
    }

    pub(super) fn work(&self, has_work: bool) {
        self.0.has_work.store(has_work, Ordering::SeqCst);
    }
}
