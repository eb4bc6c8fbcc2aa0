//! Every curvature with every batch mode.

use std::collections::BTreeSet;

use hbp::data::Item;
use hbp::hbp::{Batch, Curvature};
use hbp::network::{Blocks, Items, RunOptions, run_file};
use proptest::prelude::*;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::networks::Chain;
use super::reference::{reference, reference_between};
use super::tools::{agree_all, array, arrays, case, dense, file, matrix};

pub(crate) fn modes() -> impl Iterator<Item = (Curvature, Batch)> {
    let curvatures = Curvature::ALL.into_iter().map(|(curvature, _)| curvature);
    curvatures.flat_map(|c| Batch::ALL.map(|(batch, _)| (c, batch)))
}

#[test]
fn the_case_comes_out_in_every_mode() {
    let (file, items) = (
        case("networks", "small"),
        arrays("networks", "small", "in.npz"),
    );
    for (curvature, batch) in modes() {
        let options = RunOptions {
            curvature,
            batch,
            ..dense()
        };
        let found = run_file(&file, &items, &options)
            .unwrap_or_else(|e| panic!("{curvature} {batch}: {e}; {}", e.help()));
        // For cross-entropy the Fisher matrix is the Gauss-Newton matrix.
        let name = format!("out.{curvature}.{batch}.npz").replace("fisher", "ggn");
        let expected = arrays("networks", "small", &name);
        agree_all(&found, &expected, 1e-10);
        // The definitions, written out, are the same.
        let (defined, _) = reference(&file, "small", &items, curvature, batch).unwrap();
        agree_all(&defined, &expected, 1e-10);
    }
}

/// Skip connections, a value read twice by one node, a layer used twice and one tied to its transpose.
#[test]
fn graphs_have_the_terms_between_their_branches() {
    let texts = [
        "network n { input x: R[2]\n target y: R[2]\n h = linear[2](x)\n a = tanh(h)\n s = add(a, h)\n loss square_loss(s, y) }",
        "network n { input x: R[2]\n target y: R[2]\n h = linear[2](x)\n s = multiply(h, h)\n loss square_loss(s, y) }",
        "network n { input x: R[2]\n target y: R[2]\n h = linear[2](x)\n a = sigmoid(h)\n k = linear[2](a; W = h.W, b = h.b)\n loss softmax_cross_entropy(k, y) }",
        "network n { input x: R[2]\n target y: R[2]\n h = matmul[2](x)\n a = sin(h)\n k = matmul[2](a; W = h.W)\n s = add(k, h)\n loss mse_loss(s, y) }",
    ];
    for text in texts {
        let distribution = text.contains("entropy");
        let chain = Chain {
            text: text.into(),
            module: String::new(),
            inputs: (2, 2),
            distribution,
        };
        for blocks in [Blocks::Parameter, Blocks::Full] {
            compare_between(&chain, 3, 11, blocks).unwrap();
        }
    }
}

/// Mean and variance both learned: the Hessian depends on the target, its expectation does not.
#[test]
fn the_fisher_matrix_of_a_gaussian_is_an_expectation() {
    let text = "network n { input x: R[2]\n target y: R[2]\n h = linear[2](x)\n a = tanh(h)\n m = linear[2](a)\n v = linear[2](a)\n loss gaussian_nll(m, v, y) }";
    let chain = Chain {
        text: text.into(),
        module: String::new(),
        inputs: (2, 2),
        distribution: false,
    };
    for blocks in [Blocks::Parameter, Blocks::Full] {
        compare_between(&chain, 3, 5, blocks).unwrap();
    }
    let file = file(text);
    let items = chain.items(&file, 3, 5);
    let of = |curvature| {
        let options = RunOptions {
            curvature,
            ..dense()
        };
        run_file(&file, &items, &options).unwrap()
    };
    let (fisher, ggn) = (of(Curvature::Fisher), of(Curvature::GaussNewton));
    let difference = matrix(&array(&fisher, "hess.v.b")) - matrix(&array(&ggn, "hess.v.b"));
    assert!(
        difference.amax() > 1e-3,
        "the targets are not where they are expected"
    );
    // ½ I for the log-variances
    let expected = nalgebra::DMatrix::identity(2, 2) * 0.5;
    assert!((matrix(&array(&fisher, "hess.v.b")) - expected).amax() < 1e-14);
}

#[test]
fn a_loss_without_a_model_has_no_fisher_matrix() {
    let text = "module own(z: R[n], y: R[n]) -> e: R { e = sum((z - y).^6) }
        network n { input x: R[2]\n target y: R[2]\n h = linear[2](x)\n loss own(h, y) }";
    let chain = Chain {
        text: text.into(),
        module: String::new(),
        inputs: (2, 2),
        distribution: false,
    };
    let fisher = RunOptions {
        curvature: Curvature::Fisher,
        ..dense()
    };
    let declared = text.replace("e = sum", "y ~ normal(z, ones(n))\n e = sum");
    for (text, message) in [
        (text.to_owned(), "has no model"),
        (declared, "not of the first or second degree in `y`"),
    ] {
        let file = file(&text);
        let error = run_file(&file, &chain.items(&file, 2, 3), &fisher).unwrap_err();
        assert!(error.message().contains(message), "{}", error.message());
        assert!(error.help().contains("y ~ normal"), "{}", error.help());
    }
}

