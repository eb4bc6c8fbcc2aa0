//! What `hbp train` can be asked. Why optional where an optimiser has a default of its own: what is not said is told apart from what is.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::shared::{Book, Resources, size};
use crate::cli::choices::{Batch, Curvature, Dtype};

pub(super) const HELP: &str = "\
Examples:
  hbp train --out runs/first                                    Newton with positive curvature on the digits
  hbp train --out runs/sgd --optimizer sgd --lr 0.1 --epochs 30
  hbp train model.hbp --out runs/f --data fashion-mnist --batch-size 500 --curvature ggn --solver cg
  hbp train --out runs/kfac --optimizer kfac --alpha 0.1
  hbp train --out runs/k --blocks 1,10:4,20:16                  split blocks from epoch 10 on
  hbp train --resume runs/first --epochs 40

RUN holds config.json (every setting, the network's text), metrics.csv (a row an epoch), checkpoint.safetensors (parameters and the
optimiser's state, replaced at once), curves.svg and curves.png. train_loss is, as in the paper, that of a random part of the training set as
large as the test set, which the seed chooses and which stays the same through a run. A run that is killed goes on from its last checkpoint with
--resume; Ctrl-C saves where it is. The same settings and seed give the same metrics but for seconds.

A step of Newton is Eq. 8: [αI + (1 − α)ℋ] Δ = −δ for every parameter, θ + γΔ. α begins at --alpha and follows, as the damping of Levenberg
and Marquardt, how well the quadratic model foretells the loss of the batch, for one forward pass more a step. It has no bound: above 1 nothing of
ℋ is left, and a step is −γδ/α. With --damping fixed it stays, as in the paper; networks of ReLU may not stand that. kfac, kfra, kflr are Newton
with the curvature, the batch average and the message of their authors: kfac and kflr send the mean of SS' back and average J'E[SS']J over the
samples, J the Jacobian of the module that reads it, so that tanh(W*x) as one module has another block than linear and tanh. Conjugate gradients
run for a whole parameter with its block cut by --blocks; for each group of rows by itself where a step is no single program. Data: digits are
inside the program; fashion-mnist, mnist and cifar10 are looked for where they are usually installed; DIR holds IDX or CIFAR-10 files; FILE.npz
holds x, y and, if wanted, x_test, y_test.

Exit codes: 0 done, or stopped and saved · 1 diverged · 2 bad input · 3 limits reached.";

/// A time.
fn seconds(text: &str) -> Result<f64, String> {
    let found = text.parse::<f64>().ok();
    let found = found.filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
    found.ok_or_else(|| "seconds are a number from 0 on".to_owned())
}

/// How parameters move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum OptimizerChoice {
    /// Gradient descent with momentum.
    Sgd,
    /// Adam (Kingma & Ba 2015).
    Adam,
    /// Eq. 8 in any curvature and batch mode.
    Newton,
    /// Eq. 8 with the factors of Martens & Grosse (2015).
    Kfac,
    /// Eq. 8 with the recursion of Botev (2017).
    Kfra,
    /// Eq. 8 with the roots of Botev (2017).
    Kflr,
    /// Eq. 8 from products alone, block by block (Zhang 2017).
    HessianFree,
}

/// How Eq. 8 is solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum SolverChoice {
    /// By conjugate gradients, as in the paper.
    Cg,
    /// By the structure of the blocks.
    Exact,
}

/// How α is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum DampingChoice {
    /// It stays.
    Fixed,
    /// It follows how well the quadratic model foretells the loss; a step after which the loss of its batch is larger is taken back.
    #[value(alias = "lm")]
    LevenbergMarquardt,
}

