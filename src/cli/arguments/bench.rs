//! What `hbp bench` can be asked.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::shared::{Book, Chance, Composition, Resources, size};
use crate::cli::choices::Dtype;

pub(super) const HELP: &str = "\
Examples:
  hbp bench model.hbp --batch-size 500
  hbp bench model.hbp --batch-size 500 --dtype f32 --threads 1 --json
  hbp bench model.hbp --batch-size 128 --passes 'gradient,kflr,average-hessian/*'
  hbp bench model.hbp --dims n=784 --batch-size 32 --repeat 5

Passes: forward, gradient, <batch>/<curvature> as in average-jacobian/pch-abs, kflr,
update/sgd, update/<batch>/<curvature>, and compile: from the read file to the kernels of average-hessian/pch-abs,
nothing known before. A pass of blocks includes the forward and the gradient pass. An update yields new
parameters, update/sgd by θ − γδ, the others by Eq. 8 with α = 0.02 and γ = 0.1, exactly with mean Jacobians, else by conjugate gradients to
0.1 in at most 50 products, and forms nothing else. Blocks that cannot be one program, as those of exact/*,
run module by module and are timed without counts; an update that cannot be one is refused by name.

Data: inputs uniform in [0, 1); targets a random class, or as the model of the loss has them; weights normal with variance
2 / (rows + columns); vectors zero.

Columns: times of one warm run; the ratio to the network's own gradient pass; operations (≤: the most that
conjugate gradients may take), and their share of the speed of a large product by the same code, which smaller
products may exceed; bytes read and written, each array once a kernel; the buffers, inputs and parameters
included; the fewest allocations of a run. The passes take turns, so that what disturbs one disturbs all.";

#[derive(Args, Debug)]
pub(in crate::cli) struct Bench {
    /// The .hbp file; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// The network, when the file has several.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) network: Option<String>,
    /// Sizes that the file leaves open, as in n=4,m=3.
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = size)]
    pub(in crate::cli) dims: Vec<(String, usize)>,
    /// The number of samples.
    #[arg(long, value_name = "B", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) batch_size: u32,
    /// The type of the numbers.
    #[arg(long, value_enum, default_value_t)]
    pub(in crate::cli) dtype: Dtype,
    /// Only these passes, separated by commas; `*` stands for anything.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub(in crate::cli) passes: Option<Vec<String>>,
    /// The seconds that each pass is run for; a run that has begun is finished.
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = seconds)]
    pub(in crate::cli) seconds: f64,
    /// Run each pass so many times instead, after one run to warm up.
    #[arg(long, value_name = "N", conflicts_with = "seconds", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(in crate::cli) repeat: Option<u32>,
    #[command(flatten)]
    pub(in crate::cli) resources: Resources,
    #[command(flatten)]
    pub(in crate::cli) composition: Composition,
    #[command(flatten)]
    pub(in crate::cli) chance: Chance,
    #[command(flatten)]
    pub(in crate::cli) book: Book,
    /// Print JSON.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// Reads `0.5`.
fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 86_400.0 => Ok(seconds),
        _ => Err(format!(
            "`{text}` is no time: write seconds above 0 and up to 86400, as in 0.5"
        )),
    }
}
