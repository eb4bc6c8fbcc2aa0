//! What is refused, and what the refusal says.

use hbp::data::{Array, Item, Kind};
use hbp::network::{Items, RunError, RunOptions, run_file};

use super::tools::{file, given};

pub(super) const AFFINE: &str =
    "module affine(x: R[n]) -> z: R[m] { param W: R[m, n]\n param b: R[m]\n z = W*x + b }";

pub(super) fn affine() -> Items {
    given(&[
        ("x", &[3], &[1.0, 2.0, 3.0]),
        ("W", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        ("b", &[2], &[0.0, 1.0]),
        ("grad.z", &[2], &[1.0, 1.0]),
        ("hess.z", &[2, 2], &[2.0, 1.0, 1.0, 2.0]),
    ])
}

pub(super) const NET: &str = "network net { input x: R[2]\n target y: R[2]\n h = linear[2](x)\n loss softmax_cross_entropy(h, y) }";

pub(super) fn net() -> Items {
    given(&[
        ("x", &[2, 2], &[1.0, 2.0, 3.0, 4.0]),
        ("y", &[2, 2], &[0.5, 0.5, 0.0, 1.0]),
        ("h.W", &[2, 2], &[1.0, 2.0, 3.0, 4.0]),
        ("h.b", &[2], &[0.0, 1.0]),
    ])
}

pub(super) fn refused(text: &str, items: &Items, options: &RunOptions) -> RunError {
    let result = run_file(&file(text), items, options);
    result.expect_err("must be refused")
}

/// The message and the help hold these words.
pub(super) fn says(error: &RunError, message: &[&str], help: &str) {
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

pub(super) fn check(text: &str, items: &Items, message: &[&str], help: &str) {
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
    let empty = with(with(net(), "x", &[0, 2], &[]), "y", &[0, 2], &[]);
    check(
        NET,
        &empty,
        &["`x` holds no samples", "`y` holds no samples"],
        "at least one sample",
    );
    check(
        NET,
        &with(net(), "y", &[0, 2], &[]),
        &["`y` holds no samples"],
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
    check(
        NET,
        &labels(&[]),
        &["`y` holds no samples"],
        "at least one sample",
    );
}
