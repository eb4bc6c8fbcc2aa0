//! What works with what: every built-in module under every scheme. Why derived and not written down: a table that people keep
//! claims too much sooner or later; this one says what the equations say was given up, and why something is refused.

use std::fmt::Write;

use super::convex::least_eigenvalue;
use crate::expr::{Module, Name};
use crate::hbp::{
    Batch, Curvature, Equations, GivenUp, Message, Request, Scheme, approximate, cross_residual,
    derive,
};
use crate::language::File;
use crate::network::RunError;
use crate::rewrite::{Report, Rewriter, Style};

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// The scheme's name, where it has one.
    pub scheme: Option<Scheme>,
    /// What becomes of the second-order term.
    pub curvature: Curvature,
    /// What becomes of the samples.
    pub batch: Batch,
    /// What travels.
    pub message: Message,
    /// True when targets are drawn.
    pub is_drawn: bool,
}

/// How a module works in a mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// Its blocks are what the definition says, with nothing given up.
    Exact,
    /// By these approximations.
    Approximate(Vec<String>),
    /// Not at all, for this reason.
    Refused(String),
}

/// A row of the table.
#[derive(Clone, Debug)]
pub struct CoverageRow {
    /// The module.
    pub module: Name,
    /// How it works in each of [`modes`].
    pub cells: Vec<Coverage>,
}

/// The columns: the schemes of the literature, and the other curvatures with exact samples.
pub fn modes() -> Vec<Mode> {
    let of_scheme = |(scheme, _): (Scheme, &str)| {
        let modes = scheme.modes();
        Mode {
            scheme: Some(scheme),
            curvature: modes.curvatures[0],
            batch: modes.batch,
            message: modes.message,
            is_drawn: modes.targets.is_some(),
        }
    };
    let plain = |curvature, message| Mode {
        scheme: None,
        curvature,
        batch: Batch::Exact,
        message,
        is_drawn: false,
    };
    let others = [
        plain(Curvature::GaussNewton, Message::Hessian),
        plain(Curvature::GaussNewton, Message::Root),
        plain(Curvature::PositiveAbs, Message::Hessian),
        plain(Curvature::Fisher, Message::Hessian),
    ];
    Scheme::ALL
        .map(of_scheme)
        .into_iter()
        .chain(others)
        .collect()
}

#[doc = include_str!("COVERAGE.md")]
///
/// # Errors
/// When a module cannot be derived.
pub fn coverage(
    file: &File,
    names: &[Name],
    rewriter: &Rewriter,
) -> Result<Vec<CoverageRow>, RunError> {
    let row = |name: &Name| -> Result<CoverageRow, RunError> {
        let module = file.module(name)?;
        let request = Request::default();
        let exact = derive(&module, &request, rewriter, &mut Report::default())?;
        let cells = modes()
            .into_iter()
            .map(|mode| cell(&module, &exact, mode, rewriter));
        Ok(CoverageRow {
            module: name.clone(),
            cells: cells.collect(),
        })
    };
    names.iter().map(row).collect()
}

