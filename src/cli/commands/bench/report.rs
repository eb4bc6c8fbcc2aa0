//! What was measured, as a table and as JSON.

use std::fmt::Write;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::Timed;
use super::measure::{Counts, Kind, Lane, PEAK_SIZE};
use crate::cli::choices::{Dtype, word};
use crate::cli::commands::options::failed;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::network::{RunError, RunOptions};

/// What was measured under.
pub(super) struct Setting<'a> {
    pub(super) machine: String,
    pub(super) cores: usize,
    pub(super) network: &'a str,
    pub(super) dtype: Dtype,
    pub(super) threads: usize,
    pub(super) options: &'a RunOptions,
    pub(super) seed: u64,
}

/// What was measured of a pass.
struct Row {
    least: f64,
    median: f64,
    runs: usize,
    counts: Counts,
    allocations: u64,
    loss: Option<f64>,
}

/// All that was measured, and what was refused.
pub(super) struct Report {
    /// By name, in the order of the list; nothing for what has not been measured.
    rows: IndexMap<String, Option<Row>>,
    refused: IndexMap<String, RunError>,
    /// Operations a second of the large product.
    peak: f64,
}

impl Report {
    pub(super) fn new(chosen: &[Timed]) -> Self {
        Self {
            rows: chosen.iter().map(|timed| (timed.name(), None)).collect(),
            refused: IndexMap::new(),
            peak: 0.0,
        }
    }

    pub(super) fn refuse(&mut self, name: String, error: RunError) {
        self.refused.insert(name, error);
    }

    /// Takes over what was measured.
    pub(super) fn add(&mut self, lane: Lane) {
        let Lane {
            name,
            counts,
            mut times,
            allocations,
            loss,
            failure,
            ..
        } = lane;
        times.sort_by(f64::total_cmp);
        let Some(least) = times.first().copied() else {
            if let (Some(name), Some(error)) = (name, failure) {
                self.refuse(name, error);
            }
            return;
        };
        let Some(name) = name else {
            self.peak = self.peak.max(counts.flops as f64 / least);
            return;
        };
        let middle = times.len() / 2;
        let median = f64::midpoint(times[(times.len() - 1) / 2], times[middle]);
        let row = Row {
            least,
            median,
            runs: times.len(),
            counts,
            allocations,
            loss,
        };
        self.rows.insert(name, Some(row));
    }

