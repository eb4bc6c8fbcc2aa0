//! `hbp legibility`: how many characters the equations take, how many milliseconds deriving them takes, and
//! what the best peer needs.

use std::path::PathBuf;
use std::time::Instant;

use super::derive::{equations, too_long, underivable};
use super::peers::{MODULES, Peer, peer};
use crate::cli::Exit;
use crate::cli::arguments::{Legibility, Source};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::source;
use crate::expr::Module;
use crate::hbp::Request;
use crate::language;
use crate::report;
use crate::rewrite::Rewriter;

/// Derives and measures every module, and prints one line for each of its variables.
pub(super) fn run(arguments: &Legibility, output: &mut Output) -> Result<Exit, Failure> {
    // The rules are loaded before the clock starts.
    let rewriter = source::rewriter(&arguments.book)?;
    let compared = arguments.files.is_empty();
    output.line(
        "module                  variable  characters    peer   limit        ms   peer ms  limit",
    )?;
    let mut good = true;
    for module in modules(&arguments.files, output)? {
        good &= table(&module, &rewriter, compared, output)?;
    }
    if compared {
        output
            .line("\ncharacters: non-space, of hess and every let and local it uses, each once")?;
        output.line("peer: tensorgrad 0.3.0, its largest block and its time for the module")?;
        output.line(
            "limit: a third of the peer's characters or 60; a hundredth of its time or 20 ms",
        )?;
    }
    Ok(if good { Exit::Done } else { Exit::No })
}

fn modules(files: &[PathBuf], output: &mut Output) -> Result<Vec<Module>, Failure> {
    if files.is_empty() {
        let file =
            language::parse("legibility.hbp", MODULES).map_err(|e| source::invalid(&e, output))?;
        let read = |name| file.module(name).map_err(|e| source::invalid(&e, output));
        return file.modules().iter().map(|name| read(name)).collect();
    }
    let mut all = Vec::new();
    for file in files {
        let source = Source {
            file: file.clone(),
            module: None,
        };
        let file = source::file(&source.file, output)?;
        all.extend(source::modules(&file, &source, output)?);
    }
    Ok(all)
}

/// Prints the lines of one module; true when it is within the limits, if it has any.
fn table(
    module: &Module,
    rewriter: &Rewriter,
    compared: bool,
    output: &mut Output,
) -> Result<bool, Failure> {
    let start = Instant::now();
    let equations = equations(module, &Request::default(), rewriter, false, output)
        .map_err(|e| underivable(None, module, e, output))?;
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    let sizes = report::legibility(&equations).map_err(|e| too_long(&e))?;
    let largest = sizes.iter().map(|s| s.characters).max().unwrap_or(0);
    let limits = if compared { peer(&module.name) } else { None };
    let mut time = Some(milliseconds);
    for size in &sizes {
        let mut line = format!(
            "{:<22}  {:<8}  {:>10}",
            module.name, size.variable, size.characters
        );
        if let Some(milliseconds) = time.take() {
            line.push_str(&columns(milliseconds, limits));
        }
        output.line(&line)?;
    }
    Ok(limits.is_none_or(|peer| {
        largest <= peer.most_characters() && milliseconds <= peer.most_milliseconds()
    }))
}

/// The columns that a module has once.
fn columns(milliseconds: f64, limits: Option<Peer>) -> String {
    let Some(peer) = limits else {
        return format!("{milliseconds:>26.1}");
    };
    format!(
        "{:>8}{:>8}{:>10.1}{:>10.0}{:>7.0}",
        peer.characters,
        peer.most_characters(),
        milliseconds,
        peer.seconds * 1e3,
        peer.most_milliseconds()
    )
}
