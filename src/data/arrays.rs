//! Samples from an NPZ file. Why so little is taken for granted: an array says nothing of what it means, and a wrong
//! reading of it trains without complaint.

use std::path::Path;

use indexmap::IndexMap;

use super::array::tuple;
use super::dataset::split;
use super::{Archive, Array, DataError, Dataset, Item, Kind, Samples, Targets};
use crate::backend::Element;

/// The arrays to learn from, and those to judge by.
const TRAIN: [&str; 2] = ["x", "y"];
const TEST: [&str; 2] = ["x_test", "y_test"];

/// Classes beyond this number are no labels but something else.
const CLASS_LIMIT: u32 = 1 << 16;

/// Reads the file; `name` is what the data set is called.
pub(super) fn read<T: Element>(path: &Path, name: String) -> Result<Dataset<T>, DataError> {
    let archive = Archive::open(path)?;
    let file = path.display().to_string();
    let held: Vec<&str> = archive.outlines().keys().map(String::as_str).collect();
    let has_test = check_names(&file, &held)?;
    let items = archive.read()?;
    let (train, shape) = samples(&file, &items, TRAIN)?;
    let (train, test) = if has_test {
        let (test, test_shape) = samples(&file, &items, TEST)?;
        alike(&file, (&train, &shape), (&test, &test_shape))?;
        (train, test)
    } else {
        split(&train).map_err(|e| located(&file, e))?
    };
    let n_classes = train.targets().classes().max(test.targets().classes());
    Ok(Dataset {
        name,
        train,
        test,
        n_classes,
        sample_shape: shape,
    })
}

/// True if there is a test; an error if an array is missing or not known.
fn check_names(file: &str, held: &[&str]) -> Result<bool, DataError> {
    let help = "samples are `x` and `y`, and for the test `x_test` and `y_test`, both or neither";
    let known = |name: &str| TRAIN.contains(&name) || TEST.contains(&name);
    if let Some(extra) = held.iter().find(|name| !known(name)) {
        return Err(DataError::new(
            format!("`{file}` holds `{extra}`, which has no meaning for a data set"),
            help,
        ));
    }
    let has_test = TEST.iter().any(|name| held.contains(name));
    let wanted = TRAIN.iter().chain(TEST.iter().filter(|_| has_test));
    for name in wanted {
        if !held.contains(name) {
            let all = held.join("`, `");
            return Err(DataError::new(
                format!("`{file}` lacks `{name}`: it holds `{all}`"),
                help,
            ));
        }
    }
    Ok(has_test)
}

/// The samples, and the axes of one.
fn samples<T: Element>(
    file: &str,
    items: &IndexMap<String, Item>,
    [x_name, y_name]: [&str; 2],
) -> Result<(Samples<T>, Vec<usize>), DataError> {
    let (x, y) = (array(file, items, x_name)?, array(file, items, y_name)?);
    let (Some((count, shape)), Some((n_targets, _))) =
        (x.shape.split_first(), y.shape.split_first())
    else {
        let name = if x.shape.is_empty() { x_name } else { y_name };
        return Err(DataError::new(
            format!("`{name}` in `{file}` is a single number"),
            "its first axis counts the samples",
        ));
    };
    if count != n_targets {
        return Err(DataError::new(
            format!(
                "`{x_name}` in `{file}` has {count} samples, `{y_name}` {n_targets}: their shapes are {} and {}",
                tuple(&x.shape),
                tuple(&y.shape)
            ),
            "the first axis of both counts the samples",
        ));
    }
    if x.values.is_empty() || y.values.is_empty() {
        let (name, array) = if x.values.is_empty() {
            (x_name, x)
        } else {
            (y_name, y)
        };
        return Err(DataError::new(
            format!(
                "`{name}` in `{file}` of shape {} is empty",
                tuple(&array.shape)
            ),
            "give at least one sample with at least one feature and one target",
        ));
    }
    let targets = match y.kind {
        Kind::Integer => classes(file, y_name, y)?,
        Kind::Float32 | Kind::Float64 => Targets::Values {
            width: y.values.len() / count,
            values: y.values.clone(),
        },
    };
    let features = x.values.iter().map(|value| T::number(*value)).collect();
    let made = Samples::new(x.values.len() / count, features, targets);
    let place = format!("`{x_name}` and `{y_name}` in `{file}`");
    Ok((made.map_err(|e| located(&place, e))?, shape.to_vec()))
}

fn array<'a>(
    file: &str,
    items: &'a IndexMap<String, Item>,
    name: &str,
) -> Result<&'a Array, DataError> {
    items.get(name).and_then(Item::array).ok_or_else(|| {
        DataError::new(
            format!("`{name}` in `{file}` is a word"),
            "save an array of numbers",
        )
    })
}

fn classes(file: &str, name: &str, array: &Array) -> Result<Targets, DataError> {
    if array.shape.len() != 1 {
        return Err(DataError::new(
            format!(
                "`{name}` in `{file}` holds integers of shape {}; class labels have one axis",
                tuple(&array.shape)
            ),
            format!(
                "for classes of one-hot rows save `{name}.argmax(1)`, of a column `{name}.ravel()`; for numbers to be learned `{name}.astype(float)`"
            ),
        ));
    }
    let label = |(k, value): (usize, &f64)| {
        // Integers of an archive are whole and exact.
        let fits = (0.0..f64::from(CLASS_LIMIT)).contains(value);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the limit"
        )]
        let label = *value as u32;
        fits.then_some(label).ok_or_else(|| {
            DataError::new(
                format!(
                    "label {k} (from 0) of `{name}` in `{file}` is {value}, which is not in 0…{}",
                    CLASS_LIMIT - 1
                ),
                format!(
                    "count classes from 0; for numbers to be learned save `{name}.astype(float)`"
                ),
            )
        })
    };
    let labels: Result<_, _> = array.values.iter().enumerate().map(label).collect();
    Ok(Targets::Classes(labels?))
}

/// Refuses a test whose samples or targets are not those of training.
fn alike<T: Element>(
    file: &str,
    (train, shape): (&Samples<T>, &[usize]),
    (test, test_shape): (&Samples<T>, &[usize]),
) -> Result<(), DataError> {
    if shape != test_shape {
        return Err(DataError::new(
            format!(
                "in `{file}` a sample of `x` has the shape {}, one of `x_test` {}",
                tuple(shape),
                tuple(test_shape)
            ),
            "test on samples like those learned from",
        ));
    }
    let described = |samples: &Samples<T>| match samples.targets() {
        Targets::Classes(_) => "classes".to_owned(),
        Targets::Values { width, .. } => format!("{width} numbers a sample"),
    };
    let (wanted, found) = (described(train), described(test));
    if wanted == found {
        return Ok(());
    }
    Err(DataError::new(
        format!("in `{file}` `y` holds {wanted}, `y_test` {found}"),
        "save both with the same type and the same axes",
    ))
}

fn located(place: &str, error: DataError) -> DataError {
    DataError::new(format!("{place}: {}", error.message), error.help)
}
