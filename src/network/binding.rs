//! Sizes from arrays. Why equations: an array for `R[m, n*n]` tells m, and n by a root, and where two arrays
//! contradict each other the message must name both.

use std::collections::{BTreeMap, BTreeSet};

use super::RunError;
use super::error::Faults;
use crate::expr::{Dimension, Name, Sizes};

/// `dimension = size`, said by a place such as "the length of `x`".
struct Equation {
    dimension: Dimension,
    size: usize,
    place: String,
    array: String,
    declared: String,
}

/// Equations between dimensions and sizes, and what follows from them.
pub(crate) struct Binding {
    known: BTreeMap<Name, (usize, String)>,
    equations: Vec<Equation>,
}

impl Binding {
    /// Starts with sizes given by name.
    pub(crate) fn new(sizes: &Sizes) -> Self {
        let given = |(name, size): (&Name, &usize)| (name.clone(), (*size, "`--dims`".to_owned()));
        Self {
            known: sizes.iter().map(given).collect(),
            equations: Vec::new(),
        }
    }

    /// `axis` of the array is `dimension` by its declaration and has `size` entries.
    pub(crate) fn equate(
        &mut self,
        dimension: &Dimension,
        size: usize,
        axis: &str,
        array: &str,
        declared: &str,
    ) {
        self.equations.push(Equation {
            dimension: dimension.clone(),
            size,
            place: format!("the {axis} of `{array}`"),
            array: array.to_owned(),
            declared: declared.to_owned(),
        });
    }

    /// The sizes of all `needed` names.
    ///
    /// # Errors
    /// When equations contradict each other, have no whole solution, or leave a name open.
    pub(crate) fn solve(self, needed: &BTreeSet<Name>) -> Result<Sizes, RunError> {
        let mut faults = Faults::default();
        let sizes = self.solve_all(needed, &mut faults);
        faults.or("the definition", sizes)
    }

    /// As [`Binding::solve`], with every fault told. What stays open is none where an array is missing or wrong.
    pub(crate) fn solve_all(
        mut self,
        needed: &BTreeSet<Name>,
        faults: &mut Faults,
    ) -> Option<Sizes> {
        for (name, (size, _)) in &self.known {
            if !needed.contains(name) {
                let names = list(needed.iter().map(|n| format!("`{n}`")));
                let help = if needed.is_empty() {
                    "there are no dimensions to choose: leave `--dims` out".to_owned()
                } else {
                    format!("the dimensions are {names}")
                };
                faults.push(
                    format!("`--dims {name}={size}` names no dimension here"),
                    help,
                );
            }
        }
        loop {
            let sizes = self.sizes();
            let mut open = Vec::new();
            for equation in std::mem::take(&mut self.equations) {
                let unknown: Vec<Name> = equation
                    .dimension
                    .names()
                    .into_iter()
                    .filter(|name| !sizes.contains_key(name))
                    .collect();
                match unknown.as_slice() {
                    [] => {
                        faults.keep(self.verify(&equation, &sizes));
                    }
                    [name] if !self.known.contains_key(name) => {
                        if let Some(size) = faults.keep(root(&equation, name, &sizes)) {
                            self.known
                                .insert(name.clone(), (size, equation.place.clone()));
                        }
                    }
                    _ => open.push(equation),
                }
            }
            let progress = self.known.len() > sizes.len();
            self.equations = open;
            if !progress {
                break;
            }
        }
        if !faults.is_empty() {
            return None;
        }
        faults.keep(self.complete(needed))
    }

    fn sizes(&self) -> Sizes {
        self.known
            .iter()
            .map(|(name, (size, _))| (name.clone(), *size))
            .collect()
    }

    fn verify(&self, equation: &Equation, sizes: &Sizes) -> Result<(), RunError> {
        let Equation {
            dimension,
            size,
            place,
            array,
            declared,
        } = equation;
        let expected = dimension.evaluate(sizes);
        if expected == Some(*size) {
            return Ok(());
        }
        let names = dimension.names();
        if names.is_empty() {
            return Err(RunError::input(
                format!("{place} is {size}, but it is declared as {declared}"),
                format!("give `{array}` the declared shape, or change the declaration"),
            ));
        }
        let reasons = names.iter().filter_map(|name| {
            let (value, origin) = self.known.get(name)?;
            Some(format!("{name} = {value} by {origin}"))
        });
        let expected = expected.map_or_else(|| "too large".to_owned(), |n| n.to_string());
        Err(RunError::input(
            format!(
                "{place} is {size}, but {dimension} is {expected}: {}",
                list(reasons)
            ),
            format!(
                "`{array}` is declared as {declared}; all arrays must agree on {}",
                list(names)
            ),
        ))
    }

    fn complete(&self, needed: &BTreeSet<Name>) -> Result<Sizes, RunError> {
        let sizes = self.sizes();
        let open: Vec<&Name> = needed.iter().filter(|n| !sizes.contains_key(*n)).collect();
        let Some(first) = open.first() else {
            return Ok(sizes);
        };
        let assignments: Vec<String> = open.iter().map(|name| format!("{name}=4")).collect();
        Err(RunError::input(
            format!("the size of `{first}` does not follow from the arrays"),
            format!("give it, as in `--dims {}`", assignments.join(",")),
        ))
    }
}

/// Items with commas.
pub(crate) fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items
        .into_iter()
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

/// The size of the one unknown `name` that solves the equation: a polynomial with non-negative coefficients never
/// falls, so halving finds it.
fn root(equation: &Equation, name: &Name, sizes: &Sizes) -> Result<usize, RunError> {
    let Equation {
        dimension,
        size,
        place,
        array,
        declared,
    } = equation;
    let mut trial = sizes.clone();
    let mut value = |n: usize| {
        trial.insert(name.clone(), n);
        dimension.evaluate(&trial).unwrap_or(usize::MAX)
    };
    let (mut low, mut high) = (1usize, (*size).max(1));
    while low < high {
        let middle = low + (high - low) / 2;
        if value(middle) < *size {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if value(low) == *size {
        return Ok(low);
    }
    Err(RunError::input(
        format!("{place} is {size}, and no size of `{name}` makes {dimension} that"),
        format!("`{array}` is declared as {declared}: give it a shape of that form"),
    ))
}
