//! The experiment of Section 4 (Figure 5): several optimisers, several seeds, one network. Why directories of runs: each is a run like any other, is
//! resumed like any other, and can be looked at alone.

use std::path::{Path, PathBuf};

use super::metrics::is_whole;
use super::{
    Ending, Progress, RunDirectory, Settings, Stop, Training, TrainingError, read_metrics,
    read_settings,
};
use crate::network::RunOptions;

/// Hidden widths of the paper's network.
pub const PAPER: [usize; 7] = [1024, 512, 256, 128, 64, 32, 16];

/// An optimiser of the experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Competitor {
    /// Its name in tables and figures, and of its directory.
    pub name: &'static str,
    optimizer: &'static str,
    curvature: &'static str,
    parts: usize,
}

impl Competitor {
    const fn newton(name: &'static str, curvature: &'static str, parts: usize) -> Self {
        Self {
            name,
            optimizer: "newton",
            curvature,
            parts,
        }
    }

    /// Those of the figure.
    pub const ALL: [Self; 7] = [
        Self {
            name: "sgd",
            optimizer: "sgd",
            curvature: "pch-abs",
            parts: 1,
        },
        Self::newton("pch-abs", "pch-abs", 1),
        Self::newton("pch-clip", "pch-clip", 1),
        Self::newton("ggn", "ggn", 1),
        Self::newton("pch-abs-2", "pch-abs", 2),
        Self::newton("pch-abs-4", "pch-abs", 4),
        Self::newton("pch-abs-16", "pch-abs", 16),
    ];
}

/// A protocol: the settings that all runs share, and who takes part.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// Everything but optimiser, curvature, blocks and seed.
    pub settings: Settings,
    /// Who takes part.
    pub competitors: Vec<Competitor>,
    /// Seeds 0, 1, ….
    pub seeds: u64,
}

/// A run of an experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The competitor.
    pub name: &'static str,
    /// The seed.
    pub seed: u64,
    /// Its directory.
    pub path: PathBuf,
}

impl Experiment {
    /// All runs, seed by seed, so that what has been done at any time compares everyone.
    pub fn parts(&self, folder: &Path) -> Vec<Part> {
        let seeds = 0..self.seeds;
        let all = seeds.flat_map(|seed| self.competitors.iter().map(move |of| (of, seed)));
        all.map(|(of, seed)| Part {
            name: of.name,
            seed,
            path: folder.join(of.name).join(format!("seed-{seed}")),
        })
        .collect()
    }

    fn settings_of(&self, part: &Part) -> Settings {
        let of = self.competitors.iter().find(|of| of.name == part.name);
        let (optimizer, curvature, parts) = of.map_or(("sgd", "pch-abs", 1), |of| {
            (of.optimizer, of.curvature, of.parts)
        });
        Settings {
            optimizer: optimizer.to_owned(),
            curvature: curvature.to_owned(),
            blocks: parts.to_string(),
            seed: part.seed,
            ..self.settings.clone()
        }
    }

    /// Runs what is not done yet.
    ///
    /// # Errors
    /// As [`Training::begin`]; when a directory holds a run with other settings.
    pub fn run(
        &self,
        folder: &Path,
        options: &RunOptions,
        progress: &mut dyn Progress,
        stop: &Stop,
    ) -> Result<Ending, TrainingError> {
        let parts = self.parts(folder);
        let count = parts.len();
        for (place, part) in parts.iter().enumerate() {
            progress.part(part.name, part.seed, (place + 1, count));
            if let Ending::Stopped = self.one(part, options, progress, stop)? {
                return Ok(Ending::Stopped);
            }
        }
        Ok(Ending::Done)
    }

    fn one(
        &self,
        part: &Part,
        options: &RunOptions,
        progress: &mut dyn Progress,
        stop: &Stop,
    ) -> Result<Ending, TrainingError> {
        let settings = self.settings_of(part);
        let training = Training {
            settings: &settings,
            options,
            stop,
        };
        if !part.path.join("config.json").exists() {
            return training.begin(&part.path, false, progress);
        }
        let before = read_settings(&part.path)?;
        let like = Settings {
            epochs: settings.epochs,
            threads: settings.threads,
            version: settings.version.clone(),
            data_fingerprint: settings.data_fingerprint.clone(),
            rules_fingerprint: settings.rules_fingerprint.clone(),
            ..before.clone()
        };
        if like != settings {
            return Err(TrainingError::setting(
                format!(
                    "`{}` holds a run with other settings: {}",
                    part.path.display(),
                    differing(&like, &settings).join(", ")
                ),
                "choose another --out, or give the options that the experiment was begun with",
            ));
        }
        let run = RunDirectory::at(&part.path);
        let has_ended = read_metrics(&run.metrics()).is_ok_and(|rows| {
            let last = rows.last();
            // A run that diverged would diverge again.
            is_whole(&rows)
                && last
                    .is_some_and(|row| row.epoch >= settings.epochs || !row.train_loss.is_finite())
        });
        if has_ended {
            return Ok(Ending::Done);
        }
        // What tells data and rules from others is known to the run alone.
        let settings = Settings {
            data_fingerprint: before.data_fingerprint,
            rules_fingerprint: before.rules_fingerprint,
            ..settings.clone()
        };
        let training = Training {
            settings: &settings,
            options,
            stop,
        };
        training.resume(&run, progress)
    }
}

/// The names of settings that differ.
fn differing(left: &Settings, right: &Settings) -> Vec<String> {
    let entries = |settings: &Settings| serde_json::to_value(settings).unwrap_or_default();
    let (left, right) = (entries(left), entries(right));
    let names = left
        .as_object()
        .into_iter()
        .flat_map(|entries| entries.keys());
    let differs = |name: &&String| left.get(*name) != right.get(*name);
    names.filter(differs).cloned().collect()
}
