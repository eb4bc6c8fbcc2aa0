//! The matrix over all parameters, against hyper-dual numbers of the whole network.

use hbp::hbp::{Batch, Curvature};
use hbp::network::{Blocks, RunOptions, run_file};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::modes::random_graph;
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
        // Under every batch mode its diagonal blocks are those of the parameters alone.
        for (batch, _) in Batch::ALL {
            let full = run_file(
                &file,
                &items,
                &RunOptions {
                    batch,
                    ..full.clone()
                },
            )
            .map_err(failed)?;
            let alone = RunOptions {
                batch,
                blocks: Blocks::Parameter,
                ..full_options(curvature)
            };
            let alone = run_file(&file, &items, &alone).map_err(failed)?;
            let hessian = matrix(&array(&full, "hess"));
            for parameter in file.network("n").unwrap().parameters {
                let name = format!("hess.{}", parameter.name);
                let rows = whole.rows(&parameter.name);
                let block = hessian.select_rows(&rows).select_columns(&rows);
                for other in [array(&full, &name), array(&alone, &name)] {
                    let worst = (&block - matrix(&other)).amax();
                    prop_assert!(
                        worst <= 1e-10 * top,
                        "{curvature} {batch} {name} off by {worst:e}\n{}",
                        chain.text
                    );
                }
            }
        }
    }
    Ok(())
}

fn full_options(curvature: Curvature) -> RunOptions {
    RunOptions {
        curvature,
        ..dense()
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
}
