//! Why a step was not made. Why it names parameters: the one that failed is what a person looks at next.

use crate::curvature::CurvatureError;
use crate::network::RunError;

/// Why a step was not made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OptimizerError {
    /// The passes cannot be made or failed.
    #[error("{}", .0.message())]
    Run(#[from] RunError),
    /// The system of a parameter's block cannot be solved.
    #[error("the step of `{parameter}` cannot be solved for: {error}")]
    Block {
        /// The parameter.
        parameter: String,
        /// Why.
        error: CurvatureError,
    },
    /// A number that cannot be meant.
    #[error("{0}")]
    Setting(String),
    /// The network does not fit the data.
    #[error("{message}")]
    Misfit {
        /// What does not fit.
        message: String,
        /// What to do.
        help: String,
    },
}

impl OptimizerError {
    /// What to do next.
    pub fn help(&self) -> String {
        match self {
            Self::Run(error) => error.help(),
            Self::Block { error, .. } => format!(
                "{}; more damping (--alpha), --solver cg or a positive curvature (pch-abs, pch-clip, ggn) make it regular",
                error.help()
            ),
            Self::Setting(_) => "`hbp train --help` lists the settings".to_owned(),
            Self::Misfit { help, .. } => help.clone(),
        }
    }

    /// True where a block has NaN or infinities, as those of a run that diverges.
    pub fn is_not_finite(&self) -> bool {
        matches!(self, Self::Block { error, .. } if *error == CurvatureError::NotFinite)
    }

    /// True where a limit was reached.
    pub fn is_limit(&self) -> bool {
        match self {
            Self::Run(error) => error.is_limit(),
            Self::Block { error, .. } => error.is_limit(),
            Self::Setting(_) | Self::Misfit { .. } => false,
        }
    }
}
