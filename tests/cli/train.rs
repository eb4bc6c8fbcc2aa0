//! `hbp train`, `hbp experiment` and `hbp export` from outside: the same numbers after a kill, directories, faults, other programs' parameters.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use super::{Answer, hbp, program};

pub(super) fn path(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).display().to_string()
}

pub(super) fn train(out: &str, more: &[&str]) -> Answer {
    let arguments = [&["train", "--out", out, "--threads", "1"][..], more].concat();
    hbp(&arguments, b"")
}

/// All columns but the seconds.
pub(super) fn metrics(run: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(run).join("metrics.csv")).unwrap();
    let lines = text
        .lines()
        .map(|line| line.rsplit_once(',').unwrap().0.to_owned());
    lines.collect()
}

#[test]
fn a_run_needs_a_directory_alone_and_is_the_same_twice() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|name| path(&folder, name));
    let answer = train(&a, &["--epochs", "3"]);
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
    assert!(
        answer.out.starts_with("epoch 3 of 3: training loss "),
        "{}",
        answer.out
    );
    let rows = metrics(&a);
    assert_eq!(rows[0], "epoch,step,train_loss,test_loss,test_accuracy");
    assert_eq!(rows.len(), 5);
    let accuracy: f64 = rows[4].rsplit_once(',').unwrap().1.parse().unwrap();
    assert!(accuracy > 0.85, "{}", rows[4]);
    // Whatever the threads; another seed is another run.
    let answer = hbp(
        &["train", "--out", &b, "--epochs", "3", "--threads", "3"],
        b"",
    );
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert_eq!(metrics(&b), rows);
    assert_eq!(train(&c, &["--epochs", "3", "--seed", "1"]).code, 0);
    assert_ne!(metrics(&c), rows);
    let config: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(Path::new(&a).join("config.json")).unwrap())
            .unwrap();
    assert_eq!(config["optimizer"], "newton");
    assert!(
        config["text"].as_str().unwrap().contains("linear[32]"),
        "{config}"
    );
}

/// Every optimiser, cut off by a kill at some moment and resumed, writes what it would have written.
#[test]
fn a_killed_run_goes_on_as_if_nothing_had_happened() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(&folder, "small.hbp");
    fs::write(&file, "network small { input x: R[64]\n target y: R[10] distribution\n h = linear[8](x)\n a = sigmoid(h)\n o = linear[10](a)\n loss softmax_cross_entropy(o, y) }").unwrap();
    for (place, optimizer) in ["sgd", "adam", "newton", "kfac", "kflr"].iter().enumerate() {
        let more = [
            &file,
            "--optimizer",
            optimizer,
            "--epochs",
            "4",
            "--batch-size",
            "100",
            "--dtype",
            "f64",
        ];
        let [whole, cut] =
            ["whole", "cut"].map(|name| path(&folder, &format!("{name}-{optimizer}")));
        assert_eq!(train(&whole, &more).code, 0);
        let arguments = [
            &[
                "train",
                "--out",
                &cut,
                "--threads",
                "1",
                "--checkpoint-seconds",
                "0",
            ][..],
            &more,
        ]
        .concat();
        let mut child = program(&arguments).stdin(Stdio::null()).spawn().unwrap();
        // At the first sign of a checkpoint, or a little later.
        let checkpoint = Path::new(&cut).join("checkpoint.safetensors");
        for _ in 0..20_000 {
            if checkpoint.exists() {
                break;
            }
            sleep(Duration::from_micros(500));
        }
        sleep(Duration::from_millis(7 * place as u64));
        let _ = child.kill();
        let _ = child.wait();
        let answer = hbp(&["train", "--resume", &cut], b"");
        assert_eq!(answer.code, 0, "{optimizer}: {}", answer.err);
        assert_eq!(metrics(&cut), metrics(&whole), "{optimizer}");
        let bytes = |run: &str| hbp(&["export", run, "--out", &format!("{run}.npz")], b"").code;
        assert_eq!((bytes(&cut), bytes(&whole)), (0, 0));
        let file = |run: &str| fs::read(format!("{run}.npz")).unwrap();
        assert!(file(&cut) == file(&whole), "{optimizer}: other parameters");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_saves_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let run = path(&folder, "run");
    let arguments = [
        "train",
        "--out",
        &run,
        "--epochs",
        "100000",
        "--threads",
        "1",
    ];
    let child = program(&arguments).stdin(Stdio::null()).spawn().unwrap();
    let metrics_file = Path::new(&run).join("metrics.csv");
    for _ in 0..20_000 {
        if fs::read_to_string(&metrics_file).is_ok_and(|text| text.lines().count() > 3) {
            break;
        }
        sleep(Duration::from_micros(500));
    }
    let id = child.id().to_string();
    std::process::Command::new("kill")
        .args(["-INT", &id])
        .status()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(
        err.contains("stopped and saved; go on with: hbp train --resume"),
        "{err}"
    );
    let epochs = metrics(&run).len() - 2;
    let more = (epochs + 2).to_string();
    let answer = hbp(&["train", "--resume", &run, "--epochs", &more], b"");
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert_eq!(metrics(&run).len(), epochs + 4);
}

