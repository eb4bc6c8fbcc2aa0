//! The header of an array file, read strictly. Why not a general reader of Python literals: a header from
//! outside may nest without end or name sizes whose product overflows; these three keys need no more than this.

use std::io::Read;

use npyz::{DType, TypeStr};

/// NumPy's own limit on the length of a header it did not write itself.
const LENGTH_LIMIT: usize = 10_000;

/// What an array file says of its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The type of one entry.
    pub(super) entry: TypeStr,
    /// True when the first index moves fastest.
    pub(super) fortran_order: bool,
    /// The length of each axis.
    pub(super) shape: Vec<usize>,
    /// The product of `shape`.
    pub(super) entries: usize,
    /// The number of bytes before the data.
    pub(super) length: usize,
}

impl Header {
    /// The type of one entry as the reader of entries wants it.
    pub(super) fn dtype(&self) -> DType {
        DType::Plain(self.entry.clone())
    }
}

/// Reads a header and leaves the reader at the data.
pub(super) fn read_header(reader: &mut impl Read) -> Result<Header, String> {
    let mut magic = [0; 8];
    read(reader, &mut magic)?;
    if &magic[..6] != b"\x93NUMPY" {
        return Err("it does not begin like a NumPy array".into());
    }
    let length = match (magic[6], magic[7]) {
        (1, 0) => {
            let mut bytes = [0; 2];
            read(reader, &mut bytes)?;
            (10, usize::from(u16::from_le_bytes(bytes)))
        }
        (2 | 3, 0) => {
            let mut bytes = [0; 4];
            read(reader, &mut bytes)?;
            (
                12,
                usize::try_from(u32::from_le_bytes(bytes)).unwrap_or(usize::MAX),
            )
        }
        (major, minor) => return Err(format!("its format version {major}.{minor} is not known")),
    };
    if length.1 > LENGTH_LIMIT {
        return Err(format!(
            "its header of {} bytes is longer than {LENGTH_LIMIT}",
            length.1
        ));
    }
    let mut text = vec![0; length.1];
    read(reader, &mut text)?;
    let text = String::from_utf8(text).map_err(|_| "its header is not text")?;
    parse(&text, length.0 + length.1)
}

fn read(reader: &mut impl Read, bytes: &mut [u8]) -> Result<(), String> {
    reader.read_exact(bytes).map_err(|e| match e.kind() {
        std::io::ErrorKind::UnexpectedEof => "it ends inside its header".to_owned(),
        _ => e.to_string(),
    })
}

/// `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`
fn parse(text: &str, length: usize) -> Result<Header, String> {
    let malformed = || format!("its header is malformed: `{}`", excerpt(text));
    let inside = text
        .trim()
        .strip_prefix('{')
        .and_then(|t| t.strip_suffix('}'))
        .ok_or_else(malformed)?;
    let (mut entry, mut fortran_order, mut shape) = (None, None, None);
    let mut rest = inside.trim_start();
    while !rest.is_empty() {
        let (key, after) = quoted(rest).ok_or_else(malformed)?;
        let value = after
            .trim_start()
            .strip_prefix(':')
            .ok_or_else(malformed)?
            .trim_start();
        let after = match key {
            "descr" if entry.is_none() => {
                let (name, after) = quoted(value).ok_or_else(|| {
                    format!("its entries are records, not numbers: `{}`", excerpt(value))
                })?;
                let parsed = name.parse::<TypeStr>();
                entry =
                    Some(parsed.map_err(|_| format!("its type `{}` is not known", excerpt(name)))?);
                after
            }
            "fortran_order" if fortran_order.is_none() => {
                let (word, after) = value.split_at(value.find([',', ' ']).unwrap_or(value.len()));
                fortran_order = Some(match word {
                    "True" => true,
                    "False" => false,
                    _ => return Err(malformed()),
                });
                after
            }
            "shape" if shape.is_none() => {
                let (sizes, after) = value
                    .strip_prefix('(')
                    .and_then(|t| t.split_once(')'))
                    .ok_or_else(malformed)?;
                shape = Some(parse_shape(sizes)?);
                after
            }
            _ => return Err(malformed()),
        };
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if after.is_empty() => after,
            None => return Err(malformed()),
        };
    }
    let (Some(entry), Some(fortran_order), Some((shape, entries))) = (entry, fortran_order, shape)
    else {
        return Err(malformed());
    };
    Ok(Header {
        entry,
        fortran_order,
        shape,
        entries,
        length,
    })
}

/// A word in single or double quotes, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

/// The sizes and their product.
fn parse_shape(text: &str) -> Result<(Vec<usize>, usize), String> {
    let mut shape = Vec::new();
    for size in text
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty())
    {
        let parsed = size
            .parse()
            .map_err(|_| format!("its shape has a size `{}`", excerpt(size)));
        shape.push(parsed?);
    }
    if shape.len() > 32 {
        return Err(format!("its {} axes are more than NumPy's 32", shape.len()));
    }
    // Zeros count as 1 here, so that the product of the others is bounded as well.
    let product = shape.iter().try_fold(1_usize, |product, n: &usize| {
        product.checked_mul((*n).max(1))
    });
    let product = product.ok_or("its shape has more entries than any memory")?;
    let entries = if shape.contains(&0) { 0 } else { product };
    Ok((shape, entries))
}

/// The beginning of a text that may be long or strange: quotes as they are, what acts on a terminal escaped.
fn excerpt(text: &str) -> String {
    let shown = |c: char| match c {
        '\'' | '"' => c.to_string(),
        _ => c.escape_debug().to_string(),
    };
    text.chars().take(60).map(shown).collect()
}