/// How weights begin; vectors are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum InitialisationChoice {
    /// Normal with variance 2 / (rows + columns).
    XavierNormal,
    /// Uniform of that variance.
    XavierUniform,
    /// Normal with variance 2 / columns.
    He,
    /// Zero.
    Zeros,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Train {
    /// The .hbp file with the network; `-` is standard input [default: a small network with sigmoids].
    #[arg(value_name = "FILE", conflicts_with = "resume")]
    pub(in crate::cli) file: Option<PathBuf>,
    /// The directory of the run.
    #[arg(
        long,
        value_name = "RUN",
        required_unless_present = "resume",
        conflicts_with = "resume"
    )]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Go on with a run from its last checkpoint; of other settings only --epochs, --threads, --checkpoint-seconds and --data, a new place of the same data, may be given.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["force", "seed", "batch_size", "dtype", "network", "dims", "parameters", "diagnostics", "optimizer", "curvature", "batch", "compose", "solver", "blocks", "alpha", "damping", "lr", "momentum", "tolerance", "iterations", "samples", "initialisation"])]
    pub(in crate::cli) resume: Option<PathBuf>,
    /// Begin anew in a directory that holds a run; it is removed once everything that is asked for fits.
    #[arg(long)]
    pub(in crate::cli) force: bool,
    /// The network, when the file has several.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) network: Option<String>,
    /// Sizes that neither the file nor the data give, as in n=4,m=3.
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = size)]
    pub(in crate::cli) dims: Vec<(String, usize)>,
    /// digits, fashion-mnist, mnist, cifar10, a folder or an .npz file [default: digits].
    #[arg(long, value_name = "DATA")]
    pub(in crate::cli) data: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) steps: Steps,
    /// The number of epochs [default: 20].
    #[arg(long, value_name = "N")]
    pub(in crate::cli) epochs: Option<u64>,
    /// The number of samples in a step [default: 50].
    #[arg(long, value_name = "B", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) batch_size: Option<u32>,
    /// The seed of parameters, orders and draws [default: 0].
    #[arg(long, value_name = "N")]
    pub(in crate::cli) seed: Option<u64>,
    /// The type of the numbers [default: f32].
    #[arg(long, value_enum)]
    pub(in crate::cli) dtype: Option<Dtype>,
    /// First parameters from a .safetensors or .npz file, under PyTorch's names or their own.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) parameters: Option<PathBuf>,
    /// Write trace, spectrum, condition and distances of the blocks to diagnostics.csv, every so many epochs.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "1", value_parser = clap::value_parser!(u64).range(1..))]
    pub(in crate::cli) diagnostics: Option<u64>,
    /// The most seconds between checkpoints; there is one after every epoch [default: 60].
    #[arg(long, value_name = "S", value_parser = seconds, allow_negative_numbers = true)]
    pub(in crate::cli) checkpoint_seconds: Option<f64>,
    #[command(flatten)]
    pub(in crate::cli) resources: Resources,
    #[command(flatten)]
    pub(in crate::cli) book: Book,
}

/// What a step is.
#[derive(Args, Debug)]
pub(in crate::cli) struct Steps {
    /// How parameters move [default: newton].
    #[arg(long, value_enum)]
    pub(in crate::cli) optimizer: Option<OptimizerChoice>,
    /// What becomes of the second-order term [default: pch-abs; ggn for hessian-free].
    #[arg(long, value_enum)]
    pub(in crate::cli) curvature: Option<Curvature>,
    /// What becomes of the sample mean [default: average-jacobian].
    #[arg(long, value_enum)]
    pub(in crate::cli) batch: Option<Batch>,
    /// Group nodes into one module each: `none`, `activation-affine`, or as in a1+h2 [default: none; activation-affine for kfra].
    #[arg(long, value_name = "GROUPS")]
    pub(in crate::cli) compose: Option<String>,
    /// How Eq. 8 is solved [default: exact].
    #[arg(long, value_enum)]
    pub(in crate::cli) solver: Option<SolverChoice>,
    /// Into how many groups of rows blocks are cut, also by epoch, as in 1,10:4,50:16 [default: 1].
    #[arg(long, value_name = "K")]
    pub(in crate::cli) blocks: Option<String>,
    /// α, or the first one [default: 0.02].
    #[arg(long, value_name = "A", allow_negative_numbers = true)]
    pub(in crate::cli) alpha: Option<f64>,
    /// How α is found [default: levenberg-marquardt].
    #[arg(long, value_enum)]
    pub(in crate::cli) damping: Option<DampingChoice>,
    /// γ [default: 0.1; 0.001 for adam].
    #[arg(
        long,
        value_name = "G",
        visible_alias = "learning-rate",
        allow_negative_numbers = true
    )]
    pub(in crate::cli) lr: Option<f64>,
    /// μ of sgd [default: 0.9].
    #[arg(long, value_name = "M", allow_negative_numbers = true)]
    pub(in crate::cli) momentum: Option<f64>,
    /// The relative residual at which conjugate gradients stop [default: 0.1].
    #[arg(long, value_name = "E", allow_negative_numbers = true)]
    pub(in crate::cli) tolerance: Option<f64>,
    /// The most products of conjugate gradients for a block [default: 50].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) iterations: Option<u32>,
    /// Targets drawn for each sample, for fisher and kfac [default: 1 for kfac, else the exact expectation].
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) samples: Option<u32>,
    /// How weights begin [default: xavier-normal].
    #[arg(long, value_enum, visible_alias = "initialization")]
    pub(in crate::cli) initialisation: Option<InitialisationChoice>,
}