#[test]
fn parameters_go_out_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| path(&folder, name));
    assert_eq!(train(&a, &["--epochs", "2"]).code, 0);
    for file in ["model.safetensors", "model.npz"] {
        let file = path(&folder, file);
        let answer = hbp(&["export", &a, "--out", &file], b"");
        assert_eq!(answer.code, 0, "{}", answer.err);
        let answer = train(&b, &["--epochs", "0", "--parameters", &file, "--force"]);
        assert_eq!(answer.code, 0, "{}", answer.err);
        let cells = |row: &str| {
            row.split(',')
                .skip(2)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(cells(&metrics(&b)[1]), cells(&metrics(&a)[3]));
    }
    // A model from elsewhere is loaded for curvature.
    let (network, data, out) = (
        path(&folder, "n.hbp"),
        path(&folder, "in.npz"),
        path(&folder, "out.npz"),
    );
    let config: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(Path::new(&a).join("config.json")).unwrap())
            .unwrap();
    fs::write(&network, config["text"].as_str().unwrap()).unwrap();
    let item = |shape: Vec<usize>, value: f64| {
        let count = shape.iter().product();
        hbp::data::Item::from(hbp::data::Array::new(shape, vec![value; count]).unwrap())
    };
    let items = [("x", item(vec![3, 64], 0.5)), ("y", item(vec![3, 10], 0.1))];
    hbp::data::write_npz(
        Path::new(&data),
        items.iter().map(|(name, item)| (*name, item)),
    )
    .unwrap();
    let model = path(&folder, "model.safetensors");
    let arguments = [
        "run",
        &network,
        "--data",
        &data,
        "--parameters",
        &model,
        "--out",
        &out,
        "--batch",
        "average-hessian",
    ];
    let answer = hbp(&arguments, b"");
    assert_eq!(answer.code, 0, "{}", answer.err);
    let answer = hbp(&["export", &a, "--out", &path(&folder, "model.pt")], b"");
    assert_eq!(answer.code, 2);
    assert!(answer.err.contains(".safetensors"), "{}", answer.err);
}

