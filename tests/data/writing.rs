//! What is written, whole or not at all.

use std::path::Path;

use hbp::data::{Array, Item, Kind, read_npz, write_npz, write_whole};

fn sample_items() -> Vec<(&'static str, Item)> {
    vec![
        ("loss", Array::scalar(0.1).into()),
        (
            "h1.W",
            Array::new(
                vec![2, 2],
                vec![1.0, f64::MIN_POSITIVE, -0.0, f64::INFINITY],
            )
            .unwrap()
            .into(),
        ),
        (
            "single",
            Array::new(vec![1], vec![0.5])
                .unwrap()
                .with_kind(Kind::Float32)
                .into(),
        ),
        (
            "labels",
            Array::new(vec![3], vec![0.0, 9.0, -3.0])
                .unwrap()
                .with_kind(Kind::Integer)
                .into(),
        ),
        ("none", Array::new(vec![0, 3], vec![]).unwrap().into()),
        ("h1.W.structure", Item::from("kronecker")),
        ("empty", Item::from("")),
    ]
}

#[test]
fn what_is_written_is_read_back_and_its_bytes_never_change() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("a.npz"), folder.path().join("b.npz"));
    let items = sample_items();
    let write =
        |path: &Path| write_npz(path, items.iter().map(|(name, item)| (*name, item))).unwrap();
    write(&first);
    write(&second);
    write(&second);
    assert_eq!(
        std::fs::read(&first).unwrap(),
        std::fs::read(&second).unwrap()
    );
    let read = read_npz(&first).unwrap();
    let expected: Vec<(String, Item)> = items
        .iter()
        .map(|(name, item)| ((*name).to_owned(), item.clone()))
        .collect();
    assert_eq!(read.into_iter().collect::<Vec<_>>(), expected);
    // Nothing is left beside the two files.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn what_cannot_be_written_leaves_everything_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.npz");
    write_whole(&path, b"before").unwrap();
    let good = Item::from(Array::scalar(1.0));
    let wrong = Item::Array(Array {
        shape: vec![3],
        values: vec![1.0],
        kind: Kind::Float64,
    });
    let attempts = [
        vec![("a/b", &good)],
        vec![("", &good)],
        vec![("a", &good), ("a", &good)],
        vec![("a", &wrong)],
    ];
    for items in attempts {
        assert!(write_npz(&path, items).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"before");
    }
    let missing = folder.path().join("missing/out.npz");
    let error = write_npz(&missing, [("a", &good)]).unwrap_err();
    // No word of the temporary file.
    let expected = format!("cannot write `{}`: entity not found", missing.display());
    assert_eq!(error.message, expected);
    assert!(write_whole(folder.path(), b"").is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    #[cfg(unix)]
    {
        // A link stays a link: what it points to is written.
        let link = folder.path().join("link.npz");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write_npz(&link, [("a", &good)]).unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(read_npz(&path).unwrap()["a"], good);
    }
    #[cfg(target_os = "linux")]
    {
        // A device takes bytes as they come, here none at all, and is not replaced by a file.
        let error = write_npz(Path::new("/dev/full"), [("a", &good)]).unwrap_err();
        assert!(error.message.starts_with("cannot write `/dev/full`: "));
        assert!(!std::fs::metadata("/dev/full").unwrap().is_file());
    }
}
