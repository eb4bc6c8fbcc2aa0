//! Safetensors files: what is read exactly, what is written, what is refused.

use std::fs;

use hbp::data::{Array, Kind, Metadata, read_safetensors, safetensors_from, write_safetensors};
use proptest::prelude::*;

use crate::files::refused;
use crate::parameters::fixture;

#[test]
fn every_precision_is_read_exactly() {
    let (arrays, metadata) = read_safetensors(&fixture("kinds.safetensors")).unwrap();
    assert!(metadata.is_empty());
    let tiny = 2_f64.powi(-24);
    // As PyTorch itself widens them.
    let half = [
        1.0,
        -2.5,
        65504.0,
        tiny,
        48.0 * tiny,
        0.333_251_953_125,
        -0.0,
        0.001_000_404_357_910_156_2,
    ];
    let brain = [
        1.0,
        -2.5,
        65536.0,
        tiny,
        48.0 * tiny,
        0.333_984_375,
        -0.0,
        0.000_999_450_683_593_75,
    ];
    for (name, values) in [("half", half), ("brain", brain)] {
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&arrays[name].values), bits(&values), "{name}");
        assert_eq!(arrays[name].kind, Kind::Float32);
    }
    let whole = &arrays["whole"];
    assert_eq!((&whole.shape[..], whole.kind), (&[2, 1][..], Kind::Integer));
    assert_eq!(whole.values, [-3.0, 9_007_199_254_740_992.0]);
}

/// Every number of half precision, against a second decoder that moves its bits into single precision.
#[test]
fn half_precision_is_what_its_bits_say() {
    let all: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
    let header = r#"{"a":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]}}"#;
    let (arrays, _) = safetensors_from(&file(header, &all), "in").unwrap();
    for (bits, value) in (0..=u16::MAX).zip(&arrays["a"].values) {
        let (sign, rest) = (u32::from(bits >> 15) << 31, u32::from(bits & 0x7fff));
        let magnitude = match rest >> 10 {
            31 => f32::from_bits(0xff << 23 | (rest & 1023) << 13),
            // Shifted, its exponent is too small by 127 - 15.
            _ => f32::from_bits(rest << 13) * 2_f32.powi(112),
        };
        let expected = f32::from_bits(magnitude.to_bits() | sign);
        assert!(
            expected.is_nan() && value.is_nan() || f64::from(expected).to_bits() == value.to_bits(),
            "{bits:04x}: {expected} {value}"
        );
    }
}

#[test]
fn files_are_written_whole_and_always_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let single = Array::new(vec![3], vec![0.5, f64::INFINITY, -0.0])
        .unwrap()
        .with_kind(Kind::Float32);
    let double = Array::new(vec![], vec![0.1]).unwrap();
    let whole = Array::new(vec![1, 1], vec![-7.0])
        .unwrap()
        .with_kind(Kind::Integer);
    let none = Array::new(vec![0, 2], vec![]).unwrap();
    let arrays = [("s", &single), ("d", &double), ("i", &whole), ("n", &none)];
    let metadata: Metadata = ('a'..'k')
        .map(|c| (c.to_string(), "\"é".to_owned()))
        .collect();
    write_safetensors(&path, arrays, &metadata).unwrap();
    let bytes = fs::read(&path).unwrap();
    for _ in 0..3 {
        write_safetensors(&path, arrays, &metadata).unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    let text = String::from_utf8_lossy(&bytes[8..]);
    assert!(
        text.starts_with(r#"{"__metadata__":{"a":"\"é","b":"\"é","c":"#),
        "{text}"
    );
    assert!(
        text.contains(r#""d":{"dtype":"F64","shape":[],"data_offsets":[0,8]}"#),
        "{text}"
    );
    let (read, read_metadata) = read_safetensors(&path).unwrap();
    assert_eq!(read_metadata, metadata);
    let order: Vec<&str> = read.keys().map(String::as_str).collect();
    assert_eq!(order, ["d", "i", "n", "s"]);
    assert!(arrays.iter().all(|(name, array)| read[*name] == **array));
    // What cannot be written leaves the file as it was.
    let half = Array::new(vec![], vec![0.5])
        .unwrap()
        .with_kind(Kind::Integer);
    let torn = Array {
        shape: vec![2],
        values: vec![1.0],
        kind: Kind::Float64,
    };
    for bad in [
        vec![("", &double)],
        vec![("__metadata__", &double)],
        vec![("a", &double), ("a", &single)],
        vec![("a", &half)],
        vec![("a", &torn)],
    ] {
        assert!(
            !write_safetensors(&path, bad, &metadata)
                .unwrap_err()
                .help
                .is_empty()
        );
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// A file of this header and data.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

#[test]
fn bad_files_are_refused() {
    let one = |dtype: &str, shape: &str, stop: usize| {
        format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{stop}]}}}}"#)
    };
    // The same bytes in two shapes: either would pass alone.
    let member = |shape| one("F32", shape, 8).trim_matches(['{', '}']).to_owned();
    let twice = format!("{{{}}},{}}}}}", member("[2]"), member("[2,1]"));
    for (bytes, message) in [
        (vec![], "header too small"),
        (vec![255; 8], "header too large"),
        (file("{", &[])[..8].to_vec(), "invalid header length"),
        (file("nonsense", &[]), "invalid JSON"),
        (file(&twice, &[0; 8]), "it holds `a` twice"),
        (file(&one("F32", "[2]", 8), &[0; 7]), "not fully covered"),
        (file(&one("F32", "[2]", 8), &[0; 9]), "not fully covered"),
        (file(&one("F32", "[3]", 8), &[0; 8]), "invalid shape"),
        (
            file(&one("F32", "[4294967296,4294967296]", 8), &[0; 8]),
            "overflow",
        ),
        (
            file(&one("I32", "[2]", 8), &[0; 8]),
            "`a` in `in` cannot be read: its entries are of type I32",
        ),
        (file(&one("BOOL", "[8]", 8), &[0; 8]), "of type BOOL"),
        (
            file(
                &one("I64", "[1]", 8),
                &[255, 255, 255, 255, 255, 255, 255, 127],
            ),
            "its entry 9223372036854775807 is too large",
        ),
    ] {
        let error = safetensors_from(&bytes, "in").unwrap_err();
        refused(&error, message, "");
        assert!(error.message.contains("`in`") && !error.help.is_empty());
    }
}

proptest! {
    /// Whatever the bytes of a file are, reading them ends in arrays or in an error with a help line.
    #[test]
    fn damaged_safetensors_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        length in any::<Option<prop::sample::Index>>(),
        random in prop::collection::vec(any::<u8>(), 0..64),
        json in "[{}\\[\\]:,\"a-z0-9_]{0,60}",
    ) {
        let mut bytes = fs::read(fixture("kinds.safetensors")).unwrap();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(length) = length {
            bytes.truncate(length.index(bytes.len()));
        }
        for bytes in [bytes, random.clone(), file(&json, &random)] {
            if let Err(error) = safetensors_from(&bytes, "in") {
                prop_assert!(!error.message.is_empty() && !error.help.is_empty());
            }
        }
    }
}
