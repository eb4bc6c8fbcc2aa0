//! Steps of networks that are no single program, of losses that are not convex, and modes that cannot be: each trains, or is refused before anything is lost.

use std::fs;
use std::path::Path;

use super::hbp;
use super::train::{metrics, path, train};
use super::train_data::{array, files, labels, noise, write};

const HEADS: &str = "network n { input x: R[3]\n target y: R[2]\n a = linear[2](x)\n b = linear[2](x)\n loss gaussian_nll(a, b, y) }";
const MATRIX: &str = "module pool[m](x: R[n, k]) -> z: R[m] { param A: R[m, n]\n param v: R[k]\n z = tanh(A*x)*v }
network n { input x: R[2, 3]\n target y: R[2]\n h = pool[4](x)\n o = linear[2](h)\n loss square_loss(o, y) }";

#[test]
fn losses_that_are_not_convex_train_in_every_curvature() {
    let folder = tempfile::tempdir().unwrap();
    let [data, file] = ["d.npz", "n.hbp"].map(|name| path(&folder, name));
    fs::write(&file, HEADS).unwrap();
    write(
        &data,
        &[
            ("x", array(&[20, 3], noise)),
            ("y", array(&[20, 2], |k| 0.1 * noise(k))),
        ],
    );
    // The same step, whether a root of the loss Hessian can travel or the Hessian itself must.
    let step = |curvature: &str| {
        let run = path(&folder, curvature);
        let more = [
            &file,
            "--data",
            &data,
            "--curvature",
            curvature,
            "--batch",
            "exact",
            "--epochs",
            "2",
            "--dtype",
            "f64",
            "--initialisation",
            "zeros",
        ];
        let answer = train(&run, &more);
        assert_eq!(answer.code, 0, "{curvature}: {}", answer.err);
        metrics(&run)
    };
    // Without a hidden layer, what the network adds to the curvature of the loss is nothing.
    assert_eq!(step("ggn"), step("hessian"));
    // KFLR needs a root, and says so before it replaces a run.
    let run = path(&folder, "ggn");
    let before = files(&run);
    let answer = train(
        &run,
        &[&file, "--data", &data, "--optimizer", "kflr", "--force"],
    );
    // Its 2 × 2 parts have a negative determinant wherever a prediction is off.
    assert_eq!(
        (answer.code, answer.out.as_str()),
        (2, ""),
        "{}",
        answer.err
    );
    assert!(!answer.err.contains("--message"), "{}", answer.err);
    assert!(files(&run) == before);
}

#[test]
fn modes_that_cannot_be_cost_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let [run, fresh, file] = ["run", "fresh", "n.hbp"].map(|name| path(&folder, name));
    assert_eq!(train(&run, &["--epochs", "1"]).code, 0);
    let before = files(&run);
    let shared = "network n { input x: R[64]\n target y: R[10] distribution\n a = linear[64](x)\n b = sigmoid(a)\n c = linear[64](b; W = a.W)\n o = linear[10](c)\n loss softmax_cross_entropy(o, y) }";
    fs::write(&file, shared).unwrap();
    for (more, part) in [
        (
            &["--optimizer", "hessian-free", "--curvature", "pch-abs"][..],
            "pch-abs",
        ),
        (&[&file, "--optimizer", "kflr"], "a.W"),
    ] {
        for (out, force) in [(&run, &["--force"][..]), (&fresh, &[])] {
            let answer = train(out, &[more, force].concat());
            assert_eq!(
                (answer.code, answer.out.as_str()),
                (2, ""),
                "{more:?}: {}",
                answer.err
            );
            assert!(answer.err.contains(part), "{}", answer.err);
            assert!(!answer.err.contains("--message"), "{}", answer.err);
        }
        assert!(files(&run) == before && !Path::new(&fresh).exists());
    }
    // What does not fit the memory is a limit.
    let wide = path(&folder, "wide.hbp");
    fs::write(&wide, "network n { input x: R[64]\n target y: R[10] distribution\n a = linear[80](x)\n b = tanh(a)\n o = linear[10](b)\n loss softmax_cross_entropy(o, y) }").unwrap();
    let more = [
        &wide,
        "--curvature",
        "hessian",
        "--batch",
        "exact",
        "--memory",
        "60MB",
    ];
    let answer = train(&fresh, &more);
    assert_eq!(answer.code, 3, "{}", answer.err);
}

