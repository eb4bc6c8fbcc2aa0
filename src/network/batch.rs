//! The arrays of a network: inputs and targets with a leading axis of samples, labels, parameters.

use std::collections::BTreeSet;

use nalgebra::DMatrix;

use super::arrays::{Items, Wanted, bind, convert, finite, name_all, outlines, take, tuple, value};
use super::binding::Binding;
use super::error::Faults;
use super::module::concrete_shape;
use super::{RunError, RunOptions};
use crate::backend::Element;
use crate::data::{Array, Kind, Outline, Outlines};
use crate::expr::{Matrix, Name, Sizes};
use crate::language::Network;

/// The data of a run, sample by sample.
#[derive(Debug)]
pub(crate) struct Data<T: Element> {
    pub(crate) sizes: Sizes,
    /// The number of samples, at least one.
    pub(crate) samples: usize,
    /// Inputs and targets: one value a sample.
    pub(crate) values: Vec<(Name, Vec<DMatrix<T>>)>,
    pub(crate) parameters: Vec<(Name, DMatrix<T>)>,
}

/// The arrays a network asks for: inputs, targets, parameters.
fn wanted(network: &Network) -> Vec<Wanted> {
    let data = network.inputs.iter().chain(&network.targets);
    let data = data.map(|v| Wanted::new(&v.name, &v.shape, v.facts, true));
    let parameters = network.parameters.iter();
    let parameters = parameters.map(|v| Wanted::new(&v.name, &v.shape, v.facts, false));
    data.chain(parameters).collect()
}

/// All sizes, and the number of samples, by the shapes of arrays. `needed` are the network's dimensions.
///
/// # Errors
/// When arrays are missing, not named by the network or of the wrong shape, all of them at once; when a dimension stays
/// open.
pub(crate) fn fit(
    network: &Network,
    outlines: &Outlines,
    needed: &BTreeSet<Name>,
    options: &RunOptions,
) -> Result<(Sizes, usize), RunError> {
    let wanted = wanted(network);
    let owner = format!("the network `{}`", network.name);
    let mut faults = Faults::default();
    let mut binding = Binding::new(&known(&options.sizes, needed));
    let mut samples: Option<(usize, &str)> = None;
    for (want, outline) in name_all(&owner, &wanted, outlines, &mut faults) {
        if !want.batched {
            faults.keep(bind(want, &outline.shape, &mut binding));
            continue;
        }
        if faults.keep(count(want, outline, &mut samples)).is_none() {
            continue;
        }
        let is_target = network.targets.iter().any(|t| *t.name == *want.name);
        // What a label of `R[n]` says about n is checked once n is known.
        if !(is_target && may_be_labels(want, outline)) {
            let fits = refuse_flat(want, outline)
                .and_then(|()| bind(want, &outline.shape[1..], &mut binding));
            faults.keep(fits);
        }
    }
    let sizes = binding.solve_all(needed, &mut faults);
    let samples = samples.map_or(1, |(samples, _)| samples);
    faults.or(&owner, sizes.map(|sizes| (sizes, samples)))
}

/// Checks the arrays and binds all sizes. `needed` are the network's dimensions.
pub(crate) fn read<T: Element>(
    network: &Network,
    items: &Items,
    needed: &BTreeSet<Name>,
    options: &RunOptions,
) -> Result<Data<T>, RunError> {
    let (sizes, samples) = fit(network, &outlines(items), needed, options)?;
    let wanted = wanted(network);
    let arrays = take(&wanted, items);
    for (want, array) in &arrays {
        finite(&want.name, array)?;
    }
    let mut data = Data {
        sizes,
        samples,
        values: Vec::new(),
        parameters: Vec::new(),
    };
    for (want, array) in arrays {
        let name: Name = want.name.as_str().into();
        let shape = concrete_shape(&want.shape, &data.sizes)?;
        if want.batched {
            data.values.push((name, split(want, array, shape)?));
        } else {
            let matrix = value(want, array, shape, None)?;
            data.parameters.push((name, convert(&want.name, &matrix)?));
        }
    }
    Ok(data)
}

