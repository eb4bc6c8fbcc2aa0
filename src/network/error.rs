//! Why a run has no result. Why a type with two texts: every refusal says what is wrong and where, and what to do
//! next, and the command line adds nothing but the exit code.

use crate::backend::ExecuteError;
use crate::curvature::CurvatureError;
use crate::data::DataError;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expr::{Id, Name};
use crate::hbp::{DeriveError, UnfoldError, UnknownMode};
use crate::kernel::CompileError;
use crate::language::File;
use crate::rewrite::RewriteError;

/// Why a module or network could not be run or planned.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RunError {
    /// Arrays, options or definitions that do not fit.
    #[error("{message}")]
    Input {
        /// What is wrong, and where.
        message: String,
        /// What to do next.
        help: String,
    },
    /// Something the contract names and this version does not have.
    #[error("{message}")]
    Unavailable {
        /// What is not there.
        message: String,
        /// What to do instead.
        help: String,
    },
    /// An operation that the rules do not differentiate.
    #[error("{message}")]
    NoRule {
        /// Which operation, and in which definition.
        message: String,
        /// The module it stands in.
        module: Name,
        /// The operation.
        node: Id,
    },
    /// A limit of memory or size.
    #[error("{message}")]
    Limit {
        /// What is too large.
        message: String,
        /// What to do next.
        help: String,
    },
    /// Definitions that are wrong, with their places.
    #[error("{0}")]
    Definitions(Diagnostics),
}

impl RunError {
    /// Arrays, options or definitions that do not fit.
    pub fn input(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Input {
            message: message.into(),
            help: help.into(),
        }
    }

    /// Something this version does not have.
    pub fn unavailable(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Unavailable {
            message: message.into(),
            help: help.into(),
        }
    }

    /// A limit that was reached.
    pub fn limit(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Limit {
            message: message.into(),
            help: help.into(),
        }
    }

    /// What is wrong, and where.
    pub fn message(&self) -> String {
        self.to_string()
    }

    /// What to do next.
    pub fn help(&self) -> String {
        match self {
            Self::Input { help, .. }
            | Self::Unavailable { help, .. }
            | Self::Limit { help, .. } => help.clone(),
            Self::NoRule { .. } => OTHER_OPERATIONS.to_owned(),
            Self::Definitions(diagnostics) => diagnostics
                .iter()
                .map(|diagnostic| diagnostic.help.clone())
                .collect::<Vec<_>>()
                .join("; "),
        }
    }

    /// True for limits of memory or size, which end a program with a code of their own.
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::Limit { .. })
    }

    /// The same error, with its place in the file where that is known.
    pub(crate) fn located(self, file: &File) -> Self {
        match self {
            Self::NoRule {
                message,
                module,
                node,
            } => {
                let diagnostic = Diagnostic::new(Code::NoRule, &message, OTHER_OPERATIONS);
                match file.at_node(&module, node, diagnostic) {
                    Some(diagnostic) => Self::Definitions(diagnostic.into()),
                    None => Self::NoRule {
                        message,
                        module,
                        node,
                    },
                }
            }
            other => other,
        }
    }

    /// The same error, said of a part: `place` comes first in the message.
    pub(crate) fn within(self, place: &str) -> Self {
        let said = |message: String| format!("{place}: {message}");
        match self {
            Self::Input { message, help } => Self::input(said(message), help),
            Self::Unavailable { message, help } => Self::unavailable(said(message), help),
            Self::Limit { message, help } => Self::limit(said(message), help),
            Self::NoRule {
                message,
                module,
                node,
            } => Self::NoRule {
                message: said(message),
                module,
                node,
            },
            Self::Definitions(diagnostics) => Self::Definitions(diagnostics),
        }
    }
}

/// What is wrong with arrays, one after the other. Why a list: whoever exports arrays mends all of them at once.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<(String, String)>);

impl Faults {
    pub(crate) fn push(&mut self, message: impl Into<String>, help: impl Into<String>) {
        self.0.push((message.into(), help.into()));
    }

