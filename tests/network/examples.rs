//! The networks of `examples/` run, and every block that is read back from its factors is the one that is written with all its entries.

use std::path::Path;

use hbp::data::Array;
use hbp::expr::Sizes;
use hbp::language::{Network, parse};
use hbp::network::{
    Batch, Curvature, Grouping, Items, Message, RunOptions, read_block, run_network,
};

use super::tools::{array, matrix};

const SAMPLES: usize = 3;

/// Numbers without a pattern; targets that are distributions where they must be.
fn items(network: &Network) -> Items {
    let mut items = Items::new();
    let data = network.inputs.iter().chain(&network.targets);
    let values = data.map(|value| (value, SAMPLES));
    for (value, samples) in values.chain(network.parameters.iter().map(|value| (value, 0))) {
        let (rows, cols) = value.shape.evaluate(&Sizes::new()).unwrap();
        let mut shape = if value.shape.is_column() {
            vec![rows]
        } else {
            vec![rows, cols]
        };
        if samples > 0 {
            shape.insert(0, samples);
        }
        let wave = |k: usize| ((k + value.name.len()) as f64 * 1.7).sin();
        let entry = |k: usize| {
            if value.facts.distribution {
                1.0 / rows as f64
            } else {
                wave(k)
            }
        };
        let values = (0..shape.iter().product()).map(entry).collect();
        items.insert(
            value.name.to_string(),
            Array::new(shape, values).unwrap().into(),
        );
    }
    items
}

fn modes() -> [RunOptions; 4] {
    let ggn = RunOptions {
        curvature: Curvature::GaussNewton,
        ..RunOptions::default()
    };
    let kfra = RunOptions {
        batch: Batch::AverageJacobian,
        grouping: Grouping::ActivationAffine,
        ..ggn.clone()
    };
    let roots = RunOptions {
        message: Message::Root,
        ..ggn.clone()
    };
    [RunOptions::default(), ggn, kfra, roots]
}

#[test]
fn networks_run_and_their_blocks_are_read_back() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for name in ["mlp", "residual_mlp", "tied_network", "two_inputs"] {
        let text = std::fs::read_to_string(examples.join(format!("{name}.hbp"))).unwrap();
        let file = parse(name, &text).unwrap();
        assert!(file.warnings().is_empty(), "{}", file.warnings());
        let network = file.network(name).unwrap();
        let items = items(&network);
        for mut options in modes() {
            let factors = run_network(&file, name, &items, &options).unwrap().items;
            options.dense = true;
            let whole = run_network(&file, name, &items, &options).unwrap().items;
            for parameter in &network.parameters {
                let block = format!("hess.{}", parameter.name);
                let found = read_block(&factors, &block).unwrap();
                let found = found.to_dense(1 << 24).unwrap();
                let expected = matrix(&array(&whole, &block));
                assert_eq!(found.shape(), expected.shape(), "{name}: {block}");
                let difference = (found - &expected).amax();
                assert!(difference <= 1e-12 * expected.amax(), "{name}: {block}");
                assert!(expected.amax() > 0.0, "{name}: {block} is zero");
            }
        }
    }
}
