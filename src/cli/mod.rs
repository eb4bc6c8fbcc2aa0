//! The command line. Why one floor: nothing else prints, reads files or knows exit codes, so the library can
//! be used and tested without a terminal.

mod arguments;
mod choices;
mod commands;
mod failure;
mod input;
mod output;
mod source;
mod threads;

use std::process::ExitCode;

use clap::Parser;

use arguments::Arguments;
use failure::Failure;
use output::Output;

/// What a command answers; every value is an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// Done, or yes.
    Done = 0,
    /// The answer is no.
    No = 1,
    /// Bad input: a file, data or a flag.
    BadInput = 2,
    /// Limits were reached before there was an answer.
    Limit = 3,
}

/// Runs the program with the process's own arguments and streams. `allocations` tells how often the process has
/// allocated so far, for `hbp bench`.
pub fn main(allocations: fn() -> u64) -> ExitCode {
    let mut output = Output::of_process();
    let exit = match Arguments::try_parse() {
        Ok(arguments) => commands::run(&arguments.command, allocations, &mut output),
        Err(error) => usage(&error),
    };
    // What is still in the buffer is written before the code is known to be right.
    let exit = exit.and_then(|exit| output.finish().map(|()| exit));
    let exit = match exit {
        Ok(exit) => exit,
        // Whoever read us has seen enough.
        Err(Failure::Closed) => Exit::Done,
        Err(failure) => output.fail(&failure),
    };
    ExitCode::from(exit as u8)
}

/// Help and version go to stdout and are no errors; wrong usage is bad input.
fn usage(error: &clap::Error) -> Result<Exit, Failure> {
    let exit = if error.use_stderr() {
        Exit::BadInput
    } else {
        Exit::Done
    };
    match error.print() {
        Ok(()) => Ok(exit),
        Err(e) => Err(Failure::of_stdout(&e)),
    }
}
