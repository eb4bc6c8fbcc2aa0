//! `hbp derive`: the equations of every module of a file.

use super::{Modes, modes, now_only, options};
use crate::cli::Exit;
use crate::cli::arguments::Derive;
use crate::cli::choices::{Form, Format, Vectorisation};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::source;
use crate::expr::Module;
use crate::hbp::{Batch, DeriveError, Equations, Request, approximate, derive, row_major};
use crate::language::File;
use crate::network::RunError;
use crate::report::{self, Setting, TooLong};
use crate::rewrite::{Report, Rewriter, Style};

/// Derives and prints.
pub(super) fn run(arguments: &Derive, output: &mut Output) -> Result<Exit, Failure> {
    now_only(&arguments.later)?;
    if arguments.format == Format::Html {
        return Err(Failure::unavailable("--format html"));
    }
    let (file, modules) = source::modules(&arguments.source, output)?;
    let rewriter = source::rewriter(&arguments.book)?;
    let style = match arguments.form {
        Form::Hadamard => Style::Hadamard,
        Form::Congruence => Style::Congruence,
    };
    let request = Request {
        wrt: arguments
            .wrt
            .as_ref()
            .map(|names| names.iter().map(|n| n.as_str().into()).collect()),
        style,
    };
    let Modes {
        curvature, batch, ..
    } = modes(&arguments.approximation)?;
    if arguments.vec == Vectorisation::Row && batch != Batch::Exact {
        return Err(Failure::unavailable(
            "`--vec row` with averages over samples",
        ));
    }
    let mut all = Vec::new();
    for module in &modules {
        let mut derived = equations(module, &request, &rewriter, arguments.steps, output);
        derived = derived.and_then(|exact| approximate(exact, curvature, batch, style, &rewriter));
        if arguments.vec == Vectorisation::Row {
            derived = derived.and_then(|columns| row_major(columns, style, &rewriter));
        }
        all.push(derived.map_err(|e| underivable(Some(&file), module, e, output))?);
    }
    output.text(&written(&all, arguments)?)?;
    Ok(Exit::Done)
}

/// Derives one module; phases that ran into their limit are told, for they cost beauty, not truth.
pub(super) fn equations(
    module: &Module,
    request: &Request,
    rewriter: &Rewriter,
    explain: bool,
    output: &mut Output,
) -> Result<Equations, DeriveError> {
    let mut report = Report {
        explain,
        ..Report::default()
    };
    let equations = derive(module, request, rewriter, &mut report)?;
    let stopped = report
        .phases
        .iter()
        .filter(|(_, phase)| !phase.saturated)
        .count();
    if stopped > 0 {
        output.note(&format!(
            "note: {}: {stopped} of {} phases reached their limit; the equations hold, but may not be the shortest",
            module.name,
            report.phases.len()
        ));
    }
    Ok(equations)
}

/// What is wrong, with its place in the module's file.
pub(super) fn underivable(
    file: Option<&File>,
    module: &Module,
    error: DeriveError,
    output: &Output,
) -> Failure {
    match error {
        DeriveError::UnknownVariable { .. } => Failure::bad_input(
            format!("module `{}`: {error}", module.name),
            "--wrt takes inputs and parameters; with several modules in the file, choose one with --module",
        ),
        error => {
            let error = RunError::from(error).within(&format!("module `{}`", module.name));
            let located = match file {
                Some(file) => error.located(file),
                None => error,
            };
            options::failed(&located, output)
        }
    }
}

fn written(all: &[Equations], arguments: &Derive) -> Result<String, Failure> {
    let setting = Setting {
        stacks: match arguments.vec {
            Vectorisation::Column => "columns",
            Vectorisation::Row => "rows",
        },
    };
    let page = |equations| match arguments.format {
        Format::Latex => report::page(equations, setting),
        _ => report::text(equations, setting, arguments.steps),
    };
    if arguments.format == Format::Json {
        let document = report::document(all).map_err(|e| too_long(&e))?;
        return Ok(format!("{document:#}\n"));
    }
    let pages = all
        .iter()
        .map(page)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| too_long(&e))?;
    Ok(pages.join("\n"))
}

pub(super) fn too_long(error: &TooLong) -> Failure {
    Failure::limit(
        error,
        "name parts of the module by locals, or ask for fewer variables with --wrt",
    )
}
