//! The language: good text becomes the right expressions, bad text the right messages, and nothing makes the
//! parser panic.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "language/expression.rs"]
mod expression;
#[path = "language/message.rs"]
mod message;
#[path = "language/module.rs"]
mod module;
#[path = "language/network.rs"]
mod network;
#[path = "language/prelude.rs"]
mod prelude;
#[path = "language/query.rs"]
mod query;
#[path = "language/robust.rs"]
mod robust;

use hbp::diagnostic::Style;
use hbp::language::File;

/// A file without errors.
fn parse(text: &str) -> File {
    hbp::language::parse("test.hbp", text).unwrap_or_else(|e| panic!("{}", e.render(Style::PLAIN)))
}

/// The messages of a text that is refused, one a line.
fn errors(text: &str) -> String {
    hbp::language::parse("test.hbp", text)
        .expect_err(text)
        .to_string()
}