/// Sizes that the network's text has not taken up already.
fn known(sizes: &Sizes, needed: &BTreeSet<Name>) -> Sizes {
    let known = sizes.iter().filter(|(name, _)| needed.contains(*name));
    known.map(|(name, size)| (name.clone(), *size)).collect()
}

/// Counts the samples, which must be as many in every array.
fn count<'a>(
    want: &'a Wanted,
    array: &Outline,
    samples: &mut Option<(usize, &'a str)>,
) -> Result<(), RunError> {
    let Some(found) = array.shape.first() else {
        return Err(RunError::input(
            format!("`{}` has no axis: its shape is ()", want.name),
            format!("it is declared as {}", want.declared()),
        ));
    };
    if *found == 0 {
        return Err(RunError::input(
            format!(
                "`{}` holds no samples: its shape is {}",
                want.name,
                tuple(&array.shape)
            ),
            "give at least one sample",
        ));
    }
    match samples {
        None => *samples = Some((*found, &want.name)),
        Some((known, first)) if known != found => {
            return Err(RunError::input(
                format!(
                    "`{}` holds {found} samples, but `{first}` holds {known}",
                    want.name
                ),
                "the first axis of every input and target counts the samples: give as many in each",
            ));
        }
        Some(_) => {}
    }
    Ok(())
}

/// True for whole numbers of shape (B,) where a vector a sample is declared.
fn may_be_labels(want: &Wanted, array: &Outline) -> bool {
    let is_vector = want.shape.is_column() && !want.shape.is_scalar();
    is_vector && array.kind == Some(Kind::Integer) && array.shape.len() == 1
}

/// Refuses one number a sample where a vector is declared: `R[n]` is never bound to 1 by accident.
fn refuse_flat(want: &Wanted, array: &Outline) -> Result<(), RunError> {
    if want.shape.is_scalar() || array.shape.len() > 1 {
        return Ok(());
    }
    let declared = &want.shape;
    Err(RunError::input(
        format!(
            "`{}` has the shape {}, one number a sample, but it is declared as {declared}",
            want.name,
            tuple(&array.shape)
        ),
        format!(
            "give it a second axis of length {}; class labels of a target are whole numbers, saved as integers",
            declared.rows
        ),
    ))
}

/// One value a sample. Labels become one-hot vectors.
fn split<T: Element>(
    want: &Wanted,
    array: &Array,
    shape: (usize, usize),
) -> Result<Vec<DMatrix<T>>, RunError> {
    let outline = Outline {
        shape: array.shape.clone(),
        kind: Some(array.kind),
    };
    if may_be_labels(want, &outline) && shape != (1, 1) {
        return one_hot(want, array, shape.0);
    }
    let mut values = Vec::new();
    for (place, sample) in (0..array.shape[0])
        .filter_map(|i| array.sample(i))
        .enumerate()
    {
        let matrix = value(want, &sample, shape, Some(place))?;
        values.push(convert(&want.name, &matrix)?);
    }
    Ok(values)
}

fn one_hot<T: Element>(
    want: &Wanted,
    labels: &Array,
    classes: usize,
) -> Result<Vec<DMatrix<T>>, RunError> {
    let mut values = Vec::new();
    for (place, label) in labels.values.iter().enumerate() {
        // Labels were whole numbers, so that a difference below one half is none.
        let is_label = |class: &usize| (*class as f64 - *label).abs() < 0.5;
        let Some(class) = (0..classes).find(is_label) else {
            return Err(RunError::input(
                format!(
                    "sample {place} of `{}` has the label {label}, but there are {classes} classes",
                    want.name
                ),
                format!("labels go from 0 to {}", classes - 1),
            ));
        };
        let hot = |i, _| if i == class { 1.0 } else { 0.0 };
        values.push(convert(&want.name, &Matrix::from_fn(classes, 1, hot))?);
    }
    Ok(values)
}
