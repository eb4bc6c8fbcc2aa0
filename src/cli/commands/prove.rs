//! `hbp prove`.

use crate::cli::Exit;
use crate::cli::arguments::Prove;
use crate::cli::failure::Failure;
use crate::cli::output::Output;

/// Not connected to its floor yet.
pub(super) fn run(_arguments: &Prove, _output: &mut Output) -> Result<Exit, Failure> {
    Err(Failure::unavailable("`hbp prove`"))
}
