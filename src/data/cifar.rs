//! CIFAR-10 in its binary form. Why no decoder library: a record is a label and 3,072 bytes, and nothing else.

use std::path::{Path, PathBuf};

use super::files::Content;
use super::pictures::{Parts, Pictures};
use super::{DataError, ENTRY_LIMIT};

/// The standard names: five files to learn from, one to judge by.
pub(super) const NAMES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];

/// The folder in which the files come.
pub(super) const FOLDER: &str = "cifar-10-batches-bin";

/// Colours, rows, columns.
const SHAPE: [usize; 3] = [3, 32, 32];

/// The bytes of an image.
const PIXELS: usize = 3072;

/// The label and the image.
const RECORD: u64 = 3073;

/// The files that are there, in the folder itself or in the one they come in.
pub(super) fn find(folder: &Path) -> [Option<PathBuf>; 6] {
    let inside = [folder.to_owned(), folder.join(FOLDER)];
    let all =
        inside.map(|folder| NAMES.map(|name| Some(folder.join(name)).filter(|path| path.exists())));
    let [here, below] = all;
    if here.iter().any(Option::is_some) {
        here
    } else {
        below
    }
}

/// Reads the six files.
pub(super) fn read(folder: &Path, found: &[Option<PathBuf>; 6]) -> Result<Parts, DataError> {
    let (mut train, mut test) = (Pictures::default(), Pictures::default());
    let missing: Vec<String> = NAMES
        .iter()
        .zip(found)
        .filter(|(_, path)| path.is_none())
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    if !missing.is_empty() {
        return Err(DataError::new(
            format!(
                "`{}` holds some files of CIFAR-10 and lacks {}",
                folder.display(),
                missing.join(", ")
            ),
            "unpack the whole cifar-10-binary.tar.gz",
        ));
    }
    for (k, path) in found.iter().flatten().enumerate() {
        let part = if k < 5 { &mut train } else { &mut test };
        read_file(path, part)?;
    }
    Ok(Parts {
        train,
        test,
        shape: SHAPE.to_vec(),
    })
}

fn read_file(path: &Path, part: &mut Pictures) -> Result<(), DataError> {
    let help = "get cifar-10-binary.tar.gz again: its files have 10,000 records of 3,073 bytes, a label and an image";
    let content = Content::open(path, help)?;
    let name = content.name.clone();
    let refuse =
        |reason: String| DataError::new(format!("`{name}` is no file of CIFAR-10: {reason}"), help);
    let Some(length) = content.length() else {
        return Err(refuse("it is compressed".into()));
    };
    if length == 0 {
        return Err(refuse("it is empty".into()));
    }
    if length % RECORD != 0 {
        return Err(refuse(format!(
            "its {length} bytes are no whole number of records of {RECORD} bytes"
        )));
    }
    // Six such files stay below what an archive may hold.
    if length > ENTRY_LIMIT as u64 / 6 {
        return Err(refuse(format!("its {length} bytes are too many")));
    }
    let bytes = content.rest(0, length).map_err(refuse)?;
    for (k, record) in bytes.chunks_exact(PIXELS + 1).enumerate() {
        if record[0] > 9 {
            return Err(refuse(format!(
                "record {k} (from 0) has the label {}, which is not in 0…9",
                record[0]
            )));
        }
        part.labels.push(record[0]);
        part.pixels.extend_from_slice(&record[1..]);
    }
    part.file = name;
    Ok(())
}
