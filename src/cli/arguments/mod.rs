//! What can be asked. Why types: a flag that a command does not know, or a value that means nothing, is
//! refused before anything runs.

mod bench;
mod experiment;
mod report;
mod shared;
mod train;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgAction, Args, Parser, Subcommand};

use super::choices::{Blocks, Curvature, Drawing, Dtype, Form, Format, Vectorisation};
pub(super) use bench::Bench;
pub(super) use experiment::{Experiment, Export};
pub(super) use report::{Report, ReportFormat};
pub(super) use shared::{Approximation, Book, Chance, Composition, Later, NetworkChoice, Source};
use shared::{memory, size};
pub(super) use train::{OptimizerChoice, Steps, Train};

const TOUR: &str = "\
Examples:
  hbp demo                                  a tour, on data inside the program
  hbp derive examples/gated.hbp             the equations of a module
  hbp derive examples/gated.hbp --steps     with their derivation
  hbp check examples/gated.hbp              against finite differences
  hbp show linear                           the source of a built-in module

Exit codes: 0 done · 1 the answer is no · 2 bad input · 3 limits reached.
A file of `-` is standard input. Results are on stdout, everything else on stderr.";

/// A compiler for curvature: derives, proves, checks and runs Hessian backpropagation.
#[derive(Debug, Parser)]
#[command(name = "hbp", version, after_help = TOUR, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print the equations of Hessian backpropagation for every input and parameter.
    #[command(after_help = "\
Examples:
  hbp derive examples/composite.hbp
  hbp derive examples/composite.hbp --wrt x,W --steps
  hbp derive examples/composite.hbp --form congruence
  hbp derive model.hbp --network mlp --compose activation-affine --scheme kfra
  cat model.hbp | hbp derive - --format json")]
    Derive(Derive),
    /// Are two expressions over the names of a file equal? Prints the steps, or numbers that refute it.
    #[command(
        disable_help_flag = true,
        after_help = "\
Examples:
  hbp prove examples/composite.hbp \"jac(z, x)\" \"W*diag(phi'(x))\"
  hbp prove examples/composite.hbp \"hess(x)\" \\
    \"(W'*hess(z)*W) .* (phi'(x)*phi'(x)') + diag(phi''(x) .* (W'*grad(z)))\"
  hbp prove examples/composite.hbp '-(a - b)' 'b - a'

Exit codes: 0 proved · 1 refuted · 2 bad input · 3 unknown within the limits."
    )]
    Prove(Prove),
    /// Compare every derived equation with an independent derivation and with finite differences.
    #[command(after_help = "\
Examples:
  hbp check examples/gated.hbp
  hbp check examples/gated.hbp --seed 7")]
    Check(Check),
    /// How every module works in every scheme: exactly, by which approximations, or refused and why.
    #[command(after_help = "\
Examples:
  hbp coverage                  the built-in modules
  hbp coverage model.hbp        those of a file")]
    Coverage(Coverage),
    /// Run the compiled passes on real numbers.
    #[command(after_help = "\
Examples:
  hbp run model.hbp --data in.npz --out out.npz --dense
  hbp run model.hbp --data in.npz --out out.npz --network mlp --dtype f32
  hbp run model.hbp --data in.npz --out out.npz --curvature ggn --message root
  hbp run model.hbp --data in.npz --out out.npz --scheme kfac --samples 4 --seed 1
  hbp run model.hbp --data in.npz --out out.npz --batch average-hessian --compose a1+h2,a2+h3
  hbp run model.hbp --data in.npz --out out.npz --batch average-hessian --split 4
  hbp run model.hbp --data in.npz --out out.npz --vector v.npz --curvature ggn
  hbp run model.hbp --data in.npz --out out.npz --blocks full")]
    Run(Run),
    /// Print the compiled kernels: order, shapes, buffers, flops, bytes.
    #[command(after_help = "\
Examples:
  hbp plan examples/gated.hbp --dims m=64,n=128
  hbp plan model.hbp --network mlp
  hbp plan model.hbp --scheme kfra --batch-size 500
  hbp plan model.hbp --pass average-hessian/pch-abs --batch-size 500")]
    Plan(Plan),
    /// Time the compiled passes of a network on seeded data.
    #[command(after_help = bench::HELP)]
    Bench(Bench),
    /// Which compositions of neighbours change a network's approximations, and which provably do not.
    #[command(after_help = "\
Examples:
  hbp groupings model.hbp
  hbp groupings model.hbp --network mlp --curvature ggn
  hbp groupings model.hbp --format json

