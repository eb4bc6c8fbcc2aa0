//! `hbp demo`.

use crate::cli::Exit;
use crate::cli::arguments::Demo;
use crate::cli::failure::Failure;
use crate::cli::output::Output;

/// Not connected to its floor yet.
pub(super) fn run(_arguments: &Demo, _output: &mut Output) -> Result<Exit, Failure> {
    Err(Failure::unavailable("`hbp demo`"))
}
