//! `hbp train` on data that people bring: what does not fit is refused before anything is written, and matrices are not turned.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use hbp::data::{Array, Item, write_npz};

use super::hbp;
use super::train::{metrics, path, train};

pub(super) fn noise(place: usize) -> f64 {
    ((place * 7919 + 13) % 997) as f64 / 498.5 - 1.0
}

pub(super) fn array(shape: &[usize], value: impl Fn(usize) -> f64) -> Item {
    let count = shape.iter().product();
    Array::new(shape.to_vec(), (0..count).map(value).collect())
        .unwrap()
        .into()
}

pub(super) fn write(file: &str, items: &[(&str, Item)]) {
    let named = items.iter().map(|(name, item)| (*name, item));
    write_npz(Path::new(file), named).unwrap();
}

/// Every file of a directory.
pub(super) fn files(folder: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let read = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read(entry.path()).unwrap())
    };
    entries.map(read).collect()
}

#[test]
fn a_refused_start_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let [run, fresh, data, open, pair] =
        ["run", "fresh", "d.npz", "open.hbp", "pair.hbp"].map(|name| path(&folder, name));
    assert_eq!(train(&run, &["--epochs", "1"]).code, 0);
    let before = files(&run);
    assert_eq!(before.len(), 5, "{:?}", before.keys());
    write(
        &data,
        &[("x", array(&[20, 3], noise)), ("y", array(&[20, 1], noise))],
    );
    fs::write(&open, "network n { input x: R[3]\n target y: R[1]\n h = linear[k](x)\n o = linear[1](h)\n loss square_loss(o, y) }").unwrap();
    fs::write(&pair, "network n { input x: R[3]\n input u: R[3]\n target y: R[1]\n s = add(x, u)\n o = linear[1](s)\n loss square_loss(o, y) }").unwrap();
    let cases: [(&[&str], &str); 5] = [
        (&["--data", "no-such.npz"], "no-such.npz"),
        (&[&open, "--data", &data], "--dims"),
        (
            &[&pair, "--data", &data],
            "has 2 inputs; networks with one are trained",
        ),
        (&["--compose", "a7+h9"], "a7"),
        (
            &["--parameters", "no-such.safetensors"],
            "no-such.safetensors",
        ),
    ];
    for (more, part) in cases {
        for (out, force) in [(&run, Some("--force")), (&fresh, None)] {
            let answer = train(
                out,
                &[more, &force.into_iter().collect::<Vec<_>>()].concat(),
            );
            assert_eq!(
                (answer.code, answer.out.as_str()),
                (2, ""),
                "{more:?}: {}",
                answer.err
            );
            assert!(answer.err.contains(part), "{more:?}: {}", answer.err);
        }
        assert!(files(&run) == before, "{more:?} changed the run");
        assert!(
            !Path::new(&fresh).exists(),
            "{more:?} left something behind"
        );
    }
    // As the message advises.
    let answer = train(
        &fresh,
        &[&open, "--data", &data, "--dims", "k=2", "--epochs", "1"],
    );
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert_eq!(train(&run, &["--force", "--epochs", "2"]).code, 0);
    assert_eq!(metrics(&run).len(), 4);
}

pub(super) fn labels(classes: usize) -> Item {
    let labels = (0..20).map(|k| (k % classes) as f64).collect();
    let array = Array::new(vec![20], labels).unwrap();
    Item::from(array.with_kind(hbp::data::Kind::Integer))
}

const LOGIT: &str = "network n { input x: R[3]\n target y: R\n o = linear[1](x)\n loss binary_cross_entropy_with_logits(o, y) }";

