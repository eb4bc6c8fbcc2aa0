//! Why a question about a block has no answer. Why a type: a singular or indefinite block is an outcome that the caller must
//! see, never a NaN in the result.

use crate::backend::ExecuteError;

/// Why a block cannot be asked something.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CurvatureError {
    /// A sum of blocks of different shapes, or of none, or a block without entries.
    #[error("the block is not well formed: {0}")]
    Malformed(String),
    /// A question that only square blocks answer.
    #[error("the block is {rows} × {cols}, not square")]
    NotSquare {
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
    },
    /// A vector, gradient or variable that does not fit.
    #[error("{what} has {found} {}, the block takes {expected}", if *whole { "entries" } else { "rows" })]
    Shape {
        /// What does not fit.
        what: &'static str,
        /// What the block takes.
        expected: usize,
        /// What was given.
        found: usize,
        /// True when all its entries are counted, not its rows.
        whole: bool,
    },
    /// A question about the eigenvalues of a block that is not symmetric.
    #[error(
        "the block is not symmetric: entries differ by {difference:e}, the largest is {largest:e}"
    )]
    Asymmetric {
        /// The largest difference of an entry from its mirror image.
        difference: f64,
        /// The largest entry.
        largest: f64,
    },
    /// NaN or infinity among the entries.
    #[error("the block has entries that are not finite")]
    NotFinite,
    /// A damped block without an inverse, to working precision.
    #[error(
        "the damped block is singular for α = {alpha}: {zero} of {size} eigenvalues are zero to working precision"
    )]
    Singular {
        /// The damping.
        alpha: f64,
        /// How many eigenvalues are zero.
        zero: usize,
        /// How many there are.
        size: usize,
    },
    /// A damping outside of 0 … 1.
    #[error("the damping α = {0} is not between 0 and 1")]
    Damping(f64),
    /// More parts than rows, or none.
    #[error("{rows} rows cannot be split into {parts} parts")]
    Parts {
        /// The rows of the variable.
        rows: usize,
        /// The parts asked for.
        parts: usize,
    },
    /// An eigenvalue iteration that did not end.
    #[error("the eigenvalues of a {size} × {size} block were not found")]
    NoConvergence {
        /// Rows and columns.
        size: usize,
    },
    /// Entries that are needed in full and take too much memory.
    #[error("{0}")]
    TooLarge(ExecuteError),
}

impl CurvatureError {
    /// What to do next.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "give a block as a run hands it out",
            Self::NotSquare { .. } => "only products and the dense form exist for such a block",
            Self::Shape { .. } => "give one row for every entry of the variable, columns stacked",
            Self::Asymmetric { .. } => {
                "a Hessian block is symmetric: symmetrise its dense form, if it is one"
            }
            Self::NotFinite => "look for inputs at which a function of the network has no value",
            Self::Singular { .. } => {
                "use a damping α above 0, or a positive semidefinite curvature"
            }
            Self::Damping(_) => "α = 0.02 is usual; 0 is the block itself, 1 the identity",
            Self::Parts { .. } => "ask for at least one part, and for no more than there are rows",
            Self::NoConvergence { .. } => "use conjugate gradients, which need products only",
            Self::TooLarge(_) => {
                "use conjugate gradients, which need products only, or split the block"
            }
        }
    }

    /// True for a limit of memory, which ends a program with a code of its own.
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::TooLarge(_) | Self::NoConvergence { .. })
    }
}

impl From<ExecuteError> for CurvatureError {
    fn from(error: ExecuteError) -> Self {
        Self::TooLarge(error)
    }
}
