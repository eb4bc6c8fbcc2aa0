//! Where everything stands. Why before drawing: the widest label of an axis decides where its chart begins.

use super::letters::width;
use super::ticks::{Ruler, Tick};
use super::{Panel, Scale};

/// Sizes of letters.
pub(super) const SMALL: f64 = 11.0;
pub(super) const NORMAL: f64 = 12.0;
pub(super) const LARGE: f64 = 13.5;

/// The length of a tick, and between things.
pub(super) const TICK: f64 = 5.0;
pub(super) const GAP: f64 = 6.0;
const BORDER: f64 = 14.0;

/// The sample of a line in the legend.
pub(super) const SAMPLE: f64 = 34.0;
const ROW: f64 = 20.0;
const BETWEEN: f64 = 20.0;

/// A chart's place and axes.
pub(super) struct Chart<'a> {
    pub(super) panel: &'a Panel,
    pub(super) x: Ruler,
    pub(super) y: Ruler,
    pub(super) x_ticks: Vec<Tick>,
    pub(super) y_ticks: Vec<Tick>,
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    /// Where the middle of the vertical axis' name is.
    pub(super) name: f64,
}

/// A line of the legend.
pub(super) struct Entry<'a> {
    pub(super) label: &'a str,
    pub(super) has_band: bool,
    pub(super) x: f64,
    pub(super) y: f64,
}

/// The whole drawing.
pub(super) struct Layout<'a> {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) charts: Vec<Chart<'a>>,
    pub(super) legend: Vec<Entry<'a>>,
}

pub(super) fn layout(panels: &[Panel]) -> Layout<'_> {
    let (inner_width, inner_height) = if panels.len() > 1 {
        (320.0, 230.0)
    } else {
        (440.0, 290.0)
    };
    let top = BORDER + LARGE + 2.0 * GAP;
    let mut right = BORDER;
    let mut charts = Vec::new();
    for panel in panels {
        let chart = chart(panel, right, top, (inner_width, inner_height));
        // The last label of the horizontal axis may stand over its end.
        right = chart.left + inner_width + BORDER + GAP;
        charts.push(chart);
    }
    let below = top + inner_height + TICK + GAP + SMALL + GAP + NORMAL + 2.0 * GAP;
    let mut legend = entries(panels);
    let cells: Vec<f64> = legend.iter().map(cell).collect();
    let widest = cells.iter().copied().fold(0.0, f64::max);
    let total = right.max(widest + 2.0 * BORDER).ceil();
    let widths = columns(&cells, total - 2.0 * BORDER + BETWEEN);
    let rows = legend.len().div_ceil(widths.len().max(1));
    let begin = f64::midpoint(total - widths.iter().sum::<f64>(), BETWEEN);
    for (place, entry) in legend.iter_mut().enumerate() {
        let (row, column) = (place / widths.len(), place % widths.len());
        entry.x = begin + widths[..column].iter().sum::<f64>();
        entry.y = below + (row as f64 + 0.5) * ROW;
    }
    Layout {
        width: total,
        height: (below + rows as f64 * ROW + GAP).ceil(),
        charts,
        legend,
    }
}

/// The room that a line of the legend takes, and some between two; another font may be a little wider.
fn cell(entry: &Entry<'_>) -> f64 {
    SAMPLE + GAP + width(entry.label) * NORMAL * 1.05 + BETWEEN
}

/// The widths of as few rows' columns as there is room for; one column where there is no room for two.
fn columns(cells: &[f64], room: f64) -> Vec<f64> {
    for rows in 1..=cells.len() {
        let count = cells.len().div_ceil(rows);
        let mut widths = vec![0.0_f64; count];
        for (place, cell) in cells.iter().enumerate() {
            widths[place % count] = widths[place % count].max(*cell);
        }
        if count == 1 || widths.iter().sum::<f64>() <= room {
            return widths;
        }
    }
    Vec::new()
}

fn chart(panel: &Panel, begin: f64, top: f64, (width_, height): (f64, f64)) -> Chart<'_> {
    let points = || panel.series.iter().flat_map(|series| &series.points);
    let is_log = panel.y.scale == Scale::Logarithmic;
    let heights = points().flat_map(|point| {
        let deviation = point.deviation.unwrap_or(0.0);
        let low = point.mean - deviation;
        // On a scale of ratios, a band that nearly reaches zero would take all the room.
        let low = if is_log {
            low.max(point.mean / 3.0)
        } else {
            low
        };
        [point.mean, low, point.mean + deviation]
    });
    // Where a line has a gap, the axis need not go.
    let drawn = points().filter(|point| point.mean.is_finite());
    let x = Ruler::new(panel.x.scale, drawn.map(|point| point.x), 0.0);
    let y = Ruler::new(panel.y.scale, heights, 0.04);
    let (x_ticks, y_ticks) = (x.ticks(), y.ticks());
    let labels = y_ticks.iter().filter_map(|tick| tick.label.as_deref());
    let widest = labels.map(width).fold(0.0, f64::max) * SMALL;
    Chart {
        left: (begin + NORMAL + GAP + widest + GAP + TICK).round(),
        name: begin + NORMAL / 2.0,
        panel,
        x,
        y,
        x_ticks,
        y_ticks,
        top,
        width: width_,
        height,
    }
}

/// The names of lines in the order in which they appear.
fn entries(panels: &[Panel]) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for series in panels.iter().flat_map(|panel| &panel.series) {
        let has_band = series.points.iter().any(|point| point.deviation.is_some());
        match entries.iter_mut().find(|entry| entry.label == series.label) {
            Some(entry) => entry.has_band |= has_band,
            None => entries.push(Entry {
                label: &series.label,
                has_band,
                x: 0.0,
                y: 0.0,
            }),
        }
    }
    entries
}
