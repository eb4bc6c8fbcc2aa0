//! Expressions as text of the `.hbp` language, and in the notation of the rules. Why here: every floor explains
//! itself in expressions, and what is printed must read back as the same value.

use num_bigint::BigInt;
use num_traits::{One, Signed};

use super::form::{Argument, Denominator, Exponent, Form};
use super::layout::{
    Layout, Level, Notation, Piece, chain, congruence, dimension_level, measure, sum, write,
};
use super::reading::{Reader, is_half};
use super::{FunctionDefinition, Graph, Id, Names, Op, Rational};

/// Writes an expression in the `.hbp` language, with no more parentheses than its grammar and the eye need.
/// It reads back as the same value; sums, products of several factors and quotients may be built up in
/// another order.
///
/// The text of a graph with much sharing can be exponentially longer than the graph: ask [`printed_size`] first.
///
/// ```
/// use hbp::expr::{print, Dimension, Facts, Graph, Names, Op, Role, Shape, Variable};
/// let mut graph = Graph::default();
/// let n = Dimension::named("n");
/// let x = graph.declare("x", Variable { shape: Shape::vector(n), role: Role::Input, facts: Facts::default() });
/// let transposed = graph.node(Op::Transpose, &[x])?;
/// let square = graph.node(Op::Multiply, &[transposed, x])?;
/// assert_eq!(print(&graph, square, &Names::default()), "x'*x");
/// # Ok::<(), hbp::expr::ShapeError>(())
/// ```
pub fn print(graph: &Graph, id: Id, names: &Names) -> String {
    write::<Text>(&Reader::new(graph, id, names), id)
}

/// Like [`print()`], but the node's own name is not used at its root: the right side of `name = …`.
pub fn print_definition(graph: &Graph, id: Id, names: &Names) -> String {
    print(graph, id, &names.without(id))
}

/// The number of characters of [`print()`], found without printing; saturates.
pub fn printed_size(graph: &Graph, id: Id, names: &Names) -> u64 {
    measure::<Text>(&Reader::new(graph, id, names), id)
}

