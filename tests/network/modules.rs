//! Single modules.

use std::collections::BTreeSet;

use hbp::data::{Array, Item};
use hbp::expr::{Sizes, random_matrix};
use hbp::network::{Items, RunOptions, Vectorisation, run_file, run_module};
use nalgebra::DMatrix;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::tools::{agree_all, array, arrays, by_rows, case, dense, file, given, matrix, rebuilt};

const CASES: [&str; 6] = [
    "affine",
    "matrix_residual",
    "squared_norm",
    "swish_gate",
    "two_inputs",
    "unit_length",
];

#[test]
fn the_cases_come_out() {
    for name in CASES {
        let module = case("modules", name).module(name).unwrap();
        let found = run_module(&module, &arrays("modules", name, "in.npz"), &dense())
            .unwrap_or_else(|e| panic!("{name}: {e}; {}", e.help()));
        agree_all(&found, &arrays("modules", name, "out.npz"), 1e-10);
    }
}

/// A small residual between large values: what is a product of differences must not be written out, for then it cancels.
#[test]
fn products_of_differences_keep_their_digits() {
    let module =
        file("module r(x: R[n], y: R[m]) -> z: R { param W: R[m, n]\n z = norm2(y - W*x) }")
            .module("r")
            .unwrap();
    let vector = |values: Vec<f64>| Array::new(vec![2], values).unwrap();
    let scalar = |value: f64| Array::new(vec![], vec![value]).unwrap();
    let large = 1e8;
    let mut items = Items::new();
    items.insert("x".into(), vector(vec![1.0, 1.0]).into());
    items.insert(
        "y".into(),
        vector(vec![2.0 * large + 3.0, 2.0 * large + 4.0]).into(),
    );
    items.insert(
        "W".into(),
        Array::new(vec![2, 2], vec![large; 4]).unwrap().into(),
    );
    items.insert("grad.z".into(), scalar(1.0).into());
    items.insert("hess.z".into(), scalar(0.0).into());
    let found = run_module(&module, &items, &dense()).unwrap();
    let block = found["hess.y"].array().unwrap();
    // (I - u u'/25)/5 for the residual u = (3, 4)
    for (found, expected) in block.values.iter().zip([0.128, -0.096, -0.096, 0.072]) {
        assert!((found - expected).abs() < 1e-15, "{:?}", block.values);
    }
}

/// Where exp of the preactivation cancels or overflows: the block keeps to the functions that the module names.
#[test]
fn scaled_functions_keep_their_digits() {
    let weights = Array::new(vec![2, 2], vec![200.0, 0.0, 0.0, 200.5]).unwrap();
    let p = 1.0 / (1.0 + 0.5_f64.exp());
    // z = softmax(A x)/2 at x = (1, 1), δ = (1, 2), ℋz = I: with M = diag p - p p', w = δ/2 the block's first entry is that
    // of M²/4 + diag(w) M - p w'M - (p'w) M.
    let m = p * (1.0 - p);
    let first = m * m / 2.0 + 0.5 * m - p * (0.5 * m - m) - (1.0 - p / 2.0) * m;
    for (text, expected) in [
        (
            "module s[m](x: R[n]) -> z: R[m] { param A: R[m, n]\n z = softmax(A*x)/2 }",
            first,
        ),
        // σ'(-200) = σ''(-200) = exp(-200) in 64 bits, and the square of the first vanishes beside it.
        (
            "module s[m](x: R[n]) -> z: R[m] { param A: R[m, n]\n z = sigmoid(-(A*x))/2 }",
            0.5 * (-200.0_f64).exp(),
        ),
    ] {
        let module = file(text).module("s").unwrap();
        let mut items = Items::new();
        let vector = |values: Vec<f64>| Array::new(vec![2], values).unwrap();
        items.insert("x".into(), vector(vec![1.0, 1.0]).into());
        items.insert("A".into(), weights.clone().into());
        items.insert("grad.z".into(), vector(vec![1.0, 2.0]).into());
        let identity = Array::new(vec![2, 2], vec![1.0, 0.0, 0.0, 1.0]).unwrap();
        items.insert("hess.z".into(), identity.into());
        let found = matrix(&array(
            &run_module(&module, &items, &dense()).unwrap(),
            "hess.A",
        ))[(0, 0)];
        assert!(
            (found / expected - 1.0).abs() < 1e-9,
            "{text}: {found:e}, not {expected:e}"
        );
    }
}

/// Losses whose blocks have structure.
const STRUCTURES: [&str; 6] = [
    "module m(X: R[n, k]) -> e: R { param W: R[n, n]\n e = tr(X'*W'*W*X) }",
    "module m(X: R[n, k]) -> e: R { param W: R[n, n]\n e = tr(X'*W'*W*X) + tr(W'*W) + tr(W*X*X'*X*X'*W') }",
    "module m(X: R[n, k]) -> e: R { param W: R[n, k]\n e = tr(X'*W) + sum(W .^ 4) }",
    "module m(X: R[n, k]) -> e: R { param W: R[n, k]\n param b: R[n]\n e = tr(X'*W) + sum(exp(b)) }",
    "module m(X: R[n, k]) -> e: R { param W: R[n, k]\n e = tr(X'*W)^2 }",
    "module m(X: R[n, k]) -> e: R { param W: R[n, n]\n e = tr(X'*W*W*X) + tr(X'*W*X) }",
];

