//! The `.hbp` language: text becomes modules and networks. Why everything is checked here: the floors above
//! meet only well shaped expressions with known names, and every mistake in a text is reported at its place,
//! all of them at once.
//!
//! In reading order: `token` and `layout` (tokens, newlines, nesting), `grammar` (chumsky; `syntax` is its
//! tree), `order` (callees before callers), `elaborate` (names, shapes, canonical expressions, calls inlined),
//! `file` and `network` (what comes out), `query` (one expression for `hbp prove`), `prelude` (the built-in
//! modules in the language itself).
//!
//! # What the language leaves open and this floor decides
//! * Names of inlined parameters: as documented in the contract; a name that the module uses for any other
//!   value counts as an occurrence. Several calls with parameters in one statement are told apart by a number,
//!   in reading order: `z = linear[m](linear[k](x))` has `z.W` (the outer) and `z_2.W`.
//! * A call may be given parameters in modules too, and by any expression: `z = linear[n](h; W = V')`.
//! * A parameter of a call can be used by its name after the call.
//! * A dimension of a callee that nothing determines stays free in the caller under its own name, or with a
//!   number, `m_2`, where the caller uses that name.
//! * Facts that a callee declares of its inputs hold for the inputs and targets of a network that are given to
//!   it. They do not hold for the inputs of a module that calls it: declare them there.
//! * The right side of a node may be any expression. A plain call is a node with the callee's names; anything
//!   else is composed into one module, whose parameters are `h.W`, then `h_2.W`.
//! * An elementwise function that hides a built-in bears a longer name in expressions, so that no rule about the
//!   built-in applies to it. It is written as the user wrote it, and the built-in it hides as `builtin.tanh`, which
//!   means the built-in everywhere.
//! * A function called `E`, `grad`, `hess`, `jac` or `resid` bears a number in equations, `E_2`: there the name alone has
//!   its other meaning.
//! * A module may say of which distribution of an input its output is the negative logarithm, up to a constant:
//!   `y ~ normal(mean, variance)`, `categorical(p)`, `bernoulli(p)` or `poisson(rate)`, each parameter of the shape of
//!   `y`. The Fisher matrix of a loss is the expectation under this model.
//!
//! The limits are in [`limits`].

mod builtin;
mod elaborate;
mod file;
mod grammar;
mod layout;
pub mod limits;
mod network;
mod number;
mod order;
mod prelude;
mod query;
mod scope;
mod syntax;
mod token;

pub(crate) use elaborate::ExpressionCopy;
pub use file::File;
pub use network::{Network, NetworkNode, NetworkValue};
pub use query::{Query, Resolver, is_identifier, parse_expression};

use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Source};

/// Reads a file of definitions. `name` is what messages call it.
///
/// ```
/// let file = hbp::language::parse("affine.hbp", "
///     module affine(x: R[n]) -> z: R[m] {
///         param W: R[m, n]
///         param b: R[m]
///         z = W*x + b
///     }
/// ").expect("no errors");
/// let module = file.module("affine").expect("defined above");
/// assert_eq!(module.graph.shape(module.output.1).to_string(), "R[m]");
/// ```
///
/// # Errors
/// Everything that is wrong with it, at once: syntax, names, shapes, limits.
pub fn parse(name: &str, text: &str) -> Result<File, Diagnostics> {
    file::parse(name, text, prelude::definitions())
}

/// Reads bytes as text.
///
/// # Errors
/// When the bytes are not UTF-8, with the place of the first that are not.
pub fn decode(name: &str, mut bytes: Vec<u8>) -> Result<String, Diagnostics> {
    let mark = "\u{feff}".as_bytes();
    let skipped = if bytes.starts_with(mark) {
        mark.len()
    } else {
        0
    };
    bytes.drain(..skipped);
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let byte = error.as_bytes().get(valid).copied().unwrap_or_default();
        let text = String::from_utf8_lossy(error.as_bytes());
        // Up to the first bad byte the lossy text is the original.
        let source = Arc::new(Source::new(name, &text));
        Diagnostic::new(
            Code::Encoding,
            format!("byte {} is not UTF-8 text", valid + skipped),
            "save the file as UTF-8",
        )
        .at(
            (valid..valid + '\u{fffd}'.len_utf8()).into(),
            format!("the byte is {byte:#04x}"),
        )
        .within(&source)
        .into()
    })
}

/// The source of a built-in module or function, with its comment.
///
/// ```
/// assert!(hbp::language::builtin_source("linear").expect("built in").contains("z = W*x + b"));
/// ```
pub fn builtin_source(name: &str) -> Option<&'static str> {
    prelude::source(name)
}

/// The names of all built-in modules and functions, modules first.
pub fn builtin_names() -> Vec<&'static str> {
    prelude::names()
}
