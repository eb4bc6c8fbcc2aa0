//! Numbers of a network: its loss, gradients and curvature in two modes, and a damped step for one weight from what was written.

#![allow(clippy::print_stdout, reason = "an example prints")]
use std::error::Error;

use hbp::curvature::Operator;
use hbp::data::{Array, Kind};
use hbp::expr::Sizes;
use hbp::language::{File, parse};
use hbp::network::{
    Batch, Curvature, Grouping, Items, Message, RunOptions, read_block, run_network,
};
use nalgebra::DMatrix;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

const WEIGHT: &str = "h1.W";
const SAMPLES: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let file = parse("mlp.hbp", include_str!("mlp.hbp")).map_err(|e| e.to_string())?;
    // What KFRA makes of it: activations composed with the affine maps, Gauss-Newton, and Eq. 7.
    let kfra = RunOptions {
        curvature: Curvature::GaussNewton,
        batch: Batch::AverageJacobian,
        grouping: Grouping::ActivationAffine,
        ..RunOptions::default()
    };
    // The same curvature without averaging, as roots: S with ℋ = SS'.
    let roots = RunOptions {
        curvature: Curvature::GaussNewton,
        message: Message::Root,
        ..RunOptions::default()
    };
    for (title, options) in [("KFRA", kfra), ("roots", roots)] {
        println!("{title}");
        step(&file, items(&file)?, &options)?;
    }
    Ok(())
}

/// Inputs, labels and parameters from a seed.
fn items(file: &File) -> Result<Items, Box<dyn Error>> {
    let network = file.network("mlp").map_err(|e| e.to_string())?;
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut normal = |shape: Vec<usize>, scale: f64| {
        let size = shape.iter().product();
        let draw = |_| scale * rng.sample::<f64, _>(StandardNormal);
        Array::new(shape, (0..size).map(draw).collect())
    };
    let mut items = Items::new();
    items.insert("x".into(), normal(vec![SAMPLES, 16], 1.0)?.into());
    // Whole numbers are class labels.
    let labels = (0..SAMPLES).map(|sample| (sample % 10) as f64).collect();
    let labels = Array::new(vec![SAMPLES], labels)?.with_kind(Kind::Integer);
    items.insert("y".into(), labels.into());
    for parameter in &network.parameters {
        let (rows, cols) = parameter
            .shape
            .evaluate(&Sizes::new())
            .ok_or("the sizes are numbers")?;
        let is_vector = parameter.shape.is_column();
        let shape = if is_vector {
            vec![rows]
        } else {
            vec![rows, cols]
        };
        items.insert(parameter.name.to_string(), normal(shape, 0.3)?.into());
    }
    Ok(items)
}

/// Runs the network, takes the step of Eq. 8 for one weight, and runs it again.
fn step(file: &File, mut items: Items, options: &RunOptions) -> Result<(), Box<dyn Error>> {
    let before = run_network(file, "mlp", &items, options)?.items;
    // hess.h1.W.kron.0 and its kin, or hess.h1.W.root: whatever was written.
    let block = read_block(&before, &format!("hess.{WEIGHT}"))?;
    let operator = Operator::new(&block)?;
    let structure = &before[&format!("hess.{WEIGHT}.structure")];
    println!(
        "  the block of {WEIGHT}: {:?}, {structure:?}, trace {:.4}",
        operator.shape(),
        operator.trace()?
    );
    // [αI + (1−α)ℋ] Δ = −δ
    let gradient = matrix(&before, &format!("grad.{WEIGHT}"))?;
    let change = operator.damped(0.1)?.step(&gradient)?;
    let moved = matrix(&items, WEIGHT)? + change;
    let shape = vec![moved.nrows(), moved.ncols()];
    // Arrays stand in C order, matrices column by column.
    let values = moved.transpose().as_slice().to_vec();
    items.insert(WEIGHT.into(), Array::new(shape, values)?.into());
    let after = run_network(file, "mlp", &items, options)?.items;
    println!("  loss {:.4} → {:.4}", loss(&before)?, loss(&after)?);
    Ok(())
}

fn matrix(items: &Items, name: &str) -> Result<DMatrix<f64>, String> {
    match items.get(name).and_then(|item| item.array()) {
        Some(Array { shape, values, .. }) if shape.len() == 2 => {
            Ok(DMatrix::from_row_slice(shape[0], shape[1], values))
        }
        _ => Err(format!("{name} is no matrix")),
    }
}

fn loss(items: &Items) -> Result<f64, &'static str> {
    let loss = items.get("loss").and_then(|item| item.array());
    loss.map(|loss| loss.values[0]).ok_or("there is no loss")
}
