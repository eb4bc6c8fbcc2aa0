//! Steps of every method, against what they are defined as: dense systems solved, formulas written out.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

#[path = "optimizer/accuracy.rs"]
mod accuracy;
#[path = "optimizer/first_order.rs"]
mod first_order;
#[path = "optimizer/newton.rs"]
mod newton;

use hbp::data::{Array, Item};
use hbp::language::parse;
use hbp::network::{Items, RunOptions, run_network};
use hbp::optimizer::{
    Batch, Compiled, Initialisation, Method, Optimizer, Parameters, Problem, StepReport,
};
use nalgebra::DMatrix;

const NETWORK: &str = "network n { input x: R[4]\n target y: R[3] distribution\n h = linear[5](x)\n a = tanh(h)\n o = linear[3](a)\n loss softmax_cross_entropy(o, y) }";
/// A module whose blocks have no form for all samples.
const OWN: &str = "module cell[m](x: R[n]) -> z: R[m] { param W: R[m, n]\n z = tanh(W*x) }
network n { input x: R[4]\n target y: R[3]\n h = cell[5](x)\n o = linear[3](h)\n loss square_loss(o, y) }";

/// Two such blocks in one module, behind another layer.
const GATED: &str = "module glu[m](x: R[n]) -> z: R[m] { param U: R[m, n]\n param V: R[m, n]\n z = (U*x) .* sigmoid(V*x) }
network n { input x: R[4]\n target y: R[3]\n e = linear[3](x)\n h = glu[4](e)\n a = tanh(h)\n o = linear[3](a)\n loss square_loss(o, y) }";

const SAMPLES: usize = 6;

/// Numbers between −1 and 1 that look random.
fn noise(place: usize) -> f64 {
    ((place * 7919 + 13) % 997) as f64 / 498.5 - 1.0
}

fn problem(text: &str) -> Problem {
    let file = parse("n.hbp", text).unwrap();
    Problem::new(&file, "n", &RunOptions::default()).unwrap()
}

fn data() -> (Vec<f64>, Vec<f64>) {
    let x = (0..4 * SAMPLES).map(noise).collect();
    let mut y = vec![0.0; 3 * SAMPLES];
    for sample in 0..SAMPLES {
        y[3 * sample + (sample * 5 + 1) % 3] = 1.0;
    }
    (x, y)
}

fn first(problem: &Problem) -> Parameters<f64> {
    let mut parameters: Parameters<f64> = Initialisation::He.parameters(problem, 3);
    for parameter in &mut parameters.0 {
        for (place, value) in parameter.values.iter_mut().enumerate() {
            *value += 0.1 * noise(place + 31);
        }
    }
    parameters
}

/// So many steps; the last report, and the parameters after them.
fn stepped(text: &str, method: &Method, steps: usize) -> (StepReport, Parameters<f64>) {
    let problem = problem(text);
    let compiled = Compiled::new(&problem, method, SAMPLES).unwrap();
    let mut optimizer = Optimizer::new(method, [&compiled], first(&problem), 0);
    let (x, y) = data();
    let batch = Batch {
        x: &x,
        y: &y,
        samples: SAMPLES,
    };
    let mut report = None;
    for _ in 0..steps {
        report = Some(optimizer.step(batch, 1).unwrap());
    }
    (report.unwrap(), optimizer.parameters().clone())
}

/// Loss, gradients and dense blocks at parameters, module by module.
fn reference(text: &str, parameters: &Parameters<f64>, options: &RunOptions) -> Items {
    let file = parse("n.hbp", text).unwrap();
    let (x, y) = data();
    let item =
        |shape: &[usize], values: Vec<f64>| Item::from(Array::new(shape.to_vec(), values).unwrap());
    let mut items = Items::from([
        ("x".to_owned(), item(&[SAMPLES, 4], x)),
        ("y".to_owned(), item(&[SAMPLES, 3], y)),
    ]);
    for parameter in &parameters.0 {
        let (rows, cols) = (parameter.rows, parameter.cols);
        let matrix = DMatrix::from_column_slice(rows, cols, &parameter.values);
        let by_rows = matrix.transpose().as_slice().to_vec();
        let shape = if cols == 1 {
            vec![rows]
        } else {
            vec![rows, cols]
        };
        items.insert(parameter.name.to_string(), item(&shape, by_rows));
    }
    let options = RunOptions {
        dense: true,
        ..options.clone()
    };
    run_network(&file, "n", &items, &options).unwrap().items
}

/// A result as a matrix, or a vector as a column.
fn matrix(items: &Items, name: &str) -> DMatrix<f64> {
    let array = items[name].array().unwrap();
    let rows = array.shape.first().copied().unwrap_or(1);
    let cols = array.shape.get(1).copied().unwrap_or(1);
    DMatrix::from_row_slice(rows, cols, &array.values)
}
