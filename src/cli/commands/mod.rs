//! One file a command. Why so thin: a command reads, calls one floor of the library, and writes.

mod check;
mod demo;
mod derive;
mod legibility;
mod options;
mod peers;
mod plan;
mod possible;
mod prove;
mod rules;
mod run;
mod show;
mod verdict;

use super::Exit;
use super::arguments::{Approximation, Command, Later};
use super::choices::{Batch, Curvature, word};
use super::failure::Failure;
use super::output::Output;

/// Runs a command.
pub(super) fn run(command: &Command, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        Command::Derive(arguments) => derive::run(arguments, output),
        Command::Prove(arguments) => prove::run(arguments, output),
        Command::Check(arguments) => check::run(arguments, output),
        Command::Run(arguments) => run::run(arguments, output),
        Command::Plan(arguments) => plan::run(arguments, output),
        Command::Show(arguments) => show::run(arguments, output),
        Command::Rules(arguments) => rules::run(arguments, output),
        Command::Demo(arguments) => demo::run(arguments, output),
        Command::Legibility(arguments) => legibility::run(arguments, output),
        Command::Emit(_) => Err(Failure::unavailable("`hbp emit`")),
        Command::Train(_) => Err(Failure::unavailable("`hbp train`")),
        Command::Bench(_) => Err(Failure::unavailable("`hbp bench`")),
        Command::Experiment(_) => Err(Failure::unavailable("`hbp experiment`")),
        Command::Groupings(_) => Err(Failure::unavailable("`hbp groupings`")),
    }
}

/// Refuses the options that are reserved.
fn now_only(later: &Later) -> Result<(), Failure> {
    let reserved = [
        ("--scheme", &later.scheme),
        ("--compose", &later.compose),
        ("--message", &later.message),
        ("--threads", &later.threads),
        ("--samples", &later.samples),
        ("--blocks", &later.blocks),
    ];
    match reserved.iter().find(|(_, value)| value.is_some()) {
        Some((option, _)) => Err(Failure::unavailable(option)),
        None => Ok(()),
    }
}

/// Refuses the approximations that are reserved.
fn exact_only(approximation: &Approximation) -> Result<(), Failure> {
    let Approximation { curvature, batch } = approximation;
    if *curvature != Curvature::Hessian {
        return Err(Failure::unavailable(format!(
            "--curvature {}",
            word(curvature)
        )));
    }
    if *batch != Batch::Exact {
        return Err(Failure::unavailable(format!("--batch {}", word(batch))));
    }
    Ok(())
}
