//! Modules and rule books given on the command line. Why here: every command reads them alike, and says
//! alike what is wrong with them.

use std::collections::BTreeSet;
use std::path::Path;

use super::arguments::{Book, Source};
use super::failure::Failure;
use super::input;
use super::output::Output;
use crate::diagnostic::{Diagnostics, Style};
use crate::expr::Module;
use crate::language::{self, File, limits};
use crate::rewrite::{Rewriter, RuleBook, check_book};

/// Reads a file of definitions; warnings are told at once.
pub(super) fn file(path: &Path, output: &mut Output) -> Result<File, Failure> {
    let text = text(path, output)?;
    let file = language::parse(&input::name(path), &text).map_err(|e| invalid(&e, output))?;
    if !file.warnings().is_empty() {
        output.note(&file.warnings().render(style(output)));
    }
    Ok(file)
}

/// Reads a file of text.
fn text(path: &Path, output: &Output) -> Result<String, Failure> {
    let bytes = input::bytes(path, limits::FILE_BYTES as u64)?;
    language::decode(&input::name(path), bytes).map_err(|e| invalid(&e, output))
}

/// The modules of a file that are asked for: the one named, or all.
pub(super) fn modules(
    file: &File,
    source: &Source,
    output: &Output,
) -> Result<Vec<Module>, Failure> {
    let names = match &source.module {
        Some(name) => vec![name.as_str().into()],
        None => file.modules(),
    };
    if names.is_empty() {
        let used = used_by_networks(file, output)?;
        if !used.is_empty() {
            return Ok(used);
        }
        return Err(Failure::bad_input(
            format!("{} defines no module", input::name(&source.file)),
            "define one, or name a built-in with --module, as in --module linear",
        ));
    }
    names
        .iter()
        .map(|name| file.module(name).map_err(|e| invalid(&e, output)))
        .collect()
}

/// The modules that a file's networks are made of, each once.
fn used_by_networks(file: &File, output: &Output) -> Result<Vec<Module>, Failure> {
    let mut seen = BTreeSet::new();
    let mut modules = Vec::new();
    for name in file.networks() {
        let used = file
            .network_modules(&name)
            .map_err(|e| invalid(&e, output))?;
        modules.extend(used.into_iter().filter(|m| seen.insert(m.name.clone())));
    }
    Ok(modules)
}

/// What is wrong with a file, in its own words.
pub(super) fn invalid(diagnostics: &Diagnostics, output: &Output) -> Failure {
    Failure::Rendered(diagnostics.render(style(output)))
}

fn style(output: &Output) -> Style {
    Style {
        colour: output.colour(),
        ..Style::PLAIN
    }
}

/// The rule book in the program, or the one in a folder.
pub(super) fn book(book: &Book) -> Result<RuleBook, Failure> {
    let Some(folder) = &book.rules else {
        return Ok(RuleBook::embedded());
    };
    RuleBook::load(folder)
        .map_err(|e| Failure::bad_input(format!("{}:{}: {}", e.file, e.line, e.message), e.help))
}

/// The rules made ready to run.
pub(super) fn rewriter(book: &Book) -> Result<Rewriter, Failure> {
    if book.rules.is_none() {
        return Ok(Rewriter::embedded().clone());
    }
    let book = self::book(book)?;
    // A wrong rule would not only mislead: it can make an e-graph contradict itself.
    if let Some(wrong) = check_book(&book)
        .into_iter()
        .find(|check| check.failure.is_some())
    {
        return Err(Failure::bad_input(
            format!(
                "the rule `{}` does not hold: {}",
                wrong.name,
                wrong.failure.unwrap_or_default()
            ),
            "`hbp rules --check --rules DIR` lists every rule that fails",
        ));
    }
    Ok(Rewriter::new(book))
}
