//! Why an expression does not compile. Why its own type: every refusal names the operation, the reason and what
//! to do next, and none of them is ever a zero or a guess.

use super::format::{count, dimensions};

/// Why a set of outputs could not be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// A dimension has no concrete size.
    #[error("the size of `{dimension}` is not known, or too large for this machine")]
    Unbound {
        /// The dimension, as a polynomial in names.
        dimension: String,
    },
    /// A matrix with more entries than can be counted.
    #[error("a matrix of {rows} × {cols} has more entries than this machine can count")]
    Uncountable {
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
    },
    /// A dimension is zero.
    #[error("the dimension `{dimension}` is 0")]
    Empty {
        /// The dimension.
        dimension: String,
    },
    /// The shapes of an operation contradict each other at the concrete sizes.
    #[error("`{operation}` has operands whose sizes do not fit together")]
    Sizes {
        /// The operation's name in rules.
        operation: String,
    },
    /// A derivative operator is left in the expression.
    #[error("`{operation}` is a derivative that has not been carried out")]
    Derivative {
        /// The operator or the differentiated function.
        operation: String,
    },
    /// An operation without a numeric kernel.
    #[error("`{operation}` has no kernel")]
    Unsupported {
        /// The operation's name in rules.
        operation: String,
    },
    /// The mean over samples is left in the expression.
    #[error("`E` averages over samples, but a program computes one sample")]
    Expectation,
    /// An elementwise function without a definition.
    #[error("the function `{name}` has no definition, so it has no values")]
    Abstract {
        /// The function.
        name: String,
    },
    /// An elementwise function that uses itself.
    #[error("the definition of `{name}` uses `{name}` itself")]
    Recursive {
        /// The function.
        name: String,
    },
    /// A value that must be stored is larger than the limit.
    #[error(
        "`{value}` must be stored as a dense {} matrix of {} bytes, above the limit of {}",
        dimensions(*.rows, *.cols), count(*.bytes), count(*.limit)
    )]
    TooLarge {
        /// What is stored.
        value: String,
        /// Its rows.
        rows: usize,
        /// Its columns.
        cols: usize,
        /// Its size at 8 bytes an entry.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// All buffers together are larger than the limit.
    #[error("the buffers take {} bytes together, above the limit of {}", count(*.bytes), count(*.limit))]
    ArenaTooLarge {
        /// The size of all buffers at 8 bytes an entry.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
}

impl CompileError {
    /// What to do next.
    pub fn help(&self) -> String {
        match self {
            Self::Unbound { dimension } => format!("give every name in `{dimension}` a size, as in `--dims n=4`"),
            Self::Uncountable { .. } => "use smaller dimensions".into(),
            Self::Empty { .. } => "every dimension must be at least 1".into(),
            Self::Sizes { .. } => "give dimensions sizes under which the operation is well shaped".into(),
            Self::Derivative { operation } => {
                format!("expand the derivatives first: a rule that rewrites `{operation}` is needed")
            }
            Self::Unsupported { operation } => format!("rewrite `{operation}` in terms of other operations first"),
            Self::Expectation => "compile the expression below `E` for one sample and average the results".into(),
            Self::Abstract { name } => format!("define it, as in `fn {name}(t) = tanh(t)`"),
            Self::Recursive { .. } => "define the function in terms of other functions".into(),
            Self::TooLarge { .. } => {
                "use smaller dimensions, ask for an output whose structure can be kept, or raise the memory limit".into()
            }
            Self::ArenaTooLarge { .. } => "use smaller dimensions, ask for fewer outputs, or raise the memory limit".into(),
        }
    }
}
