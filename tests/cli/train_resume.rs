//! `hbp train --resume` and the files of a run: what may change between two sittings, what is put right, what is refused.

use std::fs;
use std::path::Path;

use super::hbp;
use super::train::{metrics, path, train};
use super::train_data::{array, files, noise, write};

fn resume(run: &str, more: &[&str]) -> super::Answer {
    hbp(&[&["train", "--resume", run], more].concat(), b"")
}

fn begun(folder: &tempfile::TempDir) -> String {
    let run = path(folder, "run");
    assert_eq!(train(&run, &["--epochs", "2"]).code, 0);
    run
}

#[test]
fn a_run_goes_on_with_its_own_settings() {
    let folder = tempfile::tempdir().unwrap();
    let run = begun(&folder);
    let before = files(&run);
    for more in [
        ["--lr", "3"],
        ["--alpha", "0.1"],
        ["--solver", "cg"],
        ["--blocks", "2"],
        ["--curvature", "ggn"],
        ["--batch", "exact"],
        ["--compose", "none"],
        ["--damping", "fixed"],
        ["--momentum", "0.1"],
        ["--tolerance", "0.1"],
        ["--iterations", "9"],
        ["--samples", "1"],
        ["--initialisation", "he"],
        ["--diagnostics", "1"],
        ["--epochs", "1"],
    ] {
        let answer = resume(&run, &more);
        assert_eq!((answer.code, answer.out.as_str()), (2, ""), "{more:?}");
        assert!(
            answer.err.contains("help: ") || answer.err.contains("cannot be used with"),
            "{}",
            answer.err
        );
        assert!(files(&run) == before, "{more:?} changed the run");
    }
    for wrong in ["nan", "inf", "-1"] {
        let answer = resume(&run, &["--checkpoint-seconds", wrong]);
        assert_eq!(answer.code, 2, "{wrong}");
    }
    let answer = resume(&run, &["--epochs", "3", "--checkpoint-seconds", "5"]);
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
    assert_eq!(metrics(&run).len(), 5);
}

/// What another book derives is equal, but may be computed in another order.
#[test]
fn another_rule_book_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let run = begun(&folder);
    let config = Path::new(&run).join("config.json");
    let text = fs::read_to_string(&config).unwrap();
    let own: serde_json::Value = serde_json::from_str(&text).unwrap();
    let own = own["rules_fingerprint"].as_str().unwrap();
    for (noted, is_told) in [("", false), (own, false), ("0123456789abcdef", true)] {
        fs::write(&config, text.replace(own, noted)).unwrap();
        let answer = resume(&run, &[]);
        assert_eq!(answer.code, 0, "{}", answer.err);
        let told = answer.err.contains("note: the rule book is not the one");
        assert_eq!(told, is_told, "{noted}: {}", answer.err);
    }
}

