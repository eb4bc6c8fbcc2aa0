//! The state of a run in one file. Why one: it is replaced at once, so that parameters never stand beside the state of another step.

use std::path::Path;

use indexmap::IndexMap;

use super::TrainingError;
use crate::backend::Element;
use crate::data::{Array, DataError, Kind, Metadata, read_safetensors, write_safetensors};
use crate::optimizer::{Parameter, Parameters};

/// Where a run is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Checkpoint<T> {
    pub(super) parameters: Parameters<T>,
    pub(super) state: Vec<Parameters<T>>,
    pub(super) position: Position,
}

/// Where a run is, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Position {
    /// Whole epochs that are done.
    pub(super) epoch: u64,
    /// Steps of the next one that are done.
    pub(super) within: u64,
    /// All steps.
    pub(super) steps: u64,
    /// α.
    pub(super) alpha: Option<f64>,
    /// Seconds so far.
    pub(super) seconds: f64,
}

/// An array of a parameter's shape: a vector has one axis.
pub(crate) fn array<T: Element>(parameter: &Parameter<T>) -> Result<Array, DataError> {
    let (rows, cols) = (parameter.rows, parameter.cols);
    let by_rows = (0..rows).flat_map(|i| (0..cols).map(move |j| j * rows + i));
    let values = by_rows
        .map(|place| parameter.values[place].double())
        .collect();
    let shape = if cols == 1 {
        vec![rows]
    } else {
        vec![rows, cols]
    };
    let kind = if T::BYTES == 4 {
        Kind::Float32
    } else {
        Kind::Float64
    };
    Ok(Array::new(shape, values)?.with_kind(kind))
}

/// The entries of an array, column by column; nothing where there are not as many.
pub(crate) fn entries<T: Element>(array: &Array, rows: usize, cols: usize) -> Option<Vec<T>> {
    if array.values.len() != rows * cols {
        return None;
    }
    let by_columns = (0..cols).flat_map(|j| (0..rows).map(move |i| i * cols + j));
    Some(
        by_columns
            .map(|place| T::number(array.values[place]))
            .collect(),
    )
}

fn foreign(path: &Path, what: &str) -> TrainingError {
    TrainingError::setting(
        format!("`{}` is no checkpoint of this run: {what}", path.display()),
        "put the file back as it was, or begin anew with `hbp train --force`",
    )
}

/// The parameters alone, and how many epochs were done.
pub(super) fn read_parameters(
    path: &Path,
) -> Result<(IndexMap<String, Array>, u64), TrainingError> {
    let read = read_safetensors(path).map_err(|error| foreign(path, &error.message));
    let (mut arrays, metadata) = read?;
    // No name of the language begins with a digit.
    let is_state = |name: &str| {
        let place = name.strip_prefix("state.");
        place.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    arrays.retain(|name, _| !is_state(name));
    let epoch = metadata.get("epoch").and_then(|text| text.parse().ok());
    Ok((
        arrays,
        epoch.ok_or_else(|| foreign(path, "it has no `epoch`"))?,
    ))
}

impl<T: Element> Checkpoint<T> {
    /// Writes the file, whole or not at all.
    pub(super) fn write(&self, path: &Path) -> Result<(), TrainingError> {
        let mut arrays: IndexMap<String, Array> = IndexMap::new();
        for parameter in &self.parameters.0 {
            arrays.insert(parameter.name.to_string(), array(parameter)?);
        }
        for (place, kept) in self.state.iter().enumerate() {
            for parameter in &kept.0 {
                arrays.insert(
                    format!("state.{place}.{}", parameter.name),
                    array(parameter)?,
                );
            }
        }
        let Position {
            epoch,
            within,
            steps,
            alpha,
            seconds,
        } = self.position;
        let mut metadata = Metadata::from([
            ("epoch".to_owned(), epoch.to_string()),
            ("within".to_owned(), within.to_string()),
            ("steps".to_owned(), steps.to_string()),
            ("seconds".to_owned(), seconds.to_string()),
        ]);
        if let Some(alpha) = alpha {
            metadata.insert("alpha".to_owned(), alpha.to_string());
        }
        let named = arrays.iter().map(|(name, array)| (name.as_str(), array));
        Ok(write_safetensors(path, named, &metadata)?)
    }

    /// Reads the file; `like` has the names and shapes that are expected, `kept` is how many arrays of each are kept beside it.
    pub(super) fn read(
        path: &Path,
        like: &Parameters<T>,
        kept: usize,
    ) -> Result<Self, TrainingError> {
        let foreign = |what: &str| foreign(path, what);
        let read = read_safetensors(path).map_err(|error| foreign(&error.message));
        let (arrays, metadata) = read?;
        let read = |prefix: &str| -> Result<Parameters<T>, TrainingError> {
            let mut found = like.clone();
            for parameter in &mut found.0 {
                let name = format!("{prefix}{}", parameter.name);
                let array = arrays
                    .get(&name)
                    .ok_or_else(|| foreign(&format!("`{name}` is missing")))?;
                parameter.values = entries(array, parameter.rows, parameter.cols)
                    .ok_or_else(|| foreign(&format!("`{name}` has another shape")))?;
            }
            Ok(found)
        };
        let text = |name: &str| {
            metadata
                .get(name)
                .ok_or_else(|| foreign(&format!("it has no `{name}`")))
        };
        let whole = |name: &str| -> Result<u64, TrainingError> {
            text(name)?
                .parse()
                .map_err(|_| foreign(&format!("`{name}` is no number")))
        };
        let number = |name: &str| -> Result<f64, TrainingError> {
            text(name)?
                .parse()
                .map_err(|_| foreign(&format!("`{name}` is no number")))
        };
        Ok(Self {
            parameters: read("")?,
            state: (0..kept)
                .map(|place| read(&format!("state.{place}.")))
                .collect::<Result<_, _>>()?,
            position: Position {
                epoch: whole("epoch")?,
                within: whole("within")?,
                steps: whole("steps")?,
                alpha: metadata.get("alpha").map(|_| number("alpha")).transpose()?,
                seconds: number("seconds")?,
            },
        })
    }
}
