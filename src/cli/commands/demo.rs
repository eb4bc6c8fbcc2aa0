//! `hbp demo`: a tour in six stages, on data inside the program, with what each stage costs.

use std::time::Instant;

use super::derive::{equations, underivable};
use super::options::failed;
use crate::check::{CheckOptions, Outcome, check_module, text};
use crate::cli::Exit;
use crate::cli::arguments::Demo;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::source;
use crate::hbp::Request;
use crate::language;
use crate::network::{DIGITS, RunOptions, plan_file, run_digits};
use crate::proof::{Claim, Verdict, prove};
use crate::report::{self, Setting};
use crate::rewrite::Rewriter;
use crate::training::{Metrics, Progress, Settings, Stop, Training};

const COMPOSITE: &str = include_str!("../../../examples/composite.hbp");

/// Both forms of S.12c: scaling as a Hadamard product, and as a congruence.
const S12: [(&str, &str, &str); 4] = [
    ("S.12a", "hess(b)", "hess(z)"),
    ("S.12b", "hess(W)", "phi(x) ⊗ phi(x)' ⊗ hess(b)"),
    (
        "S.12c, first form",
        "hess(x)",
        "(W*diag(phi'(x)))'*hess(b)*(W*diag(phi'(x))) + diag(phi''(x) .* (W'*grad(b)))",
    ),
    (
        "S.12c, second form",
        "hess(x)",
        "(W' .* (phi'(x)*ones(1, m)))*hess(b)*(W' .* (phi'(x)*ones(1, m)))' + diag(phi''(x) .* (W'*grad(b)))",
    ),
];

const SAMPLES: usize = 100;
const EPOCHS: u64 = 5;

/// The tour.
pub(super) fn run(_: &Demo, output: &mut Output) -> Result<Exit, Failure> {
    let rewriter = Rewriter::embedded();
    let file =
        language::parse("composite.hbp", COMPOSITE).map_err(|e| source::invalid(&e, output))?;
    let module = file
        .module("composite")
        .map_err(|e| source::invalid(&e, output))?;

    title(
        output,
        "1. Derive: an activation, then an affine map (S.11)",
    )?;
    let start = Instant::now();
    let equations = equations(&module, &Request::default(), rewriter, false, output)
        .map_err(|e| underivable(Some(&file), &module, e, output))?;
    let page = report::text(&equations, Setting::default(), false)
        .map_err(|e| super::derive::too_long(&e))?;
    output.text(&page)?;
    cost(output, start)?;

    title(output, "2. Prove: the recursion of KFRA and BDA-PCH (S.12)")?;
    let start = Instant::now();
    for (name, left, right) in S12 {
        let claim = Claim {
            module: module.clone(),
            lets: Vec::new(),
            left: left.into(),
            right: right.into(),
            seed: 0,
        };
        let verdict = prove(&file, &claim, rewriter);
        let answer = match verdict {
            Ok(Verdict::Proved { steps, .. }) => match steps.len() {
                0 => "proved: what is derived has this form".into(),
                1 => "proved by 1 rule".into(),
                many => format!("proved by {many} rules"),
            },
            Ok(Verdict::SameIndexForm { .. }) => "proved: one index form".into(),
            Ok(Verdict::Refuted(_)) => "refuted".into(),
            Ok(Verdict::Unknown { reason }) => format!("unknown: {reason}"),
            Err(_) => "not understood".into(),
        };
        output.line(&format!("{name}: {left} = {right}\n    {answer}"))?;
    }
    cost(output, start)?;

    title(
        output,
        "3. Check: against hyper-dual numbers, differences, kernels and index notation",
    )?;
    let start = Instant::now();
    let checked =
        check_module(&module, &CheckOptions::default()).map_err(|e| failed(&e, output))?;
    output.text(&text(&checked))?;
    cost(output, start)?;

    title(
        output,
        "4. Compile: a sigmoid network for the digits inside the program",
    )?;
    let start = Instant::now();
    output.text(DIGITS)?;
    let digits = language::parse("digits.hbp", DIGITS).map_err(|e| source::invalid(&e, output))?;
    let options = RunOptions::default();
    let plan = plan_file(&digits, &options).map_err(|e| failed(&e, output))?;
    output.line(&format!(
        "{} lines of kernels: `hbp plan` prints them",
        plan.lines().count()
    ))?;
    cost(output, start)?;

    title(
        output,
        &format!("5. Run: gradients and exact Hessian blocks on {SAMPLES} digits"),
    )?;
    let start = Instant::now();
    let run = run_digits(SAMPLES, 0, &options).map_err(|e| failed(&e, output))?;
    output.line(&format!("mean loss {:.6}", run.loss))?;
    for parameter in &run.parameters {
        output.line(&format!(
            "  {}: gradient norm {:.6}, Hessian block {} × {}, trace {:.6}",
            parameter.name,
            parameter.gradient_norm,
            parameter.block.0,
            parameter.block.1,
            parameter.trace
        ))?;
    }
    output.note(&format!(
        "  derive {:.1?}, compile {:.1?}, run {:.1?}",
        run.run.preparation.derive, run.run.preparation.compile, run.run.execute
    ));
    cost(output, start)?;

    title(
        output,
        "6. Train: Newton with positive curvature (Eq. 7 and 8) on all digits",
    )?;
    let start = Instant::now();
    trained(output)?;
    cost(output, start)?;
    Ok(if checked.outcome() == Outcome::Agree {
        Exit::Done
    } else {
        Exit::No
    })
}

/// A few epochs in a directory that is gone afterwards.
fn trained(output: &mut Output) -> Result<(), Failure> {
    let folder = tempfile::tempdir().map_err(|error| {
        Failure::bad_input(format!("no temporary directory: {error}"), "set TMPDIR")
    })?;
    let settings = Settings {
        file: "digits.hbp".to_owned(),
        text: DIGITS.to_owned(),
        network: "digits".to_owned(),
        epochs: EPOCHS,
        ..Settings::defaults()
    };
    let training = Training {
        settings: &settings,
        options: &RunOptions::default(),
        stop: &Stop::default(),
    };
    let mut rows = Rows::default();
    let ended = training.begin(&folder.path().join("run"), false, &mut rows);
    ended.map_err(|error| super::train::failed(&error))?;
    for row in rows.0 {
        output.line(&format!(
            "epoch {}: training loss {:.4}, test accuracy {:.1} %",
            row.epoch,
            row.train_loss,
            row.test_accuracy.unwrap_or_default() * 100.0
        ))?;
    }
    output.line("`hbp train --out RUN` begins a run of your own")
}

/// The rows of a run.
#[derive(Default)]
struct Rows(Vec<Metrics>);

impl Progress for Rows {
    fn epoch(&mut self, _: u64, row: &Metrics) {
        self.0.push(*row);
    }
}

fn title(output: &mut Output, text: &str) -> Result<(), Failure> {
    output.line(&format!("\n== {text} ==\n"))
}

/// What a stage cost. Times differ from run to run, so they are no results.
fn cost(output: &mut Output, start: Instant) -> Result<(), Failure> {
    output.finish()?;
    output.note(&format!(
        "  [{:.1} ms]",
        start.elapsed().as_secs_f64() * 1e3
    ));
    Ok(())
}
