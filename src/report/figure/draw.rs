//! Charts as SVG. Why attributes and no style sheet: every viewer and every program for figures reads them.

use svg::node::Node;
use svg::node::element::{
    Circle, ClipPath, Definitions, Element, Group, Line, Path, Rectangle, Title,
};

use super::layout::{Chart, Entry, GAP, LARGE, Layout, NORMAL, SAMPLE, SMALL, TICK, layout};
use super::letters::FAMILY;
use super::style::{Style, style};
use super::{Figure, Panel, Point, Series};

const INK: &str = "#222222";
const GRID: &str = "#e4e4e4";
const STROKE: f64 = 1.8;
const BAND: &str = "0.18";

pub(super) fn figure(panels: &[Panel]) -> Figure {
    let layout = layout(panels);
    let mut sheet = Sheet::default();
    let title = panels.iter().map(|panel| panel.title.as_str());
    let title = title.collect::<Vec<_>>().join("; ");
    let mut root = Element::new("svg");
    root.assign("xmlns", "http://www.w3.org/2000/svg");
    root.assign("width", number(layout.width));
    root.assign("height", number(layout.height));
    root.assign(
        "viewBox",
        format!("0 0 {} {}", number(layout.width), number(layout.height)),
    );
    root.assign("role", "img");
    root.assign("font-family", format!("{FAMILY}, Verdana, sans-serif"));
    root.assign("fill", INK);
    root.append(Title::new(readable(&title)));
    root.append(
        Rectangle::new()
            .set("width", number(layout.width))
            .set("height", number(layout.height))
            .set("fill", "#ffffff"),
    );
    for (place, chart) in layout.charts.iter().enumerate() {
        root.append(sheet.chart(place, chart, &layout));
    }
    for (place, entry) in layout.legend.iter().enumerate() {
        root.append(sheet.entry(entry, style(place)));
    }
    Figure {
        svg: format!("{root}\n"),
        text: sheet.text,
    }
}

/// What has been written so far, which the font is asked about.
#[derive(Default)]
struct Sheet {
    text: String,
}

impl Sheet {
    fn chart(&mut self, place: usize, chart: &Chart<'_>, layout: &Layout<'_>) -> Group {
        let (left, top) = (chart.left, chart.top);
        let (right, bottom) = (left + chart.width, top + chart.height);
        let clip = format!("chart-{}", place + 1);
        let frame = Rectangle::new()
            .set("x", number(left))
            .set("y", number(top))
            .set("width", number(chart.width))
            .set("height", number(chart.height));
        let mut grid = Group::new().set("stroke", GRID);
        let mut ticks = Group::new().set("stroke", INK);
        let mut labels = Group::new().set("font-size", SMALL);
        for tick in &chart.x_ticks {
            let Some(share) = chart.x.place(tick.value) else {
                continue;
            };
            let x = left + share * chart.width;
            let length = length(tick.label.is_some());
            ticks = ticks.add(line((x, bottom), (x, bottom + length)));
            if let Some(label) = &tick.label {
                grid = grid.add(line((x, top), (x, bottom)));
                let below = bottom + TICK + GAP / 2.0 + SMALL;
                labels = labels.add(self.words(label, (x, below), "middle"));
            }
        }
        for tick in &chart.y_ticks {
            let Some(share) = chart.y.place(tick.value) else {
                continue;
            };
            let y = bottom - share * chart.height;
            let length = length(tick.label.is_some());
            ticks = ticks.add(line((left, y), (left - length, y)));
            if let Some(label) = &tick.label {
                grid = grid.add(line((left, y), (right, y)));
                // A digit is about seven tenths of its size high.
                let beside = (left - TICK - GAP / 2.0, y + SMALL * 0.36);
                labels = labels.add(self.words(label, beside, "end"));
            }
        }
        let mut lines = Group::new()
            .set("clip-path", format!("url(#{clip})"))
            .set("stroke-linejoin", "round");
        let styles = |series: &Series| {
            let same = |entry: &Entry<'_>| entry.label == series.label;
            style(layout.legend.iter().position(same).unwrap_or(0))
        };
        // All bands first: none covers a line.
        for series in &chart.panel.series {
            lines = bands(lines, chart, series, styles(series));
        }
        for series in &chart.panel.series {
            lines = curves(lines, chart, series, styles(series));
        }
        let axes = ticks
            .add(line((left, top), (left, bottom)))
            .add(line((left, bottom), (right, bottom)));
        let middle = left + chart.width / 2.0;
        let name = (chart.name, top + chart.height / 2.0);
        let mut all = Group::new()
            .add(Definitions::new().add(ClipPath::new().set("id", clip).add(frame)))
            .add(grid)
            .add(lines)
            .add(axes)
            .add(labels);
        let below = bottom + TICK + SMALL + GAP + NORMAL + GAP / 2.0;
        all = all
            .add(
                self.words(&chart.panel.title, (middle, top - 1.5 * GAP), "middle")
                    .set("font-size", LARGE),
            )
            .add(
                self.words(&chart.panel.x.name, (middle, below), "middle")
                    .set("font-size", NORMAL),
            )
            .add(
                self.words(
                    &chart.panel.y.name,
                    (name.0 + NORMAL * 0.36, name.1),
                    "middle",
                )
                .set("font-size", NORMAL)
                .set(
                    "transform",
                    format!(
                        "rotate(-90 {} {})",
                        number(name.0 + NORMAL * 0.36),
                        number(name.1)
                    ),
                ),
            );
        let is_seen = |point: &Point| placed(chart, point.x, point.mean).is_some();
        if !chart
            .panel
            .series
            .iter()
            .any(|s| s.points.iter().any(is_seen))
        {
            all = all.add(
                self.words("no finite values", (middle, name.1), "middle")
                    .set("font-size", NORMAL),
            );
        }
        all
    }

