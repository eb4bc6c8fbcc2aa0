//! Files given on the command line. Why one place: every file is bounded, `-` is standard input, and every
//! failure says which file.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::failure::Failure;

/// True for `-`, a stream of the process.
pub(super) fn is_stream(path: &Path) -> bool {
    path.as_os_str() == OsStr::new("-")
}

/// The name of a file in messages.
pub(super) fn name(path: &Path) -> String {
    if is_stream(path) {
        "<stdin>".into()
    } else {
        path.display().to_string()
    }
}

/// Reads a file, or standard input for `-`.
pub(super) fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if is_stream(path) {
        io::stdin().lock().take(limit + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
    };
    let name = name(path);
    read.map_err(|error| {
        Failure::bad_input(
            format!("cannot read {name}: {error}"),
            match error.kind() {
                io::ErrorKind::NotFound => "check the spelling, and the folder it is looked for in",
                io::ErrorKind::IsADirectory => "name a file in it",
                io::ErrorKind::PermissionDenied => "you may not read it: check its permissions",
                _ => "try to copy it elsewhere first",
            },
        )
    })?;
    if bytes.len() as u64 > limit {
        return Err(Failure::bad_input(
            format!("{name} has more than {limit} bytes"),
            "split it: larger files are not read",
        ));
    }
    Ok(bytes)
}
