//! Data sets that are damaged, incomplete or of another kind: each has its message, and nothing panics.

use std::fs;

use hbp::data::{DataSource, KnownDataset, load_dataset};
use proptest::prelude::*;

use crate::files::{
    CIFAR, IDX, gzip, idx, load, record, refused, small_idx, write_cifar, write_idx,
};

/// File 0 (images) or 1 (labels) of a good set is exchanged for these bytes.
#[test]
fn bad_idx_files_are_refused() {
    let [images, labels, ..] = small_idx();
    let with = |bytes: &[u8]| idx(&[3, 2, 2], bytes);
    let mut wrong_type = images.clone();
    wrong_type[2] = 0x0d;
    let mut packed = gzip(&images);
    let cut = packed[..packed.len() - 9].to_vec();
    let followed = [&packed[..], b"more"].concat();
    // The last four bytes are the length, the four before them the checksum.
    let checksum = packed.len() - 5;
    packed[checksum] ^= 1;
    for (place, bytes, message, help) in [
        (
            0,
            labels.clone(),
            "begins with 00 00 08 01, not with 00 00 08 03",
            "exchanged?",
        ),
        (
            1,
            images.clone(),
            "begins with 00 00 08 03, not with 00 00 08 01",
            "exchanged?",
        ),
        (0, wrong_type, "begins with 00 00 0d 03", "03 for images"),
        (0, vec![], "cut short", "again"),
        (0, vec![0, 0, 8, 3, 0], "cut short", "again"),
        (
            0,
            with(&[0; 11]),
            "promises 28 bytes, there are 27",
            "again",
        ),
        (0, with(&[0; 13]), "bytes follow the 28 that", "again"),
        (
            0,
            gzip(&with(&[0; 11])),
            "promises 28 bytes, there are 27",
            "again",
        ),
        (
            0,
            gzip(&with(&[0; 13])),
            "bytes follow the 28 that",
            "again",
        ),
        (0, cut, "cut short", "again"),
        (0, packed, "damaged: ", "again"),
        (0, followed, "bytes follow its compressed content", "again"),
        (
            0,
            idx(&[u32::MAX; 3], &[0; 12]),
            "promises 4294967295×4294967295×4294967295",
            "again",
        ),
        (
            0,
            idx(&[1 << 14; 3], &[0; 12]),
            "promises 16384×16384×16384",
            "again",
        ),
        (
            0,
            idx(&[100_000, 10, 10], &[0; 12]),
            "promises 10000016 bytes, there are 28",
            "again",
        ),
        (
            0,
            gzip(&idx(&[100_000, 10, 10], &[])),
            "more than so short a file can hold",
            "again",
        ),
        (
            0,
            idx(&[0, 2, 2], &[]),
            "promises 0×2×2 bytes, which is nothing",
            "again",
        ),
        (
            0,
            idx(&[3, 0, 2], &[]),
            "promises 3×0×2 bytes, which is nothing",
            "again",
        ),
        (0, idx(&[2, 2, 2], &[0; 8]), "2 images, ", "one data set"),
        (1, idx(&[4], &[0; 4]), "4 labels", "one data set"),
        (
            0,
            idx(&[3, 1, 4], &[0; 12]),
            "1×4 pixels, those of ",
            "one data set",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut files = small_idx();
        files[place] = bytes;
        write_idx(folder.path(), &files);
        let error = load(folder.path()).unwrap_err();
        refused(&error, message, help);
        assert!(error.message.contains(IDX[place]), "{error}");
    }
}

#[test]
fn bad_cifar_files_are_refused() {
    let two = [record(1, [0; 3]), record(10, [0; 3])].concat();
    for (bytes, message) in [
        (
            vec![0; 3072],
            "3072 bytes are no whole number of records of 3073",
        ),
        (vec![0; 3074], "3074 bytes are no whole number"),
        (vec![], "it is empty"),
        (gzip(&record(1, [0; 3])), "it is compressed"),
        (
            two,
            "record 1 (from 0) has the label 10, which is not in 0…9",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write_cifar(folder.path());
        fs::write(folder.path().join(CIFAR[3]), bytes).unwrap();
        let error = load(folder.path()).unwrap_err();
        refused(&error, message, "records of 3,073 bytes");
        assert!(error.message.contains(CIFAR[3]), "{error}");
    }
}

#[test]
fn folders_say_what_they_lack() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let error = load(path).unwrap_err();
    refused(
        &error,
        "holds no data set: it has nothing; looked for `train-images-idx3-ubyte`",
        "the files themselves",
    );
    fs::write(path.join("a.npz"), "").unwrap();
    refused(&load(path).unwrap_err(), "it has a.npz;", "its own path");
    fs::create_dir(path.join("cifar-10-batches-py")).unwrap();
    refused(
        &load(path).unwrap_err(),
        "it has a.npz, cifar-10-batches-py;",
        "binary version",
    );
    fs::write(path.join(IDX[1]), "").unwrap();
    let lacks =
        "lacks `train-images-idx3-ubyte`, `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`";
    refused(&load(path).unwrap_err(), lacks, "all four");
    fs::write(path.join(CIFAR[0]), "").unwrap();
    refused(
        &load(path).unwrap_err(),
        "holds two data sets",
        "folder of its own",
    );
    fs::remove_file(path.join(IDX[1])).unwrap();
    refused(
        &load(path).unwrap_err(),
        "lacks `data_batch_2.bin`",
        "unpack the whole",
    );
    // A folder in place of a file, and a file in place of a folder.
    for name in CIFAR {
        let _ = fs::remove_file(path.join(name));
        fs::create_dir(path.join(name)).unwrap();
    }
    refused(&load(path).unwrap_err(), "is not a file", "3,073");
    refused(
        &load(&path.join("a.npz")).unwrap_err(),
        "is not a readable NPZ archive",
        "numpy",
    );
    let file = path.join("a.csv");
    fs::write(&file, "1,2").unwrap();
    refused(
        &load(&file).unwrap_err(),
        "cannot be read as a folder",
        "an .npz file",
    );
}

#[test]
fn names_that_are_not_known_are_compared_with_those_that_are() {
    for (text, help) in [
        ("fashion", "did you mean `fashion-mnist`?"),
        ("cifar-10", "did you mean `cifar10`?"),
        ("digit", "did you mean `digits`?"),
        (
            "nowhere/at/all",
            "give digits, fashion-mnist, mnist, cifar10, a folder",
        ),
        ("", "give digits"),
    ] {
        let source: DataSource = text.parse().unwrap();
        let error = load_dataset::<f32>(&source).unwrap_err();
        refused(&error, &format!("`{text}` is no known data set"), help);
    }
}

/// Whether a data set is on this machine or not, the answer says where.
#[test]
fn known_data_sets_are_here_or_the_message_says_where_they_were_looked_for() {
    for (known, place, help) in [
        (KnownDataset::Mnist, "`data/MNIST/raw`", "--data DIR"),
        (
            KnownDataset::Cifar10,
            "`cifar-10-batches-bin`",
            "cifar-10-binary.tar.gz",
        ),
    ] {
        match load_dataset::<f32>(&DataSource::Known(known)) {
            Ok(set) => assert_eq!(set.n_classes, Some(10)),
            Err(error) => refused(&error, place, help),
        }
    }
}

/// Bytes changed, then cut.
fn damage(
    bytes: &mut Vec<u8>,
    changes: &[(prop::sample::Index, u8)],
    length: Option<prop::sample::Index>,
) {
    for (place, byte) in changes {
        let place = place.index(bytes.len());
        bytes[place] = *byte;
    }
    if let Some(length) = length {
        bytes.truncate(length.index(bytes.len()));
    }
}

proptest! {
    /// Whatever happens to the bytes of a file, loading ends in samples or in an error with a help line.
    #[test]
    fn damaged_files_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        length in any::<Option<prop::sample::Index>>(),
        place in 0_usize..4,
        compressed: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut files = small_idx();
        if compressed {
            files = files.map(|bytes| gzip(&bytes));
        }
        damage(&mut files[place], &changes, length);
        write_idx(folder.path(), &files);
        if let Err(error) = load(folder.path()) {
            prop_assert!(!error.message.is_empty() && !error.help.is_empty());
        }
    }

    /// And whatever the bytes are.
    #[test]
    fn random_files_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        magic in prop::sample::select(vec![&[][..], &[0, 0, 8, 3], &[0, 0, 8, 1], &[0x1f, 0x8b, 8, 0]]),
        place in 0_usize..4,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut files = small_idx();
        files[place] = [magic, &bytes].concat();
        write_idx(folder.path(), &files);
        let _ = load(folder.path());
        fs::remove_file(folder.path().join(IDX[0])).unwrap();
        write_cifar(folder.path());
        for name in &IDX[1..] {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join(CIFAR[place]), &files[place]).unwrap();
        prop_assert!(load(folder.path()).is_err());
        fs::write(folder.path().join("x.npz"), &bytes).unwrap();
        prop_assert!(load(&folder.path().join("x.npz")).is_err());
    }
}
