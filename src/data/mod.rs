//! Numbers from outside and back: arrays in NPZ archives, data sets, and the parameters of networks.
//!
//! | what | where |
//! | --- | --- |
//! | an array, and what stands under a name | `array` |
//! | NPZ archives in | `header`, `npz` |
//! | files out, whole or not at all | `write` |
//! | safetensors in and out | `safetensors` |
//! | parameters under PyTorch's names | `parameters` |
//! | samples, targets, a data set | `samples` |
//! | where data sets lie | `source` |
//! | what is there, and how it is split | `dataset` |
//! | their forms: IDX, CIFAR-10, NPZ, inside the program | `idx`, `cifar`, `arrays`, `digits` |
//! | from bytes to samples | `pictures` |
//! | a file read whole, gzip or not | `files` |
//!
//! Why strict: what is read here is trusted nowhere. A header that lies, a name that is a path, an archive cut
//! short end in a [`DataError`] that names the file and the array, before memory is given away. What is
//! written is written whole or not at all, and the same numbers give the same bytes.

mod array;
mod arrays;
mod cifar;
mod dataset;
mod digits;
mod files;
mod header;
mod idx;
mod npz;
mod parameters;
mod pictures;
mod safetensors;
mod samples;
mod source;
mod write;

pub use array::{Array, Item, Kind, Outline, Outlines};
pub use dataset::load_dataset;
pub use digits::{Digits, digits};
pub use npz::{Archive, ENTRY_LIMIT, read_npz, read_npz_from};
pub use parameters::{export_names, export_parameters, import_parameters};
pub use safetensors::{Metadata, read_safetensors, safetensors_from, write_safetensors};
pub use samples::{Dataset, Samples, Targets};
pub use source::{DataSource, KnownDataset};
pub use write::{UNFINISHED, npz_bytes, write_npz, write_whole};

/// Why data could not be read or written, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DataError {
    /// What is wrong and where: the file, and the array if it is one array's fault.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl DataError {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
        }
    }
}