/// By steps of the paper's α, made for sigmoids, this network learns nothing.
#[test]
fn networks_of_relu_train_without_options() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(&folder, "relu.hbp");
    fs::write(&file, "network n { input x: R[64]\n target y: R[10] distribution\n h = linear[64](x)\n a = relu(h)\n g = linear[32](a)\n b = relu(g)\n o = linear[10](b)\n loss softmax_cross_entropy(o, y) }").unwrap();
    let accuracy = |name: &str, more: &[&str]| -> f64 {
        let run = path(&folder, name);
        let answer = train(&run, &[&[&*file, "--epochs", "3"], more].concat());
        assert_eq!(answer.code, 0, "{}", answer.err);
        let rows = metrics(&run);
        rows.last()
            .unwrap()
            .rsplit_once(',')
            .unwrap()
            .1
            .parse()
            .unwrap()
    };
    assert!(accuracy("followed", &[]) > 0.85);
    assert!(accuracy("fixed", &["--damping", "fixed"]) < 0.5);
}

#[test]
fn damping_follows_the_loss_of_networks_that_run_module_by_module() {
    let folder = tempfile::tempdir().unwrap();
    let [data, file] = ["d.npz", "n.hbp"].map(|name| path(&folder, name));
    fs::write(&file, MATRIX).unwrap();
    write(
        &data,
        &[
            ("x", array(&[20, 2, 3], noise)),
            ("y", array(&[20, 2], |k| noise(k + 5))),
        ],
    );
    for optimizer in ["newton", "kfac", "kflr", "hessian-free"] {
        let run = path(&folder, optimizer);
        let more = [
            &file,
            "--data",
            &data,
            "--optimizer",
            optimizer,
            "--damping",
            "levenberg-marquardt",
            "--epochs",
            "4",
            "--dtype",
            "f64",
        ];
        let answer = train(&run, &more);
        assert_eq!(answer.code, 0, "{optimizer}: {}", answer.err);
        let loss = |row: &str| row.split(',').nth(2).unwrap().parse::<f64>().unwrap();
        let rows = metrics(&run);
        assert!(loss(&rows[5]) < loss(&rows[1]), "{optimizer}: {rows:?}");
    }
}

/// Damping has no bound at 1: however large the rate is, steps become as small as they must.
#[test]
fn a_rate_that_is_too_large_is_damped_until_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    for (optimizer, rate) in [("newton", "1e4"), ("newton", "0.1"), ("kfac", "1e3")] {
        let run = path(&folder, &format!("{optimizer}-{rate}"));
        let damping = ["--damping", "levenberg-marquardt", "--lr", rate];
        let more = ["--optimizer", optimizer, "--epochs", "2"];
        let answer = train(&run, &[damping, more].concat());
        assert_eq!(answer.code, 0, "{}", answer.err);
        let rows = metrics(&run);
        let loss = |row: usize| rows[row].split(',').nth(2).unwrap().parse::<f64>().unwrap();
        assert!(loss(3) < 0.95 * loss(1), "{optimizer} {rate}: {rows:?}");
    }
}

#[test]
fn classes_without_samples_and_a_single_class_are_classes() {
    let folder = tempfile::tempdir().unwrap();
    let [run, data, file] = ["run", "d.npz", "n.hbp"].map(|name| path(&folder, name));
    for (declared, classes) in [("R[4]", 3), ("R[1] distribution", 1)] {
        let outputs = declared.chars().find(char::is_ascii_digit).unwrap_or('1');
        let text = format!(
            "network n {{ input x: R[3]\n target y: {declared}\n o = linear[{outputs}](x)\n loss softmax_cross_entropy(o, y) }}"
        );
        fs::write(&file, text).unwrap();
        write(
            &data,
            &[("x", array(&[20, 3], noise)), ("y", labels(classes))],
        );
        let answer = train(&run, &[&file, "--data", &data, "--force", "--epochs", "1"]);
        assert_eq!(answer.code, 0, "{declared}: {}", answer.err);
    }
    // The small network is made for one class, too.
    let answer = train(&run, &["--data", &data, "--force", "--epochs", "1"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
}

#[test]
fn blocks_that_are_no_longer_finite_are_divergence() {
    let folder = tempfile::tempdir().unwrap();
    let [run, data, file] = ["run", "d.npz", "n.hbp"].map(|name| path(&folder, name));
    fs::write(&file, HEADS).unwrap();
    write(
        &data,
        &[
            ("x", array(&[21, 3], |k| 3.0 * noise(k))),
            ("y", array(&[21, 2], noise)),
        ],
    );
    let more = [
        &file,
        "--data",
        &data,
        "--optimizer",
        "newton",
        "--curvature",
        "hessian",
        "--damping",
        "fixed",
        "--lr",
        "60",
        "--epochs",
        "9",
        "--batch-size",
        "4",
    ];
    let answer = train(&run, &more);
    assert_eq!(answer.code, 1, "{} {}", answer.out, answer.err);
    assert!(answer.err.contains("diverged: "), "{}", answer.err);
    let shown = hbp(&["report", &run], b"").out;
    assert!(shown.contains("diverged in epoch"), "{shown}");
}
