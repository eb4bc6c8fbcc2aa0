//! A drawing as an SVG image. Why beside DOT: a browser shows it, and no other program is needed.

use std::fmt::Write;

use super::columns::{LETTER, LINE, Layout, Placed, Route, Way, layout};
use super::draw::{Block, Drawing, Edge, Kind};

const HEAD: &str = r#"<style>
text { font: 12px monospace; text-anchor: middle; }
.label { text-anchor: end; fill: #444; }
rect, polygon { fill: #fff; stroke: #222; }
.data { fill: #e8f1fb; }
.shared { fill: #f0e8fb; }
.frontier { fill: #fdf1d8; }
.paper { stroke: none; }
path { fill: none; stroke: #666; }
marker path { fill: #666; stroke: none; }
.dashed { stroke-dasharray: 5 3; }
</style>
<defs>
<marker id="forward" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M 0 0 L 8 4 L 0 8 z"/></marker>
<marker id="back" viewBox="0 0 8 8" refX="0" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M 8 0 L 0 4 L 8 8 z"/></marker>
</defs>
"#;

/// The image. An edge along which something comes back has a head at both ends.
pub(crate) fn svg(drawing: &Drawing) -> String {
    let layout = layout(drawing);
    let Layout { width, height, .. } = layout;
    // A title that no drawing is too narrow for.
    let width = width.max(LETTER * 20);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>network {}</title>\n{HEAD}",
        escaped(&drawing.name)
    );
    let _ = writeln!(
        out,
        "<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>"
    );
    for (edge, route) in drawing.edges.iter().zip(&layout.routes) {
        line(&mut out, edge, route, drawing.boxes[edge.from].kind);
    }
    for (block, placed) in drawing.boxes.iter().zip(&layout.boxes) {
        shape(&mut out, block, placed);
    }
    out.push_str("</svg>\n");
    out
}

fn line(out: &mut String, edge: &Edge, route: &Route, from: Kind) {
    let ((x, y), (to_x, to_y)) = (route.start, route.end);
    let way = match route.kind {
        Way::Short { from, to } => {
            let middle = i64::midpoint(from, to);
            format!("H {from} C {middle} {y} {middle} {to_y} {to} {to_y}")
        }
        Way::Long { down, lane, up } => format!("H {down} V {lane} H {up} V {to_y}"),
    };
    let dashed = if from == Kind::Shared { " dashed" } else { "" };
    let back = if edge.comes_back {
        " marker-start=\"url(#back)\""
    } else {
        ""
    };
    let _ = writeln!(
        out,
        "<path class=\"edge{dashed}\" d=\"M {x} {y} {way} H {to_x}\" marker-end=\"url(#forward)\"{back}/>"
    );
    // What goes forward stands above the line, what comes back below.
    for (k, text) in edge.lines.iter().enumerate() {
        let below = if k == 0 { -4 } else { 12 };
        let (x, y, text) = (to_x - 10, to_y + below, escaped(text));
        let _ = writeln!(
            out,
            "<text class=\"label\" x=\"{x}\" y=\"{y}\">{text}</text>"
        );
    }
}

fn shape(out: &mut String, block: &Block, placed: &Placed) {
    let Placed {
        x,
        y,
        width,
        height,
    } = *placed;
    let (right, bottom, middle) = (x + width, y + height, x + width / 2);
    let rounded = |class: &str, radius: i64| {
        format!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{radius}\"/>"
        )
    };
    let form = match block.kind {
        Kind::Data => rounded("data", 20),
        Kind::Node => rounded("node", 2),
        Kind::Frontier => rounded("frontier", 2),
        Kind::Shared => {
            let (left, end, half) = (x + LETTER, right - LETTER, y + height / 2);
            format!(
                "<polygon class=\"shared\" points=\"{x},{half} {left},{y} {end},{y} {right},{half} {end},{bottom} {left},{bottom}\"/>"
            )
        }
    };
    let _ = writeln!(out, "{form}");
    let lines = i64::try_from(block.lines.len()).unwrap_or(0);
    let mut line_y = y + (height - lines * LINE) / 2 + LINE - 4;
    for text in &block.lines {
        let text = escaped(text);
        let _ = writeln!(out, "<text x=\"{middle}\" y=\"{line_y}\">{text}</text>");
        line_y += LINE;
    }
}

/// Text that no reader of XML takes for markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // No form of XML has these.
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_markup() {
        assert_eq!(
            escaped("a<b> & \"c'\"\u{1}"),
            "a&lt;b&gt; &amp; &quot;c&#39;&quot;\u{fffd}"
        );
        let drawing = Drawing {
            name: "</title>".into(),
            boxes: vec![Block {
                name: "x".into(),
                kind: Kind::Node,
                lines: vec!["<x>".into()],
            }],
            edges: Vec::new(),
        };
        let image = svg(&drawing);
        assert!(
            image.contains("network &lt;/title&gt;<") && image.contains(">&lt;x&gt;<"),
            "{image}"
        );
    }
}
