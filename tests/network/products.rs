//! Products of the whole loss's curvature with vectors, against the matrices themselves.

use std::sync::atomic::{AtomicUsize, Ordering};

use hbp::data::{Array, Item};
use hbp::hbp::{Batch, Curvature};
use hbp::network::{
    Extent, Items, MatrixFreePass, MatrixFreeSession, Products, RunOptions, check_product_modes,
    run_file,
};
use nalgebra::DVector;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::modes::random_graph;
use super::networks::Chain;
use super::tools::{agree, array, arrays, case, dense, file};
use super::whole::Whole;

const CURVATURES: [Curvature; 3] = [
    Curvature::Hessian,
    Curvature::GaussNewton,
    Curvature::Fisher,
];

/// How many products for all samples were compared.
static FOR_ALL: AtomicUsize = AtomicUsize::new(0);

fn normal(rng: &mut ChaCha8Rng, size: usize) -> DVector<f64> {
    DVector::from_fn(size, |_, _| rng.sample::<f64, _>(StandardNormal))
}

/// Every product against its matrix times the vector, whole and block by block; a rejection where the network has no
/// value or a large one.
fn compare(chain: &Chain, samples: usize, seed: u64) -> Result<(), TestCaseError> {
    let file = file(&chain.text);
    let items = chain.items(&file, samples, seed);
    let whole = Whole::new(&file, "n", &items);
    prop_assume!((1..=30).contains(&whole.size()));
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let options = super::tools::options();
    let failed = |e: hbp::network::RunError| TestCaseError::fail(format!("{e}\n{}", chain.text));
    for curvature in CURVATURES {
        let matrix = whole.matrix(curvature);
        prop_assume!(matrix.is_some());
        let matrix = matrix.unwrap();
        let top = matrix.amax().max(1.0);
        prop_assume!(top < 1e6);
        let mut products = Products::new(&file, "n", &items, &options).map_err(failed)?;
        // A chain of functions that have a form for all samples; a refusal of others is no failure.
        let for_all = RunOptions {
            batch_size: samples,
            ..super::tools::options()
        };
        let pass = MatrixFreePass::of_loss(&file, "n", curvature, &for_all).ok();
        let mut session = pass.as_ref().map(MatrixFreeSession::new);
        if let (Some(pass), Some(session)) = (&pass, &mut session) {
            pass.load(session, &items).map_err(failed)?;
            session.run().map_err(failed)?;
        }
        let near = |what: &str, found: &DVector<f64>, expected: &DVector<f64>| {
            let worst = (found - expected).amax();
            prop_assert!(
                worst <= 1e-10 * top,
                "{curvature} {what} off by {worst:e}, top {top:e}\n{}\n{found}\n{expected}",
                chain.text
            );
            Ok(())
        };
        let (u, v) = (
            normal(&mut rng, whole.size()),
            normal(&mut rng, whole.size()),
        );
        let mut times = |v: &DVector<f64>| {
            products
                .product(curvature, Extent::Whole, &whole.arrays(v))
                .map_err(failed)
        };
        let (of_u, of_v) = (whole.vector(&times(&u)?), whole.vector(&times(&v)?));
        near("product", &of_v, &(&matrix * &v))?;
        prop_assert!(
            (u.dot(&of_v) - v.dot(&of_u)).abs() <= 1e-9 * top * (1.0 + u.norm() * v.norm())
        );
        // The same a second time: nothing of a product is left behind.
        near("repeated product", &whole.vector(&times(&v)?), &of_v)?;
        for parameter in file.network("n").unwrap().parameters {
            let name = &*parameter.name;
            let rows = whole.rows(name);
            let one = whole
                .arrays(&v)
                .into_iter()
                .filter(|(known, _)| known == name);
            let one: Items = one.collect();
            let mut alone = DVector::zeros(whole.size());
            rows.iter().for_each(|k| alone[*k] = v[*k]);
            let expected = &matrix * &alone;
            // A parameter without a vector does not move, but is read.
            let found = products
                .product(curvature, Extent::Whole, &one)
                .map_err(failed)?;
            near(name, &whole.vector(&found), &expected)?;
            let found = products
                .product(curvature, Extent::Block, &one)
                .map_err(failed)?;
            prop_assert_eq!(found.keys().collect::<Vec<_>>(), vec![name]);
            let of_block = DVector::from_fn(whole.size(), |k, _| {
                if rows.contains(&k) { expected[k] } else { 0.0 }
            });
            near(
                &format!("block of {name}"),
                &whole.vector(&found),
                &of_block,
            )?;
            if let Some(session) = &mut session {
                let direction: Vec<f64> = rows.iter().map(|k| v[*k]).collect();
                let image = session.product(name, &direction).map_err(failed)?.unwrap();
                let mut found = DVector::zeros(whole.size());
                (rows.iter().zip(image)).for_each(|(k, entry)| found[*k] = entry);
                near(
                    &format!("product for all samples of {name}"),
                    &found,
                    &of_block,
                )?;
                FOR_ALL.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5, max_global_rejects: 4000, ..ProptestConfig::default() })]
    #[test]
    fn products_of_random_chains_are_products(seed in any::<u64>(), depth in 1usize..=3, samples in 1usize..=3) {
        compare(&Chain::random(&mut ChaCha8Rng::seed_from_u64(seed), depth), samples, seed)?;
    }

    #[test]
    fn products_of_random_graphs_are_products(seed in any::<u64>(), nodes in 2usize..=7, samples in 1usize..=3) {
        compare(&random_graph(&mut ChaCha8Rng::seed_from_u64(seed), nodes), samples, seed)?;
    }
}