Exit codes: 0 all decided · 2 bad input · 3 some undecided within the limits.")]
    Groupings(Groupings),
    /// Print the source of a built-in module or function.
    #[command(after_help = "\
Examples:
  hbp show linear
  hbp show softmax_cross_entropy
  hbp show examples/mlp.hbp --format svg > mlp.svg")]
    Show(Show),
    /// Print the rule book; with --check, verify every rule on numbers.
    #[command(after_help = "\
Examples:
  hbp rules
  hbp rules kron-mixed-product
  hbp rules --check --rules my-rules/")]
    Rules(Rules),
    /// A tour for a newcomer, on data inside the program.
    #[command(after_help = "\
Examples:
  hbp demo")]
    Demo(Demo),
    /// Print how many characters the equations take, and how many milliseconds deriving them.
    #[command(after_help = "\
Examples:
  hbp legibility
  hbp legibility examples/gated.hbp my-module.hbp")]
    Legibility(Legibility),
    /// Reserved: self-contained source code.
    #[command(hide = true)]
    Emit(Reserved),
    /// Train a network with curvature on real data.
    #[command(after_help = train::HELP)]
    Train(Box<Train>),
    /// The protocol of the paper's experiments: several optimisers, several seeds, one figure.
    #[command(after_help = experiment::HELP)]
    Experiment(Experiment),
    /// Compare runs: what differs, how each went, averages over seeds, figures.
    #[command(after_help = report::HELP)]
    Report(Report),
    /// Write the parameters of a run to a file that PyTorch loads.
    #[command(after_help = experiment::EXPORT)]
    Export(Export),
}

#[derive(Args, Debug)]
pub(super) struct Derive {
    #[command(flatten)]
    pub(super) source: Source,
    #[command(flatten)]
    pub(super) network: NetworkChoice,
    /// The inputs and parameters, separated by commas; all without this.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub(super) wrt: Option<Vec<String>>,
    #[command(flatten)]
    pub(super) approximation: Approximation,
    #[command(flatten)]
    pub(super) composition: Composition,
    /// How the equations are written; `html` is not available in this version.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
    /// Show the derivation, one rule a line, each with its citation.
    #[arg(long)]
    pub(super) steps: bool,
    /// Which of two equal forms of a scaled congruence is written.
    #[arg(long, value_enum, default_value_t)]
    pub(super) form: Form,
    /// How a matrix becomes a vector in blocks of matrices.
    #[arg(long, value_enum, default_value_t)]
    pub(super) vec: Vectorisation,
    #[command(flatten)]
    pub(super) book: Book,
    #[command(flatten)]
    pub(super) later: Later,
    // Nothing is drawn: any seed gives the same.
    #[arg(long, value_name = "N", hide = true)]
    seed: Option<u64>,
}

#[derive(Args, Debug)]
pub(super) struct Prove {
    #[command(flatten)]
    pub(super) source: Source,
    /// The left side.
    #[arg(value_name = "LHS", allow_hyphen_values = true)]
    pub(super) left: String,
    /// The right side.
    #[arg(value_name = "RHS", allow_hyphen_values = true)]
    pub(super) right: String,
    /// Name a value that both sides may use, as in --let 'D = diag(x)'; may be repeated.
    #[arg(long = "let", value_name = "NAME = EXPR")]
    pub(super) lets: Vec<String>,
    #[command(flatten)]
    pub(super) book: Book,
    #[command(flatten)]
    pub(super) chance: Chance,
    // No `-h`: a side may begin with a minus.
    /// Print help.
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

#[derive(Args, Debug)]
pub(super) struct Check {
    #[command(flatten)]
    pub(super) source: Source,
    #[command(flatten)]
    pub(super) approximation: Approximation,
    #[command(flatten)]
    pub(super) book: Book,
    #[command(flatten)]
    pub(super) chance: Chance,
}

#[derive(Args, Debug)]
pub(super) struct Coverage {
    /// A file of modules; the built-in ones without it.
    #[arg(value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) book: Book,
}

#[derive(Args, Debug)]
pub(super) struct Run {
    #[command(flatten)]
    pub(super) source: Source,
    #[command(flatten)]
    pub(super) network: NetworkChoice,
    /// The arrays that go in, a .npz file; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub(super) data: PathBuf,
    /// Where the arrays that come out are written, a .npz file; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub(super) out: PathBuf,
    /// The network's parameters from a .safetensors or .npz file instead, under PyTorch's names (h1.weight, h1.bias) or their own.
    #[arg(long, value_name = "FILE")]
    pub(super) parameters: Option<PathBuf>,
    /// Vectors by parameter, a .npz file: adds `product.<param>`, the mean over the batch of the curvature matrix of the
    /// whole loss (hessian, ggn or fisher, exact) times all vectors jointly. A parameter without a vector counts as zero.
    #[arg(long, value_name = "FILE")]
    pub(super) vector: Option<PathBuf>,
    /// Write every block as a full matrix.
    #[arg(long)]
    pub(super) dense: bool,
    /// Write each block of a network by K groups of rows of its parameter: hess.h1.W.rows.0, …, larger groups first.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) split: Option<u32>,
    /// Between which parameters of a network blocks are made.
    #[arg(long, value_enum, default_value_t)]
    pub(super) blocks: Blocks,
    /// The memory that blocks and buffers may take, as in 2GiB or 500MB [default: what the machine has free].
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub(super) memory: Option<u64>,
    #[command(flatten)]
    pub(super) approximation: Approximation,
    #[command(flatten)]
    pub(super) composition: Composition,
    /// The type of the numbers.
    #[arg(long, value_enum, default_value_t)]
    pub(super) dtype: Dtype,
    /// How a matrix becomes a vector in blocks of matrices, the `hess.<out>` that goes in included.
    #[arg(long, value_enum, default_value_t)]
    pub(super) vec: Vectorisation,
    /// Sizes that the data do not bind, as in n=4,m=3.
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = size)]
    pub(super) dims: Vec<(String, usize)>,
    #[command(flatten)]
    pub(super) chance: Chance,
    #[command(flatten)]
    pub(super) book: Book,
    #[command(flatten)]
    pub(super) later: Later,
}

