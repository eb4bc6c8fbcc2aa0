//! Matrices over the parameters of a node and over all: against hyper-dual numbers of the whole network, and against what
//! every mode means.

use hbp::data::Item;
use hbp::hbp::{Batch, Curvature};
use hbp::language::File;
use hbp::network::{Blocks, Items, RunOptions, Vectorisation, run_file};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::modes::{compare_between, random_graph};
use super::networks::Chain;
use super::tools::{array, dense, file, matrix};
use super::whole::Whole;

fn compare(chain: &Chain, samples: usize, seed: u64) -> Result<(), TestCaseError> {
    let file = file(&chain.text);
    let items = chain.items(&file, samples, seed);
    let whole = Whole::new(&file, "n", &items);
    prop_assume!((1..=30).contains(&whole.size()));
    let failed = |e: hbp::network::RunError| TestCaseError::fail(format!("{e}\n{}", chain.text));
    for curvature in [
        Curvature::Hessian,
        Curvature::GaussNewton,
        Curvature::Fisher,
    ] {
        let expected = whole.matrix(curvature);
        prop_assume!(expected.is_some());
        let expected = expected.unwrap();
        let top = expected.amax().max(1.0);
        prop_assume!(top < 1e6);
        let full = RunOptions {
            curvature,
            blocks: Blocks::Full,
            ..dense()
        };
        let found = run_file(&file, &items, &full).map_err(failed)?;
        let worst = (matrix(&array(&found, "hess")) - &expected).amax();
        prop_assert!(
            worst <= 1e-10 * top,
            "{curvature} off by {worst:e}\n{}",
            chain.text
        );
        diagonals(&file, &items, curvature, top)?;
    }
    Ok(())
}

/// Under every batch mode the diagonal blocks of larger matrices are those of the parameters alone.
fn diagonals(
    file: &File,
    items: &Items,
    curvature: Curvature,
    top: f64,
) -> Result<(), TestCaseError> {
    for (batch, _) in Batch::ALL {
        let run = |blocks| {
            let options = RunOptions {
                curvature,
                batch,
                blocks,
                ..dense()
            };
            run_file(file, items, &options).map_err(|e| TestCaseError::fail(e.to_string()))
        };
        let alone = run(Blocks::Parameter)?;
        for blocks in [Blocks::Module, Blocks::Full] {
            let found = run(blocks)?;
            for (name, order) in &found {
                let (Some(name), Item::Text(order)) = (name.strip_suffix(".order"), order) else {
                    continue;
                };
                let hessian = matrix(&array(&found, name));
                let mut start = 0;
                for parameter in order.split(' ') {
                    let block = format!("hess.{parameter}");
                    let expected = matrix(&array(&alone, &block));
                    let size = expected.nrows();
                    let own = hessian.view((start, start), (size, size)).into_owned();
                    for other in [own, matrix(&array(&found, &block))] {
                        let worst = (other - &expected).amax();
                        prop_assert!(
                            worst <= 1e-10 * top,
                            "{curvature} {batch} {blocks:?} {block} off by {worst:e}"
                        );
                    }
                    start += size;
                }
                prop_assert_eq!(start, hessian.nrows());
            }
        }
    }
    Ok(())
}

/// A parameter that several nodes read is in no node's matrix, and a node with one parameter of its own has none.
#[test]
fn shared_parameters_have_blocks_of_their_own() {
    let text = "network n { input x: R[2]\n target y: R[2]\n h = linear[2](x)\n a = tanh(h)\n k = linear[2](a; W = h.W)\n l = linear[2](k)\n loss square_loss(l, y) }";
    let chain = Chain {
        text: text.into(),
        module: String::new(),
        inputs: (2, 2),
        distribution: false,
    };
    let file = file(text);
    let options = RunOptions {
        blocks: Blocks::Module,
        ..dense()
    };
    let found = run_file(&file, &chain.items(&file, 3, 5), &options).unwrap();
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    let blocks = names.iter().filter(|name| name.starts_with("hess."));
    let expected = [
        "hess.h.W",
        "hess.h.b",
        "hess.k.b",
        "hess.l.W",
        "hess.l.b",
        "hess.l",
        "hess.l.order",
    ];
    assert_eq!(blocks.copied().collect::<Vec<_>>(), expected);
    assert_eq!(found["hess.l.order"], Item::Text("l.W l.b".into()));
}

/// With rows as the unit of `vec`, every parameter's entries of the larger matrices go by rows.
#[test]
fn larger_matrices_go_by_rows_too() {
    let text = "network n { input x: R[3]\n target y: R[2]\n h = linear[2](x)\n a = tanh(h)\n k = linear[2](a)\n loss square_loss(k, y) }";
    let chain = Chain {
        text: text.into(),
        module: String::new(),
        inputs: (3, 2),
        distribution: false,
    };
    let file = file(text);
    let items = chain.items(&file, 3, 7);
    for (blocks, name) in [(Blocks::Module, "hess.h"), (Blocks::Full, "hess")] {
        let run = |vectorisation| {
            let options = RunOptions {
                blocks,
                vectorisation,
                ..dense()
            };
            run_file(&file, &items, &options).unwrap()
        };
        let (columns, rows) = (run(Vectorisation::Column), run(Vectorisation::Row));
        assert_eq!(
            rows[&format!("{name}.order")],
            columns[&format!("{name}.order")]
        );
        let Item::Text(order) = &rows[&format!("{name}.order")] else {
            panic!("the order is text");
        };
        // The place of each entry by rows among all entries by columns.
        let mut places: Vec<usize> = Vec::new();
        for parameter in order.split(' ') {
            let (m, n) = matrix(&array(&items, parameter)).shape();
            let start = places.len();
            places.extend((0..m * n).map(|k| start + k / n + k % n * m));
        }
        let by_columns = matrix(&array(&columns, name));
        let expected = by_columns.select_rows(&places).select_columns(&places);
        assert_eq!(matrix(&array(&rows, name)), expected, "{blocks:?}");
        assert_ne!(by_columns, expected, "{blocks:?}: no order is seen");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, max_global_rejects: 4000, ..ProptestConfig::default() })]
    #[test]
    fn the_full_matrix_of_random_chains(seed in any::<u64>(), depth in 1usize..=2, samples in 1usize..=3) {
        compare(&Chain::random(&mut ChaCha8Rng::seed_from_u64(seed), depth), samples, seed)?;
    }

    #[test]
    fn the_full_matrix_of_random_graphs(seed in any::<u64>(), nodes in 2usize..=6, samples in 1usize..=3) {
        compare(&random_graph(&mut ChaCha8Rng::seed_from_u64(seed), nodes), samples, seed)?;
    }

    /// In every mode, cross blocks included, with second-order terms treated as one matrix.
    #[test]
    fn matrices_of_random_chains_are_what_the_modes_mean(seed in any::<u64>(), depth in 2usize..=3, samples in 1usize..=3) {
        let chain = Chain::random(&mut ChaCha8Rng::seed_from_u64(seed), depth);
        for blocks in [Blocks::Module, Blocks::Full] {
            compare_between(&chain, samples, seed, blocks)?;
        }
    }

    #[test]
    fn matrices_of_random_graphs_are_what_the_modes_mean(seed in any::<u64>(), nodes in 2usize..=6, samples in 1usize..=3) {
        let chain = random_graph(&mut ChaCha8Rng::seed_from_u64(seed), nodes);
        for blocks in [Blocks::Module, Blocks::Full] {
            compare_between(&chain, samples, seed, blocks)?;
        }
    }
}
