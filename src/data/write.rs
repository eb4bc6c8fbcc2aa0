//! Files out, whole or not at all. Why through a temporary file beside the target: a rename is the only step
//! that shows, so a full disk or an interrupt leaves what was there before.

use std::fs::{self, File};
use std::io::{self, BufWriter, Cursor, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use npyz::{DType, Serialize, WriteOptions, WriterBuilder};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::{Array, DataError, Item, Kind};

/// Writes an NPZ file that `numpy.load` reads: every item as NAME.npy, uncompressed, in the order given. The
/// same items give the same bytes.
///
/// # Errors
/// When a name is empty, a path or given twice, or the file cannot be written; then nothing is written.
pub fn write_npz<'a>(
    path: &Path,
    items: impl IntoIterator<Item = (&'a str, &'a Item)>,
) -> Result<(), DataError> {
    let items = checked(&path.display().to_string(), items)?;
    whole(path, |file| write_archive(file, &items))
}

/// The bytes that [`write_npz`] writes; `file` is what messages call them.
///
/// # Errors
/// When a name is empty, a path or given twice.
pub fn npz_bytes<'a>(
    file: &str,
    items: impl IntoIterator<Item = (&'a str, &'a Item)>,
) -> Result<Vec<u8>, DataError> {
    let items = checked(file, items)?;
    let mut bytes = Cursor::new(Vec::new());
    write_archive(&mut bytes, &items).map_err(|e| {
        DataError::new(
            format!("cannot write {file}: {e}"),
            "write to a file instead",
        )
    })?;
    Ok(bytes.into_inner())
}

/// The items, if every name is one.
fn checked<'a>(
    file: &str,
    items: impl IntoIterator<Item = (&'a str, &'a Item)>,
) -> Result<Vec<(&'a str, &'a Item)>, DataError> {
    let items: Vec<(&str, &Item)> = items.into_iter().collect();
    for (k, (name, item)) in items.iter().enumerate() {
        let path_like = name.is_empty()
            || name.contains(['/', '\\', ':'])
            || name.chars().any(char::is_control);
        let twice = items[..k].iter().any(|(earlier, _)| earlier == name);
        if path_like || twice {
            let reason = if twice {
                "stands twice"
            } else {
                "is no name for an array"
            };
            return Err(DataError::new(
                format!("`{}` {reason} in `{file}`", name.escape_debug()),
                "give every array a name of its own, without folders",
            ));
        }
        if let Item::Array(array) = item {
            array.check()?;
        }
    }
    Ok(items)
}

/// How the names of files begin that are being written; one that stays is of a process that was killed.
pub const UNFINISHED: &str = ".hbp-";

/// Writes a file whole or not at all.
///
/// # Errors
/// When the file cannot be written; then nothing is written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    whole(path, |file| file.write_all(bytes))
}

/// What an archive is written to.
pub(super) trait Target: Write + Seek {}
impl<T: Write + Seek> Target for T {}

/// Writes a file through `write`, whole or not at all.
pub(super) fn whole(
    path: &Path,
    write: impl FnOnce(&mut dyn Target) -> io::Result<()>,
) -> Result<(), DataError> {
    attempt(path, write).map_err(|e| {
        let help = match e.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "make room on the disk, or write to another one"
            }
            io::ErrorKind::FileTooLarge => {
                "files may not grow so large here: write to another disk, or raise the limit"
            }
            _ => "give a path in a folder that exists and may be written to, on a disk with room",
        };
        // What it wraps names a temporary file, of which the user knows nothing.
        let reason = match e.get_ref() {
            Some(_) => io::Error::from(e.kind()).to_string(),
            None => e.to_string(),
        };
        DataError::new(format!("cannot write `{}`: {reason}", path.display()), help)
    })
}

/// A target that keeps its first error and takes everything after it. Why: an archive that cannot be finished tells so
/// on standard error by itself.
struct Patient<'a> {
    target: &'a mut dyn Target,
    error: Option<io::Error>,
}