    fn entry(&mut self, entry: &Entry<'_>, style: Style) -> Group {
        let mut group = Group::new();
        if entry.has_band {
            group = group.add(
                Rectangle::new()
                    .set("x", number(entry.x))
                    .set("y", number(entry.y - 6.0))
                    .set("width", number(SAMPLE))
                    .set("height", "12")
                    .set("fill", style.colour)
                    .set("fill-opacity", BAND),
            );
        }
        let sample = line((entry.x, entry.y), (entry.x + SAMPLE, entry.y));
        let beside = (entry.x + SAMPLE + GAP, entry.y + NORMAL * 0.36);
        group
            .add(
                sample
                    .set("stroke", style.colour)
                    .set("stroke-width", STROKE)
                    .set("stroke-dasharray", style.dashes),
            )
            .add(
                self.words(entry.label, beside, "start")
                    .set("font-size", NORMAL),
            )
    }

    fn words(&mut self, text: &str, (x, y): (f64, f64), anchor: &str) -> Words {
        let text = readable(text);
        self.text.push_str(&text);
        Words::new(text)
            .set("x", number(x))
            .set("y", number(y))
            .set("text-anchor", anchor)
    }
}

type Words = svg::node::element::Text;

fn length(has_label: bool) -> f64 {
    if has_label { TICK } else { TICK * 0.6 }
}

/// Where a point is, in pixels.
fn placed(chart: &Chart<'_>, x: f64, y: f64) -> Option<(f64, f64)> {
    let (x, y) = (chart.x.place(x)?, chart.y.place(y)?);
    Some((
        chart.left + x * chart.width,
        // Far outside is as good as outside, and has fewer digits.
        chart.top + (1.0 - y.clamp(-1.0, 2.0)) * chart.height,
    ))
}

/// The lines between gaps; a point between two gaps is a dot.
fn curves(mut group: Group, chart: &Chart<'_>, series: &Series, style: Style) -> Group {
    let at = |point: &Point| placed(chart, point.x, point.mean);
    for run in series.points.split(|point| at(point).is_none()) {
        let places: Vec<(f64, f64)> = run.iter().filter_map(at).collect();
        match places[..] {
            [] => {}
            [(x, y)] => {
                let dot = Circle::new()
                    .set("cx", number(x))
                    .set("cy", number(y))
                    .set("r", 2.5)
                    .set("fill", style.colour);
                group = group.add(dot);
            }
            _ => {
                let curve = Path::new()
                    .set("d", path(&places))
                    .set("fill", "none")
                    .set("stroke", style.colour)
                    .set("stroke-width", STROKE)
                    .set("stroke-dasharray", style.dashes);
                group = group.add(curve);
            }
        }
    }
    group
}

/// The bands of one standard deviation up and down.
fn bands(mut group: Group, chart: &Chart<'_>, series: &Series, style: Style) -> Group {
    let ends = |point: &Point| {
        let deviation = point.deviation.filter(|d| d.is_finite())?;
        let (x, _) = placed(chart, point.x, point.mean)?;
        let high = placed(chart, point.x, point.mean + deviation)?;
        // On a scale of ratios a band may reach below all heights.
        let low = placed(chart, point.x, point.mean - deviation);
        let low = low.unwrap_or((x, chart.top + 2.0 * chart.height));
        Some((high, low))
    };
    for run in series.points.split(|point| ends(point).is_none()) {
        let (mut outline, lows): (Vec<_>, Vec<_>) = run.iter().filter_map(ends).unzip();
        if outline.len() < 2 {
            continue;
        }
        outline.extend(lows.into_iter().rev());
        let band = Path::new()
            .set("d", format!("{} Z", path(&outline)))
            .set("fill", style.colour)
            .set("fill-opacity", BAND);
        group = group.add(band);
    }
    group
}

fn path(places: &[(f64, f64)]) -> String {
    let mut text = String::new();
    for (place, (x, y)) in places.iter().enumerate() {
        text.push_str(if place == 0 { "M" } else { " L" });
        text.extend([number(*x), " ".to_owned(), number(*y)]);
    }
    text
}

fn line((x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> Line {
    Line::new()
        .set("x1", number(x1))
        .set("y1", number(y1))
        .set("x2", number(x2))
        .set("y2", number(y2))
}

/// A hundredth of a pixel is seen by nobody.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0" } else { text }.to_owned()
}

/// Without what XML has no way to write.
fn readable(text: &str) -> String {
    let is_written = |c: char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars()
        .map(|c| if is_written(c) { c } else { ' ' })
        .collect()
}
