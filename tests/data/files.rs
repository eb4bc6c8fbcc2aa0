//! Files of data sets, written by hand.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use hbp::data::{Array, DataError, DataSource, Dataset, Item, Kind, load_dataset, write_npz};

/// The four names, as everyone has them.
pub(crate) const IDX: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// The six names.
pub(crate) const CIFAR: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];

/// A file of unsigned bytes with these sizes.
pub(crate) fn idx(sizes: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, u8::try_from(sizes.len()).unwrap()];
    file.extend(sizes.iter().flat_map(|n| n.to_be_bytes()));
    file.extend(bytes);
    file
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Three images of 2 × 2 to learn from and one to judge by: pixels 0, 1, 2, … and classes 2, 0, 1 and 2.
pub(crate) fn small_idx() -> [Vec<u8>; 4] {
    let pixels: Vec<u8> = (0..12).collect();
    [
        idx(&[3, 2, 2], &pixels),
        idx(&[3], &[2, 0, 1]),
        idx(&[1, 2, 2], &[255, 0, 51, 102]),
        idx(&[1], &[2]),
    ]
}

pub(crate) fn write_idx(folder: &Path, files: &[Vec<u8>; 4]) {
    for (name, bytes) in IDX.iter().zip(files) {
        fs::write(folder.join(name), bytes).unwrap();
    }
}

/// A record of CIFAR-10: the label, then red, green and blue of one value each.
pub(crate) fn record(label: u8, colours: [u8; 3]) -> Vec<u8> {
    let mut record = vec![label];
    record.extend(colours.iter().flat_map(|value| [*value; 1024]));
    record
}

/// One record a file: label k, colours k, 10 k and 100 + k; the test is file 5.
pub(crate) fn write_cifar(folder: &Path) {
    for (k, name) in (0..).zip(CIFAR) {
        fs::write(folder.join(name), record(k, [k, 10 * k, 100 + k])).unwrap();
    }
}

pub(crate) fn array(shape: &[usize], values: &[f64], kind: Kind) -> Item {
    let array = Array::new(shape.to_vec(), values.to_vec()).unwrap();
    Item::Array(array.with_kind(kind))
}

pub(crate) fn load(path: &Path) -> Result<Dataset, DataError> {
    let source: DataSource = path.to_str().unwrap().parse().unwrap();
    load_dataset(&source)
}

/// Loads a file of these arrays.
pub(crate) fn load_arrays(items: &[(&str, Item)]) -> Result<Dataset, DataError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.npz");
    write_npz(&path, items.iter().map(|(name, item)| (*name, item))).unwrap();
    let loaded = load(&path);
    loaded.map_err(|e| DataError {
        message: e.message.replace(path.to_str().unwrap(), "in.npz"),
        help: e.help,
    })
}

/// Compares a refusal and its help with what they must hold.
pub(crate) fn refused(error: &DataError, message: &str, help: &str) {
    assert!(error.message.contains(message), "{error}\n{message}");
    assert!(error.help.contains(help), "{}\n{help}", error.help);
}
