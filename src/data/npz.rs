//! NPZ archives in. Why entry by entry with a growing buffer: sizes in a file are claims, and memory follows
//! only what has arrived.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use indexmap::IndexMap;
use npyz::{DType, Deserialize, TypeChar, TypeRead};
use zip::ZipArchive;

use super::array::tuple;
use super::header::{Header, read_header};
use super::{Array, DataError, Item, Kind};

/// The largest number of entries an archive may hold, all arrays together: 2 GiB in memory.
pub const ENTRY_LIMIT: usize = 1 << 28;

/// Room that is given to an array before its data arrives.
const EARLY_ENTRIES: usize = 1 << 16;

/// Reads all arrays of an NPZ file, in the order of the file.
///
/// Accepted are float64, float32, integers of any width and truth values, of either byte order, in C or Fortran
/// order, stored or deflated; and unicode scalars. Integers that f64 does not hold exactly are refused.
///
/// # Errors
/// When the file cannot be read, is no archive of arrays, is cut short or damaged, has a name twice or a name
/// that is a path, holds an array of another type, or holds more than [`ENTRY_LIMIT`] entries.
pub fn read_npz(path: &Path) -> Result<IndexMap<String, Item>, DataError> {
    let name = path.display().to_string();
    let unreadable = |e: std::io::Error| {
        DataError::new(
            format!("cannot read `{name}`: {e}"),
            "give the path of an .npz file, as numpy.savez writes it",
        )
    };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
    }
    read_npz_from(BufReader::new(file), &name)
}

/// Reads all arrays of an archive; `file` is its name in messages. See [`read_npz`].
///
/// # Errors
/// As [`read_npz`].
pub fn read_npz_from(
    reader: impl Read + Seek,
    file: &str,
) -> Result<IndexMap<String, Item>, DataError> {
    let damaged = |reason: String| {
        DataError::new(
            format!("`{file}` is not a readable NPZ archive: {reason}"),
            "write it again with numpy.savez",
        )
    };
    let mut archive = ZipArchive::new(reader).map_err(|e| damaged(e.to_string()))?;
    if archive.has_duplicate_names() {
        return Err(damaged("it holds a name twice".into()));
    }
    let mut items = IndexMap::new();
    let mut room = ENTRY_LIMIT;
    for index in 0..archive.len() {
        let mut entry = archive
            .by_index(index)
            .map_err(|e| damaged(e.to_string()))?;
        let member = entry
            .name()
            .map_err(|e| damaged(e.to_string()))?
            .into_owned();
        let name = array_name(&member, file)?;
        let size = entry.size();
        let item = read_item(&mut entry, size, room).map_err(|reason| {
            DataError::new(
                format!("the array `{name}` in `{file}` cannot be read: {reason}"),
                "save float64, float32, integer or truth values with numpy.savez",
            )
        })?;
        room -= item.array().map_or(0, |array| array.values.len());
        if items.insert(name.clone(), item).is_some() {
            return Err(damaged(format!("it holds `{name}` twice")));
        }
    }
    Ok(items)
}

/// The array's name: the member's without `.npy`.
fn array_name(member: &str, file: &str) -> Result<String, DataError> {
    let path_like = member.contains(['/', '\\', ':', '\0']) || member.chars().any(char::is_control);
    match member.strip_suffix(".npy") {
        Some(name) if !path_like && !name.is_empty() => Ok(name.to_owned()),
        _ => Err(DataError::new(
            format!(
                "`{file}` holds `{}`, which does not name an array",
                member.escape_debug()
            ),
            "an NPZ archive holds NAME.npy for every array, without folders",
        )),
    }
}

