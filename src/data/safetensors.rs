//! Safetensors, the form in which PyTorch's users keep parameters. Why the crate's own header and our own file: its header is
//! checked where it must be, but it writes metadata in the order of a hash table, and files that are not synced.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use indexmap::IndexMap;
use safetensors::tensor::{Metadata as Header, TensorInfo};
use safetensors::{Dtype, SafeTensors};
use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::write::whole;
use super::{Array, DataError, ENTRY_LIMIT, Kind};

/// What a safetensors file says of itself, name by name.
pub type Metadata = BTreeMap<String, String>;

/// The key of the metadata in the header, which names no array.
const METADATA: &str = "__metadata__";

/// The crate refuses longer headers when it reads.
const HEADER_LIMIT: usize = 100_000_000;

/// The largest file: the entries an archive may hold, eight bytes each, and the header.
const BYTE_LIMIT: u64 = ENTRY_LIMIT as u64 * 8 + HEADER_LIMIT as u64;

/// Integers up to this size are exact in f64.
const EXACT: u64 = 1 << 53;

/// Reads a safetensors file: its arrays in the order of their data, and its metadata.
///
/// Accepted are F64, F32 and I64, and of the half precisions F16 and BF16, which become [`Kind::Float32`] exactly. The
/// entries are in C order in the file and in [`Array`] alike.
///
/// ```
/// use hbp::data::{Array, Kind, Metadata, read_safetensors, write_safetensors};
///
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("model.safetensors");
/// let weight = Array::new(vec![1, 2], vec![0.5, -1.0])?.with_kind(Kind::Float32);
/// let metadata = Metadata::from([("format".to_owned(), "pt".to_owned())]);
/// write_safetensors(&path, [("h1.weight", &weight)], &metadata)?;
/// let (arrays, read) = read_safetensors(&path)?;
/// assert_eq!((&arrays["h1.weight"], read), (&weight, metadata));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When the file cannot be read, is damaged, holds an array of another type or an integer that f64 does not hold exactly.
pub fn read_safetensors(path: &Path) -> Result<(IndexMap<String, Array>, Metadata), DataError> {
    let file = path.display();
    let help = "give the path of a .safetensors file, as safetensors.torch.save_file writes it";
    let unreadable =
        |e: &dyn fmt::Display| DataError::new(format!("cannot read `{file}`: {e}"), help);
    // Opening a pipe would wait for whoever writes to it.
    let found = fs::metadata(path).map_err(|e| unreadable(&e))?;
    if !found.is_file() {
        return Err(unreadable(&"it is not a file"));
    }
    if found.len() > BYTE_LIMIT {
        return Err(unreadable(&format!(
            "it would hold more than {ENTRY_LIMIT} entries"
        )));
    }
    let bytes = fs::read(path).map_err(|e| unreadable(&e))?;
    safetensors_from(&bytes, &file.to_string())
}

/// Reads the bytes of a safetensors file; `file` is its name in messages. See [`read_safetensors`].
///
/// # Errors
/// As [`read_safetensors`], but for reading the file.
pub fn safetensors_from(
    bytes: &[u8],
    file: &str,
) -> Result<(IndexMap<String, Array>, Metadata), DataError> {
    let unreadable = |reason: &str| {
        DataError::new(
            format!(
                "`{file}` is not a readable safetensors file: {}",
                shown(reason)
            ),
            "write it again with safetensors.torch.save_file",
        )
    };
    let damaged = |e: safetensors::SafeTensorError| unreadable(&e.to_string());
    let (length, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(damaged)?;
    serde_json::from_slice::<Unique>(&bytes[8..8 + length])
        .map_err(|e| unreadable(&e.to_string()))?;
    let mut arrays = IndexMap::new();
    let mut room = ENTRY_LIMIT;
    for name in header.offset_keys() {
        let tensor = tensors.tensor(&name).map_err(damaged)?;
        let refuse = |(reason, help): (String, &str)| {
            let name = shown(&name);
            DataError::new(
                format!("the array `{name}` in `{file}` cannot be read: {reason}"),
                help,
            )
        };
        let width = tensor.dtype().bitsize().div_ceil(8).max(1);
        room = room
            .checked_sub(tensor.data().len() / width)
            .ok_or_else(|| {
                let reason = format!("the file would hold more than {ENTRY_LIMIT} entries");
                refuse((reason, "write fewer arrays into a file"))
            })?;
        let (values, kind) = entries(tensor.dtype(), tensor.data()).map_err(refuse)?;
        let array = Array {
            shape: tensor.shape().to_vec(),
            values,
            kind,
        };
        array.check()?;
        arrays.insert(name, array);
    }
    let metadata = header.metadata().clone().unwrap_or_default();
    Ok((arrays, metadata.into_iter().collect()))
}

/// A header in which no name stands twice: the crate would keep the last one and say nothing.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Unique;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("arrays by name")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Unique, M::Error> {
                let mut names = BTreeSet::new();
                while let Some((name, IgnoredAny)) = map.next_entry::<String, _>()? {
                    if names.contains(&name) {
                        return Err(de::Error::custom(format!("it holds `{name}` twice")));
                    }
                    names.insert(name);
                }
                Ok(Unique)
            }
        }
        deserializer.deserialize_map(Names)
    }
}

