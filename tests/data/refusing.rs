//! What is refused, and that nothing panics.

use std::io::Cursor;
use std::path::Path;

use hbp::data::{read_npz, read_npz_from};
use proptest::prelude::*;
use zip::CompressionMethod;

use crate::archive::{archive, header, npy, read_one};

/// What is said of a member that is no good array.
#[test]
fn bad_arrays_are_refused_with_file_name_and_reason() {
    let f8 = |n: usize| vec![0; 8 * n];
    let cases: &[(Vec<u8>, &str)] = &[
        (
            npy(&header("<f8", false, "(3,)"), &f8(2)),
            "its header promises (3,) entries of 8 bytes, its ",
        ),
        (
            npy(&header("<f8", false, "(1,)"), &f8(2)),
            "its header promises (1,) entries of 8 bytes, its ",
        ),
        (
            npy(&header("<f8", false, "(1152921504606846976, 1)"), &[]),
            "its header promises (11529215",
        ),
        (
            npy(&header("<f8", false, "(4294967296, 4294967296)"), &[]),
            "its shape has more entries than any memory",
        ),
        (
            npy(&header("<f8", false, "(0, 4294967296, 4294967296)"), &[]),
            "its shape has more entries than any memory",
        ),
        (
            npy(&header("<f8", false, "(-1,)"), &f8(1)),
            "its shape has a size `-1`",
        ),
        (
            npy(&header("<f8", false, "(99999999999999999999,)"), &f8(1)),
            "its shape has a size `999",
        ),
        (
            npy(
                &header("<f8", false, &format!("({})", "1,".repeat(40))),
                &f8(1),
            ),
            "its 40 axes are more than NumPy's 32",
        ),
        (
            npy(&header("<c16", false, "(1,)"), &f8(2)),
            "its entries are of type `<c16`",
        ),
        (
            npy(&header("<f2", false, "()"), &[0, 0]),
            "its entries are of type `<f2`",
        ),
        (
            npy(&header("|O", false, "()"), &f8(1)),
            "it holds pickled Python objects",
        ),
        (
            npy(&header("<q9", false, "()"), &f8(1)),
            "its type `<q9` is not known",
        ),
        (
            npy(
                "{'descr': [('x', '<f8')], 'fortran_order': False, 'shape': (), }",
                &f8(1),
            ),
            "its entries are records",
        ),
        (
            npy("{'descr': '<f8', 'shape': (), }", &f8(1)),
            "its header is malformed: `{'descr': '<f8', 'shape': (), }`",
        ),
        (
            npy(&format!("{{{}", "(".repeat(5000)), &f8(1)),
            "its header is malformed",
        ),
        (
            npy(&header("<i8", false, "()"), &i64::MAX.to_le_bytes()),
            "its entry 9223372036854775807 is too large",
        ),
        (npy(&header("<U1", false, "()"), &[0, 0xd8, 0, 0]), ""),
        (
            b"\x93NUMPY\x07\x00".to_vec(),
            "its format version 7.0 is not known",
        ),
        (
            b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(),
            "its header of 4294967295 bytes is longer than 10000",
        ),
        (
            b"\x93NUMPY\x01\x00\x76".to_vec(),
            "it ends inside its header",
        ),
        (
            b"not an array".to_vec(),
            "it does not begin like a NumPy array",
        ),
    ];
    for (member, reason) in cases {
        let message = read_one(member).unwrap_err();
        let start = "the array `a` in `in.npz` cannot be read: ";
        assert!(
            message.starts_with(&format!("{start}{reason}")),
            "{message}\n{reason}"
        );
    }
}

/// Truth values are no numbers, and the help says how they become some.
#[test]
fn truth_values_are_refused() {
    let member = npy(&header("|b1", false, "(2,)"), &[0, 1]);
    let bytes = archive(&[("y.npy", &member)], CompressionMethod::Stored);
    let error = read_npz_from(Cursor::new(bytes), "in.npz").unwrap_err();
    assert!(
        error.message.ends_with("truth values, not numbers"),
        "{error}"
    );
    assert!(
        error.help.contains("`y.astype(int)` for class labels"),
        "{}",
        error.help
    );
}

#[test]
fn bad_archives_are_refused() {
    let good = npy(&header("<f8", false, "()"), &[0; 8]);
    let refusal = |bytes: Vec<u8>| read_npz_from(Cursor::new(bytes), "in.npz").unwrap_err();
    for name in [
        "../a.npy", "/a.npy", "b/a.npy", "b\\a.npy", "C:a.npy", ".npy", "a.txt", "a\n.npy", "b/",
    ] {
        let error = refusal(archive(&[(name, &good)], CompressionMethod::Stored));
        assert!(
            error.message.contains("does not name an array"),
            "{name:?}: {error}"
        );
        assert!(!error.help.is_empty());
    }
    // The same name twice: written under two names of one length, then renamed in the bytes.
    let mut twice = archive(
        &[("a.npy", &good), ("b.npy", &good)],
        CompressionMethod::Stored,
    );
    for place in 0..twice.len() - 5 {
        if &twice[place..place + 5] == b"b.npy" {
            twice[place] = b'a';
        }
    }
    assert!(refusal(twice).message.contains("it holds a name twice"));
    let whole = archive(&[("a.npy", &good)], CompressionMethod::Stored);
    for bytes in [
        vec![],
        b"PK\x03\x04".to_vec(),
        b"no archive at all".to_vec(),
        whole[..whole.len() - 30].to_vec(),
    ] {
        assert!(
            refusal(bytes)
                .message
                .starts_with("`in.npz` is not a readable NPZ archive: ")
        );
    }
    // A damaged entry: the sum over its bytes tells.
    let mut damaged = whole;
    let place = damaged.windows(6).position(|w| w == b"\x93NUMPY").unwrap() + good.len() - 1;
    damaged[place] ^= 1;
    assert!(
        refusal(damaged)
            .message
            .starts_with("the array `a` in `in.npz` cannot be read: ")
    );
    let error = read_npz(Path::new("no/such.npz")).unwrap_err();
    assert!(error.message.starts_with("cannot read `no/such.npz`: "));
    assert!(
        read_npz(Path::new("."))
            .unwrap_err()
            .message
            .starts_with("cannot read `.`: ")
    );
}

proptest! {
    /// Whatever happens to the bytes of an archive, reading it ends in arrays or in an error.
    #[test]
    fn damaged_archives_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        length in any::<prop::sample::Index>(),
        cut: bool,
        deflated: bool,
    ) {
        let numbers = npy(&header("<f8", false, "(2, 3)"), &[7; 48]);
        let word = npy(&header("<U1", false, "()"), &[65, 0, 0, 0]);
        let method = if deflated { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        let mut bytes = archive(&[("a.npy", &numbers), ("b.npy", &word)], method);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if cut {
            bytes.truncate(length.index(bytes.len()));
        }
        if let Err(error) = read_npz_from(Cursor::new(bytes), "in.npz") {
            prop_assert!(!error.message.is_empty() && !error.help.is_empty());
        }
    }

    /// And whatever a header says.
    #[test]
    fn strange_headers_never_panic(text in "[{}()\\[\\]',:<>|a-zA-Z0-9_ -]{0,80}", shape in "[0-9, ()-]{0,40}") {
        let _ = read_one(&npy(&text, &[0; 8]));
        let _ = read_one(&npy(&header("<f8", false, &shape), &[0; 8]));
    }
}
