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
    let (file, names) = match &arguments.file {
        Some(path) => {
            let file = source::file(path, output)?;
            let names = file.modules();
            (file, names)
        }
        None => {
            let file = parse("built-in", "").map_err(|e| source::invalid(&e, output))?;
            let names = builtin_names().into_iter().map(Name::from);
            let names = names.filter(|name| file.module(name).is_ok());
            let names: Vec<Name> = names.collect();
            (file, names)
        }
    };
    let rewriter = source::rewriter(&arguments.book)?;
    let rows = coverage(&file, &names, &rewriter).map_err(|e| failed(&e, output))?;
    output.text(&coverage_text(&rows))?;
    Ok(Exit::Done)
}
