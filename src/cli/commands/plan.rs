//! `hbp plan`: the compiled kernels.

use super::now_only;
use super::options::{failed, only_networks, options};
use super::passes;
use crate::cli::Exit;
use crate::cli::arguments::Plan;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::source;
use crate::network::{plan_file, plan_pass};

/// Prints the plan.
pub(super) fn run(arguments: &Plan, output: &mut Output) -> Result<Exit, Failure> {
    now_only(&arguments.later)?;
    let file = source::file(&arguments.source.file, output)?;
    let mut options = options(
        &arguments.source,
        &arguments.network,
        &arguments.approximation,
        &arguments.composition,
        &arguments.dims,
        arguments.chance.seed,
        source::rewriter(&arguments.book)?,
    )?;
    options.batch_size = arguments.batch_size as usize;
    only_networks(&options, arguments.composition.compose.is_some(), &file)?;
    options.precision = arguments.dtype.into();
    let plan = match &arguments.pass {
        Some(name) => {
            let pass = passes::named(name)?;
            plan_pass(&file, name, &pass.task(), &pass.options(&options))
        }
        None => plan_file(&file, &options),
    };
    let plan = plan.map_err(|e| failed(&e, output))?;
    output.text(&plan)?;
    Ok(Exit::Done)
}
