//! Groups of nodes as equations: which change an approximation, and the recursions of the literature as special cases.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

#[path = "groupings/recursion.rs"]
mod recursion;
#[path = "groupings/verdicts.rs"]
mod verdicts;

use hbp::language::{File, parse};

fn file(text: &str) -> File {
    parse("test.hbp", text).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// Three affine layers with any activation between them: the network of Figure S.2.
const DEEP: &str = include_str!("../examples/deep.hbp");
