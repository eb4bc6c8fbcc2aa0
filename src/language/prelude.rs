//! The built-in modules, written in the language itself. Why: nothing about a layer or a loss is written by
//! hand in this program, and a user can read with `hbp show` exactly what is computed.

use std::sync::LazyLock;

use super::file;
use super::scope::Definitions;

const LAYERS: &str = include_str!("prelude/layers.hbp");
const LOSSES: &str = include_str!("prelude/losses.hbp");

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