#[test]
fn frontiers_that_do_not_fit_are_refused() {
    let text = "network n { input x: R[40]\n target y: R[40]\n h = linear[40](x)\n a = tanh(h)\n k = linear[40](a; W = h.W)\n loss square_loss(k, y) }";
    let chain = Chain {
        text: text.into(),
        module: String::new(),
        inputs: (40, 40),
        distribution: false,
    };
    let file = file(text);
    let options = RunOptions {
        limit: 1 << 24,
        ..super::tools::options()
    };
    let error = run_file(&file, &chain.items(&file, 1, 3), &options).unwrap_err();
    assert!(error.is_limit());
    let message = error.message();
    for part in ["`k`", "`a`, `h.W`", "1640 × 1640", "21516800 bytes"] {
        assert!(message.contains(part), "{message}");
    }
}

/// A network whose values are read several times and whose layers share parameters.
pub(super) fn random_graph(rng: &mut impl Rng, nodes: usize) -> Chain {
    let width = rng.random_range(1..=3);
    let mut values = vec!["x".to_owned()];
    let mut layers: Vec<String> = Vec::new();
    let mut body = String::new();
    for place in 0..nodes {
        // Late values more often: then the graph is deep.
        let from = values.len().saturating_sub(3);
        let picked = [0, 1].map(|_| rng.random_range(from..values.len()));
        let [u, v] = picked.map(|at| values[at].clone());
        let name = format!("h{place}");
        let call = match rng.random_range(0..10) {
            0 => format!("add({u}, {v})"),
            1 => format!("multiply({u}, {v})"),
            2 => format!("tanh({u})"),
            3 => format!("sigmoid({u})"),
            4 => format!("softmax({u})"),
            5 => format!("sin({u}) .* {v}"),
            6 if !layers.is_empty() => {
                let other = &layers[rng.random_range(0..layers.len())];
                format!("linear[{width}]({u}; W = {other}.W)")
            }
            7 => format!("scale({u})"),
            _ => {
                layers.push(name.clone());
                format!("linear[{width}]({u})")
            }
        };
        body.push_str(&format!("    {name} = {call}\n"));
        values.push(name);
    }
    let mut last = values[nodes].clone();
    let calls: Vec<&str> = body
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(_, call)| call)
        .collect();
    let calls: Vec<&str> = calls
        .iter()
        .filter_map(|call| call.split(';').next())
        .collect();
    let reads = |value: &String| {
        let words = calls
            .iter()
            .flat_map(|call| call.split(|c: char| !c.is_alphanumeric()));
        words.into_iter().any(|word| word == value)
    };
    let unread: Vec<bool> = values.iter().map(|value| !reads(value)).collect();
    for (place, value) in values[..nodes].iter().enumerate() {
        if unread[place] {
            body.push_str(&format!("    s{place} = add({last}, {value})\n"));
            last = format!("s{place}");
        }
    }
    let loss = ["square_loss", "softmax_cross_entropy", "mse_loss"][rng.random_range(0..3)];
    Chain {
        text: format!(
            "network n {{\n    input x: R[{width}]\n    target y: R[{width}]\n{body}    loss {loss}({last}, y)\n}}\n"
        ),
        module: String::new(),
        inputs: (width, width),
        distribution: loss == "softmax_cross_entropy",
    }
}

/// Every mode against its definition; a rejection where the network has no value or a large one.
fn compare(chain: &Chain, samples: usize, seed: u64) -> Result<(), TestCaseError> {
    compare_between(chain, samples, seed, Blocks::Parameter)
}

/// The same for matrices over several parameters.
pub(super) fn compare_between(
    chain: &Chain,
    samples: usize,
    seed: u64,
    blocks: Blocks,
) -> Result<(), TestCaseError> {
    let file = file(&chain.text);
    let items = chain.items(&file, samples, seed);
    for (curvature, batch) in modes() {
        let expected = reference_between(&file, "n", &items, (curvature, batch), blocks);
        prop_assume!(expected.is_some());
        let (expected, top) = expected.unwrap();
        prop_assume!(top < 1e6);
        let options = RunOptions {
            curvature,
            batch,
            blocks,
            ..dense()
        };
        let found = run_file(&file, &items, &options);
        let found: Items = found.map_err(|e| {
            TestCaseError::fail(format!("{curvature} {batch}: {e}\n{}", chain.text))
        })?;
        let names = |items: &Items| items.keys().cloned().collect::<BTreeSet<_>>();
        prop_assert_eq!(names(&found), names(&expected), "{}", chain.text);
        for (name, expected) in &expected {
            let Item::Array(expected) = expected else {
                prop_assert_eq!(&found[name], expected, "{} {}", name, chain.text);
                continue;
            };
            let (a, b) = (matrix(&array(&found, name)), matrix(expected));
            let worst = (&a - &b).amax();
            prop_assert!(
                worst <= 1e-10 * top.max(1.0),
                "{curvature} {batch} {name} off by {worst:e}, top {top:e}\n{}\n{a}\n{b}",
                chain.text
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_global_rejects: 2000, ..ProptestConfig::default() })]
    #[test]
    fn random_chains_are_what_the_modes_mean(seed in any::<u64>(), depth in 1usize..=5, samples in 1usize..=6) {
        compare(&Chain::random(&mut ChaCha8Rng::seed_from_u64(seed), depth), samples, seed)?;
    }

    #[test]
    fn random_graphs_are_what_the_modes_mean(seed in any::<u64>(), nodes in 2usize..=7, samples in 1usize..=3) {
        compare(&random_graph(&mut ChaCha8Rng::seed_from_u64(seed), nodes), samples, seed)?;
    }
}
