//! What several commands can be asked. Why apart: an option means the same wherever it stands.

use std::path::PathBuf;

use clap::Args;

use crate::cli::choices::{Batch, Curvature, Message, Scheme};

/// Where modules come from.
#[derive(Args, Debug)]
pub(in crate::cli) struct Source {
    /// The .hbp file; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// Only this module.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) module: Option<String>,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct NetworkChoice {
    /// The network, when the file has several.
    #[arg(long, value_name = "NAME", conflicts_with = "module")]
    pub(in crate::cli) network: Option<String>,
}

/// What becomes of the second-order term and of the sample mean, and what travels.
#[derive(Args, Debug)]
pub(in crate::cli) struct Approximation {
    /// What becomes of the second-order term [default: hessian].
    #[arg(long, value_enum)]
    pub(in crate::cli) curvature: Option<Curvature>,
    /// What becomes of the sample mean [default: exact].
    #[arg(long, value_enum)]
    pub(in crate::cli) batch: Option<Batch>,
    /// All at once, by the name of the literature.
    #[arg(long, value_enum)]
    pub(in crate::cli) scheme: Option<Scheme>,
    /// What travels backwards; roots need ggn or fisher [default: hessian].
    #[arg(long, value_enum)]
    pub(in crate::cli) message: Option<Message>,
    /// Targets drawn from the loss's model for each sample, for fisher and kfac [default: 1 for kfac, else the exact
    /// expectation].
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) samples: Option<u32>,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Book {
    /// Use the rule book in this folder.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) rules: Option<PathBuf>,
}

/// Which nodes of a network are one module.
#[derive(Args, Debug)]
pub(in crate::cli) struct Composition {
    /// Group nodes of a network into one module each before deriving: `none`, `activation-affine`, or groups by name, as in
    /// a1+h2,a2+h3 [default: none; activation-affine for the schemes kfra and bda-pch].
    #[arg(long, value_name = "GROUPS")]
    pub(in crate::cli) compose: Option<String>,
}

/// What the contract names and a later version will have: understood, and refused by name.
#[derive(Args, Debug)]
pub(in crate::cli) struct Later {
    #[arg(long, value_name = "N", hide = true)]
    pub(in crate::cli) threads: Option<String>,
}

/// What of the machine may be used.
#[derive(Args, Debug)]
pub(in crate::cli) struct Resources {
    /// The threads that kernels may use [default: one for every core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(crate::cli::threads::MOST)))]
    pub(in crate::cli) threads: Option<u32>,
    /// The memory that data and buffers may take, as in 2GiB or 500MB [default: what the machine has free].
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub(in crate::cli) memory: Option<u64>,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Chance {
    /// The seed of everything random.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(in crate::cli) seed: u64,
}

/// Reads `n=4`.
pub(super) fn size(text: &str) -> Result<(String, usize), String> {
    let wrong = || format!("`{text}` is no size: write NAME=NUMBER, as in n=4");
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let value: usize = value.trim().parse().map_err(|_| wrong())?;
    let name = name.trim();
    if name.is_empty() || value == 0 {
        return Err(wrong());
    }
    Ok((name.to_owned(), value))
}

/// Reads `2GiB`.
pub(super) fn memory(text: &str) -> Result<u64, String> {
    let wrong =
        || format!("`{text}` is no size: write a number of bytes, or as in 512MiB, 2GiB, 4GB");
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "kib" | "k" => 1024.0,
        "mib" | "m" => 1024.0 * 1024.0,
        "gib" | "g" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    let bytes = (number * unit).round();
    if !(1.0..=1e18).contains(&bytes) {
        return Err(wrong());
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and 10^18"
    )]
    Ok(bytes as u64)
}
