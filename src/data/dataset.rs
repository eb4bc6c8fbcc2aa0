//! Data sets by name, folder or file. Why one front verb: what trains asks for samples, and does not know in which of
//! four forms they lay on disk.

use std::fs;
use std::path::{Path, PathBuf};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::pictures::Parts;
use super::source::is_npz;
use super::{
    DataError, DataSource, Dataset, KnownDataset, Samples, Targets, arrays, cifar, digits, idx,
};
use crate::backend::Element;

/// Loads a data set.
///
/// * `digits`: the digits inside the program; 359 of the 1,797 are drawn for the test, always the same.
/// * `fashion-mnist`, `mnist`, `cifar10`: the files in one of [`KnownDataset::places`], the first that holds any.
/// * A folder: the four IDX files of the MNIST family under their standard names, plain or `.gz`; or the six files of
///   CIFAR-10's binary form, also in `cifar-10-batches-bin/` below. What is there decides.
/// * An NPZ file: `x` with the samples along its first axis, the other axes flattened, and `y` with as many. `y` of
///   integers, one a sample, are classes, counted from 0; `y` of floats are numbers to be learned. `x_test` and `y_test`
///   are the test; without them a fifth of the samples is drawn for it, the same for every file of that length. Nothing is
///   scaled.
///
/// Bytes of images are divided by 255, so that features lie in [0, 1]; in CIFAR-10 the red image is before the green and
/// the blue. Classes are not one-hot encoded. A drawn test and what is left for training keep the order of the file.
///
/// ```
/// use hbp::data::{DataSource, Dataset, load_dataset};
///
/// let source: DataSource = "digits".parse()?;
/// let digits: Dataset = load_dataset(&source)?;
/// assert_eq!((digits.train.len(), digits.test.len()), (1438, 359));
/// assert_eq!((digits.n_features(), digits.n_classes), (64, Some(10)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When files are missing (the message names the places), damaged, cut short or longer than they say, do not fit
/// together, are empty, or hold labels out of range, NaN or infinities. Nothing is allocated on a file's word alone.
pub fn load_dataset<T: Element>(source: &DataSource) -> Result<Dataset<T>, DataError> {
    let name = source.to_string();
    match source {
        DataSource::Known(KnownDataset::Digits) => embedded(name),
        DataSource::Known(known) => {
            let (folder, held) = known
                .places()
                .into_iter()
                .find_map(|place| Held::find(&place).map(|held| (place, held)))
                .ok_or_else(|| absent(*known))?;
            held.read(&folder)?.dataset(name, Some(10))
        }
        DataSource::Folder(folder) => {
            let held = Held::find(folder).ok_or_else(|| unknown_folder(folder))?;
            held.read(folder)?.dataset(name, None)
        }
        DataSource::Npz(path) => arrays::read(path, name),
    }
}

/// Which files a folder holds.
struct Held {
    idx: [Option<PathBuf>; 4],
    cifar: [Option<PathBuf>; 6],
}

impl Held {
    fn find(folder: &Path) -> Option<Self> {
        let (idx, cifar) = (idx::find(folder), cifar::find(folder));
        let any = idx.iter().chain(&cifar).any(Option::is_some);
        any.then_some(Self { idx, cifar })
    }

    fn read(&self, folder: &Path) -> Result<Parts, DataError> {
        let first = |paths: &[Option<PathBuf>]| paths.iter().flatten().next().cloned();
        match (first(&self.idx), first(&self.cifar)) {
            (Some(idx), Some(cifar)) => Err(DataError::new(
                format!(
                    "`{}` holds two data sets: `{}` is of IDX form, `{}` of CIFAR-10",
                    folder.display(),
                    idx.display(),
                    cifar.display()
                ),
                "give each a folder of its own",
            )),
            (Some(_), None) => idx::read(folder, &self.idx),
            (None, _) => cifar::read(folder, &self.cifar),
        }
    }
}

fn embedded<T: Element>(name: String) -> Result<Dataset<T>, DataError> {
    let digits = digits();
    let (count, n_features) = digits.images.shape();
    let places = (0..count).flat_map(|k| (0..n_features).map(move |i| (k, i)));
    let pixels = places.map(|place| T::number(digits.images[place]));
    let labels = digits
        .labels
        .iter()
        .map(|label| u32::try_from(*label).unwrap_or(u32::MAX));
    let all = Samples::new(
        n_features,
        pixels.collect(),
        Targets::Classes(labels.collect()),
    )?;
    let (train, test) = split(&all)?;
    Ok(Dataset {
        name,
        train,
        test,
        n_classes: Some(10),
        sample_shape: vec![8, 8],
    })
}

/// A fifth of the samples, at least one, for the test, and the others. Which ones depends on their number alone.
pub(super) fn split<T: Element>(
    samples: &Samples<T>,
) -> Result<(Samples<T>, Samples<T>), DataError> {
    let count = samples.len();
    if count < 2 {
        return Err(DataError::new(
            "there is one sample, which cannot be both learned from and judged by",
            "give more samples, or a test of its own",
        ));
    }
    // Fisher and Yates on the bare stream: what a library makes of it may change between versions, the split must not.
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        let scaled = u128::from(rng.next_u64()) * (last as u128 + 1);
        order.swap(last, usize::try_from(scaled >> 64).unwrap_or(last));
    }
    let (test, train) = order.split_at_mut((count / 5).max(1));
    test.sort_unstable();
    train.sort_unstable();
    Ok((samples.pick(train), samples.pick(test)))
}

fn absent(known: KnownDataset) -> DataError {
    let places: Vec<String> = known
        .places()
        .iter()
        .map(|place| format!("`{}`", place.display()))
        .collect();
    DataError::new(
        format!(
            "{} is not here: looked in {}",
            known.name(),
            places.join(", ")
        ),
        known.how_to_get(),
    )
}

fn unknown_folder(folder: &Path) -> DataError {
    let shown = folder.display().to_string();
    let looked_for = format!(
        "`{}` (or .gz) and its three siblings, or `{}` and its five",
        idx::NAMES[0],
        cifar::NAMES[0]
    );
    let mut names: Vec<String> = match fs::read_dir(folder) {
        Ok(entries) => entries
            .filter_map(Result::ok)
            .map(|entry| {
                entry
                    .file_name()
                    .to_string_lossy()
                    .escape_debug()
                    .to_string()
            })
            .collect(),
        Err(e) => {
            let known = KnownDataset::ALL.map(KnownDataset::name);
            let near = known.into_iter().find(|name| {
                strsim::levenshtein(name, &shown) <= 2
                    || name.starts_with(&shown) && !shown.is_empty()
            });
            let help = near.map_or_else(
                || format!("give {}, a folder or an .npz file", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            return DataError::new(
                format!("`{shown}` is no known data set and cannot be read as a folder: {e}"),
                help,
            );
        }
    };
    names.sort();
    let help = if names.iter().any(|name| name == "cifar-10-batches-py") {
        "the Python version of CIFAR-10 is pickled code; get the binary version, cifar-10-binary.tar.gz"
    } else if names.iter().any(|name| is_npz(Path::new(name))) {
        "to read an .npz file, give its own path"
    } else {
        "give the folder that holds the files themselves"
    };
    let count = names.len();
    names.truncate(6);
    let more = if count > names.len() { ", …" } else { "" };
    let holds = match count {
        0 => "nothing".to_owned(),
        _ => format!("{}{more}", names.join(", ")),
    };
    DataError::new(
        format!("`{shown}` holds no data set: it has {holds}; looked for {looked_for}"),
        help,
    )
}