#[test]
fn factors_put_together_are_the_block() {
    let mut seen = BTreeSet::new();
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for text in STRUCTURES {
        let network = format!("{text}\nnetwork n {{ input X: R[4, 2]\n loss m(X) }}");
        let file = file(&network);
        let mut items = Items::new();
        let x = Array::from_matrix(&random_matrix(4, 2, &mut rng));
        items.insert(
            "X".into(),
            Array::new(vec![1, 4, 2], x.values).unwrap().into(),
        );
        let parameters = file.network("n").unwrap().parameters;
        for parameter in &parameters {
            let (rows, cols) = parameter.shape.evaluate(&Sizes::new()).unwrap();
            let value = Array::from_value(&random_matrix(rows, cols, &mut rng), &parameter.shape);
            items.insert(parameter.name.to_string(), value.into());
        }
        let whole = run_file(&file, &items, &dense()).unwrap();
        for vectorisation in [Vectorisation::Column, Vectorisation::Row] {
            let options = RunOptions {
                vectorisation,
                ..RunOptions::default()
            };
            let parts = run_file(&file, &items, &options).unwrap();
            for item in parts.values() {
                if let Item::Text(structure) = item {
                    seen.insert(structure.clone());
                }
            }
            for parameter in &parameters {
                let name = format!("hess.{}", parameter.name);
                let mut block = matrix(&array(&whole, &name));
                if vectorisation == Vectorisation::Row {
                    block = by_rows(&block, matrix(&array(&items, &parameter.name)).shape());
                }
                let difference = (rebuilt(&parts, &name) - &block).amax();
                let close = difference <= 1e-12 * block.amax().max(1.0);
                assert!(close, "{text}: {name} is off by {difference:e}");
            }
        }
    }
    assert!(
        ["diagonal", "kronecker"].iter().all(|s| seen.contains(*s)),
        "{seen:?}"
    );
}

#[test]
fn columns_and_single_entries_stand_for_vectors_and_scalars() {
    let module = file("module m(x: R[n]) -> e: R { param s: R\n e = s * x'*x }")
        .module("m")
        .unwrap();
    let expected = given(&[
        ("x", &[3], &[1.0, 2.0, 3.0]),
        ("s", &[], &[2.0]),
        ("grad.e", &[], &[1.0]),
        ("hess.e", &[1, 1], &[0.5]),
    ]);
    let other = given(&[
        ("x", &[3, 1], &[1.0, 2.0, 3.0]),
        ("s", &[1], &[2.0]),
        ("grad.e", &[1, 1], &[1.0]),
        ("hess.e", &[], &[0.5]),
    ]);
    let found = run_module(&module, &other, &dense()).unwrap();
    assert_eq!(found, run_module(&module, &expected, &dense()).unwrap());
    let shapes: Vec<(&str, Vec<usize>)> = found
        .iter()
        .map(|(name, item)| (&**name, item.array().unwrap().shape.clone()))
        .collect();
    let expected = [
        ("e", vec![]),
        ("grad.x", vec![3]),
        ("hess.x", vec![3, 3]),
        ("grad.s", vec![]),
        ("hess.s", vec![1, 1]),
    ];
    assert_eq!(shapes, expected);
}

/// The block that one module returns by rows is what the next one takes by rows.
#[test]
fn the_order_of_what_goes_in_is_that_of_what_comes_out() {
    let module = file("module m(X: R[m, n]) -> Z: R[m, n] { param A: R[m, m]\n Z = A*X }")
        .module("m")
        .unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let half = random_matrix(6, 6, &mut rng);
    let hessian = DMatrix::from_fn(6, 6, |i, j| half[(i, j)] + half[(j, i)]);
    let items = |hessian: &DMatrix<f64>| {
        given(&[
            ("X", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
            ("A", &[2, 2], &[1.0, 2.0, 0.0, 3.0]),
            ("grad.Z", &[2, 3], &[1.0; 6]),
            ("hess.Z", &[6, 6], hessian.as_slice()),
        ])
    };
    let columns = run_module(&module, &items(&hessian), &dense()).unwrap();
    let options = RunOptions {
        vectorisation: Vectorisation::Row,
        ..dense()
    };
    let rows = run_module(&module, &items(&by_rows(&hessian, (2, 3))), &options).unwrap();
    for (name, shape) in [("hess.X", (2, 3)), ("hess.A", (2, 2))] {
        let expected = by_rows(&matrix(&array(&columns, name)), shape);
        let difference = (matrix(&array(&rows, name)) - expected).amax();
        assert!(difference < 1e-12, "{name} is off by {difference:e}");
    }
}
