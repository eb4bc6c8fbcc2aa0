//! Dimensions of a call: what the callee's sizes are at this place. Why by solving: an argument of shape R[2*n]
//! for an input of shape R[2*k] determines k as well as a plain R[n] would.

use std::collections::BTreeMap;

use crate::diagnostic::Span;
use crate::expr::{Dimension, Name};

/// A size of the callee that has to equal a size of the caller.
#[derive(Clone, Debug)]
pub(super) struct Equation {
    /// In the callee's names.
    pub(super) formal: Dimension,
    /// In the caller's names.
    pub(super) actual: Dimension,
    /// Where the caller says so.
    pub(super) span: Span,
}

/// The dimensions of the callee in the caller's names.
#[derive(Debug, Default)]
pub(super) struct Solution {
    /// Each name with the equation that determined it.
    pub(super) bound: BTreeMap<Name, (Dimension, usize)>,
    /// Equations that determine nothing, by index: unknown names occur in products only.
    pub(super) open: Vec<usize>,
    /// The first equation that contradicts the others, and what its formal side is by them.
    pub(super) contradiction: Option<(usize, Dimension)>,
}

/// The callee's names are marked while both kinds of names meet.
const MARK: char = '?';

/// Solves for the callee's names. `given` are sizes to fall back on for names that the equations leave open.
pub(super) fn solve(equations: &[Equation], given: &BTreeMap<Name, Dimension>) -> Solution {
    let mut solution = Solution::default();
    let formals: Vec<Dimension> = equations.iter().map(|e| mark(&e.formal)).collect();
    let mut open: Vec<usize> = (0..equations.len()).collect();
    loop {
        let before = open.len();
        open.retain(|i| {
            let equation = &equations[*i];
            let map = solution
                .bound
                .iter()
                .map(|(name, (d, _))| (marked(name), d.clone()))
                .collect();
            let formal = formals[*i].substitute(&map);
            match unknowns(&formal).as_slice() {
                [] => {
                    if formal != equation.actual && solution.contradiction.is_none() {
                        solution.contradiction = Some((*i, formal));
                    }
                    false
                }
                [name] => match isolate(&formal, name, &equation.actual) {
                    Some(value) => {
                        let name = Name::from(name.trim_start_matches(MARK));
                        solution.bound.insert(name, (value, *i));
                        false
                    }
                    None => true,
                },
                _ => true,
            }
        });
        if open.len() == before {
            let fallback = open.iter().find_map(|i| {
                let names = equations[*i].formal.names();
                let name = names
                    .into_iter()
                    .find(|n| !solution.bound.contains_key(n) && given.contains_key(n))?;
                Some((name.clone(), (given[&name].clone(), *i)))
            });
            match fallback {
                Some((name, value)) => {
                    solution.bound.insert(name, value);
                }
                None => break,
            }
        }
    }
    solution.open = open;
    solution
}

/// The value of `name` that makes `formal`, in which it is the only unknown, equal to `actual`.
fn isolate(formal: &Dimension, name: &Name, actual: &Dimension) -> Option<Dimension> {
    let at = |value: u64| {
        formal.substitute(&BTreeMap::from([(
            name.clone(),
            Dimension::constant(value),
        )]))
    };
    let rest = at(0);
    let factor = at(1).minus(&rest)?;
    // Only what is linear in the name: factor * name + rest.
    if factor.times(&Dimension::named(name.clone())).plus(&rest) != *formal {
        return None;
    }
    let value = actual.minus(&rest)?.divide(&factor)?;
    (value != Dimension::constant(0)).then_some(value)
}

fn unknowns(dimension: &Dimension) -> Vec<Name> {
    dimension
        .names()
        .into_iter()
        .filter(|n| n.starts_with(MARK))
        .collect()
}

fn marked(name: &Name) -> Name {
    format!("{MARK}{name}").into()
}

fn mark(dimension: &Dimension) -> Dimension {
    let map = dimension
        .names()
        .into_iter()
        .map(|n| (n.clone(), Dimension::named(marked(&n))))
        .collect();
    dimension.substitute(&map)
}
