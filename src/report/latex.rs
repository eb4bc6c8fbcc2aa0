//! Expressions as LaTeX. Why apart from the text: the reading of a node is shared, only symbols differ here,
//! as in `\otimes`, `\odot`, fractions and Greek letters.

use num_traits::One;

use super::latex_names::{latex_function, latex_name};
use crate::expr::form::{Argument, Denominator, Exponent, Form};
use crate::expr::layout::{
    Layout, Level, Notation, Piece, chain, congruence, dimension_level, sum, write,
};
use crate::expr::reading::{Reader, is_half};
use crate::expr::{Dimension, Function, Graph, Id, Names, Op, Rational, written_function};

/// Writes an expression in LaTeX's math mode; braces and `\left … \right` balance.
///
/// As for [`print`](crate::expr::print), ask [`printed_size`](crate::expr::printed_size) first.
pub fn latex(graph: &Graph, id: Id, names: &Names) -> String {
    write::<Latex>(&Reader::new(graph, id, names), id)
}

/// A shape, as in `\mathbb{R}^{m \times n}`.
pub(crate) fn latex_shape(shape: &crate::expr::Shape) -> String {
    if shape.is_scalar() {
        r"\mathbb{R}".into()
    } else if shape.is_column() {
        format!(r"\mathbb{{R}}^{{{}}}", dimension(&shape.rows))
    } else {
        format!(
            r"\mathbb{{R}}^{{{} \times {}}}",
            dimension(&shape.rows),
            dimension(&shape.cols)
        )
    }
}

fn function(graph: &Graph, f: &Function) -> String {
    let name = latex_function(&written_function(graph, &f.name));
    format!("{name}{}", "'".repeat(f.order as usize))
}

fn dimension(d: &Dimension) -> String {
    let factor = |text: &str| {
        if text.parse::<u64>().is_ok() {
            text.into()
        } else {
            latex_name(text)
        }
    };
    let term = |text: &str| {
        text.split('*')
            .map(factor)
            .collect::<Vec<String>>()
            .join(" ")
    };
    d.to_string()
        .split(" + ")
        .map(term)
        .collect::<Vec<_>>()
        .join(" + ")
}

fn number(value: &Rational) -> String {
    if value.is_integer() {
        value.to_string()
    } else {
        format!(r"\frac{{{}}}{{{}}}", value.numer(), value.denom())
    }
}

struct Latex;

impl Notation for Latex {
    const OPEN: &'static str = r"\left(";
    const CLOSE: &'static str = r"\right)";