/// The number of characters that are no white space.
pub fn size(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

/// Writes an expression in the notation of the rules, `(mul (t W) x)`, without names.
pub fn print_sexpr(graph: &Graph, id: Id) -> String {
    enum Task {
        Node(Id),
        Close,
    }
    let mut out = String::new();
    let mut stack = vec![Task::Node(id)];
    while let Some(task) = stack.pop() {
        let Task::Node(id) = task else {
            out.push(')');
            continue;
        };
        if !out.is_empty() {
            out.push(' ');
        }
        let node = &graph[id];
        match &node.op {
            Op::Variable(name) => out.push_str(name),
            Op::Number(value) => out.push_str(&value.to_string()),
            Op::Dimension(d) => out.push_str(&d.to_string().replace(' ', "")),
            Op::Function(f) => out.push_str(&primed(&f.name, f.order)),
            op => {
                out.push('(');
                out.push_str(op.head().map_or("unknown", |(name, _)| name));
                stack.push(Task::Close);
                stack.extend(node.children.iter().rev().map(|c| Task::Node(*c)));
            }
        }
    }
    out
}

/// What a function of the user's that hides a built-in is called in expressions, before its own name.
pub(crate) const OWN: &str = "own.";

/// How a built-in that the file hides is written, before its name.
pub(crate) const BUILTIN: &str = "builtin.";

/// The name of a function as it is written where the graph's file defines it or hides it: the user's functions as the
/// user wrote them, a built-in that a definition hides with `builtin.` before it. A graph knows that a built-in is
/// hidden when it knows a function of that long name.
pub(crate) fn written_function(graph: &Graph, name: &str) -> String {
    if let Some(own) = name.strip_prefix(OWN) {
        return own.to_owned();
    }
    let hidden = format!("{BUILTIN}{name}");
    let own = graph.functions().get(name);
    let is_builtin = own.is_none_or(|f| *f == FunctionDefinition::Builtin);
    if is_builtin && graph.functions().contains_key(hidden.as_str()) {
        hidden
    } else {
        name.to_owned()
    }
}

pub(crate) fn primed(name: &str, order: u32) -> String {
    format!("{name}{}", "'".repeat(order as usize))
}

/// A number's text when it has a short finite decimal, as in 0.5 and 1e-5.
pub(crate) fn decimal(value: &Rational) -> Option<String> {
    const MOST_PLACES: usize = 4;
    const MOST_EXPONENT: u32 = 30;
    if value.is_integer() {
        return Some(value.to_string());
    }
    let ten = BigInt::from(10);
    let places =
        (1..=MOST_EXPONENT).find(|k| (value * Rational::from_integer(ten.pow(*k))).is_integer())?;
    let digits = (value * Rational::from_integer(ten.pow(places))).to_integer();
    let text = digits.abs().to_string();
    let places = places as usize;
    if places <= MOST_PLACES {
        let padded = format!("{text:0>width$}", width = places + 1);
        let (whole, rest) = padded.split_at(padded.len() - places);
        return Some(format!(
            "{}{whole}.{rest}",
            if value.is_negative() { "-" } else { "" }
        ));
    }
    (text.len() == 1 && !value.is_negative()).then(|| format!("{text}e-{places}"))
}

/// The `.hbp` language.
struct Text;

impl Notation for Text {
    const OPEN: &'static str = "(";
    const CLOSE: &'static str = ")";

    fn layout(reader: &Reader<'_>, id: Id) -> Layout {
        match reader.form(id) {
            Form::Name(name) => atom(vec![Piece::owned(name.to_string())]),
            Form::Size(d, true) => {
                let [sum, ones] = ["sum", "ones"].map(|f| written_function(reader.graph, f));
                atom(vec![Piece::owned(format!("{sum}({ones}({d}))"))])
            }
            Form::Size(d, false) => Layout {
                level: dimension_level(&d),
                pieces: vec![Piece::owned(d.to_string())],
            },
            Form::Sum(terms) => sum(&terms),
            Form::Product {
                coefficient,
                factors,
                denominators,
            } => product(reader, id, &coefficient, &factors, &denominators),
            Form::Hadamard {
                factors,
                denominators,
            } => hadamard(reader, id, &factors, &denominators),
            Form::Kronecker(factors) => chain(reader, id, &factors, " ⊗ "),
            Form::Power { base, exponent } => match exponent {
                Exponent::Number(value) => power(reader, base, &value),
                Exponent::Value(value) => Layout {
                    level: Level::Power,
                    pieces: vec![
                        Piece::signed(base, Level::Postfix),
                        Piece::text(caret(reader, base)),
                        Piece::signed(value, Level::Postfix),
                    ],
                },
            },
            Form::Transpose(child) => Layout {
                level: Level::Postfix,
                pieces: vec![Piece::unsigned(child, Level::Postfix), Piece::text("'")],
            },
            Form::Congruence { jacobian, middle } => {
                congruence(reader, jacobian, middle, ("'", Level::Postfix), "*")
            }
            Form::Function(f) => {
                let name = written_function(reader.graph, &f.name);
                atom(vec![Piece::owned(primed(&name, f.order))])
            }
            Form::Apply(f, argument) => {
                let name = written_function(reader.graph, &f.name);
                call(primed(&name, f.order), &[Argument::Value(argument)])
            }
            Form::Call(name, arguments) => call(written_function(reader.graph, name), &arguments),
        }
    }
}

fn atom(pieces: Vec<Piece>) -> Layout {
    Layout {
        level: Level::Atom,
        pieces,
    }
}

fn call(name: String, arguments: &[Argument]) -> Layout {
    let mut pieces = vec![Piece::owned(name), Piece::text("(")];
    for (i, argument) in arguments.iter().enumerate() {
        if i > 0 {
            pieces.push(Piece::text(", "));
        }
        pieces.push(match argument {
            Argument::Value(id) => Piece::signed(*id, Level::Sum),
            Argument::Size(d) => Piece::owned(d.to_string()),
        });
    }
    pieces.push(Piece::text(")"));
    atom(pieces)
}

fn product(
    reader: &Reader<'_>,
    id: Id,
    coefficient: &Rational,
    factors: &[Id],
    denominators: &[Denominator],
) -> Layout {
    let (above, below) = match decimal(coefficient) {
        Some(text) => (text, None),
        None => (
            coefficient.numer().to_string(),
            Some(coefficient.denom().to_string()),
        ),
    };
    let mut pieces = Vec::new();
    let mut level = Level::Product;
    if above != "1" || factors.is_empty() {
        pieces.push(Piece::owned(above));
        if factors.is_empty() {
            level = Level::Atom;
        } else {
            pieces.push(Piece::text("*"));
        }
    } else if let [only] = factors
        && below.is_none()
        && denominators.is_empty()
    {
        let level = if reader.continues(id, *only) {
            Level::Product
        } else {
            Text::layout(reader, *only).level
        };
        return Layout {
            level,
            pieces: vec![Piece::unsigned(*only, Level::Sum)],
        };
    }
    pieces.extend(chain(reader, id, factors, "*").pieces);
    let n_below = usize::from(below.is_some()) + denominators.len();
    if n_below == 0 {
        return Layout { level, pieces };
    }
    let bare_number = factors.is_empty() && denominators.is_empty();
    pieces.push(Piece::text(if bare_number { "/" } else { " / " }));
    divide(reader, below, denominators, "*", &mut pieces);
    Layout {
        level: Level::Product,
        pieces,
    }
}

fn hadamard(reader: &Reader<'_>, id: Id, factors: &[Id], denominators: &[Denominator]) -> Layout {
    let mut pieces = chain(reader, id, factors, " .* ").pieces;
    if factors.is_empty() {
        pieces.push(Piece::text("1"));
    }
    if !denominators.is_empty() {
        pieces.push(Piece::text(" ./ "));
        divide(reader, None, denominators, " .* ", &mut pieces);
    }
    Layout {
        level: Level::Product,
        pieces,
    }
}

/// Writes what stands below a fraction bar.
fn divide(
    reader: &Reader<'_>,
    number: Option<String>,
    denominators: &[Denominator],
    separator: &'static str,
    pieces: &mut Vec<Piece>,
) {
    let several = usize::from(number.is_some()) + denominators.len() > 1;
    if several {
        pieces.push(Piece::text("("));
    }
    let mut first = number.is_none();
    pieces.extend(number.map(Piece::owned));
    for below in denominators {
        if !std::mem::take(&mut first) {
            pieces.push(Piece::text(separator));
        }
        if below.exponent.is_one() {
            pieces.push(Piece::signed(below.base, Level::Power));
        } else {
            pieces.extend(power(reader, below.base, &below.exponent).pieces);
        }
    }
    if several {
        pieces.push(Piece::text(")"));
    }
}

fn caret(reader: &Reader<'_>, base: Id) -> &'static str {
    if reader.graph.shape(base).is_scalar() {
        "^"
    } else {
        ".^"
    }
}

/// A power with a positive number as its exponent.
fn power(reader: &Reader<'_>, base: Id, exponent: &Rational) -> Layout {
    if is_half(exponent) {
        let name = written_function(reader.graph, "sqrt");
        return call(name, &[Argument::Value(base)]);
    }
    let text = decimal(exponent).unwrap_or_else(|| format!("({exponent})"));
    let pieces = vec![
        Piece::signed(base, Level::Postfix),
        Piece::text(caret(reader, base)),
        Piece::owned(text),
    ];
    Layout {
        level: Level::Power,
        pieces,
    }
}
