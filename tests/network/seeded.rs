//! Seeded data: what it is, that declared facts hold, and that a session filled with it computes what a run on the same arrays does.

use hbp::data::{Array, Item, Kind};
use hbp::expr::{Name, Sizes};
use hbp::language::File;
use hbp::network::{
    Items, NetworkPass, RunOptions, SeededArrays, Session, Task, run_network, seeded_arrays,
};

use super::tools::file;

fn drawn(file: &File, samples: usize, seed: u64) -> SeededArrays {
    let options = RunOptions {
        batch_size: samples,
        ..RunOptions::default()
    };
    seeded_arrays(file, "n", &options, seed).unwrap()
}

/// The arrays as a user would give them, row by row.
fn items(file: &File, arrays: &SeededArrays, samples: usize) -> Items {
    let network = file.network("n").unwrap();
    let data = network.inputs.iter().chain(&network.targets);
    let of = |name: &Name, (rows, cols): (usize, usize), copies: Option<usize>| {
        let entries = arrays.get(name).unwrap();
        let mut values = Vec::new();
        for own in entries.chunks_exact(rows * cols) {
            let by_rows = (0..rows).flat_map(|i| (0..cols).map(move |j| own[j * rows + i]));
            values.extend(by_rows);
        }
        let mut shape: Vec<usize> = copies.into_iter().collect();
        shape.push(rows);
        if cols > 1 {
            shape.push(cols);
        }
        let array = Array {
            shape,
            values,
            kind: Kind::Float64,
        };
        (name.to_string(), Item::Array(array))
    };
    let shape = |value: &hbp::language::NetworkValue| value.shape.evaluate(&Sizes::new()).unwrap();
    let parameters = network.parameters.iter();
    let parameters = parameters.map(|value| of(&value.name, shape(value), None));
    data.map(|value| of(&value.name, shape(value), Some(samples)))
        .chain(parameters)
        .collect()
}

/// A run checks every declared fact, and computes the loss module by module.
#[test]
fn a_session_and_a_run_have_the_same_loss() {
    for (inputs, loss) in [
        ("input x: R[3] distribution", "softmax_cross_entropy(h, y)"),
        ("input x: R[3]", "binary_cross_entropy_with_logits(h, y)"),
        ("input x: R[3]", "poisson_nll(h, y)"),
        ("input x: R[3]", "square_loss(h, y)"),
        ("input x: R[3]", "facts(h, y)"),
    ] {
        let text = format!(
            "module facts(z: R[n], y: R[n]) -> e: R {{
                param P: R[n, n] positive-definite
                param S: R[n, n] symmetric
                param D: R[n, n] diagonal
                e = z'*P*z + z'*S*y + y'*D*y
             }}
             network n {{ {inputs}\n target y: R[4]\n h = linear[4](x)\n loss {loss} }}"
        );
        let file = file(&text);
        let arrays = drawn(&file, 5, 3);
        let options = RunOptions {
            batch_size: 5,
            batch: hbp::network::Batch::AverageJacobian,
            ..RunOptions::default()
        };
        let run = run_network(&file, "n", &items(&file, &arrays, 5), &options).unwrap();
        let pass = NetworkPass::compile(&file, "n", &Task::Forward, &options).unwrap();
        let mut session: Session<f64> = Session::new(&pass);
        arrays.fill(&mut session);
        session.run().unwrap();
        let expected = run.items["loss"].array().unwrap().values[0];
        let found = session.loss();
        assert!(
            (found - expected).abs() <= 1e-12 * expected.abs().max(1.0),
            "{loss}: {found} {expected}"
        );
    }
}

#[test]
fn targets_are_as_the_model_of_the_loss_has_them() {
    type Test = fn(f64) -> bool;
    let any_normal: Test = |v| v.fract() != 0.0;
    let count: Test = |v| v >= 0.0 && v.fract() == 0.0;
    let bit: Test = |v| [0.0, 1.0].contains(&v);
    for (loss, test) in [
        ("softmax_cross_entropy", bit),
        ("binary_cross_entropy_with_logits", bit),
        ("poisson_nll", count),
        ("mse_loss", any_normal),
    ] {
        let text = format!(
            "network n {{ input x: R[3]\n target t: R[4]\n h = linear[4](x)\n loss {loss}(h, t) }}"
        );
        let arrays = drawn(&file(&text), 50, 0);
        let targets = arrays.get("t").unwrap();
        assert_eq!(targets.len(), 200);
        assert!(targets.iter().all(|v| test(*v)), "{loss}: {targets:?}");
        assert!(
            targets[1..].iter().any(|v| !targets[..1].contains(v)),
            "{loss}"
        );
        let one_class = targets
            .chunks(4)
            .all(|sample| [1.0].contains(&sample.iter().sum()));
        assert_eq!(one_class, loss == "softmax_cross_entropy", "{loss}");
    }
}

#[test]
fn weights_are_xavier_normal_and_vectors_zero() {
    let text = "network n { input x: R[300]\n target y: R[200]\n h = linear[200](x)\n loss square_loss(h, y) }";
    let arrays = drawn(&file(text), 40, 1);
    let weights = arrays.get("h.W").unwrap();
    let mean = weights.iter().sum::<f64>() / weights.len() as f64;
    let variance = weights.iter().map(|w| w * w).sum::<f64>() / weights.len() as f64;
    assert!(
        mean.abs() < 1e-3 && (variance * 250.0 - 1.0).abs() < 0.03,
        "{mean} {variance}"
    );
    assert!(arrays.get("h.b").unwrap().iter().all(|b| *b == 0.0));
    let inputs = arrays.get("x").unwrap();
    assert!(inputs.iter().all(|x| (0.0..1.0).contains(x)));
    assert!((inputs.iter().sum::<f64>() / inputs.len() as f64 - 0.5).abs() < 0.02);
    assert_eq!(arrays, drawn(&file(text), 40, 1));
    let other = drawn(&file(text), 40, 2);
    for name in ["x", "y", "h.W"] {
        assert_ne!(arrays.get(name), other.get(name), "{name}");
    }
    // More samples leave the first as they are, and the weights.
    let more = drawn(&file(text), 41, 1);
    assert_eq!(more.get("h.W"), arrays.get("h.W"));
    assert_eq!(more.get("x").unwrap()[..inputs.len()], *inputs);
    assert_eq!(arrays.get("q"), None);
}
