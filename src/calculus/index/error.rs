//! What can go wrong in the index core. Why one type: a limit and a missing rule must both be named, never
//! turned into a zero or an endless search.

/// Why an expression has no index form, or no derivative there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// An operation that is not written with indices.
    #[error("`{operation}` has no index form: {reason}")]
    Unsupported {
        /// The operation.
        operation: String,
        /// Why not.
        reason: String,
    },
    /// An operation without a derivative rule stands between the output and the variable.
    #[error("`{operation}` has no derivative rule in the index core")]
    NotDifferentiable {
        /// The operation.
        operation: String,
    },
    /// The value does not exist, as in the reciprocal of zero.
    #[error("{0} is not defined")]
    Undefined(String),
    /// A limit was reached before an answer.
    #[error("more than {limit} {what}")]
    Limit {
        /// What is counted.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
    },
}

impl IndexError {
    /// An operation without an index form.
    pub(super) fn unsupported(operation: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Unsupported {
            operation: operation.into(),
            reason: reason.into(),
        }
    }
}

/// The result of every step of the core.
pub(super) type Outcome<T> = Result<T, IndexError>;
