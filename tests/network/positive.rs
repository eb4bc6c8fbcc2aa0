//! What is positive by its name has no negative eigenvalue, and what has no second-order term is one matrix in every curvature.

use hbp::hbp::{Batch, Curvature};
use hbp::network::{RunOptions, run_file};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::modes::random_graph;
use super::roots::two_layers;
use super::tools::{array, dense, file, matrix};

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_global_rejects: 2000, ..ProptestConfig::default() })]
    /// Positive curvature, Fisher matrices and Gauss-Newton with a convex loss have no negative eigenvalue.
    #[test]
    fn what_is_positive_by_name_is_positive(seed in any::<u64>(), nodes in 2usize..=7, samples in 1usize..=4) {
        let chain = random_graph(&mut ChaCha8Rng::seed_from_u64(seed), nodes);
        let file = file(&chain.text);
        let items = chain.items(&file, samples, seed);
        for curvature in [Curvature::PositiveAbs, Curvature::PositiveClip, Curvature::GaussNewton, Curvature::Fisher] {
            for (batch, _) in Batch::ALL {
                let options = RunOptions { curvature, batch, ..dense() };
                let found = run_file(&file, &items, &options);
                let found = found.map_err(|e| TestCaseError::fail(format!("{e}\n{}", chain.text)))?;
                for name in found.keys().filter(|name| name.starts_with("hess.")) {
                    let block = matrix(&array(&found, name));
                    prop_assume!(block.iter().all(|entry| entry.is_finite()));
                    let eigenvalues = block.symmetric_eigenvalues();
                    let top = eigenvalues.amax();
                    prop_assert!(eigenvalues.min() >= -1e-10 * top.max(1e-12), "{curvature} {batch} {name}\n{}", chain.text);
                }
            }
        }
    }
}

/// With `ReLU` and a loss of constant curvature no second-order term is left: all modes are one.
#[test]
fn with_relu_all_curvatures_agree_and_all_are_positive() {
    let chain = two_layers("square_loss", false);
    let text = chain.text.replace("sin", "relu");
    let file = file(&text);
    let items = chain.items(&file, 4, 9);
    for (batch, _) in Batch::ALL {
        let of = |curvature| {
            let options = RunOptions {
                curvature,
                batch,
                ..dense()
            };
            matrix(&array(
                &run_file(&file, &items, &options).unwrap(),
                "hess.h.W",
            ))
        };
        let exact = of(Curvature::Hessian);
        assert!(exact.clone().symmetric_eigenvalues().min() > -1e-12);
        for (curvature, _) in Curvature::ALL {
            assert!(
                (of(curvature) - &exact).amax() < 1e-12 * exact.amax(),
                "{curvature}"
            );
        }
    }
}
