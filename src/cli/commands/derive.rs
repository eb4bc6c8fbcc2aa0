//! `hbp derive`: the equations of every module of a file, or of every node of a network.

use super::{Modes, modes, now_only, options};
use crate::cli::Exit;
use crate::cli::arguments::Derive;
use crate::cli::choices::{Form, Format, Vectorisation};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::source;
use crate::expr::{Module, Name};
use crate::hbp::{
    DeriveError, Equations, Message, Request, approximate, derive, rooted, row_major,
};
use crate::language::File;
use crate::network::{Grouping, RunError, RunOptions, Target, check_message, node_modules, target};
use crate::report::{self, Setting, TooLong};
use crate::rewrite::{Report, Rewriter, Style};

/// Derives and prints.
pub(super) fn run(arguments: &Derive, output: &mut Output) -> Result<Exit, Failure> {
    now_only(&arguments.later)?;
    if arguments.format == Format::Html {
        return Err(Failure::unavailable("--format html"));
    }
    let rewriter = source::rewriter(&arguments.book)?;
    let Asked {
        file,
        modules,
        is_network,
    } = asked(arguments, &rewriter, output)?;
    let style = match arguments.form {
        Form::Hadamard => Style::Hadamard,
        Form::Congruence => Style::Congruence,
    };
    let wrt: Option<Vec<Name>> =
        (arguments.wrt.as_ref()).map(|names| names.iter().map(|n| n.as_str().into()).collect());
    // Places in a file are those of its modules, not of a network's nodes.
    let places = (!is_network).then_some(&file);
    let Modes {
        curvature,
        batch,
        message,
        ..
    } = modes(&arguments.approximation)?;
    check_message(curvature, batch, message).map_err(|e| options::failed(&e, output))?;
    if message == Message::Root && arguments.vec == Vectorisation::Row {
        return Err(Failure::unavailable("`--vec row` with roots"));
    }
    let mut all = Vec::new();
    for module in &modules {
        let mut request = Request {
            wrt: wrt.clone(),
            style,
        };
        if is_network && let Some(names) = &mut request.wrt {
            names.retain(|name| module.variables().any(|known| known == name));
            if names.is_empty() {
                continue;
            }
        }
        let mut derived = equations(module, &request, &rewriter, arguments.steps, output);
        derived = derived.and_then(|exact| match message {
            Message::Hessian => approximate(exact, curvature, batch, style, &rewriter),
            Message::Root => rooted(exact, curvature, batch, style, &rewriter),
        });
        if arguments.vec == Vectorisation::Row {
            derived = derived.and_then(|columns| row_major(columns, style, &rewriter));
        }
        all.push(derived.map_err(|e| underivable(places, module, e, output))?);
    }
    output.text(&written(&all, arguments)?)?;
    Ok(Exit::Done)
}

/// What equations are asked for.
struct Asked {
    file: File,
    modules: Vec<Module>,
    /// True when the modules are the nodes of a network.
    is_network: bool,
}

/// The modules of a file, or with `--network` or `--compose` the nodes of a network, composed, in its own names.
fn asked(arguments: &Derive, rewriter: &Rewriter, output: &mut Output) -> Result<Asked, Failure> {
    let composition = &arguments.composition;
    let file = source::file(&arguments.source.file, output)?;
    let grouping = options::grouping(composition, &arguments.approximation)?;
    let has_networks = arguments.source.module.is_none() && !file.networks().is_empty();
    let composes = has_networks || grouping != Grouping::Apart;
    let is_asked = arguments.network.network.is_some();
    let is_network = is_asked || (composition.compose.is_some() && composes);
    if !is_network {
        return Ok(Asked {
            modules: source::modules(&file, &arguments.source, output)?,
            file,
            is_network: false,
        });
    }
    let options = RunOptions {
        module: arguments.source.module.clone(),
        network: arguments.network.network.clone(),
        grouping,
        ..RunOptions::default()
    };
    options::only_networks(&options, composition.compose.is_some(), &file)?;
    let fail = |error: RunError| options::failed(&error, output);
    let Target::Network(name) = target(&file, &options).map_err(fail)? else {
        unreachable!("what is no network is refused above");
    };
    let network = file
        .network(&name)
        .map_err(|e| source::invalid(&e, output))?;
    let modules = node_modules(&network, &options.grouping, rewriter).map_err(fail)?;
    let names = arguments.wrt.iter().flatten();
    let unknown = |name: &&String| {
        !modules
            .iter()
            .flat_map(Module::variables)
            .any(|v| **v == ***name)
    };
    if let Some(name) = names.into_iter().find(unknown) {
        return Err(Failure::bad_input(
            format!(
                "`{name}` is neither an input nor a parameter of a node of the network `{}`",
                network.name
            ),
            "--wrt takes the names of inputs, parameters and nodes, as in --wrt a1,h2.W; what a group hides has no equations",
        ));
    }
    Ok(Asked {
        file,
        modules,
        is_network: true,
    })
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
