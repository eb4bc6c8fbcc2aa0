//! `hbp coverage`: what works with what.

use super::options::failed;
use crate::check::{coverage, coverage_text};
use crate::cli::Exit;
use crate::cli::arguments::Coverage;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::source;
use crate::expr::Name;
use crate::language::{builtin_names, parse};

/// Prints the table.
pub(super) fn run(arguments: &Coverage, output: &mut Output) -> Result<Exit, Failure> {
    let file = match &arguments.file {
        Some(path) => source::file(path, output)?,
        None => parse("built-in", "").map_err(|e| source::invalid(&e, output))?,
    };
    let names: Vec<Name> = if arguments.file.is_some() {
        file.modules()
    } else {
        let names = builtin_names().into_iter().map(Name::from);
        names.filter(|name| file.module(name).is_ok()).collect()
    };
    if names.is_empty() {
        return Err(Failure::bad_input(
            format!("{} defines no module", file.source().name()),
            "define one, or leave FILE out for the built-in modules",
        ));
    }
    let rewriter = source::rewriter(&arguments.book)?;
    let rows = coverage(&file, &names, &rewriter).map_err(|e| failed(&e, output))?;
    output.text(&coverage_text(&rows))?;
    Ok(Exit::Done)
}