#[test]
fn targets_that_do_not_fit_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let [run, data, file] = ["run", "d.npz", "n.hbp"].map(|name| path(&folder, name));
    let classes =
        "network n { input x: R[3]\n target y: R[2]\n o = linear[2](x)\n loss square_loss(o, y) }";
    let shares = "network n { input x: R[3]\n target y: R[2]\n o = linear[2](x)\n loss softmax_cross_entropy(o, y) }";
    let matrix = "module m(x: R[n, k]) -> z: R { param A: R[n, k]\n z = tr(A'*x) }\nnetwork n { input x: R[3, 2]\n target y: R\n o = m(x)\n loss square_loss(o, y) }";
    let fact = "module m(x: R[n]) -> z: R { param A: R[n, n] symmetric\n z = x'*A*x }\nnetwork n { input x: R[3]\n target y: R\n o = m(x)\n loss square_loss(o, y) }";
    let features = array(&[20, 3], noise);
    let scalars = array(&[20], noise);
    let cases: [(&str, Item, Item, &[&str]); 6] = [
        (
            classes,
            features.clone(),
            labels(7),
            &["go up to 6", "too large", "R[7]"],
        ),
        (
            LOGIT,
            features.clone(),
            labels(7),
            &["has the entry 2", "between 0 and 1"],
        ),
        (
            &LOGIT.replace("binary_cross_entropy_with_logits", "poisson_nll"),
            features.clone(),
            array(&[20], |k| 1.0 - k as f64),
            &["has the entry -", "from 0 on"],
        ),
        (
            shares,
            features.clone(),
            array(&[20, 2], |k| (k % 4) as f64 / 2.0),
            &["declared distribution", "sum to"],
        ),
        (
            matrix,
            array(&[20, 2, 3], noise),
            scalars.clone(),
            &["3 × 2 matrix", "the shape (2, 3)"],
        ),
        (fact, features, scalars, &["`o.A` has a declared fact"]),
    ];
    for (text, x, y, parts) in cases {
        fs::write(&file, text).unwrap();
        write(&data, &[("x", x), ("y", y)]);
        let answer = train(&run, &[&file, "--data", &data]);
        assert_eq!(
            (answer.code, answer.out.as_str()),
            (2, ""),
            "{text}: {}",
            answer.err
        );
        for part in parts {
            assert!(answer.err.contains(part), "no {part} in {}", answer.err);
        }
        assert!(!Path::new(&run).exists(), "{text}");
    }
}

#[test]
fn whole_numbers_are_numbers_to_a_scalar_target() {
    let folder = tempfile::tempdir().unwrap();
    let [run, data, file] = ["run", "d.npz", "n.hbp"].map(|name| path(&folder, name));
    let x = array(&[20, 3], |k| {
        if k % 3 == 0 {
            (k / 3 % 2) as f64
        } else {
            noise(k)
        }
    });
    write(&data, &[("x", x), ("y", labels(2))]);
    fs::write(&file, LOGIT).unwrap();
    let answer = train(
        &run,
        &[&file, "--data", &data, "--lr", "1", "--alpha", "0.1"],
    );
    assert_eq!(answer.code, 0, "{}", answer.err);
    // The first feature is the answer, which is soon learned.
    let rows = metrics(&run);
    assert_eq!(rows.last().unwrap().rsplit_once(',').unwrap().1, "1");
}

/// The test loss of a run is what `hbp run` computes of the same parameters and samples, whose matrices it reads by itself.
#[test]
fn matrices_are_read_as_they_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let [run, data, test, model, out, file] =
        ["run", "d.npz", "t.npz", "m.npz", "o.npz", "n.hbp"].map(|name| path(&folder, name));
    let text = "module pool[m](x: R[n, k]) -> z: R[m] { param A: R[m, n]\n param v: R[k]\n z = tanh(A*x)*v }
network n { input x: R[2, 3]\n target y: R[2]\n h = pool[4](x)\n o = linear[2](h)\n loss square_loss(o, y) }";
    fs::write(&file, text).unwrap();
    let (x, y) = (
        array(&[5, 2, 3], |k| noise(k + 400)),
        array(&[5, 2], |k| noise(k + 700)),
    );
    write(&test, &[("x", x.clone()), ("y", y.clone())]);
    write(
        &data,
        &[
            ("x", array(&[20, 2, 3], noise)),
            ("y", array(&[20, 2], |k| noise(k + 100))),
            ("x_test", x),
            ("y_test", y),
        ],
    );
    let answer = train(
        &run,
        &[
            &file,
            "--data",
            &data,
            "--epochs",
            "2",
            "--optimizer",
            "sgd",
            "--dtype",
            "f64",
        ],
    );
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert_eq!(hbp(&["export", &run, "--out", &model], b"").code, 0);
    let answer = hbp(
        &[
            "run",
            &file,
            "--data",
            &test,
            "--parameters",
            &model,
            "--out",
            &out,
        ],
        b"",
    );
    assert_eq!(answer.code, 0, "{}", answer.err);
    let found = hbp::data::read_npz(Path::new(&out)).unwrap();
    let expected = found["loss"].array().unwrap().values[0];
    let rows = metrics(&run);
    let loss: f64 = rows
        .last()
        .unwrap()
        .split(',')
        .nth(3)
        .unwrap()
        .parse()
        .unwrap();
    assert!(
        (loss - expected).abs() < 1e-12 * expected.abs(),
        "{loss} {expected}"
    );
}
