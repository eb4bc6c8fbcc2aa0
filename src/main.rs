//! The `hbp` program.
fn main() {}
