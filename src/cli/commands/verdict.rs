//! What `hbp prove` answers, in words: the steps, or the numbers.

use std::fmt::Write;

use crate::cli::Exit;
use crate::cli::arguments::Prove;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::expr::{Matrix, Name};
use crate::hbp::Step;
use crate::proof::{Counterexample, Verdict};
use crate::rewrite::Rewriter;

/// Prints a verdict.
pub(super) fn told(
    verdict: &Verdict,
    arguments: &Prove,
    module: &Name,
    rewriter: &Rewriter,
    output: &mut Output,
) -> Result<Exit, Failure> {
    match verdict {
        Verdict::Proved { derivations, steps } => {
            output.line(&format!("proved in `{module}`, by the rules of the book"))?;
            for (variable, steps) in derivations {
                output.text(&derivation(variable, steps))?;
            }
            output.text(&chain(steps, &arguments.left, rewriter))?;
            Ok(Exit::Done)
        }
        Verdict::SameIndexForm { form } => {
            output.line(&format!(
                "proved in `{module}`: both sides have one index form"
            ))?;
            output.line(&format!("  {form}"))?;
            Ok(Exit::Done)
        }
        Verdict::Refuted(numbers) => {
            output.line(&format!("refuted in `{module}` by numbers"))?;
            output.text(&shown(numbers))?;
            Ok(Exit::No)
        }
        Verdict::Unknown { reason } => {
            output.line(&format!("unknown in `{module}`: {reason}"))?;
            Ok(Exit::Limit)
        }
    }
}

/// The derivation of what is asked for, chain by chain.
fn derivation(variable: &str, steps: &[Step]) -> String {
    let mut text = String::new();
    if steps.is_empty() {
        let _ = writeln!(
            text,
            "  `hbp derive --steps --wrt {variable}` shows how its equations are derived"
        );
    }
    let mut last: Option<&Step> = None;
    for step in steps {
        if last.is_none_or(|l| l.of != step.of || l.after != step.before) {
            let _ = writeln!(
                text,
                "  {} with respect to {variable}:\n    {}",
                step.of, step.before
            );
        }
        let _ = writeln!(
            text,
            "  = {}\n      by {} [{}]",
            step.after, step.rule, step.cites
        );
        last = Some(step);
    }
    text
}

/// The steps as one chain of equations, each with its rule, in words where the book has them.
fn chain(steps: &[Step], left: &str, rewriter: &Rewriter) -> String {
    let first = steps.first().map_or(left, |step| step.before.as_str());
    let mut text = format!("    {first}\n");
    for step in steps {
        let name = step.rule.trim_end_matches(" (from right to left)");
        let words = rewriter
            .book()
            .rule(name)
            .map_or("", |rule| rule.words.as_str());
        let _ = writeln!(text, "  = {}", step.after);
        let _ = writeln!(text, "      by {} [{}] {words}", step.rule, step.cites);
    }
    if steps.is_empty() {
        text += "  the two sides are the same expression\n";
    }
    text
}

fn shown(numbers: &Counterexample) -> String {
    let (row, column) = numbers.entry;
    let mut text = format!(
        "  at entry ({}, {}): left {:.12}, right {:.12}\n",
        row + 1,
        column + 1,
        numbers.left,
        numbers.right
    );
    let sizes: Vec<String> = numbers
        .sizes
        .iter()
        .map(|(n, s)| format!("{n} = {s}"))
        .collect();
    if !sizes.is_empty() {
        let _ = writeln!(text, "  for {} (seed {})", sizes.join(", "), numbers.seed);
    }
    for (name, value) in &numbers.values {
        let _ = writeln!(text, "  {name} = {}", entries(value));
    }
    text
}

/// A matrix as rows; large ones are cut.
fn entries(value: &Matrix<f64>) -> String {
    const MOST: usize = 36;
    let (rows, cols) = value.shape();
    if rows * cols > MOST {
        return format!("({rows} × {cols} numbers)");
    }
    let row = |i: usize| {
        let row: Vec<String> = (0..cols).map(|j| format!("{:.6}", value[(i, j)])).collect();
        row.join(", ")
    };
    let all: Vec<String> = (0..rows).map(row).collect();
    format!("[{}]", all.join("; "))
}
