//! Normal forms as text, `Σ_j W[i,j] x[j]`. Why letters by place: the row and column come first, so the same expression
//! reads the same wherever it came from.

use std::fmt::{self, Write as _};

use num_traits::{One, Signed};

use super::expression::IndexExpression;
use super::term::{BOUND, Factor, Index, Kind, Lambda, Power, Slot, Symbol, Term};
use crate::expr::Dimension;

/// The names of indices: free ones by number, then bound ones.
struct Names<'a> {
    free: &'a [String],
}

impl fmt::Display for IndexExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.tensor.row.len() + self.tensor.col.len();
        let free: Vec<String> = (0..count).map(letter).collect();
        f.write_str(&sum(&self.tensor.terms, &Names { free: &free }))
    }
}

/// A head without its indices.
pub(super) fn head(head: &Symbol) -> String {
    let free = |params: &[Dimension]| -> Vec<String> { (0..params.len()).map(letter).collect() };
    match (&head.kind, head.kind.lambda()) {
        (Kind::Sum(_), Some(l)) => sum(
            &l.bodies[0],
            &Names {
                free: &free(&l.params),
            },
        ),
        (Kind::Determinant(m), _) => match single(m) {
            Some(name) => format!("det({name})"),
            None => base(&head.kind, &[], &Names { free: &[] }),
        },
        (_, Some(l)) => {
            let free = free(&l.params);
            let slots = (0..).zip(&l.params).map(|(id, size)| {
                Slot::from_iter([Index {
                    id,
                    size: size.clone(),
                }])
            });
            let factor = Factor::new(head.clone(), slots);
            self::factor(&factor, &Names { free: &free }, &[])
        }
        _ => base(&head.kind, &[], &Names { free: &[] }),
    }
}

fn letter(k: usize) -> String {
    const LETTERS: &[u8] = b"ijklpqrstuvw";
    let letter = LETTERS[k % LETTERS.len()] as char;
    match k / LETTERS.len() {
        0 => letter.to_string(),
        n => format!("{letter}{n}"),
    }
}

impl Names<'_> {
    fn index(&self, id: u32) -> String {
        if id < BOUND {
            self.free
                .get(id as usize)
                .cloned()
                .unwrap_or_else(|| format!("?{id}"))
        } else {
            letter(self.free.len() + (id - BOUND) as usize)
        }
    }

    fn slot(&self, slot: &Slot) -> String {
        let names: Vec<String> = slot.iter().map(|i| self.index(i.id)).collect();
        match names.as_slice() {
            [one] => one.clone(),
            _ => format!("({})", names.join(" ")),
        }
    }

    fn slots(&self, slots: &[Slot]) -> String {
        let names: Vec<String> = slots
            .iter()
            .filter(|s| !s.is_empty())
            .map(|s| self.slot(s))
            .collect();
        if names.is_empty() {
            String::new()
        } else {
            format!("[{}]", names.join(","))
        }
    }
}

fn sum(terms: &[Term], names: &Names<'_>) -> String {
    let mut text = String::new();
    for (k, term) in terms.iter().enumerate() {
        let negative = term.coefficient.is_negative();
        text.push_str(match (k, negative) {
            (0, true) => "-",
            (0, false) => "",
            (_, true) => " - ",
            (_, false) => " + ",
        });
        text.push_str(&product(term, names));
    }
    if text.is_empty() { "0".into() } else { text }
}

fn product(term: &Term, names: &Names<'_>) -> String {
    let mut parts = Vec::new();
    let size = term.coefficient.abs();
    if !term.bound.is_empty() {
        let bound: Vec<String> = term.bound.iter().map(|b| names.index(b.id)).collect();
        parts.push(format!("Σ_{}", bound.join(",")));
    }
    if !size.is_one() || term.factors.is_empty() {
        parts.insert(0, size.to_string());
    }
    // Names nested in arguments go on where this term's names end.
    let own: Vec<String> = names
        .free
        .iter()
        .cloned()
        .chain(term.bound.iter().map(|b| names.index(b.id)))
        .collect();
    parts.extend(term.factors.iter().map(|f| factor(f, names, &own)));
    parts.join(" ")
}

