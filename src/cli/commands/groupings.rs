//! `hbp groupings`: what composing neighbours of a network changes.

use super::derive::too_long;
use super::options::failed;
use crate::cli::Exit;
use crate::cli::arguments::Groupings;
use crate::cli::choices::Format;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::source;
use crate::network::{RunOptions, Target, target};
use crate::proof::{GroupingsOptions, Outcome, groupings};
use crate::report;

/// Compares all neighbours and prints the verdicts.
pub(super) fn run(arguments: &Groupings, output: &mut Output) -> Result<Exit, Failure> {
    if arguments.format == Format::Html {
        return Err(Failure::unavailable("--format html"));
    }
    let file = source::file(&arguments.file, output)?;
    let options = RunOptions {
        network: arguments.network.clone(),
        ..RunOptions::default()
    };
    let Target::Network(name) = target(&file, &options).map_err(|e| failed(&e, output))? else {
        return Err(Failure::bad_input(
            format!("{} defines no network", file.source().name()),
            "groupings are of the nodes of a network: define one, as in `network n { input x: R[2]; target y: R[2]; h = linear[2](x); loss square_loss(h, y) }`",
        ));
    };
    let network = file
        .network(&name)
        .map_err(|e| source::invalid(&e, output))?;
    let options = GroupingsOptions {
        curvature: arguments
            .curvature
            .map_or_else(Default::default, Into::into),
        seed: arguments.chance.seed,
        rewriter: source::rewriter(&arguments.book)?,
    };
    let found = groupings(&network, &options).map_err(|e| failed(&e, output))?;
    let text = match arguments.format {
        Format::Json => report::groupings_json(&found).map(|json| format!("{json:#}\n")),
        Format::Latex => report::groupings_page(&found),
        _ => report::groupings_text(&found),
    };
    output.text(&text.map_err(|e| too_long(&e))?)?;
    let mut all = found.pairs.iter().flat_map(|pair| &pair.comparisons);
    let open = all.any(|comparison| comparison.equality.outcome() == Outcome::Undecided);
    Ok(if open { Exit::Limit } else { Exit::Done })
}
