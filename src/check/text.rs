//! A check as text: what `hbp check` prints.

use std::fmt::Write;

use super::index::Verdict;
use super::report::{CheckReport, Outcome, QuantityCheck};
use super::{DIFFERENCE_TOLERANCE, TOLERANCE};
use crate::expr::Sizes;

/// Writes a table of the largest errors, notes, and the answer.
pub fn text(report: &CheckReport) -> String {
    let mut out = format!("module {}\n", report.module);
    let points: Vec<String> = report.points.iter().map(written).collect();
    let _ = writeln!(
        out,
        "seed {}; points at {}",
        report.seed,
        if points.is_empty() {
            "no sizes".to_owned()
        } else {
            points.join("; ")
        }
    );
    let _ = writeln!(
        out,
        "largest relative errors against hyper-dual numbers (at most {TOLERANCE:.0e}), central differences\n\
         (at most {DIFFERENCE_TOLERANCE:.0e}), a second derivation by named indices and compiled kernels (at most {TOLERANCE:.0e});\n\
         symbolic: whether the second derivation is equal at all sizes and values, or agrees by its numbers only\n"
    );
    let width = report
        .variables
        .iter()
        .map(|v| v.variable.chars().count())
        .max()
        .unwrap_or(0)
        .max("variable".len());
    let _ = writeln!(
        out,
        "{:width$}  quantity  hyper-dual  differences  indices  kernels  symbolic",
        "variable"
    );
    for variable in &report.variables {
        for check in &variable.quantities {
            let mark = if check.agrees() { "" } else { "  WRONG" };
            let _ = writeln!(
                out,
                "{:width$}  {:8}  {:>10}  {:>11}  {:>7}  {:>7}  {}{mark}",
                &*variable.variable,
                check.quantity.name(),
                number(check.witness),
                number(check.differences),
                number(check.indices),
                number(check.kernels),
                verdict(check),
            );
        }
    }
    let mut reasons: Vec<&str> = Vec::new();
    for check in report.variables.iter().flat_map(|v| &v.quantities) {
        if let Verdict::Unreached(reason) = &check.index
            && !reasons.contains(&reason.as_str())
        {
            reasons.push(reason);
        }
    }
    for reason in reasons {
        let _ = writeln!(
            out,
            "note: the index core does not reach this module: {reason}"
        );
    }
    for note in &report.notes {
        let _ = writeln!(out, "note: {note}");
    }
    let answer = match report.outcome() {
        Outcome::Agree => "all witnesses agree",
        Outcome::Differ => "a witness contradicts: see WRONG above",
        Outcome::NoPoint => "nothing was compared: no valid point was found",
    };
    let _ = writeln!(out, "{answer}");
    out
}

/// Sizes as `m = 2, n = 3`.
pub(super) fn written(sizes: &Sizes) -> String {
    if sizes.is_empty() {
        return "fixed sizes".into();
    }
    let pairs: Vec<String> = sizes
        .iter()
        .map(|(name, n)| format!("{name} = {n}"))
        .collect();
    pairs.join(", ")
}

fn number(error: Option<f64>) -> String {
    match error {
        None => "-".into(),
        Some(0.0) => "0".into(),
        Some(error) => format!("{error:.0e}"),
    }
}

fn verdict(check: &QuantityCheck) -> &'static str {
    match (&check.index, check.indices) {
        (Verdict::Equal, _) => "equal",
        (Verdict::Undecided, Some(error)) if error <= TOLERANCE => "numbers",
        (Verdict::Different, _) | (Verdict::Undecided, Some(_)) => "different",
        (Verdict::Undecided, None) => "undecided",
        (Verdict::Unreached(_), _) => "-",
    }
}
