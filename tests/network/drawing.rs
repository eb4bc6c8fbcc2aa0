//! Drawings of networks: the image shows what the graph in the language of Graphviz says, nothing lies upon anything else, and its size is no
//! matter.

use std::collections::BTreeMap;

use hbp::Rewriter;
use hbp::network::{Grouping, draw_network, draw_network_svg};
use proptest::prelude::*;

use super::tools::file;

const TIED: &str = include_str!("../../examples/tied_network.hbp");
const RESIDUAL: &str = include_str!("../../examples/residual_mlp.hbp");
const ALONE: &str = "network alone { input x: R[3]; loss sum(x) }";

/// An element of XML with its attributes, and the text that follows its start.
#[derive(Debug)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
}

impl Element {
    fn number(&self, attribute: &str) -> i64 {
        self.attributes[attribute].parse().unwrap()
    }

    fn is(&self, name: &str, class: &str) -> bool {
        let classes = self.attributes.get("class");
        self.name == name && classes.is_some_and(|all| all.split(' ').any(|one| one == class))
    }
}

/// Text with its entities replaced; a bare `&`, `<` or `>` is a fault.
fn text(escaped: &str) -> String {
    assert!(!escaped.contains(['<', '>']), "{escaped}");
    let mut parts = escaped.split('&');
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        let (entity, rest) = part.split_once(';').unwrap();
        plain.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "#39" => '\'',
            other => panic!("{other}"),
        });
        plain += rest;
    }
    plain
}

/// The elements of a document that is well formed: one root, every element ended, every attribute quoted and there once.
fn elements(document: &str) -> Vec<Element> {
    let (mut found, mut open): (Vec<Element>, Vec<String>) = (Vec::new(), Vec::new());
    let mut pieces = document.split('<');
    assert_eq!(pieces.next(), Some(""));
    for piece in pieces {
        let (tag, after) = piece.split_once('>').unwrap();
        if let Some(ended) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(ended));
            continue;
        }
        assert!(!open.is_empty() || found.is_empty(), "a second root");
        let (tag, is_ended) = tag
            .strip_suffix('/')
            .map_or((tag, false), |tag| (tag, true));
        let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut attributes = BTreeMap::new();
        while let Some((attribute, more)) = rest.trim_start().split_once("=\"") {
            let (value, more) = more.split_once('"').unwrap();
            let before = attributes.insert(attribute.to_owned(), text(value));
            assert_eq!(before, None, "{piece}");
            rest = more;
        }
        assert_eq!(rest.trim(), "", "{piece}");
        if !is_ended {
            open.push(name.to_owned());
        }
        found.push(Element {
            name: name.to_owned(),
            attributes,
            text: text(after),
        });
    }
    assert!(open.is_empty(), "{open:?}");
    found
}

/// Left, top, right, bottom.
type Area = (i64, i64, i64, i64);

fn area(element: &Element) -> Option<Area> {
    let kinds = ["data", "node", "frontier"];
    if kinds.iter().any(|kind| element.is("rect", kind)) {
        let (x, y) = (element.number("x"), element.number("y"));
        return Some((
            x,
            y,
            x + element.number("width"),
            y + element.number("height"),
        ));
    }
    if !element.is("polygon", "shared") {
        return None;
    }
    let numbers = element.attributes["points"].split([' ', ',']);
    let numbers: Vec<i64> = numbers.map(|n| n.parse().unwrap()).collect();
    let (xs, ys) = (numbers.iter().step_by(2), numbers.iter().skip(1).step_by(2));
    let (left, right) = (xs.clone().min(), xs.max());
    let (top, bottom) = (ys.clone().min(), ys.max());
    Some((
        *left.unwrap(),
        *top.unwrap(),
        *right.unwrap(),
        *bottom.unwrap(),
    ))
}

/// True when a line from one point to another, across or down, meets the inside of an area.
fn meets((left, top, right, bottom): Area, (x, y): (i64, i64), (u, v): (i64, i64)) -> bool {
    x.min(u) < right && x.max(u) > left && y.min(v) < bottom && y.max(v) > top
}

/// The straight pieces of a path, and its ends. A bend is taken for the corner it stays within.
fn pieces(path: &str) -> Vec<((i64, i64), (i64, i64))> {
    let mut words = path.split([' ', ',']);
    let mut at = (0, 0);
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        let mut number = || words.next().unwrap().parse::<i64>().unwrap();
        let to = match word {
            "M" => {
                at = (number(), number());
                continue;
            }
            "H" => (number(), at.1),
            "V" => (at.0, number()),
            "C" => {
                let _controls = [number(), number(), number(), number()];
                (number(), number())
            }
            other => panic!("{other}"),
        };
        found.push((at, to));
        at = to;
    }
    found
}

