//! The parameters of a network in files, under the names PyTorch gives them.
//!
//! Why a map of names and nothing more: PyTorch's `nn.Linear` computes `weight x + bias` with `weight` of outputs × inputs,
//! which is what `W*x + b` with `W: R[m, n]` says, and both are stored row by row. So `h1.W` is `h1.weight` and `h1.b` is
//! `h1.bias`, entry for entry. The map knows letters, no modules: a `W` that its module multiplies transposed is stored as
//! it is declared, and its shape tells.

use std::collections::BTreeSet;
use std::path::Path;

use indexmap::IndexMap;

use super::array::tuple;
use super::safetensors::shown;
use super::source::has_extension;
use super::{
    Array, DataError, Item, Kind, Metadata, read_npz, read_safetensors, write_npz,
    write_safetensors,
};

/// How the name of a node's parameter ends here and there.
const ENDINGS: [(&str, &str); 2] = [(".W", ".weight"), (".b", ".bias")];

/// How many names a message lists.
const LISTED: usize = 8;

/// A parameter that fits no name is compared with so many.
const COMPARED: usize = 1000;

/// The names under which parameters are stored: PyTorch's where it has one, else their own.
///
/// A name keeps its own spelling where the other one is taken.
///
/// ```
/// use hbp::data::export_names;
///
/// assert_eq!(export_names(&["h1.W", "h1.b", "a1.slope"]), ["h1.weight", "h1.bias", "a1.slope"]);
/// assert_eq!(export_names(&["n.W", "n.weight"]), ["n.W", "n.weight"]);
/// ```
pub fn export_names(names: &[&str]) -> Vec<String> {
    let taken: BTreeSet<&str> = names.iter().copied().collect();
    let export = |name: &&str| {
        let exported = ENDINGS.iter().find_map(|(own, theirs)| {
            let node = name.strip_suffix(own)?;
            Some(format!("{node}{theirs}"))
        });
        exported
            .filter(|exported| !taken.contains(exported.as_str()))
            .unwrap_or_else(|| (*name).to_owned())
    };
    names.iter().map(export).collect()
}

/// Writes parameters to an `.npz` or a `.safetensors` file under [`export_names`], whole or not at all. An NPZ file has no
/// room for metadata.
///
/// In Python: `model.load_state_dict(safetensors.torch.load_file("model.safetensors"))`.
///
/// # Errors
/// When the file's name ends otherwise, or it cannot be written; and as [`write_npz`] and [`write_safetensors`].
pub fn export_parameters(
    path: &Path,
    parameters: &IndexMap<String, Array>,
    metadata: &Metadata,
) -> Result<(), DataError> {
    let form = Form::of(path)?;
    let own: Vec<&str> = parameters.keys().map(String::as_str).collect();
    let names = export_names(&own);
    // A weight of one input is a column, which PyTorch does not take for a vector.
    let arrays = parameters.iter().zip(&names).map(|((own, array), name)| {
        let mut array = array.clone();
        if own != name && name.ends_with(".weight") && array.shape.len() == 1 {
            array.shape.push(1);
        }
        array
    });
    let arrays: Vec<Array> = arrays.collect();
    let named = || names.iter().map(String::as_str).zip(&arrays);
    match form {
        Form::Safetensors => write_safetensors(path, named(), metadata),
        Form::Npz => {
            let items: Vec<(&str, Item)> = named()
                .map(|(name, array)| (name, array.clone().into()))
                .collect();
            write_npz(path, items.iter().map(|(name, item)| (*name, item)))
        }
    }
}

/// Reads the parameters `expected`, each a name and a shape (`[]` for a scalar, `[n]` for a vector), from an `.npz` or a
/// `.safetensors` file. Each may stand under its own name or that of [`export_names`]. What is returned has the names, the
/// order and the shapes expected; a vector may be stored as one column, a scalar as any array of one entry.
///
/// ```
/// use hbp::data::{Array, Metadata, export_parameters, import_parameters};
/// use indexmap::IndexMap;
///
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("model.safetensors");
/// let weight = Array::new(vec![1, 2], vec![0.5, -1.0])?;
/// let parameters = IndexMap::from([("h1.W".to_owned(), weight)]);
/// export_parameters(&path, &parameters, &Metadata::new())?;
/// assert_eq!(import_parameters(&path, &[("h1.W", &[1, 2])])?, parameters);
/// let error = import_parameters(&path, &[("h1.W", &[2, 1])]).unwrap_err();
/// assert!(error.message.ends_with("`h1.weight` has the shape (1, 2), wanted is (2, 1)"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When the file cannot be read, lacks a parameter, holds one twice or anything else, or a parameter has another shape,
/// holds integers, NaN or infinities.
pub fn import_parameters(
    path: &Path,
    expected: &[(&str, &[usize])],
) -> Result<IndexMap<String, Array>, DataError> {
    let file = path.display().to_string();
    let mut held = match Form::of(path)? {
        Form::Safetensors => read_safetensors(path)?.0,
        Form::Npz => arrays_of(&file, read_npz(path)?)?,
    };
    let names: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for ((own, shape), exported) in expected.iter().zip(export_names(&names)) {
        let second = held.contains_key(*own) && *own != exported;
        if second && held.contains_key(&exported) {
            return Err(DataError::new(
                format!("`{file}` holds `{own}` and `{exported}`, which are the same parameter"),
                "keep one of them",
            ));
        }
        let name = if second { (*own).to_owned() } else { exported };
        match held.shift_remove(&name) {
            Some(array) => found.push((*own, *shape, name, array)),
            None => missing.push((*own, *shape, name)),
        }
    }
    if !missing.is_empty() || !held.is_empty() {
        return Err(other_names(&file, &missing, &held));
    }
    let faults: Vec<String> = found
        .iter()
        .filter_map(|(_, shape, name, array)| fault(name, shape, array))
        .collect();
    if !faults.is_empty() {
        return Err(DataError::new(
            format!(
                "`{file}` does not fit this network: {}",
                list(&faults, "; ")
            ),
            "give parameters of the network that is run: floating-point numbers of the shapes it declares",
        ));
    }
    let named = found.into_iter().map(|(own, shape, _, array)| {
        let shape = shape.to_vec();
        (own.to_owned(), Array { shape, ..array })
    });
    Ok(named.collect())
}

