//! Roots as messages, and drawn targets.

use std::collections::BTreeMap;

use hbp::data::Item;
use hbp::expr::Name;
use hbp::hbp::{Batch, Curvature, Message};
use hbp::language::{File, NetworkNode};
use hbp::network::{Items, RunOptions, Sampling, run_file};
use nalgebra::DMatrix;
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::modes::random_graph;
use super::networks::Chain;
use super::reference::{Run, dense as plain, reference};
use super::tools::{array, dense, file, matrix, rebuilt};

type Dense = DMatrix<f64>;

fn rooted(curvature: Curvature, batch: Batch) -> RunOptions {
    RunOptions {
        curvature,
        batch,
        message: Message::Root,
        ..dense()
    }
}

fn drawn(targets: usize, seed: u64) -> Sampling {
    Sampling::Drawn { targets, seed }
}

/// The blocks of KFLR by definition: every sample's Gauss-Newton matrix at every value, by the Jacobian of the loss's inputs
/// with respect to it; then E[J'HJ] with the mean of those.
fn kflr(file: &File, items: &Items, samples: usize) -> BTreeMap<Name, Dense> {
    let network = file.network("n").unwrap();
    let nodes: Vec<&NetworkNode> = network.nodes.iter().chain([&network.loss]).collect();
    let source = |name: &Name| network.nodes.iter().position(|node| node.name == *name);
    let mut runs = Vec::new();
    let mut means: BTreeMap<usize, Dense> = BTreeMap::new();
    for sample in 0..samples {
        let run = Run::new(&network, &nodes, items, sample).unwrap();
        let loss = &run.witnesses[nodes.len() - 1];
        // One input of the loss is a node; its Hessian there is the residual of the loss.
        let top = source(&network.loss.arguments[0]).unwrap();
        let own = &network.loss.module.inputs[0];
        let hessian = plain(&loss.residual(own, own).unwrap());
        let size = hessian.nrows();
        let mut totals: BTreeMap<usize, Dense> =
            BTreeMap::from([(top, Dense::identity(size, size))]);
        for place in (0..network.nodes.len()).rev() {
            let Some(total) = totals.get(&place).cloned() else {
                continue;
            };
            let share = total.transpose() * &hessian * &total / samples as f64;
            means
                .entry(place)
                .and_modify(|sum| *sum += &share)
                .or_insert(share);
            for (own, name) in nodes[place]
                .module
                .inputs
                .iter()
                .zip(&nodes[place].arguments)
            {
                let Some(below) = source(name) else { continue };
                let step = &total * plain(&run.witnesses[place].jacobian(own).unwrap());
                totals
                    .entry(below)
                    .and_modify(|sum| *sum += &step)
                    .or_insert(step);
            }
        }
        runs.push(run);
    }
    let mut blocks: BTreeMap<Name, Dense> = BTreeMap::new();
    for run in &runs {
        for (place, mean) in &means {
            for (own, full) in &nodes[*place].parameters {
                let j = plain(&run.witnesses[*place].jacobian(own).unwrap());
                let share = j.transpose() * mean * j / samples as f64;
                blocks
                    .entry(full.clone())
                    .and_modify(|sum| *sum += &share)
                    .or_insert(share);
            }
        }
    }
    blocks
}

fn close(found: &Dense, expected: &Dense, top: f64, what: &str) -> Result<(), TestCaseError> {
    let worst = (found - expected).amax();
    let bound = 1e-10 * top.max(1.0);
    prop_assert!(
        worst <= bound,
        "{what} off by {worst:e}, top {top:e}\n{found}\n{expected}"
    );
    Ok(())
}

/// A loss that is not convex has no root, and says so.
fn run(file: &File, items: &Items, options: &RunOptions) -> Result<Option<Items>, TestCaseError> {
    match run_file(file, items, options) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.message().contains("has no root") => Ok(None),
        Err(error) => Err(TestCaseError::fail(format!("{error}: {}", error.help()))),
    }
}