    fn layout(reader: &Reader<'_>, id: Id) -> Layout {
        match reader.form(id) {
            Form::Name(name) => {
                // δz and ℋz are two letters: a superscript must not seem to belong to the second alone.
                let level = if name.contains('(') {
                    Level::Power
                } else {
                    Level::Atom
                };
                Layout {
                    level,
                    pieces: vec![Piece::owned(latex_name(&name))],
                }
            }
            Form::Size(d, _) => Layout {
                level: dimension_level(&d),
                pieces: vec![Piece::owned(dimension(&d))],
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
            Form::Kronecker(factors) => chain(reader, id, &factors, r" \otimes "),
            Form::Power { base, exponent } => match exponent {
                Exponent::Number(value) => power(reader, base, &value),
                Exponent::Value(value) => raised(reader, base, Piece::signed(value, Level::Sum)),
            },
            Form::Transpose(child) => Layout {
                level: Level::Postfix,
                pieces: vec![Piece::unsigned(child, Level::Atom), Piece::text(r"^\top")],
            },
            Form::Congruence { jacobian, middle } => {
                congruence(reader, jacobian, middle, (r"^\top", Level::Atom), r" \, ")
            }
            Form::Function(f) => atom(vec![Piece::owned(function(reader.graph, &f))]),
            Form::Apply(f, argument) => {
                call(&function(reader.graph, &f), &[Argument::Value(argument)])
            }
            Form::Call(name, arguments) => named_call(reader.graph, id, name, &arguments),
        }
    }
}

fn atom(pieces: Vec<Piece>) -> Layout {
    Layout {
        level: Level::Atom,
        pieces,
    }
}

fn enclosed(before: &str, arguments: &[Argument], after: &'static str) -> Layout {
    let mut pieces = vec![Piece::owned(before.to_owned())];
    for (i, argument) in arguments.iter().enumerate() {
        if i > 0 {
            pieces.push(Piece::text(", "));
        }
        pieces.push(match argument {
            Argument::Value(id) => Piece::signed(*id, Level::Sum),
            Argument::Size(d) => Piece::owned(dimension(d)),
        });
    }
    pieces.push(Piece::text(after));
    atom(pieces)
}

fn call(name: &str, arguments: &[Argument]) -> Layout {
    enclosed(&format!(r"{name}\left("), arguments, r"\right)")
}

fn named_call(graph: &Graph, id: Id, name: &str, arguments: &[Argument]) -> Layout {
    match (&graph[id].op, arguments) {
        (Op::Eye, _) => enclosed("I_{", arguments, "}"),
        (Op::Commutation, _) => enclosed(r"\mathbf{K}_{", arguments, "}"),
        (Op::Ones, _) => enclosed(r"\mathbf{1}_{", arguments, "}"),
        (Op::Zeros, _) => enclosed(r"\mathbf{0}_{", arguments, "}"),
        (Op::Norm2, _) => enclosed(r"\left\lVert ", arguments, r" \right\rVert"),
        (Op::Expectation, _) => enclosed(r"\mathbb{E}\left[", arguments, r"\right]"),
        (Op::Inverse, [Argument::Value(a)]) => Layout {
            level: Level::Postfix,
            pieces: vec![Piece::signed(*a, Level::Atom), Piece::text("^{-1}")],
        },
        (Op::Jacobian, [Argument::Value(e), Argument::Value(x)]) => derivative("D", *x, &[*e]),
        (Op::Backpropagate, [Argument::Value(e), Argument::Value(g), Argument::Value(x)]) => {
            derivative("V", *x, &[*e, *g])
        }
        _ => call(&latex_function(&written_function(graph, name)), arguments),
    }
}

fn derivative(letter: &str, variable: Id, of: &[Id]) -> Layout {
    let mut pieces = vec![
        Piece::owned(format!(r"\mathrm{{{letter}}}_{{")),
        Piece::signed(variable, Level::Sum),
        Piece::text("}"),
    ];
    let arguments: Vec<Argument> = of.iter().map(|id| Argument::Value(*id)).collect();
    pieces.extend(call("", &arguments).pieces);
    atom(pieces)
}

fn product(
    reader: &Reader<'_>,
    id: Id,
    coefficient: &Rational,
    factors: &[Id],
    denominators: &[Denominator],
) -> Layout {
    let mut pieces = Vec::new();
    if !denominators.is_empty() {
        pieces.push(Piece::owned(format!(r"\frac{{{}}}{{", coefficient.numer())));
        if !coefficient.denom().is_one() {
            pieces.push(Piece::owned(format!(r"{} \, ", coefficient.denom())));
        }
        divide(reader, denominators, r" \, ", &mut pieces);
        pieces.push(Piece::text("}"));
    } else if !coefficient.is_one() || factors.is_empty() {
        pieces.push(Piece::owned(number(coefficient)));
    }
    if pieces.is_empty()
        && let [only] = factors
    {
        return Layout {
            level: Level::Product,
            pieces: vec![Piece::unsigned(*only, Level::Product)],
        };
    }
    let plain = factors.is_empty() && denominators.is_empty() && coefficient.is_integer();
    if !pieces.is_empty() && !factors.is_empty() {
        pieces.push(Piece::text(r" \, "));
    }
    pieces.extend(chain(reader, id, factors, r" \, ").pieces);
    Layout {
        level: if plain { Level::Atom } else { Level::Product },
        pieces,
    }
}

fn hadamard(reader: &Reader<'_>, id: Id, factors: &[Id], denominators: &[Denominator]) -> Layout {
    let mut pieces = chain(reader, id, factors, r" \odot ").pieces;
    if factors.is_empty() {
        pieces.push(Piece::text("1"));
    }
    if !denominators.is_empty() {
        pieces.push(Piece::text(r" \oslash "));
        if denominators.len() > 1 {
            pieces.push(Piece::text(Latex::OPEN));
        }
        divide(reader, denominators, r" \odot ", &mut pieces);
        if denominators.len() > 1 {
            pieces.push(Piece::text(Latex::CLOSE));
        }
    }
    Layout {
        level: Level::Product,
        pieces,
    }
}

fn divide(
    reader: &Reader<'_>,
    denominators: &[Denominator],
    separator: &'static str,
    pieces: &mut Vec<Piece>,
) {
    for (i, below) in denominators.iter().enumerate() {
        if i > 0 {
            pieces.push(Piece::text(separator));
        }
        if below.exponent.is_one() {
            pieces.push(Piece::signed(below.base, Level::Power));
        } else {
            pieces.extend(power(reader, below.base, &below.exponent).pieces);
        }
    }
}

fn power(reader: &Reader<'_>, base: Id, exponent: &Rational) -> Layout {
    if is_half(exponent) {
        let pieces = vec![
            Piece::text(r"\sqrt{"),
            Piece::signed(base, Level::Sum),
            Piece::text("}"),
        ];
        return atom(pieces);
    }
    raised(reader, base, Piece::owned(exponent.to_string()))
}

fn raised(reader: &Reader<'_>, base: Id, exponent: Piece) -> Layout {
    let scalar = reader.graph.shape(base).is_scalar();
    let open = Piece::text(if scalar { "^{" } else { r"^{\odot " });
    let pieces = vec![
        Piece::signed(base, Level::Atom),
        open,
        exponent,
        Piece::text("}"),
    ];
    Layout {
        level: Level::Power,
        pieces,
    }
}