    /// The value, or nothing and one fault more.
    pub(crate) fn keep<T>(&mut self, result: Result<T, RunError>) -> Option<T> {
        result
            .map_err(|error| self.push(error.message(), error.help()))
            .ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All faults as one error: a single one in its own words, several as a list with each help once.
    pub(crate) fn or<T>(mut self, owner: &str, value: Option<T>) -> Result<T, RunError> {
        match (self.0.len(), value) {
            (0, Some(value)) => Ok(value),
            (0 | 1, _) => {
                let (message, help) = self.0.pop().unwrap_or_default();
                Err(RunError::input(message, help))
            }
            (many, _) => {
                let mut helps: Vec<String> = Vec::new();
                let mut text = format!("{many} things are wrong with the arrays of {owner}:");
                for (message, help) in self.0 {
                    text += "\n  ";
                    text += &message;
                    if !helps.contains(&help) {
                        helps.push(help);
                    }
                }
                Err(RunError::input(text, helps.join("\n        ")))
            }
        }
    }
}

impl From<Diagnostics> for RunError {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Definitions(diagnostics)
    }
}

impl From<UnknownMode> for RunError {
    fn from(error: UnknownMode) -> Self {
        Self::input(
            format!("`{}` is no value of {}", error.text, error.option),
            format!("it is one of {}", error.words),
        )
    }
}

impl From<DataError> for RunError {
    fn from(error: DataError) -> Self {
        Self::input(error.message, error.help)
    }
}

const OTHER_OPERATIONS: &str =
    "write the module in other operations, or add the rule to a book of your own: --rules DIR";

const MODEL: &str = "say in the module of the loss how its target is distributed, as in `y ~ normal(z, ones(n))`; or use `--curvature ggn`";

/// What to do about a module that is too large for the rules.
const SMALLER_MODULES: &str = "split the module in several, and compose them in a network";

impl From<DeriveError> for RunError {
    fn from(error: DeriveError) -> Self {
        let message = error.to_string();
        match error {
            DeriveError::Rewrite {
                source: RewriteError::TooLarge { .. } | RewriteError::TooManyVariables { .. },
                ..
            } => Self::limit(message, SMALLER_MODULES),
            DeriveError::Expectation(_) => Self::input(message, MODEL),
            DeriveError::Rewrite {
                module,
                source: RewriteError::NoRule { node, .. },
                ..
            } => Self::NoRule {
                message,
                module,
                node,
            },
            _ => Self::input(message, OTHER_OPERATIONS),
        }
    }
}

impl From<UnfoldError> for RunError {
    fn from(error: UnfoldError) -> Self {
        let help = match &error {
            UnfoldError::Abstract(name) => definition(name),
            _ => OTHER_OPERATIONS.to_owned(),
        };
        Self::input(error.to_string(), help)
    }
}

/// How an abstract function is given values.
pub(crate) fn definition(name: &str) -> String {
    format!("give it a definition, as in `fn {name}(t) = tanh(t)`")
}

impl From<CompileError> for RunError {
    fn from(error: CompileError) -> Self {
        let message = error.to_string();
        match error {
            CompileError::TooLarge { .. }
            | CompileError::ArenaTooLarge { .. }
            | CompileError::Uncountable { .. } => Self::limit(
                message,
                "use smaller dimensions, or split the module in several, and compose them in a network",
            ),
            // Every name has a size before anything is compiled.
            CompileError::Unbound { dimension } => Self::limit(
                format!("the size `{dimension}` is too large for this machine"),
                "use smaller dimensions",
            ),
            _ => Self::input(message, error.help()),
        }
    }
}

impl From<CurvatureError> for RunError {
    fn from(error: CurvatureError) -> Self {
        match error {
            CurvatureError::TooLarge(error) => error.into(),
            error if error.is_limit() => Self::limit(error.to_string(), error.help()),
            error => Self::input(error.to_string(), error.help()),
        }
    }
}

impl From<ExecuteError> for RunError {
    fn from(error: ExecuteError) -> Self {
        let message = error.to_string();
        match error {
            ExecuteError::TooLarge { .. } => Self::limit(
                message,
                "leave out `--dense`, so that the block is written by its factors, or use smaller dimensions",
            ),
            ExecuteError::Singular { .. } => Self::input(
                message,
                "give arrays for which the matrix that is inverted has full rank",
            ),
            _ => Self::input(
                message,
                "give every array that the definitions name, in its shape",
            ),
        }
    }
}
