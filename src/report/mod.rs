//! Derived equations for readers: text, LaTeX, JSON. Why one floor: each is the same equations under the same
//! names and conventions, so that what a person reads is what a program reads back.

mod curves;
mod figure;
mod groupings;
mod json;
mod latex;
mod latex_names;
mod legibility;
mod naming;
mod page;
mod runs;
mod steps;
mod text;

pub use curves::{curves, diagnostic_curves};
pub use figure::{Axis, Figure, FigureError, Panel, Point, Scale, Series, figure};
pub use groupings::{groupings_json, groupings_page, groupings_text};
pub use json::{document, json};
pub use latex::latex;
pub use latex_names::latex_name;
pub use legibility::{Legibility, legibility};
pub use naming::TooLong;
pub use page::page;
pub use runs::{runs_csv, runs_json, runs_text};
pub use steps::steps;
pub use text::text;

/// What every report says of how its equations are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting<'a> {
    /// What vec stacks: `columns` or `rows`.
    pub stacks: &'a str,
}

impl Default for Setting<'_> {
    fn default() -> Self {
        Self { stacks: "columns" }
    }
}
