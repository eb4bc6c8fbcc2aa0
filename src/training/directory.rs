//! A run's directory. Why files of their own for settings, metrics and state: each is read by other programs, and each is written whole or not at all.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::{Settings, TrainingError};
use crate::data::{DataError, UNFINISHED, write_whole};

/// The files of a run.
const FILES: [&str; 8] = [
    "config.json",
    "metrics.csv",
    "checkpoint.safetensors",
    "diagnostics.csv",
    "curves.svg",
    "curves.png",
    "diagnostics.svg",
    "diagnostics.png",
];

/// True for a file that was being written when its process was killed.
fn is_unfinished(name: &str) -> bool {
    name.starts_with(UNFINISHED)
}

/// As long as it lives, no other process trains in the directory.
#[derive(Debug)]
pub(super) struct Held {
    /// Nothing where the system has no locks on directories.
    _lock: Option<File>,
}

/// A directory that a run writes into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDirectory {
    path: PathBuf,
}

impl RunDirectory {
    /// Refuses a directory that is there and not empty; with `force`, one that holds files but no run.
    ///
    /// # Errors
    /// As said.
    pub fn check(path: &Path, force: bool) -> Result<(), TrainingError> {
        let is_used = fs::read_dir(path).is_ok_and(|entries| {
            let mut names = entries
                .filter_map(Result::ok)
                .map(|entry| entry.file_name());
            names.any(|name| !is_unfinished(&name.to_string_lossy()))
        });
        let has_run = Self::at(path).config().exists();
        match (is_used, force, has_run) {
            (true, false, _) => Err(TrainingError::setting(
                format!("`{}` is not empty", path.display()),
                "choose another --out, go on with --resume, or begin anew with --force",
            )),
            (true, true, false) => Err(TrainingError::setting(
                format!("`{}` holds files but no run", path.display()),
                "--force removes a run and nothing else: choose another --out",
            )),
            _ => Ok(()),
        }
    }

    /// A new run's directory, with its settings. With `force`, a run that is in it is removed, and nothing else.
    ///
    /// # Errors
    /// As [`RunDirectory::check`]; when the directory cannot be written.
    pub(super) fn create(
        path: &Path,
        settings: &Settings,
        force: bool,
    ) -> Result<(Self, Held), TrainingError> {
        Self::check(path, force)?;
        let run = Self::at(path);
        fs::create_dir_all(path).map_err(|error| unwritable(path, &error))?;
        let held = run.hold()?;
        for file in FILES {
            let file = path.join(file);
            match fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(unwritable(&file, &error));
                }
                _ => {}
            }
        }
        run.keep(settings)?;
        Ok((run, held))
    }

    /// True for a path of one of the files of a run, which nothing else may write over.
    pub fn owns(file: &Path) -> bool {
        let folder = file.parent().unwrap_or(Path::new(""));
        let name = file.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| FILES.contains(&name)) && Self::at(folder).config().exists()
    }

    /// Keeps other processes from training in the directory, and clears away what a kill left unfinished. Why the directory itself is locked: files in it are replaced.
    ///
    /// # Errors
    /// When another one does.
    pub(super) fn hold(&self) -> Result<Held, TrainingError> {
        let Ok(lock) = File::open(&self.path) else {
            return Ok(Held { _lock: None });
        };
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => Err(TrainingError::setting(
                format!("another process trains in `{}`", self.path.display()),
                "wait for it to end, end it (Ctrl-C saves), or choose another directory",
            )),
            Err(TryLockError::Error(_)) => Ok(Held { _lock: None }),
            Ok(()) => {
                let entries = fs::read_dir(&self.path).into_iter().flatten();
                for entry in entries.filter_map(Result::ok) {
                    if is_unfinished(&entry.file_name().to_string_lossy()) {
                        // What stays is in nobody's way.
                        let _ = fs::remove_file(entry.path());
                    }
                }
                Ok(Held { _lock: Some(lock) })
            }
        }
    }

    /// A directory, whatever is in it.
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// The directory of a run that was begun.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(path: &Path) -> Result<(Self, Settings), TrainingError> {
        Ok((Self::at(path), read_settings(path)?))
    }

    /// Writes the settings anew.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn keep(&self, settings: &Settings) -> Result<(), TrainingError> {
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

    /// Where `curves` or `diagnostics` are drawn, as `svg` or `png`.
    pub fn figure(&self, name: &str, form: &str) -> PathBuf {
        self.path.join(format!("{name}.{form}"))
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
