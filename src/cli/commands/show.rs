//! `hbp show`: the source of a built-in.

use crate::cli::Exit;
use crate::cli::arguments::Show;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::language::{builtin_names, builtin_source};

/// Prints the source as it stands in the program, or the names of all built-ins.
pub(super) fn run(arguments: &Show, output: &mut Output) -> Result<Exit, Failure> {
    let Some(name) = &arguments.name else {
        for name in builtin_names() {
            output.line(name)?;
        }
        return Ok(Exit::Done);
    };
    let source = builtin_source(name).ok_or_else(|| {
        Failure::bad_input(
            format!("no built-in is called `{name}`"),
            format!("there are {}", builtin_names().join(", ")),
        )
    })?;
    output.line(source.trim_end())?;
    Ok(Exit::Done)
}