fn chain(text: &str, inputs: (usize, usize)) -> Chain {
    Chain {
        text: text.into(),
        module: String::new(),
        inputs,
        distribution: text.contains("entropy"),
    }
}

/// A value read twice by one node, layers tied, mean and variance both learned, parameters in the loss itself.
#[test]
fn graphs_add_up_along_their_branches() {
    for text in [
        "network n { input x: R[2]\n target y: R[2]\n h = linear[2](x)\n s = multiply(h, h)\n loss square_loss(s, y) }",
        "network n { input x: R[2]\n target y: R[2]\n h = matmul[2](x)\n a = sin(h)\n k = matmul[2](a; W = h.W)\n s = add(k, h)\n loss mse_loss(s, y) }",
        "network n { input x: R[2]\n target y: R[2]\n h = linear[2](x)\n a = tanh(h)\n m = linear[2](a)\n v = linear[2](a)\n loss gaussian_nll(m, v, y) }",
        "module own(z: R[n], y: R[n]) -> e: R { param w: R[n]; y ~ normal(w .* z, ones(n)); e = 0.5*sum((w .* z - y).^2) }
         network n { input x: R[2]\n target y: R[2]\n h = linear[2](x)\n a = tanh(h)\n loss own(a, y) }",
    ] {
        let before = FOR_ALL.load(Ordering::Relaxed);
        compare(&chain(text, (2, 2)), 3, 5).unwrap();
        let after = FOR_ALL.load(Ordering::Relaxed);
        assert!(after > before, "no product for all samples of {text}");
    }
}

/// Central differences of the gradient along the vector.
#[test]
fn the_hessian_moves_the_gradient() {
    let (file, items) = (
        case("networks", "skip"),
        arrays("networks", "skip", "in.npz"),
    );
    let name = file.networks()[0].clone();
    let whole = Whole::new(&file, &name, &items);
    let v = normal(&mut ChaCha8Rng::seed_from_u64(3), whole.size());
    let mut products = Products::new(&file, &name, &items, &super::tools::options()).unwrap();
    let found = whole.vector(&products.hessian_vector_product(&whole.arrays(&v)).unwrap());
    let gradient_at = |step: f64| {
        let mut items = items.clone();
        let moved = whole.vector(&items) + &v * step;
        items.extend(whole.arrays(&moved));
        let products = Products::new(&file, &name, &items, &super::tools::options()).unwrap();
        whole.vector(&products.gradient())
    };
    let h = 1.0 / 1024.0;
    let near = (gradient_at(h) - gradient_at(-h)) * 8.0;
    let far = gradient_at(2.0 * h) - gradient_at(-2.0 * h);
    let expected = (near - far) / (12.0 * h);
    let worst = (&found - &expected).amax();
    assert!(
        worst <= 1e-8 * expected.amax(),
        "{worst:e}\n{found}{expected}"
    );
}

/// Loss and gradients are those of a run, in both precisions.
#[test]
fn a_product_knows_loss_and_gradient() {
    let (file, items) = (
        case("networks", "small"),
        arrays("networks", "small", "in.npz"),
    );
    for (precision, tolerance) in [
        (hbp::network::Precision::Double, 1e-12),
        (hbp::network::Precision::Single, 1e-5),
    ] {
        let options = RunOptions {
            precision,
            ..dense()
        };
        let run = run_file(&file, &items, &options).unwrap();
        let products = Products::new(&file, "small", &items, &options).unwrap();
        let loss = array(&run, "loss").values[0];
        assert!((products.loss() - loss).abs() <= tolerance * loss.abs());
        for (name, gradient) in products.gradient() {
            let expected = array(&run, &format!("grad.{name}"));
            agree(&name, gradient.array().unwrap(), &expected, tolerance);
        }
    }
}

