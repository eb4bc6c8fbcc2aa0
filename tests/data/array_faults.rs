//! Arrays that are no samples: each has its message.

use hbp::data::{Item, Kind, Samples, Targets};

use crate::files::{array, load_arrays, refused};

type Named = (&'static str, Item);

/// Three samples of two features.
fn x() -> Named {
    floats("x", &[3, 2], &[0.0; 6])
}

/// Their classes.
fn y() -> Named {
    integers(&[0.0, 1.0, 2.0])
}

fn integers(labels: &[f64]) -> Named {
    ("y", array(&[labels.len()], labels, Kind::Integer))
}

fn floats(name: &'static str, shape: &[usize], values: &[f64]) -> Named {
    (name, array(shape, values, Kind::Float64))
}

fn check(items: &[Named], message: &str, help: &str) {
    let error = load_arrays(items).unwrap_err();
    refused(&error, message, help);
    assert!(error.message.contains("in.npz"), "{error}");
}

#[test]
fn arrays_of_other_names_or_shapes_are_refused() {
    for (items, message, help) in [
        (vec![x()], "lacks `y`: it holds `x`", "`x` and `y`"),
        (
            vec![x(), y(), ("z", array(&[], &[1.0], Kind::Float64))],
            "holds `z`",
            "`x_test`",
        ),
        (
            vec![x(), y(), floats("x_test", &[1, 2], &[0.0; 2])],
            "lacks `y_test`",
            "both or neither",
        ),
        (
            vec![x(), integers(&[1.0, 2.0])],
            "has 3 samples, `y` 2: their shapes are (3, 2) and (2,)",
            "first axis",
        ),
        (
            vec![floats("x", &[], &[1.0]), y()],
            "`x` in `in.npz` is a single number",
            "first axis",
        ),
        (
            vec![x(), floats("y", &[], &[1.0])],
            "`y` in `in.npz` is a single number",
            "first axis",
        ),
        (
            vec![floats("x", &[0, 2], &[]), floats("y", &[0], &[])],
            "`x` in `in.npz` of shape (0, 2) is empty",
            "one sample",
        ),
        (
            vec![x(), floats("y", &[3, 0], &[])],
            "`y` in `in.npz` of shape (3, 0) is empty",
            "one target",
        ),
    ] {
        check(&items, message, help);
    }
}

#[test]
fn arrays_that_cannot_be_learned_from_are_refused() {
    for (items, message, help) in [
        (
            vec![x(), integers(&[0.0, -1.0, 2.0])],
            "label 1 (from 0) of `y` in `in.npz` is -1",
            "from 0",
        ),
        (
            vec![x(), integers(&[0.0, 1.0, 65536.0])],
            "is 65536, which is not in 0…65535",
            "astype(float)",
        ),
        (
            vec![x(), ("y", array(&[3, 1], &[0.0; 3], Kind::Integer))],
            "integers of shape (3, 1); class labels have one axis",
            "argmax",
        ),
        (
            vec![
                floats("x", &[3, 2], &[0.0, 0.0, 0.0, f64::NAN, 0.0, 0.0]),
                y(),
            ],
            "the features hold NaN at sample 1, place 1",
            "drop",
        ),
        (
            vec![floats("x", &[3, 1], &[0.0, 0.0, 1e300]), y()],
            "the features hold inf at sample 2, place 0",
            "precision",
        ),
        (
            vec![x(), floats("y", &[3], &[0.0, f64::INFINITY, 0.0])],
            "the targets hold inf at sample 1, place 0",
            "drop",
        ),
        (
            vec![x(), ("y", "word".into())],
            "`y` in `in.npz` is a word",
            "numbers",
        ),
        (
            vec![floats("x", &[1, 2], &[0.0; 2]), integers(&[1.0])],
            "there is one sample",
            "of its own",
        ),
        (
            vec![
                x(),
                y(),
                floats("x_test", &[1, 3], &[0.0; 3]),
                ("y_test", array(&[1], &[0.0], Kind::Integer)),
            ],
            "of `x` has the shape (2,), one of `x_test` (3,)",
            "like those",
        ),
        (
            vec![
                x(),
                y(),
                floats("x_test", &[1, 2], &[0.0; 2]),
                floats("y_test", &[1], &[0.0]),
            ],
            "`y` holds classes, `y_test` 1 numbers a sample",
            "same type",
        ),
    ] {
        check(&items, message, help);
    }
}

#[test]
fn samples_fit_together_or_are_none() {
    let values = |width, values| Targets::Values { width, values };
    for (n_features, count, targets) in [
        (0, 0, Targets::Classes(vec![])),
        (0, 2, Targets::Classes(vec![1])),
        (2, 3, Targets::Classes(vec![1])),
        (2, 2, Targets::Classes(vec![1, 2])),
        (usize::MAX, 2, Targets::Classes(vec![1, 2])),
        (1, 2, values(0, vec![])),
        (1, 2, values(2, vec![1.0; 3])),
        (1, 2, values(2, vec![1.0; 2])),
        (1, 2, values(1, vec![1.0, f64::NAN])),
    ] {
        let made = Samples::new(n_features, vec![0.0_f32; count], targets);
        assert!(!made.unwrap_err().help.is_empty());
    }
    let targets = Targets::Classes(vec![0]);
    assert!(Samples::new(1, vec![f64::NEG_INFINITY], targets).is_err());
}