/// Exact blocks by roots are the exact blocks.
fn exact(chain: &Chain, samples: usize, seed: u64) -> Result<(), TestCaseError> {
    let file = file(&chain.text);
    let items = chain.items(&file, samples, seed);
    for curvature in [Curvature::GaussNewton, Curvature::Fisher] {
        let expected = reference(&file, "n", &items, curvature, Batch::Exact);
        prop_assume!(expected.is_some());
        let (expected, top) = expected.unwrap();
        prop_assume!(top < 1e6);
        let Some(found) = run(&file, &items, &rooted(curvature, Batch::Exact))? else {
            continue;
        };
        prop_assert_eq!(found.len(), expected.len());
        let factors = RunOptions {
            dense: false,
            ..rooted(curvature, Batch::Exact)
        };
        let factors = run(&file, &items, &factors)?.unwrap();
        for (name, value) in &expected {
            let value = matrix(value.array().unwrap());
            let what = format!("{curvature} {name}\n{}", chain.text);
            close(&matrix(&array(&found, name)), &value, top, &what)?;
            if name.starts_with("hess.") {
                close(&rebuilt(&factors, name), &value, top, &what)?;
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, max_global_rejects: 2000, ..ProptestConfig::default() })]
    #[test]
    fn roots_give_exact_blocks_of_chains(seed in any::<u64>(), depth in 1usize..=3, samples in 1usize..=4) {
        exact(&Chain::random(&mut ChaCha8Rng::seed_from_u64(seed), depth), samples, seed)?;
    }

    #[test]
    fn roots_give_exact_blocks_of_graphs(seed in any::<u64>(), nodes in 2usize..=7, samples in 1usize..=3) {
        exact(&random_graph(&mut ChaCha8Rng::seed_from_u64(seed), nodes), samples, seed)?;
    }

    #[test]
    fn kronecker_factors_are_those_of_kflr(seed in any::<u64>(), depth in 1usize..=4, samples in 1usize..=4) {
        let chain = Chain::random(&mut ChaCha8Rng::seed_from_u64(seed), depth);
        let file = file(&chain.text);
        let items = chain.items(&file, samples, seed);
        let scale = reference(&file, "n", &items, Curvature::GaussNewton, Batch::Exact);
        prop_assume!(scale.is_some());
        let (of_one, top) = scale.unwrap();
        prop_assume!(top < 1e6);
        let options = rooted(Curvature::GaussNewton, Batch::AverageHessian);
        if let Some(found) = run(&file, &items, &options)? {
            for (name, expected) in kflr(&file, &items, samples) {
                let name = format!("hess.{name}");
                let block = matrix(&array(&found, &name));
                close(&block, &expected, top, &format!("{name}\n{}", chain.text))?;
                if samples == 1 {
                    close(&block, &matrix(&array(&of_one, &name)), top, &name)?;
                }
            }
        }
    }
}

const LOSSES: [(&str, bool); 4] = [
    ("square_loss", false),
    ("softmax_cross_entropy", true),
    ("binary_cross_entropy_with_logits", false),
    ("poisson_nll", false),
];

pub(super) fn two_layers(loss: &str, distribution: bool) -> Chain {
    Chain {
        text: format!(
            "network n {{ input x: R[2]\n target y: R[3]\n h = linear[2](x)\n a = sin(h)\n k = linear[3](a)\n loss {loss}(k, y) }}"
        ),
        module: String::new(),
        inputs: (2, 3),
        distribution,
    }
}

/// The same draws, whatever travels; another seed draws others; many draws come near the expectation.
#[test]
fn drawn_targets_estimate_the_fisher_matrix() {
    for (loss, distribution) in LOSSES {
        let chain = two_layers(loss, distribution);
        let file = file(&chain.text);
        let items = chain.items(&file, 3, 5);
        let run = |message, batch, sampling| {
            let options = RunOptions {
                message,
                sampling,
                ..rooted(Curvature::Fisher, batch)
            };
            run_file(&file, &items, &options).unwrap_or_else(|e| panic!("{loss}: {e}"))
        };
        let block = |items: &Items| matrix(&array(items, "hess.h.W"));
        let few = drawn(2, 7);
        let by_root = block(&run(Message::Root, Batch::Exact, few));
        let by_hessian = block(&run(Message::Hessian, Batch::Exact, few));
        assert!(
            (&by_root - &by_hessian).amax() < 1e-12 * by_root.amax(),
            "{loss}"
        );
        let other = block(&run(Message::Root, Batch::Exact, drawn(2, 8)));
        assert!((&by_root - other).amax() > 1e-6 * by_root.amax(), "{loss}");
        for batch in [Batch::Exact, Batch::AverageHessian] {
            let many = block(&run(Message::Hessian, batch, drawn(4000, 1)));
            let exact = block(&run(Message::Hessian, batch, Sampling::Exact));
            let off = (&many - &exact).amax() / exact.amax();
            assert!(off < 0.15, "{loss}: off by {off}");
        }
    }
}

/// KFAC of one sample and one draw is g g' of the drawn gradient: of rank one, with the rows of W alike.
#[test]
fn kfac_of_one_draw_has_rank_one() {
    let chain = two_layers("softmax_cross_entropy", true);
    let file = file(&chain.text);
    let items = chain.items(&file, 1, 5);
    let options = RunOptions {
        sampling: drawn(1, 3),
        ..rooted(Curvature::Fisher, Batch::AverageHessian)
    };
    let found = run_file(&file, &items, &options).unwrap();
    let eigen = matrix(&array(&found, "hess.h.W")).symmetric_eigenvalues();
    let top = eigen.amax();
    let above = eigen
        .iter()
        .filter(|value| value.abs() > 1e-12 * top)
        .count();
    assert_eq!(above, 1);
}