fn entries(dtype: Dtype, data: &[u8]) -> Result<(Vec<f64>, Kind), (String, &'static str)> {
    let read = match dtype {
        Dtype::F64 => (chunks(data, f64::from_le_bytes), Kind::Float64),
        Dtype::F32 => (
            chunks(data, |bytes| f64::from(f32::from_le_bytes(bytes))),
            Kind::Float32,
        ),
        Dtype::F16 => (
            chunks(data, |bytes| half(u16::from_le_bytes(bytes))),
            Kind::Float32,
        ),
        // The upper half of single precision.
        Dtype::BF16 => (
            chunks(data, |[low, high]| {
                f64::from(f32::from_le_bytes([0, 0, low, high]))
            }),
            Kind::Float32,
        ),
        Dtype::I64 => {
            let whole: Vec<i64> = chunks(data, i64::from_le_bytes);
            if let Some(large) = whole.iter().find(|value| value.unsigned_abs() > EXACT) {
                return Err((
                    format!("its entry {large} is too large to be kept exactly"),
                    "keep integers below 2^53",
                ));
            }
            (
                whole.iter().map(|value| *value as f64).collect(),
                Kind::Integer,
            )
        }
        other => {
            return Err((
                format!("its entries are of type {other}"),
                "convert it to F64, F32, F16, BF16 or I64, as `tensor.float()` or `tensor.long()` does",
            ));
        }
    };
    Ok(read)
}

fn chunks<const N: usize, T>(data: &[u8], convert: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (chunks, _) = data.as_chunks::<N>();
    chunks.iter().map(|bytes| convert(*bytes)).collect()
}

/// Half precision: a sign, five bits of exponent, ten of fraction. Every product here is exact.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = ((bits >> 10) & 31, f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2_f64.powi(i32::from(exponent) - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// Writes a safetensors file, whole or not at all. [`Kind`] decides between F64, F32 and I64. The same arrays and metadata
/// give the same bytes: eight-byte entries before four-byte ones, else in the order given; metadata by name.
///
/// # Errors
/// When a name is empty, given twice or `__metadata__`, an array's shape and values do not agree, an integer is not whole
/// or too large, or the file cannot be written; then nothing is written.
pub fn write_safetensors<'a>(
    path: &Path,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    metadata: &Metadata,
) -> Result<(), DataError> {
    let mut arrays: Vec<(&str, &Array)> = arrays.into_iter().collect();
    // As the crate does it: wide entries first, so that all are aligned.
    arrays.sort_by_key(|(_, array)| std::cmp::Reverse(width(array.kind)));
    let file = path.display().to_string();
    let header = header(&file, &arrays, metadata)?;
    whole(path, |target| {
        target.write_all(&(header.len() as u64).to_le_bytes())?;
        target.write_all(&header)?;
        for (_, array) in &arrays {
            write_entries(target, array)?;
        }
        Ok(())
    })
}

fn width(kind: Kind) -> usize {
    match kind {
        Kind::Float64 | Kind::Integer => 8,
        Kind::Float32 => 4,
    }
}

/// The header, filled with spaces to a multiple of eight bytes.
fn header(
    file: &str,
    arrays: &[(&str, &Array)],
    metadata: &Metadata,
) -> Result<Vec<u8>, DataError> {
    let mut names = BTreeSet::new();
    let mut infos = Vec::new();
    let mut start = 0;
    for (name, array) in arrays {
        if name.is_empty() || *name == METADATA || !names.insert(*name) {
            return Err(DataError::new(
                format!("`{}` cannot name an array in `{file}`", shown(name)),
                format!("give every array a name of its own, and none `{METADATA}`"),
            ));
        }
        array.check()?;
        let whole = |value: &f64| value.fract() == 0.0 && value.abs() <= EXACT as f64;
        if array.kind == Kind::Integer
            && let Some(value) = array.values.iter().find(|value| !whole(value))
        {
            return Err(DataError::new(
                format!("`{}` holds {value}, which is no exact integer", shown(name)),
                "store it as floating-point numbers",
            ));
        }
        let stop = start + array.values.len() * width(array.kind);
        let info = TensorInfo {
            dtype: match array.kind {
                Kind::Float64 => Dtype::F64,
                Kind::Float32 => Dtype::F32,
                Kind::Integer => Dtype::I64,
            },
            shape: array.shape.clone(),
            data_offsets: (start, stop),
        };
        infos.push(((*name).to_owned(), info));
        start = stop;
    }
    let given = (!metadata.is_empty()).then(|| {
        metadata
            .iter()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    });
    let refuse = |e: &dyn fmt::Display| {
        DataError::new(
            format!("cannot write `{file}`: {e}"),
            "write fewer arrays into a file",
        )
    };
    let header = Header::new(given, infos).map_err(|e| refuse(&e))?;
    let mut header = serde_json::to_value(header).map_err(|e| refuse(&e))?;
    // The crate keeps metadata in a hash table; here its order is fixed.
    if let Some(metadata) = header.get_mut(METADATA).and_then(|m| m.as_object_mut()) {
        metadata.sort_keys();
    }
    let mut bytes = header.to_string().into_bytes();
    bytes.resize(bytes.len().next_multiple_of(8), b' ');
    if bytes.len() > HEADER_LIMIT {
        return Err(refuse(&"its header is too long"));
    }
    Ok(bytes)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "single precision is what was asked for, and integers are exact"
)]
fn write_entries(target: &mut (impl Write + ?Sized), array: &Array) -> io::Result<()> {
    for value in &array.values {
        match array.kind {
            Kind::Float64 => target.write_all(&value.to_le_bytes())?,
            Kind::Float32 => target.write_all(&(*value as f32).to_le_bytes())?,
            Kind::Integer => target.write_all(&(*value as i64).to_le_bytes())?,
        }
    }
    Ok(())
}

/// A name from outside, short and without what acts on a terminal.
pub(super) fn shown(name: &str) -> Cow<'_, str> {
    if name.len() <= 200 && !name.chars().any(char::is_control) {
        return Cow::Borrowed(name);
    }
    let start: String = name.chars().take(60).flat_map(char::escape_debug).collect();
    Cow::Owned(if name.len() > 200 {
        start + "…"
    } else {
        start
    })
}
