//! The memory that a run takes, told before it runs. Why after compiling: which blocks keep their factors, and which buffers
//! the kernels have, is known by then, and nothing large has been made.

use std::fmt;

use super::ledger::estimated;
use super::prepare::{Definition, prepare, sized};
use super::{Batch, Blocks, Message, RunError, RunOptions};
use crate::expr::Name;
use crate::language::File;

/// Bytes by what they are for. It counts what is kept, and copies of the largest result, but not every copy that a
/// moment needs. It depends on the definition, the sizes, the number of samples and the options alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// The largest Hessian of a frontier; with roots and mean Hessians those of all nodes.
    pub frontier: u64,
    /// The Jacobians at that frontier, and the terms that they carry across it.
    pub jacobians: u64,
    /// The node that the frontier has crossed, going down, where it is largest; nothing with roots.
    pub node: Option<Name>,
    /// Inputs and targets, and the values and gradients of nodes: of all samples where they run side by side.
    pub samples: u64,
    /// The buffers of the kernels.
    pub buffers: u64,
    /// The blocks in the form in which they are kept while the samples pass, larger matrices included.
    pub blocks: u64,
    /// The arrays that are handed out at the end, when frontiers and samples are gone, with the copies of the largest.
    pub results: u64,
}

impl Estimate {
    /// The bytes at the moment that takes most: in the passes, or when the results are handed out.
    pub fn total(&self) -> u64 {
        let parts = self.parts().into_iter();
        parts.fold(0, |sum, (_, bytes)| sum.saturating_add(bytes))
    }

    /// What the total consists of, the largest first.
    fn parts(&self) -> Vec<(Part, u64)> {
        let passes = [
            (Part::Frontier, self.frontier),
            (Part::Jacobians, self.jacobians),
            (Part::Samples, self.samples),
        ];
        let in_passes = passes.iter().map(|(_, bytes)| *bytes);
        let in_passes = in_passes.fold(0, u64::saturating_add);
        let mut parts = vec![(Part::Blocks, self.blocks), (Part::Buffers, self.buffers)];
        if in_passes >= self.results {
            parts.extend(passes);
        } else {
            parts.push((Part::Results, self.results));
        }
        parts.retain(|(_, bytes)| *bytes > 0);
        parts.sort_by_key(|(part, bytes)| (std::cmp::Reverse(*bytes), *part));
        parts
    }

    /// Refuses a run that would not fit.
    pub(super) fn check(&self, options: &RunOptions) -> Result<(), RunError> {
        let (total, limit) = (self.total(), options.limit);
        if total <= limit {
            return Ok(());
        }
        let parts = self.parts();
        let most = parts.first().map_or(Part::Blocks, |(part, _)| *part);
        Err(RunError::limit(
            format!(
                "the run would take {self}; that is {total} bytes, above the memory limit of {limit} bytes"
            ),
            most.advice(options),
        ))
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "about {}", readable(self.total()))?;
        for (place, (part, bytes)) in self.parts().iter().enumerate() {
            let between = if place == 0 { ": " } else { ", " };
            let at = match &self.node {
                Some(node) if matches!(part, Part::Frontier | Part::Jacobians) => {
                    format!(" at `{node}`")
                }
                _ => String::new(),
            };
            write!(f, "{between}{} for {}{at}", readable(*bytes), part.name())?;
        }
        Ok(())
    }
}

/// What memory is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Frontier,
    Jacobians,
    Samples,
    Blocks,
    Buffers,
    Results,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Frontier => "the frontier",
            Self::Jacobians => "the Jacobians",
            Self::Samples => "the samples' values",
            Self::Blocks => "the blocks",
            Self::Buffers => "the kernels' buffers",
            Self::Results => "the results",
        }
    }

    /// What makes it smaller.
    fn advice(self, options: &RunOptions) -> String {
        let mut ways: Vec<&str> = Vec::new();
        if matches!(self, Self::Samples | Self::Buffers) {
            ways.push("fewer samples at a time");
        } else {
            ways.push("smaller widths");
        }
        let is_of_blocks = matches!(self, Self::Blocks | Self::Results);
        if options.blocks != Blocks::Parameter && self != Self::Samples {
            ways.push("`--blocks parameter`");
        } else if is_of_blocks && options.message == Message::Root {
            ways.push("fewer samples at a time");
        }
        if is_of_blocks && options.batch == Batch::Exact && options.blocks == Blocks::Parameter {
            ways.push("`--batch average-hessian`, whose blocks keep their factors");
        }
        if is_of_blocks && options.dense {
            ways.push("no `--dense`");
        }
        format!("use {}, or a larger `--memory`", ways.join(", "))
    }
}

/// As in `1.2 GiB`.
fn readable(bytes: u64) -> String {
    let units = [(1u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} bytes"),
    }
}

/// The memory that a run of a network would take, at the sizes and the number of samples of `options`.
///
/// # Errors
/// As [`plan_network`](super::plan_network).
///
/// ```
/// use hbp::{language, network::{RunOptions, estimate}};
/// let text = "network n { input x: R[3]\n target y: R[2]\n h = linear[2](x)\n loss square_loss(h, y) }";
/// let file = language::parse("n.hbp", text).expect("no errors");
/// let options = RunOptions { batch_size: 10, dense: true, ..RunOptions::default() };
/// let found = estimate(&file, "n", &options).expect("small");
/// // h.W has six entries, h.b two.
/// assert_eq!(found.blocks, (6 * 6 + 2 * 2) * 8);
/// assert!(found.total() < 1 << 20);
/// ```
pub fn estimate(file: &File, name: &str, options: &RunOptions) -> Result<Estimate, RunError> {
    let (Definition { network, .. }, sizes, options) = sized(file, name, options)?;
    super::modes::check_modes(&network, &options)?;
    let samples = options.batch_size;
    let prepared = prepare(&network, &sizes, samples, &options)?;
    estimated(&network, &prepared, &sizes, samples, &options)
}
