//! Writing by pieces. Why: expressions are graphs of any depth, so each node is laid out once with holes for
//! its operands, and one loop, without recursion, fills the holes or adds up their sizes.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::form::Form;
use super::reading::Reader;
use super::{Dimension, Id, Op};

/// How tightly an expression holds together, loosest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Sum,
    Product,
    Minus,
    Power,
    Postfix,
    Atom,
}

/// A part of a node's text.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Text(Cow<'static, str>),
    /// An operand: parenthesised below the level `least`; with its sign, or without.
    Hole {
        id: Id,
        least: Level,
        signed: bool,
    },
}

impl Piece {
    pub(crate) fn text(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    pub(crate) fn owned(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }

    pub(crate) fn signed(id: Id, least: Level) -> Self {
        Self::Hole {
            id,
            least,
            signed: true,
        }
    }

    pub(crate) fn unsigned(id: Id, least: Level) -> Self {
        Self::Hole {
            id,
            least,
            signed: false,
        }
    }
}

/// A node's text up to its sign.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) level: Level,
    pub(crate) pieces: Vec<Piece>,
}

/// A notation: what it writes for a node, and its parentheses.
pub(crate) trait Notation {
    const OPEN: &'static str;
    const CLOSE: &'static str;
    fn layout(reader: &Reader<'_>, id: Id) -> Layout;
}

/// What stands on the stack of the writer.
enum Task {
    Text(Cow<'static, str>),
    Hole { id: Id, least: Level, signed: bool },
}

/// Writes the node `root`.
pub(crate) fn write<N: Notation>(reader: &Reader<'_>, root: Id) -> String {
    let mut out = String::new();
    let mut stack = vec![Task::Hole {
        id: root,
        least: Level::Sum,
        signed: true,
    }];
    while let Some(task) = stack.pop() {
        match task {
            Task::Text(text) => out.push_str(&text),
            Task::Hole { id, least, signed } => {
                let layout = N::layout(reader, id);
                let marks = marks(reader, id, layout.level, least, signed);
                if marks.outside {
                    out.push_str(N::OPEN);
                    stack.push(Task::Text(N::CLOSE.into()));
                }
                if marks.minus {
                    out.push('-');
                }
                if marks.inside {
                    out.push_str(N::OPEN);
                    stack.push(Task::Text(N::CLOSE.into()));
                }
                stack.extend(layout.pieces.into_iter().rev().map(|piece| match piece {
                    Piece::Text(text) => Task::Text(text),
                    Piece::Hole { id, least, signed } => Task::Hole { id, least, signed },
                }));
            }
        }
    }
    out
}

/// The number of characters [`write`] would make, without making them.
pub(crate) fn measure<N: Notation>(reader: &Reader<'_>, root: Id) -> u64 {
    let mut layouts: BTreeMap<Id, Layout> = BTreeMap::new();
    let mut stack = vec![root];
    while let Some(id) = stack.pop() {
        if layouts.contains_key(&id) {
            continue;
        }
        let layout = N::layout(reader, id);
        stack.extend(layout.pieces.iter().filter_map(|piece| match piece {
            Piece::Hole { id, .. } => Some(*id),
            Piece::Text(_) => None,
        }));
        layouts.insert(id, layout);
    }
    let around = length(N::OPEN).saturating_add(length(N::CLOSE));
    let decorated = |id: Id, least, signed, size: u64| {
        let marks = marks(reader, id, layouts[&id].level, least, signed);
        let pairs = u64::from(marks.outside) + u64::from(marks.inside);
        size.saturating_add(pairs * around)
            .saturating_add(marks.minus.into())
    };
    let mut sizes: HashMap<Id, u64> = HashMap::new();
    // Operands have smaller ids than the node they are written in.
    for (id, layout) in &layouts {
        let size = layout.pieces.iter().fold(0u64, |sum, piece| match piece {
            Piece::Text(text) => sum.saturating_add(length(text)),
            Piece::Hole { id, least, signed } => {
                sum.saturating_add(decorated(*id, *least, *signed, sizes[id]))
            }
        });
        sizes.insert(*id, size);
    }
    decorated(root, Level::Sum, true, sizes[&root])
}

fn length(text: &str) -> u64 {
    text.chars().count() as u64
}

/// What is written around a node's own text.
struct Marks {
    /// `(-a)`
    outside: bool,
    minus: bool,
    /// `-(a + b)`
    inside: bool,
}

fn marks(reader: &Reader<'_>, id: Id, level: Level, least: Level, signed: bool) -> Marks {
    let minus = signed && reader.is_negative(id);
    let inside = minus && level == Level::Sum;
    let level = match (minus, inside) {
        (false, _) => level,
        (true, false) => level.min(Level::Minus),
        (true, true) => Level::Minus,
    };
    Marks {
        outside: level < least,
        minus,
        inside,
    }
}

/// Terms with their signs.
pub(crate) fn sum(terms: &[(bool, Id)]) -> Layout {
    let mut pieces = Vec::new();
    for (i, (negative, id)) in terms.iter().enumerate() {
        match (i, negative) {
            (0, false) => {}
            (0, true) => pieces.push(Piece::text("-")),
            (_, false) => pieces.push(Piece::text(" + ")),
            (_, true) => pieces.push(Piece::text(" - ")),
        }
        pieces.push(Piece::unsigned(*id, Level::Product));
    }
    Layout {
        level: Level::Sum,
        pieces,
    }
}

/// The operands of the chain at `parent`; the first may be the beginning of the same chain.
pub(crate) fn chain(
    reader: &Reader<'_>,
    parent: Id,
    factors: &[Id],
    separator: &'static str,
) -> Layout {
    let mut pieces = Vec::new();
    for (i, id) in factors.iter().enumerate() {
        if i > 0 {
            pieces.push(Piece::text(separator));
        }
        let continues =
            i == 0 && reader.continues(parent, *id) || reader.is_palindrome(parent, *id);
        pieces.push(Piece::unsigned(
            *id,
            if continues {
                Level::Product
            } else {
                Level::Minus
            },
        ));
    }
    Layout {
        level: Level::Product,
        pieces,
    }
}

/// J'HJ, read as the symmetric thing it is: J is parenthesised when it is a product itself. `transpose` is the
/// mark and the level its base needs. What stands in the middle as a plain product continues the chain.
pub(crate) fn congruence(
    reader: &Reader<'_>,
    jacobian: Id,
    middle: Option<Id>,
    transpose: (&'static str, Level),
    separator: &'static str,
) -> Layout {
    let mut pieces = Vec::new();
    match reader.form(jacobian) {
        Form::Transpose(inner) => pieces.push(Piece::unsigned(inner, Level::Minus)),
        _ if matches!(reader.graph[jacobian].op, Op::Diag | Op::Eye) => {
            pieces.push(Piece::unsigned(jacobian, Level::Minus));
        }
        _ => {
            pieces.push(Piece::unsigned(jacobian, transpose.1));
            pieces.push(Piece::text(transpose.0));
        }
    }
    if let Some(middle) = middle {
        let least = if reader.is_plain_product(middle) {
            Level::Product
        } else {
            Level::Minus
        };
        pieces.push(Piece::text(separator));
        pieces.push(Piece::unsigned(middle, least));
    }
    pieces.push(Piece::text(separator));
    pieces.push(Piece::unsigned(jacobian, Level::Minus));
    Layout {
        level: Level::Product,
        pieces,
    }
}

/// The level of a dimension's own text.
pub(crate) fn dimension_level(d: &Dimension) -> Level {
    if d.is_sum() {
        Level::Sum
    } else if d.as_constant().is_some() || d.as_name().is_some() {
        Level::Atom
    } else {
        Level::Product
    }
}