impl Patient<'_> {
    fn attempt<T>(&mut self, instead: T, act: impl FnOnce(&mut dyn Target) -> io::Result<T>) -> T {
        if self.error.is_none() {
            match act(self.target) {
                Ok(value) => return value,
                Err(error) => self.error = Some(error),
            }
        }
        instead
    }
}

impl Write for Patient<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.attempt(bytes.len(), |target| target.write(bytes)))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt((), |target| target.flush());
        Ok(())
    }
}

impl Seek for Patient<'_> {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        Ok(self.attempt(0, |target| target.seek(place)))
    }
}

fn attempt(path: &Path, write: impl FnOnce(&mut dyn Target) -> io::Result<()>) -> io::Result<()> {
    // What a link points to is replaced, not the link.
    let path: PathBuf = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match fs::metadata(&path) {
        Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(found) if !found.is_file() => {
            // A device or a pipe takes the bytes as they come; it must not be replaced by a file.
            let mut bytes = Cursor::new(Vec::new());
            write(&mut bytes)?;
            return File::options()
                .write(true)
                .open(&path)?
                .write_all(bytes.get_ref());
        }
        _ => {}
    }
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As for any new file, the user's mask takes its part.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut buffered = BufWriter::new(builder.tempfile_in(folder)?);
    write(&mut buffered)?;
    let file = buffered
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|e| e.error)?;
    // The name lasts once its folder is synced. Where folders cannot be, the file is there and whole all the same.
    #[cfg(unix)]
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

fn write_archive(target: &mut dyn Target, items: &[(&str, &Item)]) -> io::Result<()> {
    let mut target = Patient {
        target,
        error: None,
    };
    let written = write_members(&mut target, items);
    target.error.map_or(written, Err)
}

fn write_members(target: &mut Patient<'_>, items: &[(&str, &Item)]) -> io::Result<()> {
    let mut archive = ZipWriter::new(target);
    for (name, item) in items {
        // Headers stay below 64 KiB; beyond 4 GiB the archive needs its wide form.
        let bytes = item
            .array()
            .map_or(0, |array| array.values.len() as u64 * 8)
            + (1 << 16);
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644)
            .large_file(bytes > u64::from(u32::MAX));
        archive.start_file(format!("{name}.npy"), options)?;
        match item {
            Item::Array(array) => write_array(&mut archive, array)?,
            Item::Text(text) => {
                let length = text.chars().count().max(1);
                write_entries(&mut archive, &format!("<U{length}"), &[], [text.clone()])?;
            }
        }
    }
    archive.finish()?;
    Ok(())
}

fn write_array(target: &mut impl Write, array: &Array) -> io::Result<()> {
    let shape: Vec<u64> = array.shape.iter().map(|n| *n as u64).collect();
    let values = array.values.iter().copied();
    match array.kind {
        Kind::Float64 => write_entries(target, "<f8", &shape, values),
        #[allow(
            clippy::cast_possible_truncation,
            reason = "single precision is what was asked for"
        )]
        Kind::Float32 => write_entries(target, "<f4", &shape, values.map(|v| v as f32)),
        #[allow(
            clippy::cast_possible_truncation,
            reason = "entries of this kind are whole numbers below 2^53"
        )]
        Kind::Integer => write_entries(target, "<i8", &shape, values.map(|v| v as i64)),
    }
}

/// One array file in C order.
fn write_entries<T: Serialize>(
    target: &mut impl Write,
    dtype: &str,
    shape: &[u64],
    entries: impl IntoIterator<Item = T>,
) -> io::Result<()> {
    let dtype = DType::Plain(dtype.parse().map_err(io::Error::other)?);
    let mut writer = WriteOptions::new()
        .dtype(dtype)
        .shape(shape)
        .writer(target)
        .begin_nd()?;
    writer.extend(entries)?;
    writer.finish()
}