#[test]
fn what_roots_cannot_carry_is_refused() {
    let chain = two_layers("square_loss", false);
    let text = chain
        .text
        .replace(
            "k = linear[3](a)",
            "k = linear[3](a)\n s = tanh(k)\n t = linear[3](s)\n q = linear[3](t; W = t.W)",
        )
        .replace("(k, y)", "(q, y)");
    let own = "module own(z: R[n], y: R[n]) -> e: R { e = sum(z.^3 .* y) }\n".to_owned()
        + &chain.text.replace("square_loss", "own");
    let kflr = rooted(Curvature::GaussNewton, Batch::AverageHessian);
    let cases = [
        (
            &chain.text,
            rooted(Curvature::Hessian, Batch::Exact),
            "cannot carry the second-order terms",
        ),
        (
            &chain.text,
            rooted(Curvature::GaussNewton, Batch::AverageJacobian),
            "average-jacobian says nothing",
        ),
        (&text, kflr, "`t.W`: the Kronecker factors"),
        (
            &own,
            rooted(Curvature::GaussNewton, Batch::Exact),
            "has no root: its eigenvalue -",
        ),
        (
            &own,
            RunOptions {
                sampling: drawn(1, 0),
                ..rooted(Curvature::Fisher, Batch::Exact)
            },
            "has no model",
        ),
        (
            &own,
            RunOptions {
                sampling: drawn(1, 0),
                ..rooted(Curvature::GaussNewton, Batch::Exact)
            },
            "targets are drawn for Fisher",
        ),
    ];
    for (text, options, part) in cases {
        let file = file(text);
        let error = run_file(&file, &chain.items(&file, 2, 3), &options).unwrap_err();
        assert!(error.message().contains(part), "{}", error.message());
        assert!(!error.is_limit());
    }
}

/// Probabilities sum to 1, so that one class less is enough; squares need a column each.
#[test]
fn roots_have_as_few_columns_as_the_loss_allows() {
    for (loss, columns) in [("softmax_cross_entropy", 2), ("square_loss", 3)] {
        let chain = two_layers(loss, loss.starts_with("softmax"));
        let file = file(&chain.text);
        let options = RunOptions {
            dense: false,
            ..rooted(Curvature::GaussNewton, Batch::Exact)
        };
        let found = run_file(&file, &chain.items(&file, 5, 3), &options).unwrap();
        assert_eq!(
            array(&found, "hess.h.b.root").shape,
            [2, 5 * columns],
            "{loss}"
        );
    }
}

/// What does not fit as S is kept by the factors of its columns.
#[test]
fn wide_roots_are_written_by_their_factors() {
    let chain = two_layers("square_loss", false);
    let text = chain
        .text
        .replace("x: R[2]", "x: R[50]")
        .replace("linear[2](x)", "linear[40](x)");
    let file = file(&text);
    let chain = Chain {
        text: text.clone(),
        inputs: (50, 3),
        ..chain
    };
    let items = chain.items(&file, 3, 3);
    let options = RunOptions {
        dense: false,
        root_bytes: 40_000,
        ..rooted(Curvature::GaussNewton, Batch::Exact)
    };
    let found = run_file(&file, &items, &options).unwrap();
    assert_eq!(found["hess.h.W.structure"], Item::Text("khatri-rao".into()));
    let whole = run_file(
        &file,
        &items,
        &RunOptions {
            dense: false,
            ..rooted(Curvature::GaussNewton, Batch::Exact)
        },
    );
    let whole = whole.unwrap();
    assert_eq!(whole["hess.h.W.structure"], Item::Text("root".into()));
    let (left, right) = (
        matrix(&array(&found, "hess.h.W.khatri-rao.0")),
        matrix(&array(&found, "hess.h.W.khatri-rao.1")),
    );
    let root = matrix(&array(&whole, "hess.h.W.root"));
    let product = hbp::backend::khatri_rao(&left, &right);
    assert!((product - root).amax() < 1e-14);
}

/// A loss with a parameter of its own: it has a root, too, and under means of factors its block is exact.
#[test]
fn roots_reach_parameters_of_the_loss() {
    let chain = two_layers("square_loss", false);
    let text =
        "module shifted(z: R[n], y: R[n]) -> e: R { param s: R[n]\n y ~ normal(z + s, 0.5*ones(n))\n e = sum((z + s - y).^2) }\n"
            .to_owned()
            + &chain.text.replace("square_loss", "shifted");
    let chain = Chain { text, ..chain };
    exact(&chain, 3, 4).unwrap();
    let file = file(&chain.text);
    let items = chain.items(&file, 3, 4);
    let factors = rooted(Curvature::GaussNewton, Batch::AverageHessian);
    let found = run_file(&file, &items, &factors).unwrap();
    let expected = DMatrix::identity(3, 3) * 2.0;
    assert!((matrix(&array(&found, "hess.loss.s")) - expected).amax() < 1e-14);
}
