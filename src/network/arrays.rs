//! Arrays from outside, checked against declarations. Why all checks before any number is computed: a wrong shape, a
//! NaN or a target that is no distribution would come out as a plausible number otherwise.

use indexmap::IndexMap;
use nalgebra::DMatrix;

use super::RunError;
use super::binding::{Binding, list};
use super::error::Faults;
use crate::backend::Element;
use crate::data::{Array, Item, Outline, Outlines};
use crate::expr::{Facts, Matrix, Name, Shape};

/// The named arrays of a file.
pub type Items = IndexMap<String, Item>;

/// The tolerance for declared facts.
const FACT: f64 = 1e-6;
/// The tolerance for the symmetry of a Hessian, relative to its largest entry.
const SYMMETRY: f64 = 1e-10;

/// An array that a definition asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) shape: Shape,
    pub(crate) facts: Facts,
    /// One value a sample: a leading axis counts the samples.
    pub(crate) batched: bool,
}

impl Wanted {
    pub(crate) fn new(name: &Name, shape: &Shape, facts: Facts, batched: bool) -> Self {
        Self {
            name: name.to_string(),
            shape: shape.clone(),
            facts,
            batched,
        }
    }

    /// The declared shape in messages.
    pub(crate) fn declared(&self) -> String {
        let samples = if self.batched {
            ", one a sample along the first axis"
        } else {
            ""
        };
        format!("`{}: {}`{samples}", self.name, self.shape)
    }
}

/// The wanted arrays that are there, in order; what is missing, left over or no numbers is a fault.
pub(crate) fn name_all<'a, 'w>(
    owner: &str,
    wanted: &'w [Wanted],
    outlines: &'a Outlines,
    faults: &mut Faults,
) -> Vec<(&'w Wanted, &'a Outline)> {
    let names = || list(wanted.iter().map(|w| format!("`{}`", w.name)));
    let mut found = Vec::new();
    for want in wanted {
        match outlines.get(&want.name) {
            None => faults.push(
                format!(
                    "{owner} needs an array `{}`, declared as {}",
                    want.name,
                    want.declared()
                ),
                format!("add it to the data; the arrays are {}", names()),
            ),
            Some(outline) if outline.kind.is_none() => faults.push(
                format!("`{}` is text, not an array of numbers", want.name),
                format!("it is declared as {}", want.declared()),
            ),
            Some(outline) => found.push((want, outline)),
        }
    }
    for name in outlines.keys() {
        if !wanted.iter().any(|w| w.name == **name) {
            faults.push(
                format!("the data hold an array `{name}`, which {owner} does not name"),
                format!("remove or rename it; the arrays are {}", names()),
            );
        }
    }
    found
}

/// What is said of arrays before their entries are known.
pub(crate) fn outlines(items: &Items) -> Outlines {
    let outline = |(name, item): (&String, &Item)| (name.clone(), item.into());
    items.iter().map(outline).collect()
}

/// The wanted arrays, in order; that they are there is checked.
pub(crate) fn take<'a, 'w>(wanted: &'w [Wanted], items: &'a Items) -> Vec<(&'w Wanted, &'a Array)> {
    let array = |want: &'w Wanted| Some((want, items.get(&want.name)?.array()?));
    wanted.iter().filter_map(array).collect()
}

/// Rows and columns of an array by the declared shape: a scalar may be any array of one entry, a vector may have a
/// second axis of length 1.
pub(super) fn logical(shape: &[usize], declared: &Shape) -> Option<(usize, usize)> {
    if declared.is_scalar() {
        return shape.iter().all(|n| *n == 1).then_some((1, 1));
    }
    match shape {
        [] | [1] if declared.is_column() => Some((1, 1)),
        [n] | [n, 1] if declared.is_column() => Some((*n, 1)),
        [rows, cols] if !declared.is_column() => Some((*rows, *cols)),
        _ => None,
    }
}

/// Adds what the array's shape says about dimensions. `shape` is without the axis of samples.
pub(crate) fn bind(want: &Wanted, shape: &[usize], binding: &mut Binding) -> Result<(), RunError> {
    let declared = want.shape.to_string();
    let Some((rows, cols)) = logical(shape, &want.shape) else {
        return Err(RunError::input(
            format!(
                "`{}` has the shape {}{}, but it is declared as {declared}",
                want.name,
                tuple(shape),
                if want.batched { " a sample" } else { "" }
            ),
            match () {
                () if want.shape.is_scalar() => "give an array with one entry",
                () if want.shape.is_column() => "give one axis, or a second one of length 1",
                () => "give two axes, rows and columns",
            },
        ));
    };
    if shape.contains(&0) {
        return Err(RunError::input(
            format!(
                "`{}` has no entries: its shape is {}",
                want.name,
                tuple(shape)
            ),
            "every dimension must be at least 1",
        ));
    }
    let row_axis = if want.shape.is_column() {
        "length"
    } else {
        "number of rows"
    };
    let mut equate = |dimension, size, axis| {
        binding.equate(dimension, size, axis, &want.name, &declared);
    };
    if want.shape.is_scalar() {
        return Ok(());
    }
    equate(&want.shape.rows, rows, row_axis);
    if !want.shape.is_column() {
        equate(&want.shape.cols, cols, "number of columns");
    }
    Ok(())
}

/// A shape as Python writes it.
pub(crate) fn tuple(shape: &[usize]) -> String {
    match shape {
        [n] => format!("({n},)"),
        _ => format!("({})", list(shape)),
    }
}

