//! `hbp check`: every derived equation against independent witnesses.

use super::exact_only;
use super::options::failed;
use crate::check::{CheckOptions, Outcome, check_file, text};
use crate::cli::Exit;
use crate::cli::arguments::Check;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::source;

/// Checks and prints a table for each module.
pub(super) fn run(arguments: &Check, output: &mut Output) -> Result<Exit, Failure> {
    exact_only(&arguments.approximation)?;
    let file = source::file(&arguments.source.file, output)?;
    let options = CheckOptions {
        seed: arguments.chance.seed,
        rewriter: source::rewriter(&arguments.book)?,
        ..CheckOptions::default()
    };
    let module = arguments.source.module.as_deref();
    let reports = check_file(&file, module, &options).map_err(|e| failed(&e, output))?;
    if reports.is_empty() {
        return Err(Failure::bad_input(
            "the file defines nothing to check",
            "define a module, or name a built-in with --module",
        ));
    }
    let texts: Vec<String> = reports.iter().map(text).collect();
    output.text(&texts.join("\n"))?;
    let any = |outcome| reports.iter().any(|report| report.outcome() == outcome);
    Ok(if any(Outcome::Differ) {
        Exit::No
    } else if any(Outcome::NoPoint) {
        Exit::Limit
    } else {
        Exit::Done
    })
}