/// Reads one array of `size` bytes, header included, and at most `room` entries.
fn read_item(reader: &mut impl Read, size: u64, room: usize) -> Result<Item, String> {
    let mut reader = BufReader::new(reader);
    let header = read_header(&mut reader)?;
    let width = header
        .entry
        .num_bytes()
        .ok_or("it holds pickled Python objects")?;
    let promised = header
        .entries
        .checked_mul(width)
        .and_then(|bytes| bytes.checked_add(header.length));
    if promised.and_then(|bytes| u64::try_from(bytes).ok()) != Some(size) {
        return Err(format!(
            "its header promises {} entries of {width} bytes, its {size} bytes hold something else",
            tuple(&header.shape)
        ));
    }
    if header.entries > room {
        return Err(format!(
            "the file would hold more than {ENTRY_LIMIT} entries"
        ));
    }
    let item = match (header.entry.type_char(), width) {
        (TypeChar::UnicodeStr, _) if header.entries == 1 && width <= 1024 => {
            Item::Text(entries::<String>(&mut reader, &header)?.remove(0))
        }
        _ => Item::Array(numbers(&mut reader, &header)?),
    };
    // Reading to the end is what checks the sum over all bytes.
    match reader.read(&mut [0]) {
        Ok(0) => Ok(item),
        Ok(_) => Err("data follows its last entry".into()),
        Err(e) => Err(e.to_string()),
    }
}

fn numbers(reader: &mut impl Read, header: &Header) -> Result<Array, String> {
    let (kind, values) = match (header.entry.type_char(), header.entry.size_field()) {
        (TypeChar::Float, 8) => (Kind::Float64, entries::<f64>(reader, header)?),
        (TypeChar::Float, 4) => (Kind::Float32, convert::<f32>(reader, header)?),
        (TypeChar::Int, 1) => (Kind::Integer, convert::<i8>(reader, header)?),
        (TypeChar::Int, 2) => (Kind::Integer, convert::<i16>(reader, header)?),
        (TypeChar::Int, 4) => (Kind::Integer, convert::<i32>(reader, header)?),
        (TypeChar::Int, 8) => {
            let values = entries::<i64>(reader, header)?;
            (
                Kind::Integer,
                values.into_iter().map(exact).collect::<Result<_, _>>()?,
            )
        }
        (TypeChar::Uint, 1) => (Kind::Integer, convert::<u8>(reader, header)?),
        (TypeChar::Uint, 2) => (Kind::Integer, convert::<u16>(reader, header)?),
        (TypeChar::Uint, 4) => (Kind::Integer, convert::<u32>(reader, header)?),
        (TypeChar::Uint, 8) => {
            let values = entries::<u64>(reader, header)?;
            (
                Kind::Integer,
                values.into_iter().map(exact).collect::<Result<_, _>>()?,
            )
        }
        (TypeChar::Bool, 1) => {
            let values = entries::<bool>(reader, header)?;
            (
                Kind::Integer,
                values.into_iter().map(|b| f64::from(u8::from(b))).collect(),
            )
        }
        _ => return Err(format!("its entries are of type `{}`", header.entry)),
    };
    let values = if header.fortran_order {
        to_c_order(&header.shape, &values)
    } else {
        values
    };
    Ok(Array {
        shape: header.shape.clone(),
        values,
        kind,
    })
}

fn convert<T: Deserialize + Into<f64>>(
    reader: &mut impl Read,
    header: &Header,
) -> Result<Vec<f64>, String> {
    Ok(entries::<T>(reader, header)?
        .into_iter()
        .map(Into::into)
        .collect())
}

/// A 64-bit integer, if f64 holds it exactly.
fn exact(value: impl TryInto<i64> + Copy + std::fmt::Display) -> Result<f64, String> {
    match value.try_into() {
        Ok(small) if small.unsigned_abs() <= 1 << 53 => Ok(small as f64),
        _ => Err(format!("its entry {value} is too large to be kept exactly")),
    }
}

fn entries<T: Deserialize>(reader: &mut impl Read, header: &Header) -> Result<Vec<T>, String> {
    let dtype: DType = header.dtype();
    let type_reader = T::reader(&dtype).map_err(|e| e.to_string())?;
    let mut values = Vec::with_capacity(header.entries.min(EARLY_ENTRIES));
    for _ in 0..header.entries {
        values.push(
            type_reader
                .read_one(&mut *reader)
                .map_err(|e| match e.kind() {
                    std::io::ErrorKind::UnexpectedEof => "it ends before its last entry".to_owned(),
                    _ => e.to_string(),
                })?,
        );
    }
    Ok(values)
}

/// Entries whose first index moves fastest, with the last moving fastest instead.
fn to_c_order(shape: &[usize], values: &[f64]) -> Vec<f64> {
    let mut index = vec![0; shape.len()];
    let mut result = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        let place = index
            .iter()
            .zip(shape)
            .rev()
            .fold(0, |place, (i, n)| place * n + i);
        result.push(values[place]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    result
}
