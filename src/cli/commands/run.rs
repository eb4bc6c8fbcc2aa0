//! `hbp run`: the compiled passes on real numbers.

use super::options::{failed, options};
use crate::cli::Exit;
use crate::cli::arguments::Run;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::source;
use crate::data::{DataError, read_npz, write_npz};
use crate::network::{not_finite, run_file};

/// Reads the arrays, runs, and writes the results whole or not at all.
pub(super) fn run(arguments: &Run, output: &mut Output) -> Result<Exit, Failure> {
    let file = source::file(&arguments.source.file, output)?;
    let mut options = options(
        &arguments.source,
        &arguments.network,
        &arguments.approximation,
        &arguments.dims,
        source::rewriter(&arguments.book)?,
    )?;
    options.dense = arguments.dense;
    options.precision = arguments.dtype.into();
    options.vectorisation = arguments.vec.into();
    let items = read_npz(&arguments.data).map_err(|e| data(&e))?;
    let results = run_file(&file, &items, &options).map_err(|e| failed(&e, output))?;
    let named = results.iter().map(|(name, item)| (name.as_str(), item));
    write_npz(&arguments.out, named).map_err(|e| data(&e))?;
    let bad = not_finite(&results);
    if !bad.is_empty() {
        output.note(&format!(
            "warning: {} not finite: {}",
            if bad.len() == 1 {
                "one result is"
            } else {
                "some results are"
            },
            bad.join(", ")
        ));
    }
    output.note(&format!(
        "{} arrays written to {}",
        results.len(),
        arguments.out.display()
    ));
    Ok(Exit::Done)
}

fn data(error: &DataError) -> Failure {
    Failure::bad_input(&error.message, &error.help)
}
