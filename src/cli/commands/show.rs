//! `hbp show`: the source of a built-in, or the graph of a network.

use std::path::Path;

use super::options::{failed, read_grouping};
use crate::cli::Exit;
use crate::cli::arguments::Show;
use crate::cli::choices::Drawing;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::source;
use crate::language::{builtin_names, builtin_source};
use crate::network::{Grouping, draw_network, draw_network_svg};
use crate::rewrite::Rewriter;

/// Prints the source as it stands in the program, or the names of all built-ins.
pub(super) fn run(arguments: &Show, output: &mut Output) -> Result<Exit, Failure> {
    let Some(name) = &arguments.name else {
        for name in builtin_names() {
            output.line(name)?;
        }
        return Ok(Exit::Done);
    };
    if let Some(format) = arguments.format {
        return draw(name, format, arguments, output);
    }
    let source = builtin_source(name).ok_or_else(|| {
        Failure::bad_input(
            format!("no built-in is called `{name}`"),
            format!(
                "there are {}; the network of a file is drawn with --format svg",
                builtin_names().join(", ")
            ),
        )
    })?;
    output.line(source.trim_end())?;
    Ok(Exit::Done)
}

/// Prints the graph of a file's network.
fn draw(
    path: &str,
    format: Drawing,
    arguments: &Show,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let file = source::file(Path::new(path), output)?;
    let name = match (&arguments.network, file.networks().as_slice()) {
        (Some(name), _) => name.as_str().into(),
        (None, [only]) => only.clone(),
        (None, []) => {
            return Err(Failure::bad_input(
                format!("{path} defines no network"),
                "define one, as in `network n { input x: R[2]; target y: R[2]; h = linear[2](x); loss square_loss(h, y) }`",
            ));
        }
        (None, networks) => {
            return Err(Failure::bad_input(
                format!("{path} holds {} networks", networks.len()),
                "name one with --network",
            ));
        }
    };
    let grouping = match &arguments.compose {
        Some(text) => read_grouping(text)?,
        None => Grouping::default(),
    };
    let draw = match format {
        Drawing::Dot => draw_network,
        Drawing::Svg => draw_network_svg,
    };
    let drawing = draw(&file, &name, &grouping, Rewriter::embedded());
    let drawing = drawing.map_err(|e| failed(&e, output))?;
    output.text(&drawing)?;
    Ok(Exit::Done)
}
