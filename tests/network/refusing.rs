//! What is refused, and what the refusal says.

use hbp::data::{Array, Item, Kind};
use hbp::network::{Batch, Curvature, Items, RunError, RunOptions, plan_file, run_file};

use super::tools::{file, given};

const AFFINE: &str =
    "module affine(x: R[n]) -> z: R[m] { param W: R[m, n]\n param b: R[m]\n z = W*x + b }";

fn affine() -> Items {
    given(&[
        ("x", &[3], &[1.0, 2.0, 3.0]),
        ("W", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        ("b", &[2], &[0.0, 1.0]),
        ("grad.z", &[2], &[1.0, 1.0]),
        ("hess.z", &[2, 2], &[2.0, 1.0, 1.0, 2.0]),
    ])
}

const NET: &str = "network net { input x: R[2]\n target y: R[2]\n h = linear[2](x)\n loss softmax_cross_entropy(h, y) }";

fn net() -> Items {
    given(&[
        ("x", &[2, 2], &[1.0, 2.0, 3.0, 4.0]),
        ("y", &[2, 2], &[0.5, 0.5, 0.0, 1.0]),
        ("h.W", &[2, 2], &[1.0, 2.0, 3.0, 4.0]),
        ("h.b", &[2], &[0.0, 1.0]),
    ])
}

fn refused(text: &str, items: &Items, options: &RunOptions) -> RunError {
    let result = run_file(&file(text), items, options);
    result.expect_err("must be refused")
}

/// The message and the help hold these words.
fn says(error: &RunError, message: &[&str], help: &str) {
    for words in message {
        assert!(
            error.message().contains(words),
            "`{words}` is not in: {}\nhelp: {}",
            error.message(),
            error.help()
        );
    }
    assert!(
        error.help().contains(help),
        "`{help}` is not in: {}\nhelp: {}",
        error.message(),
        error.help()
    );
}

fn check(text: &str, items: &Items, message: &[&str], help: &str) {
    says(&refused(text, items, &RunOptions::default()), message, help);
}

fn with(mut items: Items, name: &str, shape: &[usize], values: &[f64]) -> Items {
    items.extend(given(&[(name, shape, values)]));
    items
}

#[test]
fn the_examples_run_as_they_are() {
    run_file(&file(AFFINE), &affine(), &RunOptions::default()).unwrap();
    run_file(&file(NET), &net(), &RunOptions::default()).unwrap();
}

#[test]
fn missing_and_unknown_arrays() {
    let mut items = affine();
    items.shift_remove("b");
    check(
        AFFINE,
        &items,
        &["module `affine`", "`b`", "R[m]"],
        "`hess.z`",
    );
    check(
        AFFINE,
        &with(affine(), "c", &[], &[1.0]),
        &["`c`", "`affine`"],
        "remove or rename",
    );
    let mut items = net();
    items.shift_remove("h.b");
    check(NET, &items, &["network `net`", "`h.b`", "R[2]"], "add it");
    check(
        NET,
        &with(net(), "h.c", &[], &[1.0]),
        &["`h.c`", "`net`"],
        "`h.W`",
    );
    let mut items = affine();
    items.insert("b".into(), Item::Text("two".into()));
    check(AFFINE, &items, &["`b` is text"], "R[m]");
}

#[test]
fn wrong_shapes() {
    let wrong = |name: &str, shape: &[usize]| {
        with(affine(), name, shape, &vec![1.0; shape.iter().product()])
    };
    check(
        AFFINE,
        &wrong("b", &[3]),
        &["length of `b` is 3", "m", "2", "rows of `W`"],
        "R[m]",
    );
    check(
        AFFINE,
        &wrong("x", &[1, 3]),
        &["`x`", "(1, 3)", "R[n]"],
        "one axis",
    );
    check(
        AFFINE,
        &wrong("W", &[6]),
        &["`W`", "(6,)", "R[m, n]"],
        "two axes",
    );
    check(
        AFFINE,
        &wrong("W", &[3, 2]),
        &["`W`", "columns", "n = 3"],
        "agree",
    );
    check(
        AFFINE,
        &wrong("hess.z", &[4, 4]),
        &["`hess.z`", "4", "m = 2"],
        "agree",
    );
    check(
        AFFINE,
        &wrong("x", &[0]),
        &["`x` has no entries", "(0,)"],
        "at least 1",
    );
    let fixed = AFFINE.replace('n', "5");
    let fixed = fixed.replace("affi5e", "affine");
    check(
        &fixed.replace("5o", "no"),
        &affine(),
        &["`x` is 3", "declared as R[5]"],
        "declaration",
    );
    let scalar = "module s(x: R) -> z: R { z = x * x }";
    let items = given(&[
        ("x", &[2], &[1.0, 2.0]),
        ("grad.z", &[], &[1.0]),
        ("hess.z", &[1, 1], &[1.0]),
    ]);
    check(scalar, &items, &["`x`", "(2,)", "R"], "one entry");
}

#[test]
fn values_that_are_no_numbers() {
    check(
        AFFINE,
        &with(affine(), "W", &[2, 3], &[1.0, 2.0, 3.0, 4.0, f64::NAN, 6.0]),
        &["`W`", "NaN", "(1, 1)"],
        "finite",
    );
    check(
        AFFINE,
        &with(affine(), "b", &[2], &[1.0, f64::INFINITY]),
        &["`b`", "inf", "(1,)"],
        "finite",
    );
    check(
        NET,
        &with(net(), "x", &[2, 2], &[f64::NAN, 1.0, 1.0, 1.0]),
        &["`x`", "NaN", "(0, 0)"],
        "finite",
    );
    let options = RunOptions {
        precision: hbp::network::Precision::Single,
        ..RunOptions::default()
    };
    says(
        &refused(AFFINE, &with(affine(), "b", &[2], &[1.0, 1e300]), &options),
        &["`b`", "32 bits"],
        "--dtype f64",
    );
}

#[test]
fn hessians_that_are_not_symmetric() {
    let skewed = [2.0, 1.0, 1.0 + 1e-9, 2.0];
    check(
        AFFINE,
        &with(affine(), "hess.z", &[2, 2], &skewed),
        &["`hess.z` is not symmetric", "1.000e-9"],
        "/ 2",
    );
    let close = [2.0, 1.0, 1.0 + 1e-11, 2.0];
    run_file(
        &file(AFFINE),
        &with(affine(), "hess.z", &[2, 2], &close),
        &RunOptions::default(),
    )
    .unwrap();
}

#[test]
fn facts_that_do_not_hold() {
    let text = |fact: &str| {
        format!("module m(x: R[2]) -> z: R[2] {{ param A: R[2, 2] {fact}\n z = A*x }}")
    };
    let items = |a: &[f64]| {
        given(&[
            ("x", &[2], &[1.0, 2.0]),
            ("A", &[2, 2], a),
            ("grad.z", &[2], &[1.0, 1.0]),
            ("hess.z", &[2, 2], &[1.0, 0.0, 0.0, 1.0]),
        ])
    };
    check(
        &text("symmetric"),
        &items(&[1.0, 2.0, 2.1, 1.0]),
        &["`A`", "symmetric", "differ"],
        "remove `symmetric`",
    );
    check(
        &text("diagonal"),
        &items(&[1.0, 0.1, 0.0, 1.0]),
        &["`A`", "diagonal", "(0, 1)"],
        "remove `diagonal`",
    );
    check(
        &text("positive-definite"),
        &items(&[1.0, 2.0, 2.0, 1.0]),
        &["`A`", "eigenvalue -1"],
        "1e-6",
    );
    check(
        &text("positive-definite"),
        &items(&[1.0, 0.0, 0.5, 1.0]),
        &["`A`", "positive-definite"],
        "1e-6",
    );
    run_file(
        &file(&text("symmetric")),
        &items(&[1.0, 2.0, 2.0 + 1e-7, 1.0]),
        &RunOptions::default(),
    )
    .unwrap();
    run_file(
        &file(&text("positive-definite")),
        &items(&[2.0, 1.0, 1.0, 2.0]),
        &RunOptions::default(),
    )
    .unwrap();
    check(
        NET,
        &with(net(), "y", &[2, 2], &[0.5, 0.5, 0.2, 0.2]),
        &["sample 1 of `y`", "distribution", "0.4"],
        "1e-6",
    );
    check(
        NET,
        &with(net(), "y", &[2, 2], &[1.5, -0.5, 0.5, 0.5]),
        &["sample 0 of `y`", "-0.5"],
        "1e-6",
    );
}

#[test]
fn batches_that_do_not_fit() {
    check(
        NET,
        &with(net(), "x", &[3, 2], &[1.0; 6]),
        &["`y` holds 2 samples", "`x` holds 3"],
        "first axis",
    );
    let empty = with(net(), "x", &[0, 2], &[]);
    check(
        NET,
        &empty,
        &["`x` holds no samples", "(0, 2)"],
        "at least one sample",
    );
    check(
        NET,
        &with(net(), "x", &[2, 3], &[1.0; 6]),
        &["`x` is 3", "R[2]"],
        "declared shape",
    );
    check(
        NET,
        &with(net(), "x", &[], &[1.0]),
        &["`x` has no axis"],
        "one a sample",
    );
    check(
        NET,
        &with(net(), "y", &[2], &[0.0, 1.0]),
        &["`y`", "(2,)", "R[2]"],
        "integers",
    );
    let labels = |values: &[f64]| {
        let mut items = net();
        let array = Array::new(vec![values.len()], values.to_vec()).unwrap();
        items.insert("y".into(), array.with_kind(Kind::Integer).into());
        items
    };
    check(
        NET,
        &labels(&[0.0, 2.0]),
        &["sample 1 of `y`", "label 2", "2 classes"],
        "0 to 1",
    );
    check(NET, &labels(&[0.0, -1.0]), &["label -1"], "0 to 1");
}

#[test]
fn dimensions_that_stay_open() {
    let text = "module m[k](x: R[n]) -> z: R[n] { z = x * (sum(ones(k)) + k) }";
    let items = given(&[
        ("x", &[2], &[1.0, 2.0]),
        ("grad.z", &[2], &[1.0, 1.0]),
        ("hess.z", &[2, 2], &[1.0, 0.0, 0.0, 1.0]),
    ]);
    check(text, &items, &["`k`", "does not follow"], "--dims k=4");
    let sized = |name: &str, size| RunOptions {
        sizes: [(name.into(), size)].into(),
        ..RunOptions::default()
    };
    let found = run_file(&file(text), &items, &sized("k", 5)).unwrap();
    assert_eq!(found["z"].array().unwrap().values, [10.0, 20.0]);
    says(
        &refused(text, &items, &sized("q", 5)),
        &["--dims q=5"],
        "`k`, `n`",
    );
    says(
        &refused(AFFINE, &affine(), &sized("n", 4)),
        &["`x` is 3", "n = 4 by `--dims`"],
        "agree",
    );
    let net = NET.replace("x: R[2]", "x: R[k]");
    says(
        &refused(&net, &self::net(), &sized("q", 5)),
        &["--dims q=5", "`net`"],
        "`k`",
    );
    says(
        &plan_file(&file(AFFINE), &sized("n", 4)).unwrap_err(),
        &["`m`"],
        "--dims m=4",
    );
}

#[test]
fn sizes_by_products() {
    let text = "module m(x: R[n*n]) -> z: R { z = sum(reshape(x, n, n) * reshape(x, n, n)) }";
    let items = |n: usize| {
        let (mut items, values) = (
            given(&[("grad.z", &[], &[1.0]), ("hess.z", &[1, 1], &[0.0])]),
            vec![1.0; n],
        );
        items.extend(given(&[("x", &[n], &values)]));
        items
    };
    let found = run_file(&file(text), &items(9), &RunOptions::default()).unwrap();
    assert_eq!(found["z"].array().unwrap().values, [27.0]);
    check(text, &items(8), &["`x` is 8", "`n`", "n*n"], "that form");
}

#[test]
fn abstract_functions() {
    let text = "fn phi(t)\nmodule m(x: R[n]) -> z: R[n] { z = phi(x) }";
    check(
        text,
        &affine(),
        &["`phi`", "`m`", "abstract"],
        "fn phi(t) = tanh(t)",
    );
    says(
        &plan_file(&file(text), &RunOptions::default()).unwrap_err(),
        &["`phi`", "abstract"],
        "fn phi(t)",
    );
    let net = "fn phi(t)\nnetwork net { input x: R[2]\n target y: R[2]\n h = linear[2](x)\n a = phi(h)\n loss square_loss(a, y) }";
    check(
        net,
        &self::net(),
        &["`a`", "`phi`", "abstract"],
        "fn phi(t)",
    );
}

#[test]
fn modes_of_other_versions() {
    for text in ["ggn", "pch-abs", "pch-clip", "fisher"] {
        let options = RunOptions {
            curvature: text.parse().unwrap(),
            ..RunOptions::default()
        };
        says(
            &refused(NET, &net(), &options),
            &["--curvature", text, "not available in this version"],
            "default",
        );
    }
    for text in ["average-hessian", "average-jacobian"] {
        let options = RunOptions {
            batch: text.parse().unwrap(),
            ..RunOptions::default()
        };
        says(
            &refused(AFFINE, &affine(), &options),
            &["--batch", text, "not available in this version"],
            "default",
        );
    }
    says(
        &"newton".parse::<Curvature>().unwrap_err(),
        &["`newton`", "--curvature"],
        "pch-abs",
    );
    says(
        &"all".parse::<Batch>().unwrap_err(),
        &["`all`", "--batch"],
        "average-jacobian",
    );
}

#[test]
fn values_read_twice_and_shared_parameters() {
    let twice = "network net { input x: R[2]\n target y: R[2]\n h = linear[2](x)\n a = tanh(h)\n s = add(a, h)\n loss square_loss(s, y) }";
    check(
        twice,
        &net(),
        &["`h`", "`a`, `s`", "not supported yet"],
        "one node",
    );
    let shared = "network net { input x: R[2]\n target y: R[2]\n h = linear[2](x)\n k = linear[2](h; W = h.W)\n loss square_loss(k, y) }";
    check(
        shared,
        &net(),
        &["`h.W`", "`h`", "`k`", "not supported yet"],
        "one node",
    );
}

#[test]
fn what_does_not_fit_memory() {
    let options = RunOptions {
        limit: 1 << 20,
        ..RunOptions::default()
    };
    let text = "network net { input x: R[50]\n target y: R[10]\n h = linear[10](x)\n loss square_loss(h, y) }";
    let items = |b: usize| {
        given(&[
            ("x", &[b, 50], &vec![0.5; b * 50]),
            ("y", &[b, 10], &vec![0.5; b * 10]),
            ("h.W", &[10, 50], &[0.1; 500]),
            ("h.b", &[10], &[0.1; 10]),
        ])
    };
    let error = refused(text, &items(2), &options);
    assert!(error.is_limit());
    says(
        &error,
        &["`h.W`", "500 × 500", "2000000 bytes", "1048576"],
        "smaller width",
    );
    // One sample's block stays in factors.
    let found = run_file(&file(text), &items(1), &options).unwrap();
    assert_eq!(found["hess.h.W.structure"], Item::Text("kronecker".into()));
    assert!(
        refused(
            text,
            &items(1),
            &RunOptions {
                dense: true,
                ..options
            }
        )
        .is_limit()
    );
}

#[test]
fn which_definition_is_meant() {
    let two = "module a(x: R) -> z: R { z = x * x }\nmodule b(x: R) -> z: R { z = exp(x) }";
    check(two, &affine(), &["test.hbp", "2 modules"], "--module a");
    check(
        &format!("{NET}\n{}", NET.replace("net {", "other {")),
        &net(),
        &["2 networks"],
        "--network net",
    );
    check(
        "fn f(t) = t",
        &net(),
        &["neither a network nor a module"],
        "define one",
    );
    let chosen = |module: Option<&str>, network: Option<&str>| RunOptions {
        module: module.map(Into::into),
        network: network.map(Into::into),
        ..RunOptions::default()
    };
    says(
        &refused(two, &affine(), &chosen(Some("c"), None)),
        &["`c`", "test.hbp"],
        "a, b",
    );
    says(
        &refused(NET, &net(), &chosen(None, Some("c"))),
        &["`c`", "test.hbp"],
        "net",
    );
    let items = given(&[
        ("x", &[], &[3.0]),
        ("grad.z", &[1], &[1.0]),
        ("hess.z", &[], &[0.0]),
    ]);
    let found = run_file(&file(two), &items, &chosen(Some("a"), None)).unwrap();
    assert_eq!(found["grad.x"].array().unwrap().values, [6.0]);
    // A network comes before the modules it is made of.
    run_file(
        &file(&format!("{two}\n{NET}")),
        &net(),
        &RunOptions::default(),
    )
    .unwrap();
}