/// The forms parameters are stored in.
enum Form {
    Npz,
    Safetensors,
}

impl Form {
    fn of(path: &Path) -> Result<Self, DataError> {
        if has_extension(path, "safetensors") {
            Ok(Self::Safetensors)
        } else if has_extension(path, "npz") {
            Ok(Self::Npz)
        } else {
            Err(DataError::new(
                format!(
                    "`{}` ends neither in .safetensors nor in .npz",
                    path.display()
                ),
                "these are the forms in which parameters are kept; torch.load's .pt is pickled code: save with safetensors.torch.save_file",
            ))
        }
    }
}

fn arrays_of(
    file: &str,
    items: IndexMap<String, Item>,
) -> Result<IndexMap<String, Array>, DataError> {
    let array = |(name, item)| match item {
        Item::Array(array) => Ok((name, array)),
        Item::Text(_) => Err(DataError::new(
            format!("`{name}` in `{file}` is a word, and no parameter"),
            "save the parameters alone",
        )),
    };
    items.into_iter().map(array).collect()
}

/// What is wrong with an array as this parameter.
fn fault(name: &str, shape: &[usize], array: &Array) -> Option<String> {
    let fits = match shape {
        [] | [1] | [1, 1] => array.values.len() == 1,
        [n] | [n, 1] => array.shape == [*n] || array.shape == [*n, 1],
        _ => array.shape == shape,
    };
    if !fits {
        let (found, wanted) = (tuple(&array.shape), tuple(shape));
        return Some(format!(
            "`{name}` has the shape {found}, wanted is {wanted}"
        ));
    }
    if array.kind == Kind::Integer {
        return Some(format!("`{name}` holds integers"));
    }
    let place = array.values.iter().position(|value| !value.is_finite())?;
    Some(format!(
        "`{name}` holds {} at entry {place} (from 0)",
        array.values[place]
    ))
}

/// Names that are missing, names that are left over, and which of these may be meant by those.
fn other_names(
    file: &str,
    missing: &[(&str, &[usize], String)],
    extra: &IndexMap<String, Array>,
) -> DataError {
    let mut parts = Vec::new();
    if !missing.is_empty() {
        let names: Vec<String> = missing
            .iter()
            .map(|(own, _, exported)| {
                if own == exported {
                    format!("`{own}`")
                } else {
                    format!("`{own}` (or `{exported}`)")
                }
            })
            .collect();
        parts.push(format!("lacks {}", list(&names, ", ")));
    }
    if !extra.is_empty() {
        let names: Vec<String> = extra
            .keys()
            .map(|name| format!("`{}`", shown(name)))
            .collect();
        parts.push(format!(
            "holds {}, which this network does not have",
            list(&names, ", ")
        ));
    }
    // Each name that is left over is proposed once: one of the wanted shape before others, then the nearest.
    let mut left: Vec<(&String, &Array)> = extra.iter().take(COMPARED).collect();
    let mut proposed = Vec::new();
    for (_, shape, exported) in missing.iter().take(LISTED) {
        let start = |name: &str| name.chars().take(40).collect::<String>();
        let rank = |(name, array): &(&String, &Array)| {
            let other_shape = fault(name, shape, array).is_some();
            (
                other_shape,
                strsim::levenshtein(&start(name), &start(exported)),
            )
        };
        if let Some((place, _)) = left.iter().enumerate().min_by_key(|(_, held)| rank(held)) {
            let (name, array) = left.remove(place);
            let shape = tuple(&array.shape);
            proposed.push(format!("`{}` {shape} as `{exported}`", shown(name)));
        }
    }
    let help = if proposed.is_empty() {
        "the names are those of `NODE.weight`, `NODE.bias` and `NODE.PARAMETER`; save all of them and nothing else".to_owned()
    } else {
        format!(
            "rename before saving, if this is what is meant: {}",
            proposed.join(", ")
        )
    };
    DataError::new(format!("`{file}` {}", parts.join(", and ")), help)
}

fn list(all: &[String], between: &str) -> String {
    let more = all.len().saturating_sub(LISTED);
    let text = all[..all.len() - more].join(between);
    match more {
        0 => text,
        _ => format!("{text}{between}and {more} more"),
    }
}