#[derive(Args, Debug)]
pub(super) struct Plan {
    #[command(flatten)]
    pub(super) source: Source,
    #[command(flatten)]
    pub(super) network: NetworkChoice,
    #[command(flatten)]
    pub(super) approximation: Approximation,
    #[command(flatten)]
    pub(super) composition: Composition,
    /// The type of the numbers.
    #[arg(long, value_enum, default_value_t)]
    pub(super) dtype: Dtype,
    /// Sizes, as in n=4,m=3.
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = size)]
    pub(super) dims: Vec<(String, usize)>,
    /// Print this pass of a network as the one program that `bench` times, instead of module by module: forward, gradient,
    /// kflr, or as in average-hessian/pch-abs.
    #[arg(long, value_name = "PASS", conflicts_with_all = ["curvature", "batch", "scheme", "message", "samples", "module"])]
    pub(super) pass: Option<String>,
    /// The samples of a network that are computed at once.
    #[arg(long, value_name = "B", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) batch_size: u32,
    #[command(flatten)]
    pub(super) chance: Chance,
    #[command(flatten)]
    pub(super) book: Book,
    #[command(flatten)]
    pub(super) later: Later,
}

#[derive(Args, Debug)]
pub(super) struct Groupings {
    /// The .hbp file; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// The network, when the file has several.
    #[arg(long, value_name = "NAME")]
    pub(super) network: Option<String>,
    /// What becomes of the second-order terms [default: hessian].
    #[arg(long, value_enum)]
    pub(super) curvature: Option<Curvature>,
    /// How the verdicts are written; `html` is not available in this version.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
    #[command(flatten)]
    pub(super) book: Book,
    #[command(flatten)]
    pub(super) chance: Chance,
}

#[derive(Args, Debug)]
pub(super) struct Show {
    /// The name of a built-in; all are listed without it. With --format, the file of a network.
    #[arg(value_name = "NAME or FILE")]
    pub(super) name: Option<String>,
    /// Draw the network of a file, in the language of Graphviz.
    #[arg(long, value_enum)]
    pub(super) format: Option<Drawing>,
    /// The network, where a file has several.
    #[arg(long, value_name = "NAME", requires = "format")]
    pub(super) network: Option<String>,
    /// Draw groups of nodes as one: `none`, `activation-affine`, or groups by name, as in a1+h2,a2+h3.
    #[arg(long, value_name = "GROUPS", requires = "format")]
    pub(super) compose: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct Rules {
    /// Only this rule, or only this chapter.
    #[arg(value_name = "NAME")]
    pub(super) name: Option<String>,
    /// Verify every rule on numbers.
    #[arg(long)]
    pub(super) check: bool,
    #[command(flatten)]
    pub(super) book: Book,
}

#[derive(Args, Debug)]
pub(super) struct Demo {}

#[derive(Args, Debug)]
pub(super) struct Legibility {
    /// Files of modules; without any, the built-in comparison.
    #[arg(value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) book: Book,
}

#[derive(Args, Debug)]
pub(super) struct Reserved {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    rest: Vec<OsString>,
}
