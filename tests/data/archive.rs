//! Archives made by hand, byte by byte where it matters.

use std::io::{Cursor, Write};

use hbp::data::{Item, read_npz_from};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// An array file with this header text and data.
pub(crate) fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

pub(crate) fn header(descr: &str, fortran: bool, shape: &str) -> String {
    let order = if fortran { "True" } else { "False" };
    format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n")
}

/// An archive of these members.
pub(crate) fn archive(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer
            .start_file(
                *name,
                SimpleFileOptions::default().compression_method(method),
            )
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub(crate) fn read_one(member: &[u8]) -> Result<Item, String> {
    let bytes = archive(&[("a.npy", member)], CompressionMethod::Deflated);
    let items = read_npz_from(Cursor::new(bytes), "in.npz").map_err(|e| e.message)?;
    Ok(items["a"].clone())
}
