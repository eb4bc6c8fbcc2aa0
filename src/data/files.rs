//! Files of numbers, read whole. Why limits before reading: what a file says of its size is a claim, and a kilobyte of
//! gzip can become a gigabyte.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;

use super::DataError;

/// One byte of deflate never becomes more than this many.
const LARGEST_RATIO: u64 = 1032;

/// The first bytes of gzip.
const GZIP: [u8; 2] = [0x1f, 0x8b];

enum Reader {
    Plain(BufReader<File>),
    Gzip(Box<GzDecoder<BufReader<File>>>),
}

impl Read for Reader {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(reader) => reader.read(bytes),
            Self::Gzip(reader) => reader.read(bytes),
        }
    }
}

/// A file that is open, its content decompressed if its first bytes are those of gzip.
pub(super) struct Content {
    /// The file in messages.
    pub(super) name: String,
    reader: Reader,
    /// The number of bytes, if the file is not compressed.
    exact: Option<u64>,
    /// No more bytes than this can come.
    most: u64,
}

impl Content {
    /// Opens a file; `help` says what it should be.
    pub(super) fn open(path: &Path, help: &str) -> Result<Self, DataError> {
        let name = path.display().to_string();
        let unreadable = |e: io::Error| DataError::new(format!("cannot read `{name}`: {e}"), help);
        // Opening a pipe would wait for whoever writes to it.
        let found = fs::metadata(path).map_err(unreadable)?;
        if !found.is_file() {
            return Err(DataError::new(format!("`{name}` is not a file"), help));
        }
        let mut start = Vec::new();
        File::open(path)
            .and_then(|file| file.take(2).read_to_end(&mut start))
            .map_err(unreadable)?;
        let file = BufReader::new(File::open(path).map_err(unreadable)?);
        let length = found.len();
        Ok(if start == GZIP {
            Self {
                reader: Reader::Gzip(Box::new(GzDecoder::new(file))),
                exact: None,
                most: length.saturating_mul(LARGEST_RATIO),
                name,
            }
        } else {
            Self {
                reader: Reader::Plain(file),
                exact: Some(length),
                most: length,
                name,
            }
        })
    }

    /// The number of bytes, if it is known before reading.
    pub(super) fn length(&self) -> Option<u64> {
        self.exact
    }

    /// The next bytes.
    pub(super) fn start<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        self.reader
            .read_exact(&mut bytes)
            .map_err(|e| match e.kind() {
                io::ErrorKind::UnexpectedEof => "it is cut short".to_owned(),
                _ => e.to_string(),
            })?;
        Ok(bytes)
    }

    /// All bytes that follow the first `before`, exactly `count`. Memory follows what has arrived.
    pub(super) fn rest(mut self, before: u64, count: u64) -> Result<Vec<u8>, String> {
        let total = before.saturating_add(count);
        let short = |there: u64| {
            format!("it is cut short: its header promises {total} bytes, there are {there}")
        };
        if total > self.most {
            return Err(match self.exact {
                Some(there) => short(there),
                None => {
                    format!("its header promises {total} bytes, more than so short a file can hold")
                }
            });
        }
        let mut bytes = Vec::new();
        // One byte more than wanted, so that what follows is seen; and at the end the checksum is compared.
        self.reader
            .by_ref()
            .take(count.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|e| match e.kind() {
                io::ErrorKind::UnexpectedEof => "it is cut short".to_owned(),
                _ => format!("it is damaged: {e}"),
            })?;
        let there = bytes.len() as u64;
        if there < count {
            return Err(short(before + there));
        }
        if there > count {
            return Err(format!("bytes follow the {total} that its header promises"));
        }
        if let Reader::Gzip(reader) = &mut self.reader
            && !matches!(reader.get_mut().fill_buf(), Ok(left) if left.is_empty())
        {
            return Err("bytes follow its compressed content".into());
        }
        Ok(bytes)
    }
}