    /// The passes that were measured, in the order of the list.
    fn rows(&self) -> impl Iterator<Item = (&str, &Row)> {
        let rows = self.rows.iter();
        rows.filter_map(|(name, row)| Some((name.as_str(), row.as_ref()?)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows().next().is_none()
    }

    /// Why nothing was measured.
    pub(super) fn failure(&self, output: &Output) -> Failure {
        match self.refused.values().next() {
            Some(error) => failed(error, output),
            None => Failure::bad_input("no pass was chosen", "leave `--passes` out"),
        }
    }

    /// Times the network's own gradient pass; nothing for what does not run the network.
    fn ratio(&self, row: &Row) -> Option<f64> {
        if row.counts.work == Kind::Other {
            return None;
        }
        let gradient = self.rows.get("gradient")?.as_ref()?;
        Some(row.least / gradient.least)
    }

    /// One object.
    pub(super) fn json(&self, setting: &Setting) -> String {
        let mut passes = Map::new();
        for (name, row) in self.rows() {
            let Counts {
                flops,
                bytes,
                arena_bytes,
                kernels,
                is_bound,
                work,
            } = row.counts;
            let rate = (flops > 0 && !is_bound).then(|| flops as f64 / row.least);
            // What is not counted is not zero.
            let counted = |count: u64| (work != Kind::Modules).then_some(count);
            let value = json!({
                "min_ms": row.least * 1e3,
                "median_ms": row.median * 1e3,
                "runs": row.runs,
                "flops": counted(flops),
                "flops_are_a_bound": is_bound,
                "bytes": counted(bytes),
                "arena_bytes": counted(arena_bytes),
                "kernels": counted(kernels as u64),
                "is_one_program": work == Kind::Program,
                "allocations": row.allocations,
                "gflops": rate.map(|rate| rate / 1e9),
                "percent_of_peak": rate.map(|rate| rate / self.peak * 100.0),
                "ratio_to_gradient": self.ratio(row),
                "loss": row.loss.filter(|loss| loss.is_finite()),
            });
            passes.insert(name.to_owned(), value);
        }
        let refused = self.refused.iter();
        let refused = refused.map(|(name, error)| (name.clone(), Value::from(error.message())));
        let sizes = setting.options.sizes.iter();
        let sizes = sizes.map(|(name, size)| (name.to_string(), Value::from(*size)));
        let whole = json!({
            "machine": setting.machine,
            "cores": setting.cores,
            "network": setting.network,
            "dims": sizes.collect::<Map<String, Value>>(),
            "batch_size": setting.options.batch_size,
            "dtype": word(&setting.dtype),
            "threads": setting.threads,
            "seed": setting.seed,
            "peak_gflops": self.peak / 1e9,
            "passes": passes,
            "refused": refused.collect::<Map<String, Value>>(),
        });
        format!("{whole:#}")
    }

    /// An aligned table.
    pub(super) fn text(&self, setting: &Setting) -> String {
        let mut text = format!(
            "network {}, batch size {}, {}, {} thread{}\n{}\n{:.1} GFLOP/s at a product of {PEAK_SIZE} × {PEAK_SIZE} matrices\n\n",
            setting.network,
            setting.options.batch_size,
            word(&setting.dtype),
            setting.threads,
            if setting.threads == 1 { "" } else { "s" },
            setting.machine,
            self.peak / 1e9,
        );
        let mut lines = vec![HEADER.map(str::to_owned)];
        lines.extend(self.rows().map(|(name, row)| self.cells(name, row)));
        let widths: Vec<usize> = (0..HEADER.len())
            .map(|column| {
                let cells = lines.iter().map(|cells| cells[column].chars().count());
                cells.max().unwrap_or(0)
            })
            .collect();
        for cells in &lines {
            for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                // Names stand to the left, numbers to the right.
                let _ = match column {
                    0 => write!(text, "{cell:<width$}"),
                    _ => write!(text, "  {cell:>width$}"),
                };
            }
            text.push('\n');
        }
        let uncounted = self.rows().any(|(_, row)| row.counts.work == Kind::Modules);
        if uncounted {
            text.push_str("\nwithout counts: no single program; it runs module by module, or sample by sample\n");
        }
        let unbounded = self
            .rows()
            .filter(|(_, row)| row.loss.is_some_and(|loss| !loss.is_finite()));
        let unbounded: Vec<&str> = unbounded.map(|(name, _)| name).collect();
        if !unbounded.is_empty() {
            let _ = write!(text, "\nthe loss is not finite: {}\n", unbounded.join(", "));
        }
        let mut reasons: IndexMap<String, Vec<&str>> = IndexMap::new();
        for (name, error) in &self.refused {
            reasons.entry(error.message()).or_default().push(name);
        }
        for (reason, names) in reasons {
            let _ = write!(text, "\nrefused: {}\n    {reason}\n", names.join(", "));
        }
        text
    }

    fn cells(&self, name: &str, row: &Row) -> [String; 12] {
        let Counts {
            flops,
            bytes,
            arena_bytes,
            kernels,
            is_bound,
            ..
        } = row.counts;
        let is_run = kernels > 0;
        let of_run = |cell: String| if is_run { cell } else { "-".to_owned() };
        let rate = flops as f64 / row.least;
        let of_rate = |cell: String| of_run(if is_bound { "-".to_owned() } else { cell });
        let most = if is_bound { "≤ " } else { "" };
        let ratio = self.ratio(row);
        [
            name.to_owned(),
            milliseconds(row.least),
            milliseconds(row.median),
            ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
            of_run(format!("{most}{}", short(flops as f64 / 1e6))),
            of_rate(short(rate / 1e9)),
            of_rate(format!("{:.0}", rate / self.peak * 100.0)),
            of_run(short(bytes as f64 / 1e3)),
            of_run(short(arena_bytes as f64 / 1e3)),
            of_run(kernels.to_string()),
            row.allocations.to_string(),
            row.runs.to_string(),
        ]
    }
}

const HEADER: [&str; 12] = [
    "pass",
    "min ms",
    "median ms",
    "× gradient",
    "MFLOP",
    "GFLOP/s",
    "% peak",
    "moved kB",
    "arena kB",
    "kernels",
    "allocations",
    "runs",
];

fn milliseconds(seconds: f64) -> String {
    format!("{:.3}", seconds * 1e3)
}

/// Three digits, or four places.
fn short(number: f64) -> String {
    let places = if number >= 100.0 {
        0
    } else if number >= 0.1 {
        2
    } else {
        4
    };
    format!("{number:.places$}")
}
