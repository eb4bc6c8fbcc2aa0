//! Why a command stopped. Why a type: a message says what, where and what next, and fixes the exit code.

use std::fmt::Display;
use std::io;

use super::Exit;

/// Why a command stopped without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Stdout is closed: nobody reads.
    Closed,
    /// Messages already written out, about bad input.
    Rendered(String),
    /// One message.
    Message {
        /// The exit code.
        exit: Exit,
        /// What is wrong, and where.
        message: String,
        /// What to do next.
        help: String,
    },
}

impl Failure {
    /// A file, data or a flag that cannot be used.
    pub(super) fn bad_input(message: impl Display, help: impl Display) -> Self {
        let (message, help) = (message.to_string(), help.to_string());
        Self::Message {
            exit: Exit::BadInput,
            message,
            help,
        }
    }

    /// A limit that was reached.
    pub(super) fn limit(message: impl Display, help: impl Display) -> Self {
        let (message, help) = (message.to_string(), help.to_string());
        Self::Message {
            exit: Exit::Limit,
            message,
            help,
        }
    }

    /// Something the contract names and this version does not have.
    pub(super) fn unavailable(what: impl Display) -> Self {
        Self::bad_input(
            format!("{what} is not available in this version"),
            "`hbp --help` lists what is, and so does `--help` after a command",
        )
    }

    /// A failure to write results.
    pub(super) fn of_stdout(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::Closed;
        }
        Self::bad_input(
            format!("cannot write to standard output: {error}"),
            "is the disk full, or the file closed?",
        )
    }
}
