//! What `hbp run` reads and writes: files, streams, and what is refused before anything is read.

use std::io::{Cursor, Write};
use std::path::Path;
use std::process::Stdio;

use hbp::data::{Array, Item, npz_bytes, read_npz, read_npz_from};

use super::program;

const SQUARE: &str = "module square(x: R[n]) -> z: R[n] { z = x .* x }";

fn archive(arrays: &[(&str, &[usize], &[f64])]) -> Vec<u8> {
    let items: Vec<(&str, Item)> = arrays
        .iter()
        .map(|(name, shape, values)| {
            let array = Array::new(shape.to_vec(), values.to_vec()).unwrap();
            (*name, array.into())
        })
        .collect();
    npz_bytes("in.npz", items.iter().map(|(name, item)| (*name, item))).unwrap()
}

fn square() -> Vec<u8> {
    archive(&[
        ("x", &[2], &[1.0, 3.0]),
        ("grad.z", &[2], &[1.0, 1.0]),
        ("hess.z", &[2, 2], &[1.0, 0.0, 0.0, 1.0]),
    ])
}

/// Runs in a folder, with bytes on standard input: exit code, standard output, standard error.
fn run(folder: &Path, arguments: &[&str], input: &[u8]) -> (i32, Vec<u8>, String) {
    let mut command = program(arguments);
    let mut child = command
        .current_dir(folder)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), output.stdout, err)
}

#[test]
fn arrays_travel_through_streams_and_files_alike() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("square.hbp"), SQUARE).unwrap();
    std::fs::write(folder.join("in.npz"), square()).unwrap();
    let start = ["run", "square.hbp", "--dense"];
    for (places, input) in [
        (["--data", "in.npz", "--out", "-"], vec![]),
        (["--data", "-", "--out", "-"], square()),
        (["--data", "-", "--out", "out.npz"], square()),
        // Results may take the place of what was read.
        (["--data", "in.npz", "--out", "in.npz"], vec![]),
    ] {
        let (code, out, err) = run(folder, &[&start[..], &places[..]].concat(), &input);
        assert_eq!(code, 0, "{places:?}: {err}");
        let found = if places[3] == "-" {
            assert!(err.contains("3 arrays written to standard output"), "{err}");
            read_npz_from(Cursor::new(out), "stdout").unwrap()
        } else {
            assert!(out.is_empty());
            read_npz(&folder.join(places[3])).unwrap()
        };
        assert_eq!(found["z"].array().unwrap().values, [1.0, 9.0], "{places:?}");
    }
}

#[test]
fn places_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("square.hbp"), SQUARE).unwrap();
    std::fs::write(folder.join("in.npz"), square()).unwrap();
    let cases: &[(&[&str], &str)] = &[
        (
            &["square.hbp", "--data", "in.npz", "--out", "./square.hbp"],
            "--out ./square.hbp is the file that is run",
        ),
        (
            &["-", "--data", "-", "--out", "out.npz"],
            "standard input cannot be both FILE and --data",
        ),
        (
            &["square.hbp", "--data", "-", "--out", "out.npz"],
            "`<stdin>` is not a readable NPZ archive",
        ),
    ];
    for (arguments, part) in cases {
        let (code, out, err) = run(folder, &[&["run"], *arguments].concat(), b"");
        assert_eq!((code, out.len()), (2, 0), "{arguments:?}: {err}");
        assert!(err.contains(part) && err.contains("help: "), "{err}");
    }
    let text = std::fs::read_to_string(folder.join("square.hbp")).unwrap();
    assert_eq!(text, SQUARE);
}

/// The entries of arrays that do not belong are never read: here they are damaged, which reading them would tell.
#[test]
fn names_and_shapes_are_refused_together_before_any_entry_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("square.hbp"), SQUARE).unwrap();
    let mut bytes = archive(&[
        ("x", &[1, 3], &[1.0, 2.0, 3.0]),
        ("junk", &[3], &[7.25, 7.25, 7.25]),
        ("hess.z", &[2, 3], &[0.0; 6]),
    ]);
    let entry = 7.25f64.to_le_bytes();
    let place = bytes.windows(8).position(|w| w == entry).unwrap();
    bytes[place] ^= 1;
    let arguments = ["run", "square.hbp", "--data", "-", "--out", "-"];
    let (code, out, err) = run(folder, &arguments, &bytes);
    assert_eq!((code, out.len()), (2, 0), "{err}");
    for part in [
        "4 things are wrong with the arrays of the module `square`:",
        "needs an array `grad.z`",
        "`junk`, which the module `square` does not name",
        "`x` has the shape (1, 3), but it is declared as R[n]",
        "the number of columns of `hess.z` is 3, but n is 2",
        "remove or rename it",
    ] {
        assert!(err.contains(part), "no {part:?} in\n{err}");
    }
}