/// Draws a network both ways, and compares.
fn check(source: &str, grouping: &Grouping) -> (usize, usize) {
    let file = file(source);
    let name = file.networks()[0].clone();
    let draw = || draw_network_svg(&file, &name, grouping, Rewriter::embedded()).unwrap();
    let image = draw();
    assert_eq!(image, draw());
    let elements = elements(&image);
    assert_eq!(elements[0].name, "svg");
    let (width, height) = (elements[0].number("width"), elements[0].number("height"));
    let areas: Vec<Area> = elements.iter().filter_map(area).collect();
    let edges: Vec<&Element> = elements.iter().filter(|e| e.is("path", "edge")).collect();

    // The same boxes and edges, with the same words, as in DOT.
    let dot = draw_network(&file, &name, grouping, Rewriter::embedded()).unwrap();
    let lines = dot.lines().filter(|line| line.contains("label="));
    let (arrows, blocks): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.contains(" -> "));
    assert_eq!(
        (blocks.len(), arrows.len()),
        (areas.len(), edges.len()),
        "{dot}"
    );
    let words = |lines: &[&str]| -> Vec<String> {
        let label = |line: &&str| line.split("label=\"").nth(1).unwrap().to_owned();
        let labels = lines.iter().map(label);
        let labels: Vec<String> = labels
            .map(|l| l.trim_end_matches("\"];").to_owned())
            .collect();
        labels
            .iter()
            .flat_map(|l| l.split("\\n"))
            .map(str::to_owned)
            .collect()
    };
    let written = |is_label: bool| -> Vec<String> {
        let texts = elements
            .iter()
            .filter(|e| e.name == "text" && e.is("text", "label") == is_label);
        texts.map(|e| e.text.trim_end().to_owned()).collect()
    };
    assert_eq!(written(false), words(&blocks));
    assert_eq!(written(true), words(&arrows));
    for (edge, arrow) in edges.iter().zip(&arrows) {
        assert_eq!(
            edge.is("path", "dashed"),
            arrow.contains("dashed"),
            "{arrow}"
        );
        let both = edge.attributes.contains_key("marker-start");
        assert_eq!(both, arrow.contains("back:"), "{arrow}");
    }

    // Boxes lie inside, beside each other, and each edge runs between its own two boxes and through no other.
    for (k, a) in areas.iter().enumerate() {
        assert!(
            a.0 >= 0 && a.1 >= 0 && a.2 <= width && a.3 <= height,
            "{a:?}"
        );
        if areas.len() < 200 {
            let apart = |b: &Area| a.2 <= b.0 || b.2 <= a.0 || a.3 <= b.1 || b.3 <= a.1;
            assert!(areas[..k].iter().all(apart), "{a:?} {image}");
        }
    }
    let names: Vec<&str> = blocks
        .iter()
        .map(|line| line.split('"').nth(1).unwrap())
        .collect();
    for (edge, arrow) in edges.iter().zip(&arrows).take(400) {
        let block = |quoted: usize| {
            let name = arrow.split('"').nth(quoted).unwrap();
            areas[names.iter().position(|known| *known == name).unwrap()]
        };
        let (from, to) = (block(1), block(3));
        let pieces = pieces(&edge.attributes["d"]);
        let (start, end) = (pieces[0].0, pieces[pieces.len() - 1].1);
        assert!(
            start.0 == from.2 && (from.1..=from.3).contains(&start.1),
            "{arrow}"
        );
        assert!(end.0 == to.0 && (to.1..=to.3).contains(&end.1), "{arrow}");
        for (a, b) in pieces {
            assert!(
                !areas.iter().any(|area| meets(*area, a, b)),
                "{arrow} {image}"
            );
            assert!(a.1.max(b.1) < height && a.0.max(b.0) < width, "{arrow}");
        }
    }
    (areas.len(), edges.len())
}

#[test]
fn images_show_what_graphs_say() {
    assert_eq!(check(ALONE, &Grouping::Apart), (2, 1));
    assert_eq!(check(TIED, &Grouping::Apart), (7, 7));
    assert_eq!(check(RESIDUAL, &Grouping::Apart), (9, 10));
    let composed = check(TIED, &Grouping::ActivationAffine);
    assert_eq!(composed, (6, 6));
}

/// A chain of residual blocks; every tenth is read at the end, too.
#[test]
fn large_networks_are_drawn() {
    let mut source =
        "network large { input x: R[4]; target y: R[4]; s0 = linear[4](x)\n".to_owned();
    for k in 1..=1000 {
        let before = k - 1;
        source += &format!(
            "h{k} = linear[4](s{before})\n a{k} = tanh(h{k})\n s{k} = add(s{before}, a{k})\n"
        );
    }
    let early: Vec<String> = (0..100).map(|k| format!("s{}", 10 * k)).collect();
    source += &format!(
        "z = s1000 + {}\n loss square_loss(z, y) }}",
        early.join(" + ")
    );
    assert_eq!(check(&source, &Grouping::Apart), (3005, 4104));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// Each node reads one or two values above it; what nothing reads goes to the loss.
    #[test]
    fn random_networks_are_drawn(reads in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..3), 1..24)) {
        let mut values = vec!["x".to_owned()];
        let mut unread = values.clone();
        let mut weights: Vec<String> = Vec::new();
        let mut source = "network n { input x: R[2]\n".to_owned();
        for (k, (first, second, kind)) in reads.into_iter().enumerate() {
            let name = format!("v{k}");
            let (a, b) = (first.get(&values).clone(), second.get(&values).clone());
            unread.retain(|value| *value != a);
            source += &match kind {
                0 => {
                    let shared = if weights.is_empty() { None } else { Some(second.get(&weights)) };
                    let share = shared.map_or_else(String::new, |w| format!("; W = {w}.W"));
                    let line = format!("{name} = linear[2]({a}{share})\n");
                    if share.is_empty() {
                        weights.push(name.clone());
                    }
                    line
                }
                1 => format!("{name} = tanh({a})\n"),
                _ => {
                    unread.retain(|value| *value != b);
                    format!("{name} = add({a}, {b})\n")
                }
            };
            values.push(name.clone());
            unread.push(name);
        }
        source += &format!("loss sum({}) }}", unread.join(" + "));
        check(&source, &Grouping::Apart);
    }
}
