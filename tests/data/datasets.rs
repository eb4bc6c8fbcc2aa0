//! Data sets: what is read of each form, number by number.

use std::fs;
use std::path::Path;

use hbp::data::{DataSource, Dataset, Kind, KnownDataset, Samples, Targets, digits, load_dataset};
use proptest::prelude::*;

use crate::files::{
    CIFAR, IDX, array, gzip, idx, load, load_arrays, small_idx, write_cifar, write_idx,
};

const CLOTHES: &str = "/usr/share/datasets/fashion-mnist";

fn classes(samples: &Samples<f32>) -> &[u32] {
    match samples.targets() {
        Targets::Classes(labels) => labels,
        Targets::Values { .. } => panic!("these are numbers"),
    }
}

fn known(known: KnownDataset) -> Dataset {
    load_dataset(&DataSource::Known(known)).unwrap()
}

#[test]
fn sources_are_read_from_text_and_written_as_it() {
    for known in KnownDataset::ALL {
        assert_eq!(known.name().parse(), Ok(DataSource::Known(known)));
    }
    for (text, source) in [
        ("a/b.npz", DataSource::Npz("a/b.npz".into())),
        ("B.NPZ", DataSource::Npz("B.NPZ".into())),
        ("./mnist", DataSource::Folder("./mnist".into())),
        ("npz", DataSource::Folder("npz".into())),
        ("Digits", DataSource::Folder("Digits".into())),
    ] {
        assert_eq!(text.parse(), Ok(source.clone()));
        assert_eq!(source.to_string(), text);
    }
}

#[test]
fn the_digits_are_split_once_and_for_all() {
    let set = known(KnownDataset::Digits);
    assert_eq!((set.name.as_str(), set.n_classes), ("digits", Some(10)));
    assert_eq!((set.train.len(), set.test.len()), (1438, 359));
    assert_eq!((set.n_features(), &set.sample_shape[..]), (64, &[8, 8][..]));
    // The stream of ChaCha8 is fixed, and so is what is drawn from it.
    assert_eq!(
        classes(&set.test)[..16],
        [1, 2, 7, 4, 0, 2, 1, 4, 1, 7, 3, 4, 6, 9, 5, 4]
    );
    // Both together are all digits, each once, in order.
    let source = digits();
    let (mut from_train, mut from_test) = (0, 0);
    for (k, label) in source.labels.iter().enumerate() {
        let image: Vec<f32> = (0..64)
            .map(|j| format!("{}", source.images[(k, j)]).parse().unwrap())
            .collect();
        if from_test < set.test.len() && set.test.sample(from_test) == image {
            assert_eq!(classes(&set.test)[from_test] as usize, *label);
            from_test += 1;
        } else {
            assert_eq!(set.train.sample(from_train), image);
            assert_eq!(classes(&set.train)[from_train] as usize, *label);
            from_train += 1;
        }
    }
    assert_eq!((from_train, from_test), (1438, 359));
}

#[test]
fn idx_files_are_read_plain_compressed_and_with_dots() {
    let folder = tempfile::tempdir().unwrap();
    let files = small_idx();
    let mut sets = Vec::new();
    for form in 0..3 {
        let folder = folder.path().join(form.to_string());
        fs::create_dir(&folder).unwrap();
        for (name, bytes) in IDX.iter().zip(&files) {
            let (name, bytes) = match form {
                0 => ((*name).to_owned(), bytes.clone()),
                1 => (format!("{name}.gz"), gzip(bytes)),
                _ => (name.replace("-idx", ".idx"), bytes.clone()),
            };
            fs::write(folder.join(name), bytes).unwrap();
        }
        let mut set = load(&folder).unwrap();
        assert_eq!(set.name, folder.to_str().unwrap());
        set.name.clear();
        sets.push(set);
    }
    let set = &sets[0];
    assert!(sets.iter().all(|other| other == set));
    assert_eq!(
        (set.n_classes, &set.sample_shape[..]),
        (Some(3), &[2, 2][..])
    );
    assert_eq!(classes(&set.train), [2, 0, 1]);
    assert_eq!(classes(&set.test), [2]);
    assert_eq!(set.test.features(), [1.0, 0.0, 0.2, 0.4]);
    let second = [4, 5, 6, 7].map(|byte: u8| f32::from(byte) / 255.0);
    assert_eq!(set.train.sample(1), second);
    // In double precision the same, to all its digits.
    write_idx(folder.path(), &files);
    let double: Dataset<f64> = load_dataset(&DataSource::Folder(folder.path().into())).unwrap();
    assert_eq!(double.test.features(), [1.0, 0.0, 0.2, 0.4]);
}

#[test]
fn cifar_files_are_read_from_the_folder_and_the_one_above() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("cifar-10-batches-bin");
    fs::create_dir(&folder).unwrap();
    write_cifar(&folder);
    for place in [&folder, above.path()] {
        let set = load(place).unwrap();
        assert_eq!(classes(&set.train), [0, 1, 2, 3, 4]);
        assert_eq!(classes(&set.test), [5]);
        assert_eq!(
            (set.n_features(), &set.sample_shape[..]),
            (3072, &[3, 32, 32][..])
        );
        let image = set.train.sample(2);
        let ends = [image[0], image[1023], image[1024], image[2047], image[2048]];
        assert_eq!(
            ends[..],
            [2, 2, 20, 20, 102].map(|byte: u8| f32::from(byte) / 255.0)[..]
        );
    }
    // Two records in a file follow each other.
    let two = [
        crate::files::record(7, [1, 2, 3]),
        crate::files::record(8, [4, 5, 6]),
    ]
    .concat();
    fs::write(folder.join(CIFAR[1]), two).unwrap();
    let set = load(&folder).unwrap();
    assert_eq!(classes(&set.train), [0, 7, 8, 2, 3, 4]);
    assert_eq!(set.train.sample(2)[3071..], [6.0 / 255.0]);
}

