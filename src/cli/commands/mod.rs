//! One file a command. Why so thin: a command reads, calls one floor of the library, and writes.

mod check;
mod demo;
mod derive;
mod groupings;
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
use super::choices::{Scheme, word};
use super::failure::Failure;
use super::output::Output;
use crate::hbp;

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
        Command::Groupings(arguments) => groupings::run(arguments, output),
        Command::Demo(arguments) => demo::run(arguments, output),
        Command::Legibility(arguments) => legibility::run(arguments, output),
        Command::Emit(_) => Err(Failure::unavailable("`hbp emit`")),
        Command::Train(_) => Err(Failure::unavailable("`hbp train`")),
        Command::Bench(_) => Err(Failure::unavailable("`hbp bench`")),
        Command::Experiment(_) => Err(Failure::unavailable("`hbp experiment`")),
    }
}

/// Refuses the options that are reserved.
fn now_only(later: &Later) -> Result<(), Failure> {
    let reserved = [
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

/// The modes that are asked for, by their own names or by a scheme's.
fn modes(approximation: &Approximation) -> Result<(hbp::Curvature, hbp::Batch), Failure> {
    let curvature = approximation.curvature.map(hbp::Curvature::from);
    let batch = approximation.batch.map(hbp::Batch::from);
    let Some(scheme) = approximation.scheme else {
        return Ok((curvature.unwrap_or_default(), batch.unwrap_or_default()));
    };
    // The first curvature is the scheme's own, the others are variants of it.
    let (curvatures, its_batch): (&[hbp::Curvature], _) = match scheme {
        Scheme::Hbp => (&[hbp::Curvature::Hessian], hbp::Batch::Exact),
        Scheme::Kfra => (&[hbp::Curvature::GaussNewton], hbp::Batch::AverageHessian),
        Scheme::BdaPch => (
            &[hbp::Curvature::PositiveAbs, hbp::Curvature::PositiveClip],
            hbp::Batch::AverageJacobian,
        ),
        Scheme::Kflr | Scheme::Kfac => {
            return Err(Failure::unavailable(format!("--scheme {}", word(&scheme))));
        }
    };
    let contradiction = |option: String| {
        let help = format!(
            "it means --curvature {} --batch {its_batch}; leave one of the two out",
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
    Ok((curvature.unwrap_or(curvatures[0]), its_batch))
}

/// Refuses approximations where only what is exact can be checked.
fn exact_only(approximation: &Approximation) -> Result<(), Failure> {
    let exact = (hbp::Curvature::Hessian, hbp::Batch::Exact);
    if modes(approximation)? == exact {
        return Ok(());
    }
    Err(Failure::unavailable("a check of approximations"))
}
