//! A small network on the digits inside the program. Why here: a newcomer's tour and a first test of the passes need a
//! real network on real data, without a download.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::arrays::Items;
use super::{NetworkRun, RunError, RunOptions, run_network};
use crate::data::{Array, Item, Kind, digits};
use crate::language;

/// The network: 64 pixels, 16 hidden units, 10 classes.
pub const DIGITS: &str = "\
network digits {
    input  x: R[64]
    target y: R[10]
    h1 = linear[16](x)
    a1 = sigmoid(h1)
    h2 = linear[10](a1)
    loss softmax_cross_entropy(h2, y)
}
";

/// A parameter of the network and what a run says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterSummary {
    /// The parameter.
    pub name: String,
    /// The Euclidean norm of its gradient.
    pub gradient_norm: f64,
    /// Rows and columns of its Hessian block.
    pub block: (usize, usize),
    /// The trace of its Hessian block.
    pub trace: f64,
}

/// A run of the network on the first digits.
#[derive(Clone, Debug)]
pub struct DigitsRun {
    /// The mean loss.
    pub loss: f64,
    /// Its parameters in order.
    pub parameters: Vec<ParameterSummary>,
    /// All results, and the time each stage took.
    pub run: NetworkRun,
}

/// The arrays of the network: the first `samples` digits with their labels, Xavier-normal weights by `seed`, and
/// biases of zero.
pub fn digits_items(samples: usize, seed: u64) -> Items {
    let digits = digits();
    let samples = samples.clamp(1, digits.labels.len());
    let images = (0..samples).flat_map(|i| (0..64).map(move |j| (i, j)));
    let images: Vec<f64> = images.map(|place| digits.images[place]).collect();
    let labels: Vec<f64> = digits.labels[..samples].iter().map(|l| *l as f64).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // The variance is 2 / (n_in + n_out).
    let mut weights = |rows: usize, cols: usize| {
        let deviation = (2.0 / (rows + cols) as f64).sqrt();
        let normal = (0..rows * cols).map(|_| rng.sample::<f64, _>(StandardNormal) * deviation);
        item(vec![rows, cols], normal.collect(), Kind::Float64)
    };
    let zeros = |n| item(vec![n], vec![0.0; n], Kind::Float64);
    Items::from([
        (
            "x".to_owned(),
            item(vec![samples, 64], images, Kind::Float64),
        ),
        ("y".to_owned(), item(vec![samples], labels, Kind::Integer)),
        ("h1.W".to_owned(), weights(16, 64)),
        ("h1.b".to_owned(), zeros(16)),
        ("h2.W".to_owned(), weights(10, 16)),
        ("h2.b".to_owned(), zeros(10)),
    ])
}

fn item(shape: Vec<usize>, values: Vec<f64>, kind: Kind) -> Item {
    Item::Array(Array {
        shape,
        values,
        kind,
    })
}

/// Runs the network on the first `samples` digits.
///
/// # Errors
/// When the rule book of `options` cannot derive it.
pub fn run_digits(samples: usize, seed: u64, options: &RunOptions) -> Result<DigitsRun, RunError> {
    let file = language::parse("digits.hbp", DIGITS)?;
    let options = RunOptions {
        dense: true,
        ..options.clone()
    };
    let run = run_network(&file, "digits", &digits_items(samples, seed), &options)?;
    let values = |name: &str| {
        let array = run.items.get(name).and_then(Item::array);
        array.map_or(&[][..], |array| array.values.as_slice())
    };
    let summary = |name: &str| {
        let block = values(&format!("hess.{name}"));
        let size = block.len().isqrt();
        let gradient = values(&format!("grad.{name}"));
        ParameterSummary {
            name: name.to_owned(),
            gradient_norm: gradient.iter().map(|g| g * g).sum::<f64>().sqrt(),
            block: (size, size),
            trace: block.iter().step_by(size + 1).sum(),
        }
    };
    Ok(DigitsRun {
        loss: values("loss").iter().sum(),
        parameters: ["h1.W", "h1.b", "h2.W", "h2.b"].map(summary).into(),
        run,
    })
}