#[test]
fn a_run_goes_on_with_its_own_data() {
    let folder = tempfile::tempdir().unwrap();
    let [run, data, moved, model] =
        ["run", "d.npz", "moved.npz", "m.npz"].map(|name| path(&folder, name));
    let numbers = |file: &str, count: usize, shift: usize| {
        let x = array(&[count, 3], |k| noise(k + shift));
        write(file, &[("x", x), ("y", array(&[count, 2], noise))]);
    };
    numbers(&data, 20, 0);
    assert_eq!(train(&run, &["--data", &data, "--epochs", "1"]).code, 0);
    assert_eq!(hbp(&["export", &run, "--out", &model], b"").code, 0);
    let from = [
        "--data",
        &data,
        "--epochs",
        "1",
        "--force",
        "--parameters",
        &model,
    ];
    assert_eq!(train(&run, &from).code, 0);
    for (count, shift) in [(20, 1), (21, 0)] {
        numbers(&data, count, shift);
        let answer = resume(&run, &["--epochs", "2"]);
        assert_eq!(answer.code, 2, "{}", answer.out);
        assert!(
            answer
                .err
                .contains("are not those that the run was begun with"),
            "{}",
            answer.err
        );
    }
    // Moved data are found again, and the first parameters are no longer needed.
    numbers(&moved, 20, 0);
    fs::remove_file(&model).unwrap();
    fs::remove_file(&data).unwrap();
    assert_eq!(resume(&run, &["--epochs", "2"]).code, 2);
    let answer = resume(&run, &["--epochs", "2", "--data", &moved]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    // Parameters are read without data.
    fs::remove_file(&moved).unwrap();
    let answer = hbp(&["export", &run, "--out", &model], b"");
    assert_eq!(answer.code, 0, "{}", answer.err);
}

#[test]
fn what_a_kill_left_is_cleared_away() {
    let folder = tempfile::tempdir().unwrap();
    let run = path(&folder, "run");
    let unfinished = Path::new(&run).join(".hbp-a1B2c3");
    fs::create_dir(&run).unwrap();
    fs::write(&unfinished, "{").unwrap();
    let answer = train(&run, &["--epochs", "1"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert!(!unfinished.exists());
    fs::write(&unfinished, "{").unwrap();
    assert_eq!(resume(&run, &["--epochs", "2"]).code, 0);
    assert!(!unfinished.exists());
}

#[test]
fn files_that_are_not_whole_are_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let run = begun(&folder);
    let place = Path::new(&run).join("metrics.csv");
    let text = fs::read_to_string(&place).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for broken in [
        "hello\n".to_owned(),
        format!("{}\n{}\n", lines[0], lines[1]),
        format!("{}\n{}\n{}\n", lines[0], lines[1], lines[3]),
    ] {
        fs::write(&place, &broken).unwrap();
        let answer = resume(&run, &["--epochs", "3"]);
        assert_eq!(answer.code, 2, "{broken}: {}", answer.out);
        assert!(answer.err.contains("epochs 0 to 2"), "{}", answer.err);
        assert_eq!(fs::read_to_string(&place).unwrap(), broken);
    }
    fs::write(&place, &text).unwrap();
    let config = Path::new(&run).join("config.json");
    let settings = fs::read_to_string(&config).unwrap();
    for (from, to) in [
        ("\"batch_size\": 50", "\"batch_size\": 0"),
        ("\"threads\": 1,", "\"threads\": 8000,"),
        ("\"checkpoint_seconds\": 60.0", "\"checkpoint_seconds\": -1"),
    ] {
        let edited = settings.replace(from, to);
        assert_ne!(edited, settings);
        fs::write(&config, edited).unwrap();
        let answer = resume(&run, &["--epochs", "3"]);
        assert_eq!(answer.code, 2, "{to}: {}", answer.out);
    }
    fs::write(&config, &settings).unwrap();
    assert_eq!(resume(&run, &["--epochs", "3"]).code, 0);
}

#[test]
fn nothing_writes_over_the_files_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = begun(&folder);
    let before = files(&run);
    let own = |name: &str| Path::new(&run).join(name).display().to_string();
    for arguments in [
        ["export", &run, "--out", &own("checkpoint.safetensors")],
        ["report", &run, "--summary", &own("metrics.csv")],
        ["report", &run, "--figure", &own("curves.svg")],
        ["report", &run, "--summary", &own("s.txt")],
    ] {
        let answer = hbp(&arguments, b"");
        assert_eq!((answer.code, answer.out.as_str()), (2, ""), "{arguments:?}");
    }
    assert!(files(&run) == before);
}

/// A weight with one input is a column, as that of PyTorch's Linear.
#[test]
fn weights_of_one_input_are_columns() {
    let folder = tempfile::tempdir().unwrap();
    let [run, data, model, file] =
        ["run", "d.npz", "m.npz", "n.hbp"].map(|name| path(&folder, name));
    fs::write(&file, "network n { input x: R[1]\n target y: R[3]\n h = linear[3](x)\n s = scale(h)\n loss square_loss(s, y) }").unwrap();
    write(
        &data,
        &[("x", array(&[20, 1], noise)), ("y", array(&[20, 3], noise))],
    );
    assert_eq!(
        train(&run, &[&file, "--data", &data, "--epochs", "1"]).code,
        0
    );
    assert_eq!(hbp(&["export", &run, "--out", &model], b"").code, 0);
    let found = hbp::data::read_npz(Path::new(&model)).unwrap();
    for (name, shape) in [("h.weight", &[3, 1][..]), ("h.bias", &[3]), ("s.s", &[3])] {
        assert_eq!(found[name].array().unwrap().shape, shape, "{name}");
    }
    let again = [
        "--data",
        &data,
        "--epochs",
        "0",
        "--force",
        "--parameters",
        &model,
    ];
    let answer = train(&run, &[&[file.as_str()], &again[..]].concat());
    assert_eq!(answer.code, 0, "{}", answer.err);
}