fn factor(factor: &Factor, names: &Names<'_>, used: &[String]) -> String {
    if let (Kind::Exp(l), power) = (&factor.head.kind, factor.power) {
        let scaled = scaled(&l.bodies[0], power);
        return format!("exp({})", argument(l, &scaled, factor, names, used));
    }
    let mut text = match factor.head.kind.lambda() {
        Some(l) => {
            let inner = argument(l, &l.bodies[0], factor, names, used);
            match &factor.head.kind {
                Kind::Log(_) => format!("log({inner})"),
                Kind::Apply(f, _) => {
                    format!("{}{}({inner})", f.name, "'".repeat(f.order as usize))
                }
                Kind::Symbolic(_) => {
                    format!(
                        "({inner})^({})",
                        argument(l, &l.bodies[1], factor, names, used)
                    )
                }
                _ => format!("({inner})"),
            }
        }
        None => base(&factor.head.kind, &factor.slots, names),
    };
    if !factor.power.is_one() {
        let _ = if factor.power.is_integer() && factor.power.is_positive() {
            write!(text, "^{}", factor.power)
        } else {
            write!(text, "^({})", factor.power)
        };
    }
    text
}

fn scaled(terms: &[Term], power: Power) -> Vec<Term> {
    let by = crate::expr::Rational::new((*power.numer()).into(), (*power.denom()).into());
    super::core::scaled(terms, &by)
}

/// The argument of a function with its parameters written as the factor's indices.
fn argument(
    l: &Lambda,
    terms: &[Term],
    factor: &Factor,
    names: &Names<'_>,
    used: &[String],
) -> String {
    let places: Vec<String> = factor.slots.iter().map(|s| names.slot(s)).collect();
    debug_assert_eq!(places.len(), l.params.len());
    // Fillers keep the bound names of the argument apart from those around it.
    let free: Vec<String> = places.into_iter().chain(used.iter().cloned()).collect();
    sum(terms, &Names { free: &free })
}

fn base(kind: &Kind, slots: &[Slot], names: &Names<'_>) -> String {
    let of = |name: &str, matrix: &super::term::Matrix| {
        let free: Vec<String> = (0..matrix.lambda.params.len()).map(letter).collect();
        let (row, col) = free.split_at(matrix.rows);
        let body = sum(&matrix.lambda.bodies[0], &Names { free: &free });
        format!(
            "{name}({} {} ↦ {body}){}",
            row.join(" "),
            col.join(" "),
            names.slots(slots)
        )
    };
    match kind {
        Kind::Size(name) => name.to_string(),
        Kind::Integer(n) => n.to_string(),
        Kind::Pi => "π".into(),
        Kind::Delta => format!("δ{}", names.slots(slots)),
        Kind::Variable(name) => format!("{name}{}", names.slots(slots)),
        Kind::Diagonal(name) => format!("diag({name}){}", names.slots(slots)),
        Kind::Inverse(m) => match single(m) {
            Some(name) => format!("inv({name}){}", names.slots(slots)),
            None => of("inv", m),
        },
        Kind::Determinant(m) => of("det", m),
        Kind::LogDeterminant(m) => of("logdet", m),
        Kind::EigAbs(m) => of("eigabs", m),
        Kind::EigClip(m) => of("eigclip", m),
        _ => String::new(),
    }
}

/// The name of a matrix that is a variable as it stands.
fn single(matrix: &super::term::Matrix) -> Option<String> {
    let [term] = matrix.lambda.bodies[0].as_slice() else {
        return None;
    };
    let [factor] = term.factors.as_slice() else {
        return None;
    };
    match &factor.head.kind {
        Kind::Variable(name) if term.coefficient.is_one() && term.bound.is_empty() => {
            let ids: Vec<u32> = factor.indices().map(|i| i.id).collect();
            Some(if ids == [0, 1] {
                name.to_string()
            } else {
                format!("{name}'")
            })
        }
        _ => None,
    }
}
