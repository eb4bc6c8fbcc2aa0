//! NPZ archives in. Why headers before data: whoever asked for the arrays can refuse names and shapes before anything is
//! decompressed. Why a growing buffer after that: sizes in a file are claims, and memory follows only what has arrived.

use std::fmt::Display;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use indexmap::IndexMap;
use npyz::{DType, Deserialize, TypeChar, TypeRead};
use zip::ZipArchive;

use super::array::tuple;
use super::header::{Header, read_header};
use super::{Array, DataError, Item, Kind, Outline, Outlines};

/// The largest number of entries an archive may hold, all arrays together: 2 GiB in memory.
pub const ENTRY_LIMIT: usize = 1 << 28;

/// Room that is given to an array before its data arrives.
const EARLY_ENTRIES: usize = 1 << 16;

const TRUTH_VALUES: &str = "its entries are truth values, not numbers";

/// An NPZ file whose names and headers have been read, and nothing else.
///
/// Accepted are float64, float32 and integers of any width, of either byte order, in C or Fortran order, stored or
/// deflated; and unicode scalars. Integers that f64 does not hold exactly are refused.
pub struct Archive<R> {
    zip: ZipArchive<R>,
    file: String,
    outlines: Outlines,
}

impl Archive<BufReader<File>> {
    /// Opens a file.
    ///
    /// # Errors
    /// As [`Archive::from_reader`], and when the file cannot be read.
    pub fn open(path: &Path) -> Result<Self, DataError> {
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
        Self::from_reader(BufReader::new(file), &name)
    }
}

impl<R: Read + Seek> Archive<R> {
    /// Reads names and headers; `file` is the archive's name in messages.
    ///
    /// # Errors
    /// When it is no archive of arrays, is damaged, has a name twice or a name that is a path, promises an array of
    /// another type, or more than [`ENTRY_LIMIT`] entries.
    pub fn from_reader(reader: R, file: &str) -> Result<Self, DataError> {
        let mut zip = ZipArchive::new(reader).map_err(|e| damaged(file, &e))?;
        if zip.has_duplicate_names() {
            return Err(damaged(file, &"it holds a name twice"));
        }
        let mut outlines = Outlines::new();
        let mut room = ENTRY_LIMIT;
        for index in 0..zip.len() {
            let mut entry = zip.by_index(index).map_err(|e| damaged(file, &e))?;
            let member = entry.name().map_err(|e| damaged(file, &e))?.into_owned();
            let name = array_name(&member, file)?;
            let size = entry.size();
            let header = read_header(&mut entry)
                .and_then(|header| believable(header, size, room))
                .map_err(|reason| unreadable(&name, file, &reason))?;
            let outline = outline(&header);
            room -= outline.kind.map_or(0, |_| header.entries);
            if outlines.insert(name.clone(), outline).is_some() {
                return Err(damaged(file, &format!("it holds `{name}` twice")));
            }
        }
        let file = file.to_owned();
        Ok(Self {
            zip,
            file,
            outlines,
        })
    }

    /// What the headers say, in the order of the file.
    pub fn outlines(&self) -> &Outlines {
        &self.outlines
    }

    /// Reads all arrays, in the order of the file.
    ///
    /// # Errors
    /// When an array is cut short or damaged, or holds a number that is refused.
    pub fn read(mut self) -> Result<IndexMap<String, Item>, DataError> {
        let mut items = IndexMap::new();
        let mut room = ENTRY_LIMIT;
        for (index, name) in self.outlines.keys().enumerate() {
            let mut entry = self
                .zip
                .by_index(index)
                .map_err(|e| damaged(&self.file, &e))?;
            let size = entry.size();
            let item = read_item(&mut entry, size, room)
                .map_err(|reason| unreadable(name, &self.file, &reason))?;
            room -= item.array().map_or(0, |array| array.values.len());
            items.insert(name.clone(), item);
        }
        Ok(items)
    }
}

/// Reads all arrays of an NPZ file, in the order of the file.
///
/// # Errors
/// As [`Archive::open`] and [`Archive::read`].
pub fn read_npz(path: &Path) -> Result<IndexMap<String, Item>, DataError> {
    Archive::open(path)?.read()
}

