//! A pass as one program against the same pass run module by module, which shares neither the graph nor the frontier with it.

use hbp::data::{Array, Item};
use hbp::network::{
    Batch, Curvature, Items, Message, NetworkPass, RunOptions, Session, Task, run_network,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::tools::{agree, array, dense, file};

/// Networks with chains, skips, shared parameters, functions of the user's, gates, several inputs, and losses of every kind.
pub(crate) const NETWORKS: &[&str] = &[
    "network n { input x: R[5]\n target y: R[3] distribution\n h = linear[4](x)\n a = tanh(h)\n o = linear[3](a)\n loss softmax_cross_entropy(o, y) }",
    "network n { input x: R[4]\n target y: R[2]\n h = linear[4](x)\n a = softplus(h)\n s = add(h, a)\n o = linear[2](s)\n loss mse_loss(o, y) }",
    "network n { input x: R[3]\n input u: R[2]\n target y: R[2]\n a = linear[4](x)\n b = linear[4](u)\n s = add(a, b)\n t = sigmoid(s)\n o = linear[2](t)\n loss square_loss(o, y) }",
    "fn bend(t) = t .* sigmoid(t) + sin(t)
module block[m](x: R[n]) -> z: R[m] { param W: R[m, n]; param b: R[m]; z = bend(W*x + b) }
network n { input x: R[3]\n target y: R[3]\n a = block[4](x)\n b = block[4](a)\n o = linear[3](b)\n loss square_loss(o, y) }",
    "module gate(x: R[n], y: R[n]) -> z: R[n] { z = sigmoid(x) .* y }
network n { input x: R[3]\n target y: R[2]\n a = linear[3](x)\n b = linear[3](x)\n g = gate(a, b)\n o = linear[2](g)\n loss square_loss(o, y) }",
    "network n { input x: R[3]\n target y: R[3]\n a = linear[3](x)\n t = tanh(a)\n b = linear[3](t; W = a.W)\n loss square_loss(b, y) }",
    "module norm_loss(x: R[n], y: R[n]) -> e: R { e = norm2(x - y) }
network n { input x: R[3]\n target y: R[2]\n a = linear[4](x)\n t = tanh(a)\n o = linear[2](t)\n loss norm_loss(o, y) }",
];

pub(crate) fn items(text: &str, samples: usize, seed: u64) -> Items {
    let file = file(text);
    let network = file.network("n").unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut items = Items::new();
    let data = network.inputs.iter().chain(&network.targets);
    let shapes = data
        .map(|value| (value, true))
        .chain(network.parameters.iter().map(|p| (p, false)));
    for (value, is_batched) in shapes {
        let (rows, cols) = value.shape.evaluate(&[].into()).unwrap();
        let mut shape = if is_batched {
            vec![samples]
        } else {
            Vec::new()
        };
        shape.push(rows);
        if cols > 1 {
            shape.push(cols);
        }
        let mut values: Vec<f64> = (0..shape.iter().product())
            .map(|_| rng.sample(StandardNormal))
            .collect();
        if value.facts.distribution {
            for sample in values.chunks_exact_mut(rows) {
                sample.iter_mut().for_each(|v| *v = v.exp());
                let total: f64 = sample.iter().sum();
                sample.iter_mut().for_each(|v| *v /= total);
            }
        }
        items.insert(
            value.name.to_string(),
            Item::Array(Array::new(shape, values).unwrap()),
        );
    }
    items
}

/// Every result of one program, against module by module; false where there is no one program.
fn check(text: &str, options: &RunOptions, seed: u64) -> bool {
    let file = file(text);
    let items = items(text, options.batch_size, seed);
    let pass = match NetworkPass::compile(&file, "n", &Task::Curvature, options) {
        Ok(pass) => pass,
        Err(error) => {
            assert!(
                error.to_string().contains("cannot be one program"),
                "{error}\n{text}"
            );
            return false;
        }
    };
    let expected = run_network(&file, "n", &items, options).unwrap().items;
    let mut session: Session<'_, f64> = Session::new(&pass);
    pass.load(&mut session, &items).unwrap();
    // The second run finds what the first has left in the buffers.
    for _ in 0..2 {
        session.run().unwrap();
        for name in expected.keys() {
            let block = session.block(name).unwrap_or_else(|| panic!("no {name}"));
            let matrix = block.to_dense(1 << 30).unwrap();
            let expected = array(&expected, name);
            let values = matrix.transpose().as_slice().to_vec();
            let found = Array::new(expected.shape.clone(), values).unwrap();
            let what = format!(
                "{name}, {:?} {:?} {:?}\n{text}",
                options.curvature, options.batch, options.message
            );
            agree(&what, &found, &expected, 1e-10);
        }
    }
    true
}

const CURVATURES: [Curvature; 5] = [
    Curvature::Hessian,
    Curvature::GaussNewton,
    Curvature::PositiveAbs,
    Curvature::PositiveClip,
    Curvature::Fisher,
];

#[test]
fn one_program_gives_what_the_modules_give() {
    let mut linked = 0;
    for (place, text) in NETWORKS.iter().enumerate() {
        for curvature in CURVATURES {
            for batch in [Batch::AverageHessian, Batch::AverageJacobian] {
                let is_modelled = text.contains("norm_loss") && curvature == Curvature::Fisher;
                if is_modelled {
                    continue;
                }
                let options = RunOptions {
                    curvature,
                    batch,
                    batch_size: 4,
                    ..dense()
                };
                linked += usize::from(check(text, &options, place as u64));
            }
        }
    }
    // What remains: the composite block has means that are no matrices of all samples, and under pch the second-order term of the gate is one
    // matrix over its two inputs, as is that of the tied matrix and its input.
    assert_eq!(linked, 50);
}

#[test]
fn roots_of_all_samples_are_those_of_each() {
    let mut linked = 0;
    for (place, text) in NETWORKS.iter().enumerate() {
        if text.contains("W = a.W") {
            continue;
        }
        let options = RunOptions {
            curvature: Curvature::GaussNewton,
            batch: Batch::AverageHessian,
            message: Message::Root,
            batch_size: 5,
            ..dense()
        };
        linked += usize::from(check(text, &options, 40 + place as u64));
    }
    assert_eq!(linked, 5);
}

/// Jacobians that are sums: of the identity and a diagonal matrix, of a diagonal matrix and one of rank one, with a scalar in front.
#[test]
fn jacobians_that_are_sums_have_means_for_all_samples() {
    let network = |definition: &str, node: &str| {
        format!(
            "{definition}network n {{ input x: R[4]\n target y: R[3] distribution\n h = linear[5](x)\n a = {node}(h)
 o = linear[3](a)\n loss softmax_cross_entropy(o, y) }}"
        )
    };
    let skip = "module skip(x: R[n]) -> z: R[n] { z = x + tanh(x) }\n";
    let branches = "module branches(x: R[n]) -> z: R[n] { param W: R[n, n]; z = W*tanh(x) + x .* sigmoid(x) }\n";
    for (definition, node, curvatures) in [
        (skip, "skip", &CURVATURES[..]),
        (branches, "branches", &CURVATURES[..2]),
        ("", "softmax", &CURVATURES[..]),
        ("", "layer_norm", &CURVATURES[1..2]),
    ] {
        for (seed, curvature) in (60..).zip(curvatures) {
            let options = RunOptions {
                curvature: *curvature,
                batch: Batch::AverageHessian,
                batch_size: 4,
                ..dense()
            };
            let linked = check(&network(definition, node), &options, seed);
            assert!(linked, "{node} {curvature:?}");
        }
    }
}
