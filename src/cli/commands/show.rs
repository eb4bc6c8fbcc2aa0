//! `hbp show`: the source of a built-in.

use crate::cli::Exit;
use crate::cli::arguments::Show;
use crate::cli::failure::Failure;
use crate::cli::output::Output;

/// Prints the source as it stands in the program.
pub(super) fn run(arguments: &Show, _output: &mut Output) -> Result<Exit, Failure> {
    let name = arguments.name.as_deref().unwrap_or_default();
    Err(Failure::unavailable(format!("`hbp show {name}`")))
}
