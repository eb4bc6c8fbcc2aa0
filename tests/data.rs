//! The data floor: archives and parameters in and out, data sets, what is refused, and the embedded digits.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "data/archive.rs"]
mod archive;
#[path = "data/array_faults.rs"]
mod array_faults;
#[path = "data/dataset_faults.rs"]
mod dataset_faults;
#[path = "data/datasets.rs"]
mod datasets;
#[path = "data/files.rs"]
mod files;
#[path = "data/parameters.rs"]
mod parameters;
#[path = "data/reading.rs"]
mod reading;
#[path = "data/refusing.rs"]
mod refusing;
#[path = "data/safetensors.rs"]
mod safetensors;
#[path = "data/writing.rs"]
mod writing;
