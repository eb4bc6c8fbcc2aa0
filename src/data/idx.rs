//! IDX files, the form of MNIST and its kin. Why our own: the format is a magic number, sizes and bytes; the crates for
//! it panic on damaged files or trust the sizes, and these checks are most of the work.

use std::path::{Path, PathBuf};

use super::files::Content;
use super::pictures::{Parts, Pictures};
use super::{DataError, ENTRY_LIMIT};

/// The standard names: images and labels to learn from, then those to judge by.
pub(super) const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// The first bytes of unsigned bytes with three axes, and with one.
const IMAGES: [u8; 4] = [0, 0, 8, 3];
const LABELS: [u8; 4] = [0, 0, 8, 1];

/// The files of the folder that have standard names: plain before `.gz`, and `images-idx3` before `images.idx3`.
pub(super) fn find(folder: &Path) -> [Option<PathBuf>; 4] {
    NAMES.map(|name| {
        let dotted = name.replace("-idx", ".idx");
        let spellings = [
            name.to_owned(),
            format!("{name}.gz"),
            dotted.clone(),
            format!("{dotted}.gz"),
        ];
        let paths = spellings.map(|spelling| folder.join(spelling));
        paths.into_iter().find(|path| path.exists())
    })
}

/// Reads the four files.
pub(super) fn read(folder: &Path, found: &[Option<PathBuf>; 4]) -> Result<Parts, DataError> {
    let missing: Vec<String> = NAMES
        .iter()
        .zip(found)
        .filter(|(_, path)| path.is_none())
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    let [
        Some(images),
        Some(labels),
        Some(test_images),
        Some(test_labels),
    ] = found
    else {
        return Err(DataError::new(
            format!(
                "`{}` holds some IDX files and lacks {}",
                folder.display(),
                missing.join(", ")
            ),
            "put all four files there, plain or as .gz",
        ));
    };
    let (train, shape) = pair(images, labels, ENTRY_LIMIT)?;
    let (test, test_shape) = pair(test_images, test_labels, ENTRY_LIMIT - train.pixels.len())?;
    if shape != test_shape {
        return Err(DataError::new(
            format!(
                "the images of `{}` have {}×{} pixels, those of `{}` {}×{}",
                images.display(),
                shape[0],
                shape[1],
                test_images.display(),
                test_shape[0],
                test_shape[1]
            ),
            "take all four files from one data set",
        ));
    }
    Ok(Parts {
        train,
        test,
        shape: shape.to_vec(),
    })
}

fn pair(images: &Path, labels: &Path, room: usize) -> Result<(Pictures, [usize; 2]), DataError> {
    let ([count, rows, cols], pixels) = read_file(images, IMAGES, room)?;
    let ([n_labels], labels_read) = read_file(labels, LABELS, room)?;
    if count != n_labels {
        return Err(DataError::new(
            format!(
                "`{}` holds {count} images, `{}` {n_labels} labels",
                images.display(),
                labels.display()
            ),
            "take both files from one data set",
        ));
    }
    let pictures = Pictures {
        pixels,
        labels: labels_read,
        file: labels.display().to_string(),
    };
    Ok((pictures, [rows, cols]))
}

/// The sizes and the bytes of a file: the magic number, each size as four bytes with the highest first, the bytes.
fn read_file<const N: usize>(
    path: &Path,
    magic: [u8; 4],
    room: usize,
) -> Result<([usize; N], Vec<u8>), DataError> {
    let mut content = Content::open(path, "an IDX file is wanted here, plain or as .gz")?;
    let name = content.name.clone();
    let refuse = |(reason, help): (String, &str)| {
        DataError::new(
            format!("`{name}` is no IDX file of this kind: {reason}"),
            help,
        )
    };
    let again = "get the file again, and compare its size with the source's";
    let found: [u8; 4] = content.start().map_err(|e| refuse((e, again)))?;
    if found != magic {
        let help = match found {
            IMAGES => "these are images; labels are wanted here: are two files exchanged?",
            LABELS => "these are labels; images are wanted here: are two files exchanged?",
            _ => "IDX files begin with 00 00 08, then 03 for images and 01 for labels",
        };
        let reason = format!("it begins with {}, not with {}", hex(found), hex(magic));
        return Err(refuse((reason, help)));
    }
    let mut sizes = [0; N];
    for size in &mut sizes {
        let bytes: [u8; 4] = content.start().map_err(|e| refuse((e, again)))?;
        *size = usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX);
    }
    let shown = sizes.map(|n| n.to_string()).join("×");
    if sizes.contains(&0) {
        return Err(refuse((
            format!("its header promises {shown} bytes, which is nothing"),
            again,
        )));
    }
    let count = sizes
        .iter()
        .try_fold(1_usize, |product, n| product.checked_mul(*n));
    let Some(count) = count.filter(|count| *count <= room) else {
        return Err(refuse((
            format!(
                "its header promises {shown} bytes; all images together may have {ENTRY_LIMIT}"
            ),
            again,
        )));
    };
    let before = 4 + 4 * N as u64;
    let bytes = content
        .rest(before, count as u64)
        .map_err(|e| refuse((e, again)))?;
    Ok((sizes, bytes))
}

fn hex(bytes: [u8; 4]) -> String {
    bytes.map(|byte| format!("{byte:02x}")).join(" ")
}