#[test]
fn what_goes_wrong_is_named_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run = path(&folder, "run");
    assert_eq!(train(&run, &["--epochs", "1"]).code, 0);
    let before = metrics(&run);
    let cases: &[(&[&str], &[&str])] = &[
        (&["--epochs", "1"], &["is not empty", "--resume", "--force"]),
        (
            &["--optimizer", "sgd", "--alpha", "0.1"],
            &["--alpha says nothing to --optimizer sgd"],
        ),
        (
            &["--optimizer", "kfac", "--curvature", "ggn"],
            &["--curvature says nothing to --optimizer kfac"],
        ),
        (&["--alpha", "0"], &["damping α is 0"]),
        (&["--lr=-1"], &["learning rate is -1"]),
        (&["--blocks", "0"], &["`0` is no number of row groups"]),
        (&["--data", "nothing-here"], &["nothing-here", "help: "]),
        (&["--compose", "a9+h2"], &["a9", "help: "]),
    ];
    for (more, parts) in cases {
        let out = if more[0] == "--epochs" {
            run.clone()
        } else {
            path(&folder, "other")
        };
        let answer = train(&out, more);
        assert_eq!(
            (answer.code, answer.out.as_str()),
            (2, ""),
            "{more:?}: {}",
            answer.err
        );
        for part in *parts {
            assert!(
                answer.err.contains(part),
                "{more:?}: no {part:?} in\n{}",
                answer.err
            );
        }
        let _ = fs::remove_dir_all(path(&folder, "other"));
    }
    assert_eq!(metrics(&run), before);
    // A directory with other files is not emptied even by force.
    let other = path(&folder, "files");
    fs::create_dir(&other).unwrap();
    fs::write(Path::new(&other).join("thesis.txt"), "mine").unwrap();
    let answer = train(&other, &["--force"]);
    assert_eq!(answer.code, 2);
    assert!(answer.err.contains("no run"), "{}", answer.err);
    assert!(PathBuf::from(&other).join("thesis.txt").exists());
    for (file, text, part) in [
        ("config.json", "{}", "no settings of a run"),
        (
            "checkpoint.safetensors",
            "nonsense",
            "checkpoint.safetensors",
        ),
        ("metrics.csv", "", "metrics.csv"),
    ] {
        let copy = path(&folder, &format!("broken-{file}"));
        fs::create_dir(&copy).unwrap();
        for own in ["config.json", "checkpoint.safetensors", "metrics.csv"] {
            fs::copy(Path::new(&run).join(own), Path::new(&copy).join(own)).unwrap();
        }
        if text.is_empty() {
            fs::remove_file(Path::new(&copy).join(file)).unwrap();
        } else {
            fs::write(Path::new(&copy).join(file), text).unwrap();
        }
        let answer = hbp(&["train", "--resume", &copy, "--epochs", "3"], b"");
        assert_eq!(answer.code, 2, "{file}: {} {}", answer.out, answer.err);
        assert!(answer.err.contains(part), "{file}: {}", answer.err);
    }
    let answer = hbp(&["train", "--resume", &path(&folder, "nowhere")], b"");
    assert_eq!(answer.code, 2);
    assert!(answer.err.contains("hbp train --out DIR"), "{}", answer.err);
}

#[test]
fn a_run_that_diverges_says_where_and_keeps_what_was_before() {
    let folder = tempfile::tempdir().unwrap();
    let run = path(&folder, "run");
    let text = "network n { input x: R[64]\n target y: R[10]\n h = linear[10](x)\n loss square_loss(h, y) }";
    let file = path(&folder, "n.hbp");
    fs::write(&file, text).unwrap();
    let answer = train(
        &run,
        &[&file, "--optimizer", "sgd", "--lr", "1e6", "--epochs", "9"],
    );
    assert_eq!(answer.code, 1, "{} {}", answer.out, answer.err);
    assert!(
        answer.err.contains("diverged: epoch 1, step "),
        "{}",
        answer.err
    );
    assert!(answer.err.contains("--lr"), "{}", answer.err);
    // The last row tells of it, and so does a comparison.
    let rows = metrics(&run);
    assert_eq!(rows.len(), 3);
    let loss: f64 = rows[2].split(',').nth(2).unwrap().parse().unwrap();
    assert!(!loss.is_finite(), "{}", rows[2]);
    let answer = hbp(&["report", &run], b"");
    assert!(answer.out.contains("diverged"), "{}", answer.out);
    assert_eq!(
        hbp(&["export", &run, "--out", &path(&folder, "m.npz")], b"").code,
        0
    );
    // A batch larger than there are samples is said to be smaller.
    let large = path(&folder, "large");
    let answer = train(&large, &["--batch-size", "5000", "--epochs", "1"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert!(
        answer.err.contains("a batch has 1438 of them, not 5000"),
        "{}",
        answer.err
    );
}
