//! The built-in modules, written in the language itself. Why: nothing about a layer or a loss is written by
//! hand in this program, and a user can read with `hbp show` exactly what is computed.

use std::sync::LazyLock;

use super::file;
use super::scope::Definitions;

const LAYERS: &str = include_str!("prelude/layers.hbp");
const LOSSES: &str = include_str!("prelude/losses.hbp");
/// What the functions mean; they are known to the program, not read from here.
const FUNCTIONS: &str = include_str!("prelude/functions.hbp");

/// Read once: the text is part of the program, and a test checks that it is free of errors.
static DEFINITIONS: LazyLock<Option<Definitions>> = LazyLock::new(|| {
    file::parse("prelude", &format!("{LAYERS}{LOSSES}"), None)
        .ok()
        .map(|file| file.definitions)
});

/// The built-in modules, checked.
pub(super) fn definitions() -> Option<&'static Definitions> {
    DEFINITIONS.as_ref()
}

/// The source of a built-in module or function with its comment, as `hbp show` prints it.
pub(super) fn source(name: &str) -> Option<&'static str> {
    sections().find(|(n, _)| *n == name).map(|(_, text)| text)
}

/// The names of everything built in, modules first.
pub(super) fn names() -> Vec<&'static str> {
    sections().map(|(name, _)| name).collect()
}

/// The paragraphs of the prelude with the name each is about.
fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    let texts = [LAYERS, LOSSES, FUNCTIONS].into_iter();
    texts
        .flat_map(|text| text.split("\n\n"))
        .filter_map(|section| {
            let section = section.trim();
            let header = |line: &'static str| {
                line.strip_prefix("module ")
                    .or_else(|| line.strip_prefix("fn "))
            };
            let comment = || section.strip_prefix("# ");
            let line = section.lines().find_map(header).or_else(comment)?;
            let end = line.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
            Some((&line[..end], section))
        })
}
