//! Training curves of runs: what is drawn against the epochs. Why a scale of ratios for losses that fall far: their last epochs would lie on the axis.

use crate::report::{Axis, Panel, Point, Scale, Series};
use crate::training::{Diagnosis, EpochSummary, Moments, Summary};

/// Losses whose largest mean is so many times the smallest are drawn on a scale of ratios.
const FAR: f64 = 10.0;

/// The panels of statistics over seeds: the training loss, and the test accuracy, or the test loss where there are no classes. A line is the mean over seeds, the
/// band around it one standard deviation.
pub fn curves(all: &[&Summary]) -> Vec<Panel> {
    let summaries = || all.iter();
    let has_classes = summaries().any(|s| s.epochs.iter().any(|e| e.test_accuracy.is_some()));
    let lines = |of: &dyn Fn(&EpochSummary) -> Option<Moments>, factor: f64| -> Vec<Series> {
        let point = |row: &EpochSummary| {
            let moments = of(row);
            Point {
                x: row.epoch as f64,
                mean: moments.map_or(f64::NAN, |m| m.mean * factor),
                deviation: moments.and_then(|m| m.deviation).map(|d| d * factor),
            }
        };
        let line = |summary: &&Summary| Series {
            label: summary.label.clone(),
            points: summary.epochs.iter().map(point).collect(),
        };
        summaries().map(line).collect()
    };
    let losses = lines(&|row| Some(row.train_loss), 1.0);
    let second = if has_classes {
        let accuracies = lines(&|row| row.test_accuracy, 100.0);
        panel("test accuracy", "accuracy (%)", Scale::Linear, accuracies)
    } else {
        let losses = lines(&|row| Some(row.test_loss), 1.0);
        panel("test loss", "loss", scale(&losses), losses)
    };
    vec![
        panel("training loss", "loss", scale(&losses), losses),
        second,
    ]
}

/// A quantity of a block.
type Quantity = fn(&Diagnosis) -> Option<f64>;

/// The panels of diagnostics: trace, condition number of the damped block, distances of (6) and (7) from the exact block; a line a parameter. A panel of which
/// nothing is known is left out.
pub fn diagnostic_curves(rows: &[Diagnosis]) -> Vec<Panel> {
    let mut names: Vec<&str> = Vec::new();
    for row in rows {
        if !names.contains(&row.parameter.as_str()) {
            names.push(&row.parameter);
        }
    }
    let lines = |of: Quantity| -> Vec<Series> {
        let line = |name: &&str| Series {
            label: (*name).to_owned(),
            points: rows
                .iter()
                .filter(|row| row.parameter == **name)
                .map(|row| Point {
                    x: row.epoch as f64,
                    mean: of(row).unwrap_or(f64::NAN),
                    deviation: None,
                })
                .collect(),
        };
        names.iter().map(line).collect()
    };
    let quantities: [(&str, &str, Quantity); 4] = [
        ("trace", "trace", |row| row.trace),
        ("damped block", "condition number", |row| row.condition),
        ("(6) from exact", "relative distance", |row| {
            row.distances[0]
        }),
        ("(7) from exact", "relative distance", |row| {
            row.distances[1]
        }),
    ];
    let panels = quantities.into_iter().filter_map(|(title, name, of)| {
        let lines = lines(of);
        let mut points = lines.iter().flat_map(|line| &line.points);
        let is_known = points.any(|point| point.mean.is_finite());
        is_known.then(|| panel(title, name, scale(&lines), lines))
    });
    panels.collect()
}

fn scale(lines: &[Series]) -> Scale {
    let points = lines.iter().flat_map(|line| &line.points);
    let heights = points.map(|point| point.mean).filter(|h| h.is_finite());
    let (low, high) = heights.fold((f64::INFINITY, 0.0_f64), |(low, high), height| {
        (low.min(height), high.max(height))
    });
    if low > 0.0 && high > FAR * low {
        Scale::Logarithmic
    } else {
        Scale::Linear
    }
}

fn panel(title: &str, name: &str, scale: Scale, series: Vec<Series>) -> Panel {
    let axis = |name: &str, scale| Axis {
        name: name.to_owned(),
        scale,
    };
    Panel {
        title: title.to_owned(),
        x: axis("epoch", Scale::Whole),
        y: axis(name, scale),
        series,
    }
}
