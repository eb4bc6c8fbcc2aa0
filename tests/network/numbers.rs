//! Known answers, and the digits.

use hbp::data::Item;
use hbp::network::{RunOptions, Vectorisation, digits_items, plan_file, run_digits, run_file};

use super::tools::{agree, array, by_rows, dense, file, given, matrix, rebuilt};

fn expect(
    items: &hbp::network::Items,
    name: &str,
    shape: &[usize],
    values: &[f64],
    tolerance: f64,
) {
    agree(
        name,
        &array(items, name),
        &array(&given(&[(name, shape, values)]), name),
        tolerance,
    );
}

const LINEAR: &str =
    "network a { input x: R[3]\n target y: R[2]\n h = linear[2](x)\n loss square_loss(h, y) }";

fn linear() -> hbp::network::Items {
    given(&[
        ("x", &[1, 3], &[1.0, 3.0, 5.0]),
        ("y", &[1, 2], &[0.0, 0.0]),
        ("h.W", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        ("h.b", &[2], &[7.0, 8.0]),
    ])
}

#[test]
fn the_linear_layer() {
    let xx = [1.0, 3.0, 5.0, 3.0, 9.0, 15.0, 5.0, 15.0, 25.0];
    let found = run_file(
        &file(LINEAR),
        &linear(),
        &RunOptions {
            vectorisation: Vectorisation::Row,
            ..dense()
        },
    )
    .unwrap();
    expect(&found, "hess.h.b", &[2, 2], &[2.0, 0.0, 0.0, 2.0], 1e-14);
    let block = |i: usize, j: usize| {
        if i / 3 == j / 3 {
            2.0 * xx[i % 3 * 3 + j % 3]
        } else {
            0.0
        }
    };
    let rows: Vec<f64> = (0..36).map(|k| block(k / 6, k % 6)).collect();
    expect(&found, "hess.h.W", &[6, 6], &rows, 1e-14);
    // By factors: x x' ⊗ 2I, and 2I ⊗ x x' by rows.
    let found = run_file(&file(LINEAR), &linear(), &RunOptions::default()).unwrap();
    assert_eq!(found["hess.h.W.structure"], Item::Text("kronecker".into()));
    assert_eq!(array(&found, "hess.h.W.kron.0").shape, [3, 3]);
    assert_eq!(array(&found, "hess.h.W.kron.1").shape, [2, 2]);
    let whole = rebuilt(&found, "hess.h.W");
    let by_row = RunOptions {
        vectorisation: Vectorisation::Row,
        ..RunOptions::default()
    };
    let found = run_file(&file(LINEAR), &linear(), &by_row).unwrap();
    assert_eq!(array(&found, "hess.h.W.kron.0").shape, [2, 2]);
    assert_eq!(rebuilt(&found, "hess.h.W"), by_rows(&whole, (2, 3)));
    // ℋx needs the whole as one module.
    let module =
        "module a(x: R[n]) -> e: R { param W: R[m, n]\n param b: R[m]\n z = W*x + b\n e = z'*z }";
    let mut items = linear();
    items.shift_remove("y");
    items = items
        .into_iter()
        .map(|(name, item)| (name.trim_start_matches("h.").to_owned(), item))
        .collect();
    items.extend(given(&[
        ("x", &[3], &[1.0, 3.0, 5.0]),
        ("grad.e", &[], &[1.0]),
        ("hess.e", &[1, 1], &[0.0]),
    ]));
    let found = run_file(&file(module), &items, &dense()).unwrap();
    expect(
        &found,
        "hess.x",
        &[3, 3],
        &[34.0, 44.0, 54.0, 44.0, 58.0, 72.0, 54.0, 72.0, 90.0],
        1e-14,
    );
    expect(&found, "hess.b", &[2, 2], &[2.0, 0.0, 0.0, 2.0], 1e-14);
}

#[test]
fn the_sigmoid() {
    let net = "network b { input x: R[3]\n target y: R[3]\n h = bias(x)\n a = sigmoid(h)\n loss square_loss(a, y) }";
    let items = given(&[
        ("x", &[1, 3], &[1.0, 2.0, 3.0]),
        ("y", &[1, 3], &[0.0; 3]),
        ("h.b", &[3], &[0.0; 3]),
    ]);
    let found = run_file(&file(net), &items, &RunOptions::default()).unwrap();
    let block = rebuilt(&found, "hess.h.b");
    for (i, expected) in [-0.055_532_2, -0.118_814_2, -0.073_822_7]
        .into_iter()
        .enumerate()
    {
        assert!((block[(i, i)] - expected).abs() < 5e-8, "{block}");
    }
    assert!(block.iter().filter(|v| **v != 0.0).count() == 3, "{block}");
}

#[test]
fn the_squared_norm_of_a_matrix_product() {
    let net =
        "module residual(u: R[k]) -> z: R[m] { param X: R[m, k]\n param y: R[m]\n z = X*u + y }
        network c { input u: R[2]\n h = residual[2](u)\n loss h'*h }"
            .replace("module residual", "module residual[m]");
    let items = given(&[
        ("u", &[1, 2], &[1.0, 2.0]),
        ("h.X", &[2, 2], &[0.3, 0.1, -0.2, 0.5]),
        ("h.y", &[2], &[1.0, -1.0]),
    ]);
    let found = run_file(
        &file(&net),
        &items,
        &RunOptions {
            vectorisation: Vectorisation::Row,
            ..dense()
        },
    )
    .unwrap();
    let expected = [
        2.0, 4.0, 0.0, 0.0, 4.0, 8.0, 0.0, 0.0, 0.0, 0.0, 2.0, 4.0, 0.0, 0.0, 4.0, 8.0,
    ];
    expect(&found, "hess.h.X", &[4, 4], &expected, 1e-14);
    expect(&found, "hess.h.y", &[2, 2], &[2.0, 0.0, 0.0, 2.0], 1e-14);
}

#[test]
fn factors_that_samples_share_are_kept() {
    let mut items = linear();
    items.extend(given(&[
        (
            "x",
            &[3, 3],
            &[1.0, 3.0, 5.0, -1.0, 0.5, 2.0, 0.0, 1.0, 1.0],
        ),
        ("y", &[3, 2], &[0.5; 6]),
    ]));
    let found = run_file(&file(LINEAR), &items, &RunOptions::default()).unwrap();
    // The mean of x x' ⊗ 2I is a Kronecker product.
    assert_eq!(found["hess.h.W.structure"], Item::Text("kronecker".into()));
    let whole = run_file(&file(LINEAR), &items, &dense()).unwrap();
    let difference = rebuilt(&found, "hess.h.W") - matrix(&array(&whole, "hess.h.W"));
    assert!(difference.amax() < 1e-14);
}

#[test]
fn the_digits_run() {
    let run = run_digits(20, 1, &RunOptions::default()).unwrap();
    // Ten classes and small weights: the loss is near log 10.
    assert!((run.loss - 10f64.ln()).abs() < 1.0, "{}", run.loss);
    let blocks: Vec<_> = run.parameters.iter().map(|p| p.block).collect();
    assert_eq!(blocks, [(1024, 1024), (16, 16), (160, 160), (10, 10)]);
    assert!(
        run.parameters
            .iter()
            .all(|p| p.gradient_norm > 0.0 && p.gradient_norm.is_finite())
    );
    // The block of the last bias is E[diag p − p p'], of trace 1 − E[p'p].
    let trace = run.parameters[3].trace;
    assert!(trace > 0.5 && trace < 1.0, "{trace}");
    assert_eq!(run.run.samples, 20);
    assert_eq!(digits_items(20, 1), digits_items(20, 1));
}

#[test]
fn plans_name_every_module_once() {
    let text = "network n { input x: R[3]\n target y: R[3]\n a = linear[3](x)\n b = tanh(a)\n c = linear[3](b)
        d = tanh(c)\n e = linear[3](d)\n loss square_loss(e, y) }";
    let plan = plan_file(&file(text), &RunOptions::default()).unwrap();
    assert!(plan.contains("linear of `c`, `e`, backward"), "{plan}");
    assert!(plan.contains("linear of `a`, backward"), "{plan}");
    assert!(
        plan.contains("square_loss of `loss`, forward and backward"),
        "{plan}"
    );
    assert!(plan.contains("6 nodes, 4 distinct modules"), "{plan}");
    let module =
        "module affine(x: R[n]) -> z: R[m] { param W: R[m, n]\n param b: R[m]\n z = W*x + b }";
    let options = RunOptions {
        sizes: [("m".into(), 2), ("n".into(), 3)].into(),
        ..RunOptions::default()
    };
    let plan = plan_file(&file(module), &options).unwrap();
    assert!(
        plan.starts_with("module affine at m = 2, n = 3\n"),
        "{plan}"
    );
    assert!(plan.contains("output hess.W: 6 × 6"), "{plan}");
}
