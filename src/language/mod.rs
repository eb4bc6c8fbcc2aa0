//! language
mod builtin;
mod elaborate;
mod file;
mod grammar;
mod layout;
pub mod limits;
mod number;
mod order;
mod prelude;
mod scope;
mod syntax;
mod token;

pub use file::File;

use crate::diagnostic::Diagnostics;

/// Reads a file of definitions.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn parse(name: &str, text: &str) -> Result<File, Diagnostics> {
    file::parse(name, text, prelude::definitions())
}
