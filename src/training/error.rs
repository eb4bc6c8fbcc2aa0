//! Why a run ended. Why each kind by itself: a wrong setting, a full disk and a diverged run want different answers.

use crate::data::DataError;
use crate::optimizer::OptimizerError;

/// Why a run did not begin, or ended early.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TrainingError {
    /// Data cannot be read, or files cannot be written.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A step failed.
    #[error("{place}{error}")]
    Step {
        /// Epoch and step, or nothing.
        place: String,
        /// Why.
        error: OptimizerError,
    },
    /// A setting that cannot be meant, or does not fit.
    #[error("{message}")]
    Setting {
        /// What is wrong.
        message: String,
        /// What to do.
        help: String,
    },
}

impl TrainingError {
    /// A setting that cannot be meant.
    pub(super) fn setting(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Setting {
            message: message.into(),
            help: help.into(),
        }
    }

    /// What to do next.
    pub fn help(&self) -> String {
        match self {
            Self::Data(error) => error.help.clone(),
            Self::Step { error, .. } => followable(error.help()),
            Self::Setting { help, .. } => help.clone(),
        }
    }

    /// True where a limit was reached.
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::Step { error, .. } if error.is_limit())
    }
}

/// Training has an option for the optimiser, and none for what travels backwards.
fn followable(help: String) -> String {
    if ["--message", "hbp run"]
        .iter()
        .any(|word| help.contains(word))
    {
        "take --optimizer newton, whose --curvature and --batch can be chosen, --optimizer hessian-free, or one of first order".to_owned()
    } else {
        help
    }
}

impl From<OptimizerError> for TrainingError {
    fn from(error: OptimizerError) -> Self {
        Self::Step {
            place: String::new(),
            error,
        }
    }
}