#[test]
fn arrays_are_samples_with_classes_or_with_numbers() {
    let x: Vec<f64> = (0..12).map(f64::from).collect();
    let x_test = array(&[1, 2, 2], &[0.5; 4], Kind::Float32);
    let items = [
        ("x", array(&[3, 2, 2], &x, Kind::Float64)),
        ("y", array(&[3], &[1.0, 0.0, 4.0], Kind::Integer)),
        ("x_test", x_test.clone()),
        ("y_test", array(&[1], &[5.0], Kind::Integer)),
    ];
    let set = load_arrays(&items).unwrap();
    assert_eq!((set.n_classes, set.n_features()), (Some(6), 4));
    assert_eq!(set.sample_shape, [2, 2]);
    assert_eq!(classes(&set.train), [1, 0, 4]);
    assert_eq!(set.train.sample(1), [4.0, 5.0, 6.0, 7.0]);
    assert_eq!(set.test.features(), [0.5; 4]);
    // Floats are numbers to be learned, and integers as features are numbers too.
    let items = [
        ("x", array(&[3], &[7.0, 8.0, 255.0], Kind::Integer)),
        ("y", array(&[3, 2, 1], &x[..6], Kind::Float32)),
    ];
    let set = load_arrays(&items).unwrap();
    assert_eq!((set.n_classes, set.n_features()), (None, 1));
    assert_eq!((set.train.len(), set.test.len()), (2, 1));
    let (mut all, mut values) = (Vec::<f32>::new(), Vec::<f64>::new());
    for samples in [&set.train, &set.test] {
        let Targets::Values { width, values: own } = samples.targets() else {
            panic!("these are classes");
        };
        assert_eq!(*width, 2);
        all.extend(samples.features());
        values.extend(own);
    }
    // Each sample keeps its targets.
    for (feature, targets) in all.iter().zip(values.chunks(2)) {
        let k = [7.0, 8.0, 255.0]
            .iter()
            .position(|v: &f32| v.to_bits() == feature.to_bits())
            .unwrap();
        assert_eq!(targets, &x[2 * k..2 * k + 2]);
    }
}

/// Debian's `dataset-fashion-mnist`, where it is installed.
#[test]
fn the_clothes_are_those_of_the_source() {
    if !Path::new(CLOTHES).exists() {
        println!("{CLOTHES} is not here: `apt install dataset-fashion-mnist`");
        return;
    }
    let set = load(Path::new(CLOTHES)).unwrap();
    assert_eq!((set.train.len(), set.test.len()), (60_000, 10_000));
    assert_eq!(
        (&set.sample_shape[..], set.n_classes),
        (&[28, 28][..], Some(10))
    );
    for (samples, count) in [(&set.train, 6000), (&set.test, 1000)] {
        let mut histogram = [0; 10];
        for label in classes(samples) {
            histogram[*label as usize] += 1;
        }
        assert_eq!(histogram, [count; 10]);
    }
    // The first labels and the mean and deviation of the pixels, as they are quoted everywhere.
    assert_eq!(classes(&set.train)[..10], [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]);
    assert_eq!(classes(&set.test)[..10], [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]);
    let (mut sum, mut squares) = (0.0, 0.0);
    for value in set.train.features() {
        let value = f64::from(*value);
        assert!((0.0..=1.0).contains(&value));
        sum += value;
        squares += value * value;
    }
    let mean = sum / 47_040_000.0;
    let deviation = (squares / 47_040_000.0 - mean * mean).sqrt();
    assert_eq!(format!("{mean:.4} {deviation:.4}"), "0.2860 0.3530");
}

proptest! {
    /// What is written in IDX is what is read, whatever the sizes.
    #[test]
    fn idx_files_hold_what_was_written(
        (rows, cols) in (1_u8..5, 1_u8..5),
        labels in prop::collection::vec(any::<u8>(), 1..6),
        seed: u8,
        compressed: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let size = usize::from(rows) * usize::from(cols);
        let pixels: Vec<u8> = (0..labels.len() * size)
            .map(|k| u8::try_from(k * 37 % 256).unwrap().wrapping_add(seed))
            .collect();
        let count = u32::try_from(labels.len()).unwrap();
        let images = idx(&[count, rows.into(), cols.into()], &pixels);
        let classes_file = idx(&[count], &labels);
        let pack = |bytes: &[u8]| if compressed { gzip(bytes) } else { bytes.to_vec() };
        let (images, classes_file) = (pack(&images), pack(&classes_file));
        write_idx(folder.path(), &[images.clone(), classes_file.clone(), images, classes_file]);
        let set = load(folder.path()).unwrap();
        prop_assert_eq!(set.train.n_features(), size);
        let read: Vec<u8> = set.train.features().iter().map(|v| format!("{:.0}", v * 255.0).parse().unwrap()).collect();
        prop_assert_eq!(read, pixels);
        let expected: Vec<u32> = labels.iter().map(|l| u32::from(*l)).collect();
        prop_assert_eq!(classes(&set.test), &expected[..]);
        prop_assert_eq!(set.n_classes, expected.iter().max().map(|l| *l as usize + 1));
    }
}
