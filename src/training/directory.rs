//! A run's directory. Why files of their own for settings, metrics and state: each is read by other programs, and each is written whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Settings, TrainingError};
use crate::data::{DataError, write_whole};

/// A directory that a run writes into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDirectory {
    path: PathBuf,
}

impl RunDirectory {
    /// A new run's directory, with its settings. One that is there and not empty is refused; with `force`, a run that is in it is removed, and
    /// nothing else.
    ///
    /// # Errors
    /// When the directory is in use, holds anything but a run, or cannot be written.
    pub fn create(path: &Path, settings: &Settings, force: bool) -> Result<Self, TrainingError> {
        let run = Self {
            path: path.to_owned(),
        };
        if let Ok(mut entries) = fs::read_dir(path)
            && entries.next().is_some()
        {
            if !force {
                return Err(TrainingError::setting(
                    format!("`{}` is not empty", path.display()),
                    "choose another --out, go on with --resume, or begin anew with --force",
                ));
            }
            if !run.config().exists() {
                return Err(TrainingError::setting(
                    format!("`{}` holds files but no run", path.display()),
                    "--force removes a run and nothing else: choose another --out",
                ));
            }
            for file in [
                run.config(),
                run.metrics(),
                run.checkpoint(),
                run.diagnostics(),
                run.path.join("curves.svg"),
                run.path.join("curves.png"),
            ] {
                match fs::remove_file(&file) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(unwritable(&file, &error));
                    }
                    _ => {}
                }
            }
        }
        fs::create_dir_all(path).map_err(|error| unwritable(path, &error))?;
        write_whole(&run.config(), settings.json().as_bytes())?;
        Ok(run)
    }

    /// The directory of a run that was begun.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(path: &Path) -> Result<(Self, Settings), TrainingError> {
        let run = Self {
            path: path.to_owned(),
        };
        let settings = read_settings(path)?;
        Ok((run, settings))
    }

    /// Writes the settings anew.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, settings: &Settings) -> Result<(), TrainingError> {
        Ok(write_whole(&self.config(), settings.json().as_bytes())?)
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where settings are.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.json")
    }

    /// Where metrics are, a row an epoch.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.csv")
    }

    /// Where parameters and state are.
    pub fn checkpoint(&self) -> PathBuf {
        self.path.join("checkpoint.safetensors")
    }

    /// Where diagnostics of blocks are.
    pub fn diagnostics(&self) -> PathBuf {
        self.path.join("diagnostics.csv")
    }
}

/// The settings of a run.
///
/// # Errors
/// When there is no run, or its settings cannot be read.
pub fn read_settings(path: &Path) -> Result<Settings, TrainingError> {
    let config = path.join("config.json");
    let text = fs::read_to_string(&config).map_err(|error| {
        TrainingError::setting(
            format!("`{}` cannot be read: {error}", config.display()),
            "give the directory of a run: `hbp train --out DIR` begins one",
        )
    })?;
    Settings::from_json(&config.display().to_string(), &text)
}

fn unwritable(path: &Path, error: &std::io::Error) -> TrainingError {
    TrainingError::Data(DataError {
        message: format!("cannot write `{}`: {error}", path.display()),
        help: "choose a directory that you may write to, on a disk with room".to_owned(),
    })
}
