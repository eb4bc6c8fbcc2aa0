//! One file a command. Why so thin: a command reads, calls one floor of the library, and writes.

mod bench;
mod check;
mod coverage;
mod demo;
mod derive;
mod experiment;
mod groupings;
mod legibility;
mod options;
mod passes;
mod peers;
mod plan;
mod possible;
mod prove;
mod report;
mod rules;
mod run;
mod show;
mod train;
mod verdict;

use super::Exit;
use super::arguments::{Approximation, Command, Later};
use super::choices::word;
use super::failure::Failure;
use super::output::Output;
use crate::hbp;

/// Runs a command; `allocations` tells how often the process has allocated so far.
pub(super) fn run(
    command: &Command,
    allocations: fn() -> u64,
    output: &mut Output,
) -> Result<Exit, Failure> {
    match command {
        Command::Derive(arguments) => derive::run(arguments, output),
        Command::Prove(arguments) => prove::run(arguments, output),
        Command::Check(arguments) => check::run(arguments, output),
        Command::Coverage(arguments) => coverage::run(arguments, output),
        Command::Run(arguments) => run::run(arguments, output),
        Command::Plan(arguments) => plan::run(arguments, output),
        Command::Show(arguments) => show::run(arguments, output),
        Command::Rules(arguments) => rules::run(arguments, output),
        Command::Groupings(arguments) => groupings::run(arguments, output),
        Command::Bench(arguments) => bench::run(arguments, allocations, output),
        Command::Demo(arguments) => demo::run(arguments, output),
        Command::Legibility(arguments) => legibility::run(arguments, output),
        Command::Emit(_) => Err(Failure::unavailable("`hbp emit`")),
        Command::Train(arguments) => train::run(arguments, output),
        Command::Experiment(arguments) => experiment::run(arguments, output),
        Command::Report(arguments) => report::run(arguments, output),
        Command::Export(arguments) => experiment::run_export(arguments, output),
    }
}

/// Refuses the options that are reserved.
fn now_only(later: &Later) -> Result<(), Failure> {
    match later.threads {
        Some(_) => Err(Failure::unavailable("--threads")),
        None => Ok(()),
    }
}

/// The modes that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Modes {
    curvature: hbp::Curvature,
    batch: hbp::Batch,
    message: hbp::Message,
    /// Targets drawn for each sample; none for the exact expectation.
    samples: Option<u32>,
}

/// The modes that are asked for, by their own names or by a scheme's.
fn modes(approximation: &Approximation) -> Result<Modes, Failure> {
    let curvature = approximation.curvature.map(hbp::Curvature::from);
    let batch = approximation.batch.map(hbp::Batch::from);
    let message = approximation.message.map(hbp::Message::from);
    let samples = approximation.samples;
    let Some(scheme) = approximation.scheme else {
        return Ok(Modes {
            curvature: curvature.unwrap_or_default(),
            batch: batch.unwrap_or_default(),
            message: message.unwrap_or_default(),
            samples,
        });
    };
    let hbp::SchemeModes {
        curvatures,
        batch: its_batch,
        message: its_message,
        targets,
    } = hbp::Scheme::from(scheme).modes();
    let contradiction = |option: String| {
        let help = format!(
            "it means --curvature {} --batch {its_batch} --message {its_message}; leave one of the two out",
            curvatures[0]
        );
        Failure::bad_input(
            format!("--scheme {} contradicts {option}", word(&scheme)),
            help,
        )
    };
    if let Some(other) = curvature.filter(|c| !curvatures.contains(c)) {
        return Err(contradiction(format!("--curvature {other}")));
    }
    if let Some(other) = batch.filter(|b| *b != its_batch) {
        return Err(contradiction(format!("--batch {other}")));
    }
    if let Some(other) = message.filter(|m| *m != its_message) {
        return Err(contradiction(format!("--message {other}")));
    }
    Ok(Modes {
        curvature: curvature.unwrap_or(curvatures[0]),
        batch: its_batch,
        message: its_message,
        samples: samples.or(targets),
    })
}

/// Refuses approximations where only what is exact can be checked.
fn exact_only(approximation: &Approximation) -> Result<(), Failure> {
    let Modes {
        curvature, batch, ..
    } = modes(approximation)?;
    if (curvature, batch) == (hbp::Curvature::Hessian, hbp::Batch::Exact) {
        return Ok(());
    }
    Err(Failure::unavailable("a check of approximations"))
}
