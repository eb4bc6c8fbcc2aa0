//! What `hbp experiment` and `hbp export` can be asked.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::shared::{Book, Resources};
use super::train::SolverChoice;
use crate::cli::choices::Dtype;

pub(super) const HELP: &str = "\
Examples:
  hbp experiment figure5 --out figure5-digits                                        the digits, in less than a minute
  hbp experiment figure5 --data fashion-mnist --out figure5 --seeds 3 --epochs 20
  hbp experiment figure5 --data cifar10 --out figure5-cifar                          the whole protocol: hours

The protocol of Section 4: a network of sigmoids (on images 1024-512-256-128-64-32-16 wide, on the digits 64-32-16), Xavier weights, batches of
500 (digits: 50), Eq. 8 with α = 0.02 and γ = 0.1 under (7) for PCH-abs, PCH-clip and GGN, PCH-abs with blocks cut into 2, 4 and 16 groups of
rows, and SGD with momentum 0.9 and rate 0.1. Every run is a directory like one of `hbp train`; what is done is not done again, so that the same
command goes on after an interruption, with more seeds or more epochs.

DIR holds figure5.csv, figure5.svg and figure5.png: mean and standard deviation over the seeds.";

pub(super) const EXPORT: &str = "\
Examples:
  hbp export runs/first --out model.safetensors     for model.load_state_dict(safetensors.torch.load_file(...))
  hbp export runs/first --out model.npz";

/// The experiments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Protocol {
    /// Training loss and test accuracy of several optimisers.
    Figure5,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Experiment {
    /// The experiment.
    #[arg(value_enum, value_name = "NAME")]
    pub(in crate::cli) protocol: Protocol,
    /// digits, fashion-mnist, mnist, cifar10, a folder or an .npz file.
    #[arg(long, value_name = "DATA", default_value = "digits")]
    pub(in crate::cli) data: String,
    /// The directory of all runs, and of the figure.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: PathBuf,
    /// The number of seeds [default: 10; 3 on the digits].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(in crate::cli) seeds: Option<u64>,
    /// The number of epochs [default: 100; 20 on the digits].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(in crate::cli) epochs: Option<u64>,
    /// The number of samples in a step [default: 500; 50 on the digits].
    #[arg(long, value_name = "B", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) batch_size: Option<u32>,
    /// The widths between input and output [default: those of the paper; 64,32,16 on the digits].
    #[arg(long, value_name = "WIDTHS", value_delimiter = ',')]
    pub(in crate::cli) hidden: Option<Vec<usize>>,
    /// Only these optimisers, separated by commas: sgd, pch-abs, pch-clip, ggn, pch-abs-2, pch-abs-4, pch-abs-16.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(in crate::cli) optimizers: Option<Vec<String>>,
    /// How Eq. 8 is solved: as in the paper, or by the structure of the blocks.
    #[arg(long, value_enum, default_value = "cg")]
    pub(in crate::cli) solver: SolverChoice,
    /// The type of the numbers [default: f32].
    #[arg(long, value_enum)]
    pub(in crate::cli) dtype: Option<Dtype>,
    #[command(flatten)]
    pub(in crate::cli) resources: Resources,
    #[command(flatten)]
    pub(in crate::cli) book: Book,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Export {
    /// The directory of a run.
    #[arg(value_name = "RUN")]
    pub(in crate::cli) run: PathBuf,
    /// A file that ends in .safetensors or .npz.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out: PathBuf,
}
