//! A user's own activation: its equations hold, and its derivatives are computed from its definition.

#![allow(clippy::print_stdout, reason = "an example prints")]
use hbp::check::{CheckOptions, check_module, text};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let source = include_str!("activation.hbp");
    let file = hbp::language::parse("activation.hbp", source).map_err(|e| e.to_string())?;
    let module = file.module("activation").map_err(|e| e.to_string())?;
    let report = check_module(&module, &CheckOptions::default())?;
    print!("{}", text(&report));
    Ok(())
}
