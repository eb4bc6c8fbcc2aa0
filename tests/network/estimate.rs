//! The memory that a run is said to take, against the arrays that it hands out and against numbers by hand.

use hbp::data::Item;
use hbp::network::{Batch, Blocks, Curvature, Message, Precision, RunOptions, estimate, plan_file};
use hbp::network::{run_file, run_file_telling, run_network};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::modes::random_graph;
use super::networks::Chain;
use super::tools::{dense, file};

const ALL: [Blocks; 3] = [Blocks::Parameter, Blocks::Module, Blocks::Full];

fn chain(text: &str, inputs: (usize, usize)) -> Chain {
    Chain {
        text: text.into(),
        module: String::new(),
        inputs,
        distribution: false,
    }
}

const TIED: &str = "network n { input x: R[40]\n target y: R[40]\n h = linear[40](x)\n a = tanh(h)\n k = linear[40](a; W = h.W)\n loss square_loss(k, y) }";

#[test]
fn frontiers_and_jacobians_are_counted_where_they_are_largest() {
    let found = estimate(&file(TIED), "n", &RunOptions::default()).unwrap();
    // Below k live a and h.W together: 40 and 1600 entries; then h and h.W.
    assert_eq!(found.node.as_deref(), Some("k"));
    assert_eq!(found.frontier, 1640 * 1640 * 8);
    assert_eq!(found.jacobians, (40 * 1640 + 1640 * 1640) * 8);
    // Of both layers b has a block of its own.
    assert_eq!(found.blocks, (1600 * 1600 + 2 * 40 * 40) * 8);
    let single = RunOptions {
        precision: Precision::Single,
        ..RunOptions::default()
    };
    let half = estimate(&file(TIED), "n", &single).unwrap();
    assert_eq!(
        (half.frontier * 2, half.blocks * 2),
        (found.frontier, found.blocks)
    );
    assert_eq!(half.results, found.results);
}

#[test]
fn samples_side_by_side_are_counted_each() {
    let text = "network n { input x: R[5]\n target y: R[2]\n h = linear[3](x)\n a = tanh(h)\n k = linear[2](a)\n loss square_loss(k, y) }";
    let of = |batch, message, curvature, batch_size| {
        let options = RunOptions {
            batch,
            message,
            curvature,
            batch_size,
            ..RunOptions::default()
        };
        estimate(&file(text), "n", &options).unwrap()
    };
    let (hessian, ggn) = (Curvature::Hessian, Curvature::GaussNewton);
    // Once in the data, once side by side; h, a, k with their gradients; the loss has one, too.
    let each = 2 * (5 + 2) + 2 * (3 + 3 + 2) + 1;
    for samples in [1, 10, 1000] {
        for (batch, message) in [
            (Batch::AverageHessian, Message::Hessian),
            (Batch::AverageJacobian, Message::Hessian),
            (Batch::Exact, Message::Root),
            (Batch::Exact, Message::Hessian),
        ] {
            let found = of(batch, message, ggn, samples);
            assert_eq!(found.samples, each * samples as u64 * 8);
        }
    }
    // Kronecker factors for weights: 3 + 5 and 2 + 3 wide; the biases are dense.
    let averaged = of(Batch::AverageHessian, Message::Hessian, hessian, 10);
    assert_eq!(averaged.blocks, (9 + 25 + 9 + 4 + 9 + 4) * 8);
    // Of every sample and both columns that the loss has: u and v for weights, a column for biases.
    let rooted = of(Batch::Exact, Message::Root, ggn, 10);
    assert_eq!(rooted.blocks, ((3 + 5) + 3 + (2 + 3) + 2) * 10 * 2 * 8);
}