/// Reads all arrays of an archive; `file` is its name in messages. See [`read_npz`].
///
/// # Errors
/// As [`Archive::from_reader`] and [`Archive::read`].
pub fn read_npz_from(
    reader: impl Read + Seek,
    file: &str,
) -> Result<IndexMap<String, Item>, DataError> {
    Archive::from_reader(reader, file)?.read()
}

fn damaged(file: &str, reason: &dyn Display) -> DataError {
    DataError::new(
        format!("`{file}` is not a readable NPZ archive: {reason}"),
        "write it again with numpy.savez",
    )
}

fn unreadable(name: &str, file: &str, reason: &str) -> DataError {
    let help = if reason == TRUTH_VALUES {
        format!("convert them: `{name}.astype(float)`, or `{name}.astype(int)` for class labels")
    } else {
        "save float64, float32 or integer values with numpy.savez".to_owned()
    };
    DataError::new(
        format!("the array `{name}` in `{file}` cannot be read: {reason}"),
        help,
    )
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

/// The header, if a member of `size` bytes can be what it says: at most `room` entries of a known type.
fn believable(header: Header, size: u64, room: usize) -> Result<Header, String> {
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
    if !is_text(&header) {
        kind(&header)?;
    }
    Ok(header)
}

/// True for one word.
fn is_text(header: &Header) -> bool {
    let is_word = header.entry.type_char() == TypeChar::UnicodeStr && header.entries == 1;
    is_word && header.entry.num_bytes().is_some_and(|n| n <= 1024)
}

fn outline(header: &Header) -> Outline {
    let kind = if is_text(header) {
        None
    } else {
        kind(header).ok()
    };
    Outline {
        shape: header.shape.clone(),
        kind,
    }
}

/// What the entries are.
fn kind(header: &Header) -> Result<Kind, String> {
    match (header.entry.type_char(), header.entry.size_field()) {
        (TypeChar::Float, 8) => Ok(Kind::Float64),
        (TypeChar::Float, 4) => Ok(Kind::Float32),
        (TypeChar::Int | TypeChar::Uint, 1 | 2 | 4 | 8) => Ok(Kind::Integer),
        (TypeChar::Bool, _) => Err(TRUTH_VALUES.into()),
        _ => Err(format!("its entries are of type `{}`", header.entry)),
    }
}

/// Reads one array of `size` bytes, header included, and at most `room` entries.
fn read_item(reader: &mut impl Read, size: u64, room: usize) -> Result<Item, String> {
    let mut reader = BufReader::new(reader);
    let header = believable(read_header(&mut reader)?, size, room)?;
    let item = if is_text(&header) {
        Item::Text(entries::<String>(&mut reader, &header)?.remove(0))
    } else {
        Item::Array(numbers(&mut reader, &header)?)
    };
    // Reading to the end is what checks the sum over all bytes.
    match reader.read(&mut [0]) {
        Ok(0) => Ok(item),
        Ok(_) => Err("data follows its last entry".into()),
        Err(e) => Err(e.to_string()),
    }
}

fn numbers(reader: &mut impl Read, header: &Header) -> Result<Array, String> {
    let kind = kind(header)?;
    let values = match (header.entry.type_char(), header.entry.size_field()) {
        (TypeChar::Float, 8) => entries::<f64>(reader, header)?,
        (TypeChar::Float, _) => convert::<f32>(reader, header)?,
        (TypeChar::Int, 1) => convert::<i8>(reader, header)?,
        (TypeChar::Int, 2) => convert::<i16>(reader, header)?,
        (TypeChar::Int, 4) => convert::<i32>(reader, header)?,
        (TypeChar::Int, _) => entries::<i64>(reader, header)?
            .into_iter()
            .map(exact)
            .collect::<Result<_, _>>()?,
        (_, 1) => convert::<u8>(reader, header)?,
        (_, 2) => convert::<u16>(reader, header)?,
        (_, 4) => convert::<u32>(reader, header)?,
        _ => entries::<u64>(reader, header)?
            .into_iter()
            .map(exact)
            .collect::<Result<_, _>>()?,
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
