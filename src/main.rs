//! The `hbp` program; everything is in `hbp::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    hbp::cli::main()
}