#[test]
fn what_does_not_fit_as_a_whole_is_refused_with_advice() {
    let text = "network n { input x: R[20]\n target y: R[9]\n h = linear[20](x)\n a = tanh(h)\n k = linear[9](a)\n loss square_loss(k, y) }";
    let (file, chain) = (file(text), chain(text, (20, 9)));
    let items = chain.items(&file, 2, 3);
    for blocks in ALL {
        let options = |limit| RunOptions {
            blocks,
            limit,
            ..dense()
        };
        let told = {
            let options = RunOptions {
                batch_size: 2,
                ..options(u64::MAX)
            };
            estimate(&file, "n", &options).unwrap()
        };
        let total = told.total();
        assert!(run_file(&file, &items, &options(total)).is_ok());
        let error = run_file(&file, &items, &options(total - 1)).unwrap_err();
        assert!(error.is_limit());
        for part in [
            told.to_string(),
            format!("{total} bytes"),
            (total - 1).to_string(),
        ] {
            assert!(error.message().contains(&part), "{}", error.message());
        }
        let is_parameter = blocks == Blocks::Parameter;
        for (part, is_there) in [
            ("smaller widths", true),
            ("a larger `--memory`", true),
            ("`--blocks parameter`", !is_parameter),
            ("`--batch average-hessian`", is_parameter),
        ] {
            assert_eq!(error.help().contains(part), is_there, "{}", error.help());
        }
        // It is told before, and kept after.
        let mut heard = None;
        run_file_telling(&file, &items, &options(total), &mut |e| {
            heard = Some(e.clone());
        })
        .unwrap();
        assert_eq!(heard.as_ref(), Some(&told));
        let run = run_network(&file, "n", &items, &options(total)).unwrap();
        assert_eq!(run.estimate, told);
    }
}

#[test]
fn many_samples_are_advised_against() {
    let text = "network n { input x: R[2]\n target y: R[2]\n h = linear[2](x)\n a = tanh(h)\n loss square_loss(a, y) }";
    let (file, chain) = (file(text), chain(text, (2, 2)));
    let options = RunOptions {
        batch: Batch::AverageHessian,
        limit: 1 << 16,
        ..RunOptions::default()
    };
    let error = run_file(&file, &chain.items(&file, 1000, 3), &options).unwrap_err();
    assert!(error.is_limit(), "{error}");
    assert!(error.help().contains("fewer samples"), "{}", error.help());
}

#[test]
fn plans_end_with_the_memory() {
    let options = RunOptions::default();
    let plan = plan_file(&file(TIED), &options).unwrap();
    let told = estimate(&file(TIED), "n", &options).unwrap();
    let last = format!("\na run of 32 samples takes {told}\n");
    assert!(plan.ends_with(&last), "{plan}");
    assert!(
        told.to_string()
            .starts_with("about 78.3 MiB: 58.6 MiB for the results"),
        "{told}"
    );
    assert_eq!(plan, plan_file(&file(TIED), &options).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]
    /// With all entries asked for, the results are the arrays that are handed out, and two copies of the largest.
    #[test]
    fn the_results_are_those_of_the_run(seed in any::<u64>(), nodes in 2usize..=6, samples in 1usize..=3) {
        let chain = random_graph(&mut ChaCha8Rng::seed_from_u64(seed), nodes);
        let file = file(&chain.text);
        let items = chain.items(&file, samples, seed);
        for blocks in ALL {
            let options = RunOptions { blocks, ..dense() };
            let Ok(run) = run_network(&file, "n", &items, &options) else {
                return Err(TestCaseError::reject("the network has no value"));
            };
            let arrays = run.items.iter().filter(|(name, _)| name.starts_with("hess"));
            let sizes = arrays.filter_map(|(_, item)| match item {
                Item::Array(array) => Some(array.values.len() as u64 * 8),
                Item::Text(_) => None,
            });
            let sizes: Vec<u64> = sizes.collect();
            let largest = sizes.iter().max().copied().unwrap_or(0);
            prop_assert_eq!(run.estimate.results, sizes.iter().sum::<u64>() + 2 * largest);
            prop_assert!(run.estimate.blocks <= sizes.iter().sum::<u64>());
        }
    }
}
