//! The data floor: archives in and out, what is refused, and the embedded digits.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "data/archive.rs"]
mod archive;
#[path = "data/reading.rs"]
mod reading;
#[path = "data/refusing.rs"]
mod refusing;
#[path = "data/writing.rs"]
mod writing;