/// A wide layer: the Jacobian of a weight with 300 × 400 entries would take 300 · 120000 numbers, the block 1.44e10.
#[test]
fn no_jacobian_is_formed() {
    let text = "network n { input x: R[400]\n target y: R[300]\n h = linear[300](x)\n a = sigmoid(h)\n k = linear[300](a)\n loss square_loss(a, y) }";
    let text = text.replace("loss square_loss(a", "loss square_loss(k");
    let chain = chain(&text, (400, 300));
    let file = file(&text);
    let options = RunOptions {
        limit: 1 << 24,
        ..super::tools::options()
    };
    let items = chain.items(&file, 1, 7);
    let mut products = Products::new(&file, "n", &items, &options).unwrap();
    // A product with W, one with its transpose, an outer product: 2 mn each, and the same again for the second order.
    let weights = 300 * 400 + 300 * 300;
    for (curvature, most) in [(Curvature::GaussNewton, 10), (Curvature::Hessian, 16)] {
        let flops = products.flops(curvature);
        assert!(flops > 4 * weights, "{flops}");
        assert!(
            flops <= most * weights,
            "{curvature}: {flops}, {weights} weights"
        );
    }
    let vectors = Items::from([("h.b".to_owned(), array(&items, "h.b").into())]);
    let found = products.hessian_vector_product(&vectors).unwrap();
    assert_eq!(array(&found, "h.W").shape, [300, 400]);
}

#[test]
fn vectors_are_checked() {
    let (file, items) = (
        case("networks", "small"),
        arrays("networks", "small", "in.npz"),
    );
    let mut products = Products::new(&file, "small", &items, &super::tools::options()).unwrap();
    let name = file.network("small").unwrap().parameters[0]
        .name
        .to_string();
    let good = array(&items, &name);
    let mut check = |vectors: &[(&str, Item)], parts: &[&str]| {
        let vectors = vectors
            .iter()
            .map(|(n, v)| ((*n).to_owned(), v.clone()))
            .collect();
        let error = products.hessian_vector_product(&vectors).unwrap_err();
        let text = format!("{}\n{}", error.message(), error.help());
        parts
            .iter()
            .for_each(|part| assert!(text.contains(part), "{part}\n{text}"));
        assert!(!error.is_limit());
    };
    check(&[], &["has no array", &format!("`{name}`")]);
    check(
        &[("nobody", Item::from(good.clone()))],
        &["`nobody`, which is no parameter", &name],
    );
    let flat = Array::new(
        vec![good.values.len() + 1],
        vec![0.0; good.values.len() + 1],
    )
    .unwrap();
    check(
        &[(&name, Item::from(flat))],
        &[
            "of the vector has the shape (",
            "the shape of its parameter",
        ],
    );
    let mut bad = good.clone();
    bad.values[0] = f64::NAN;
    check(
        &[(&name, Item::from(bad)), ("nobody", Item::from("text"))],
        &["2 things are wrong", "NaN at", "`nobody`"],
    );
    check(&[(&name, Item::from("text"))], &["is text"]);
    let vectors = Items::from([(name, Item::from(good))]);
    let positive = products
        .product(Curvature::PositiveAbs, Extent::Whole, &vectors)
        .unwrap_err();
    assert!(
        positive.message().contains("--curvature pch-abs"),
        "{positive}"
    );
    let average = check_product_modes(Curvature::Hessian, Batch::AverageHessian).unwrap_err();
    assert!(
        average.message().contains("--batch average-hessian"),
        "{average}"
    );
    let few = RunOptions {
        limit: 64,
        ..super::tools::options()
    };
    let few = Products::new(&file, "small", &items, &few).unwrap_err();
    assert!(few.is_limit(), "{few}");
}

/// Without a model there is no Fisher matrix, but there are the others.
#[test]
fn a_loss_without_a_model_has_no_fisher_product() {
    let text = "module own(z: R[n], y: R[n]) -> e: R { e = sum((z - y).^6) }
        network n { input x: R[2]\n target y: R[2]\n h = linear[2](x)\n loss own(h, y) }";
    let file = file(text);
    let items = chain(text, (2, 2)).items(&file, 2, 3);
    let mut products = Products::new(&file, "n", &items, &super::tools::options()).unwrap();
    let vectors = Items::from([("h.b".to_owned(), array(&items, "h.b").into())]);
    products.gauss_newton_vector_product(&vectors).unwrap();
    let error = products.fisher_vector_product(&vectors).unwrap_err();
    assert!(error.message().contains("has no model"), "{error}");
}