fn cell(module: &Module, exact: &Equations, mode: Mode, rewriter: &Rewriter) -> Coverage {
    let is_loss = exact.equations.iter().any(|e| e.loss.is_some());
    if is_loss && mode.is_drawn {
        return match module.model {
            Some(_) => Coverage::Approximate(vec!["drawn targets".into()]),
            None => Coverage::Refused("the loss declares no model".into()),
        };
    }
    // What travels as a root is exact but for what the curvature drops; means are taken at parameters alone.
    let mut given_up: Vec<String> = Vec::new();
    for (of_parameters, batch) in [(true, mode.batch), (false, message_batch(mode))] {
        let style = Style::Hadamard;
        let found = match approximate(exact.clone(), mode.curvature, batch, style, rewriter) {
            Ok(found) => found,
            Err(error) => return Coverage::Refused(error.to_string()),
        };
        for equation in &found.equations {
            if module.parameters.contains(&equation.variable) != of_parameters {
                continue;
            }
            let of_loss = equation.loss.as_ref().map(|loss| &loss.given_up);
            if is_loss && of_loss.is_none() {
                return Coverage::Refused("the loss declares no model".into());
            }
            note(&mut given_up, of_loss.unwrap_or(&equation.given_up));
        }
    }
    if !is_loss && joined(module, exact, rewriter) {
        // Between two inputs the second-order term is dropped or treated as between others.
        given_up.extend(mode.curvature.of_module().map(str::to_owned));
        given_up.sort();
        given_up.dedup();
    }
    if is_loss && mode.message == Message::Root {
        match least_eigenvalue(module) {
            Some(least) if least < -1e-9 => {
                return Coverage::Refused("the loss is not convex: its Hessian has no root".into());
            }
            Some(_) => {}
            None => {
                return Coverage::Refused(
                    "no point was found at which the loss has a value".into(),
                );
            }
        }
    }
    if given_up.is_empty() {
        Coverage::Exact
    } else {
        Coverage::Approximate(given_up)
    }
}

/// True when there are second-order terms between different inputs.
fn joined(module: &Module, exact: &Equations, rewriter: &Rewriter) -> bool {
    let mut of = exact.module.clone();
    let pairs = (module.inputs.iter().enumerate())
        .flat_map(|(k, u)| module.inputs[k + 1..].iter().map(move |v| (u, v)));
    pairs.into_iter().any(|(u, v)| {
        let term = cross_residual(&mut of, u, v, rewriter);
        // What cannot be derived is not claimed to vanish.
        term.map_or(true, |term| !of.graph.is_zero(term))
    })
}

/// What becomes of the samples on the way of a message.
fn message_batch(mode: Mode) -> Batch {
    match mode.message {
        Message::Root => Batch::Exact,
        Message::Hessian => mode.batch,
    }
}

fn note(names: &mut Vec<String>, given_up: &[GivenUp]) {
    for one in given_up {
        if !names.contains(&one.name) {
            names.push(one.name.clone());
        }
    }
}

/// The table in Markdown.
pub fn coverage_text(rows: &[CoverageRow]) -> String {
    let mut text = String::from(
        "How every module works in every scheme, as `hbp coverage` prints it. *exact*: the blocks are the mean over the \
         samples of what Eq. 4 says. ≈: with these equalities of `rules/08_approximation.rules` given up somewhere; what each scheme \
         is by definition. ✗: refused, for the reason below the table.\n\n",
    );
    let title = |mode: &Mode| match mode.scheme {
        Some(scheme) => format!("{scheme}"),
        None if mode.message == Message::Root => format!("{}, roots", mode.curvature),
        None => format!("{}, exact", mode.curvature),
    };
    let titles: Vec<String> = modes().iter().map(title).collect();
    let _ = writeln!(text, "| module | {} |", titles.join(" | "));
    let _ = writeln!(text, "|{}", " --- |".repeat(titles.len() + 1));
    let mut reasons: Vec<&str> = Vec::new();
    for row in rows {
        let mut cells = Vec::new();
        for cell in &row.cells {
            cells.push(match cell {
                Coverage::Exact => "exact".to_owned(),
                Coverage::Approximate(names) => format!("≈ {}", names.join(", ")),
                Coverage::Refused(reason) => {
                    let known = reasons.iter().position(|known| known == reason);
                    let place = known.unwrap_or_else(|| {
                        reasons.push(reason);
                        reasons.len() - 1
                    });
                    format!("✗ {}", place + 1)
                }
            });
        }
        let _ = writeln!(text, "| `{}` | {} |", row.module, cells.join(" | "));
    }
    if !reasons.is_empty() {
        text.push('\n');
        for (place, reason) in reasons.iter().enumerate() {
            let _ = writeln!(text, "{}. {reason}", place + 1);
        }
    }
    text
}