/// Refuses NaN and infinities.
pub(crate) fn finite(name: &str, array: &Array) -> Result<(), RunError> {
    let Some(place) = array.values.iter().position(|v| !v.is_finite()) else {
        return Ok(());
    };
    let mut index = vec![0; array.shape.len()];
    let mut rest = place;
    for (slot, size) in index.iter_mut().zip(&array.shape).rev() {
        (*slot, rest) = (rest % size, rest / size);
    }
    Err(RunError::input(
        format!(
            "`{name}` holds {} at {}",
            array.values[place],
            tuple(&index)
        ),
        "give finite numbers only",
    ))
}

/// One value as a matrix, with its declared facts checked. `sample` is its place in a batch, for messages.
pub(crate) fn value(
    want: &Wanted,
    array: &Array,
    (rows, cols): (usize, usize),
    sample: Option<usize>,
) -> Result<Matrix<f64>, RunError> {
    let mut flat = array.clone();
    flat.shape = vec![rows, cols];
    let place = match sample {
        Some(sample) => format!("sample {sample} of `{}`", want.name),
        None => format!("`{}`", want.name),
    };
    let matrix = flat.to_matrix(rows, cols).ok_or_else(|| {
        RunError::input(
            format!(
                "{place} has the shape {}, not {rows} × {cols}",
                tuple(&array.shape)
            ),
            format!("it is declared as {}", want.declared()),
        )
    })?;
    facts(&place, want.facts, &matrix)?;
    Ok(matrix)
}

/// The largest entry.
fn largest(matrix: &Matrix<f64>) -> f64 {
    matrix.values().iter().fold(0.0, |top, v| v.abs().max(top))
}

fn asymmetry(matrix: &Matrix<f64>) -> f64 {
    let n = matrix.rows();
    let pairs = (0..n).flat_map(|j| (j + 1..n).map(move |i| (i, j)));
    pairs.fold(0.0, |worst: f64, (i, j)| {
        (matrix[(i, j)] - matrix[(j, i)]).abs().max(worst)
    })
}

/// A Hessian must be symmetric.
pub(crate) fn symmetric(name: &str, matrix: &Matrix<f64>) -> Result<(), RunError> {
    let (worst, top) = (asymmetry(matrix), largest(matrix));
    if worst <= SYMMETRY * top {
        return Ok(());
    }
    Err(RunError::input(
        format!(
            "`{name}` is not symmetric: entries mirrored at the diagonal differ by {worst:.3e}"
        ),
        format!(
            "a Hessian is symmetric; to 1e-10 relative is asked for: give ({name} + {name}') / 2"
        ),
    ))
}

/// Checks the declared facts of a value, whose entries stand column by column; `place` is what messages call it.
///
/// # Errors
/// When one does not hold.
pub fn check_facts(
    place: &str,
    facts: Facts,
    (rows, cols): (usize, usize),
    entries: &[f64],
) -> Result<(), RunError> {
    if facts == Facts::default() {
        return Ok(());
    }
    let matrix = Matrix::from_fn(rows, cols, |i, j| entries[j * rows + i]);
    self::facts(place, facts, &matrix)
}

fn facts(place: &str, facts: Facts, matrix: &Matrix<f64>) -> Result<(), RunError> {
    let top = largest(matrix);
    let refuse = |fact: &str, how: String| {
        Err(RunError::input(
            format!("{place} is declared {fact}, but {how}"),
            format!(
                "give values that are, or remove `{fact}` from the declaration; the tolerance is 1e-6"
            ),
        ))
    };
    let square = matrix.rows() == matrix.cols();
    let worst = if square { asymmetry(matrix) } else { 0.0 };
    // The stronger fact is named: a diagonal matrix is symmetric, too.
    if facts.diagonal {
        for j in 0..matrix.cols() {
            for i in (0..matrix.rows()).filter(|i| *i != j) {
                let entry = matrix[(i, j)];
                if entry.abs() > FACT * top {
                    return refuse("diagonal", format!("entry ({i}, {j}) is {entry}"));
                }
            }
        }
    }
    if (facts.symmetric || facts.positive_definite) && worst > FACT * top {
        let fact = if facts.positive_definite {
            "positive-definite"
        } else {
            "symmetric"
        };
        let how = format!("entries mirrored at the diagonal differ by {worst:.3e}");
        return refuse(fact, how);
    }
    if facts.positive_definite && square {
        let symmetric = DMatrix::from_fn(matrix.rows(), matrix.cols(), |i, j| {
            f64::midpoint(matrix[(i, j)], matrix[(j, i)])
        });
        let eigenvalues = symmetric.symmetric_eigenvalues();
        let (least, most) = (eigenvalues.min(), eigenvalues.max());
        if most <= 0.0 || least < -FACT * most {
            return refuse(
                "positive-definite",
                format!("it has the eigenvalue {least:.6}"),
            );
        }
    }
    if facts.distribution {
        if let Some(entry) = matrix.values().iter().find(|v| **v < -FACT) {
            return refuse("distribution", format!("it has the entry {entry}"));
        }
        let sum = matrix.sum();
        if (sum - 1.0).abs() > FACT {
            return refuse("distribution", format!("its entries sum to {sum}"));
        }
    }
    Ok(())
}

/// The numbers to compute with.
///
/// # Errors
/// When a number is beyond the range of the element type.
pub(crate) fn convert<T: Element>(
    name: &str,
    matrix: &Matrix<f64>,
) -> Result<DMatrix<T>, RunError> {
    let values = matrix.values().iter().map(|v| T::number(*v));
    let converted = DMatrix::from_iterator(matrix.rows(), matrix.cols(), values);
    if converted.iter().all(nalgebra::ComplexField::is_finite) {
        return Ok(converted);
    }
    Err(RunError::input(
        format!("`{name}` holds a number too large for 32 bits"),
        "compute with `--dtype f64`",
    ))
}
