//! `hbp report`: what is compared, what is averaged, and that a directory without a whole run leaves nothing behind.

use std::path::Path;

use hbp::training::Settings;
use serde_json::Value;

use super::{Answer, hbp};

const HEADER: &str = "epoch,step,train_loss,test_loss,test_accuracy,seconds\n";

/// A run of SGD with these training losses; the test loss is one more, the accuracy a tenth of it.
fn write(folder: &Path, name: &str, losses: &[f64], change: impl FnOnce(&mut Settings)) {
    let mut settings = Settings {
        optimizer: "sgd".to_owned(),
        text: "network net {\n    h1 = linear[4](x)\n}\n".to_owned(),
        epochs: losses.len() as u64 - 1,
        ..Settings::defaults()
    };
    change(&mut settings);
    let run = folder.join(name);
    std::fs::create_dir(&run).unwrap();
    std::fs::write(run.join("config.json"), settings.json()).unwrap();
    let rows = losses.iter().enumerate();
    let rows = rows.map(|(e, l)| format!("{e},{e},{l},{},{},{e}.5\n", l + 1.0, l / 10.0));
    let text: String = std::iter::once(HEADER.to_owned()).chain(rows).collect();
    std::fs::write(run.join("metrics.csv"), text).unwrap();
}

fn report(folder: &Path, arguments: &str) -> Answer {
    let place = |word: &str| match word.strip_prefix('@') {
        Some(name) => folder.join(name).to_str().unwrap().to_owned(),
        None => word.to_owned(),
    };
    let words = std::iter::once("report").chain(arguments.split_whitespace());
    let words: Vec<String> = words.map(place).collect();
    hbp(&words.iter().map(String::as_str).collect::<Vec<_>>(), b"")
}

fn json(folder: &Path, runs: &str) -> Value {
    let answer = report(folder, &format!("{runs} --format json"));
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
    serde_json::from_str(&answer.out).unwrap()
}

/// Three seeds of SGD, of which one diverges, and a Newton.
fn some() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write(path, "a", &[2.0, 1.9, 1.0], |s| s.seed = 1);
    write(path, "b", &[4.0, 3.9, 3.0], |s| s.seed = 2);
    write(path, "c", &[3.0, f64::NAN], |s| (s.seed, s.epochs) = (3, 2));
    write(path, "n", &[2.0, 0.5, 0.6], |s| {
        "newton".clone_into(&mut s.optimizer);
    });
    folder
}

#[test]
fn seeds_are_averaged_and_differences_named() {
    let folder = some();
    let found = json(folder.path(), "@a @b @c @n");
    let keys: Vec<&String> = found["differences"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["optimizer", "seed"]);
    let groups = found["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 2);
    assert_eq!(
        (&groups[0]["label"], &groups[1]["label"]),
        (&"sgd".into(), &"newton".into())
    );
    let epochs = groups[0]["epochs"].as_array().unwrap();
    let counts: Vec<u64> = epochs
        .iter()
        .map(|e| e["n_seeds"].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [3, 2, 2]);
    assert_eq!(epochs[0]["train_loss"]["sd"], 1.0);
    assert_eq!(epochs[2]["train_loss"]["mean"], 2.0);
    assert_eq!(groups[0]["ended_early"].as_array().unwrap().len(), 1);
    let run = |place: usize| &found["runs"][place];
    assert_eq!(run(0)["left_plateau_at_epoch"], 2);
    assert_eq!(run(2)["state"], "diverged");
    assert_eq!(run(2)["train_loss"]["last"], Value::Null);
    assert_eq!(run(3)["train_loss"]["best"], 0.5);
    assert_eq!(run(3)["train_loss"]["best_epoch"], 1);
    assert_eq!(run(3)["seconds_per_epoch"], 1.0);
}

/// Threads change no number, and SGD reads no curvature.
#[test]
fn what_is_of_no_account_tells_no_runs_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write(path, "a", &[2.0, 1.0], |s| (s.seed, s.threads) = (1, 1));
    write(path, "b", &[2.0, 1.5], |s| {
        (s.seed, s.threads, s.diagnostics) = (2, 2, 1);
        "ggn".clone_into(&mut s.curvature);
    });
    write(path, "n", &[2.0, 0.5], |s| {
        "newton".clone_into(&mut s.optimizer);
        "ggn".clone_into(&mut s.curvature);
    });
    let found = json(path, "@a @b @n");
    let groups = found["groups"].as_array().unwrap();
    let labels: Vec<&Value> = groups.iter().map(|group| &group["label"]).collect();
    assert_eq!(labels, ["sgd", "newton"]);
    assert!(found["differences"].get("curvature").is_none(), "{found}");
}

#[test]
fn the_text_says_all_of_it() {
    let folder = some();
    let answer = report(folder.path(), "@a @b @c @n");
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
    for part in [
        "  optimizer           sgd      newton\n",
        "  seed                1, 2, 3  0\n",
        "diverged in epoch 1",
        "mean ± sd of 2 seeds",
        "without 1 not done",
        "2.0000 ± 1.4142",
        "ended early",
        "0.5000 (1)",
    ] {
        assert!(answer.out.contains(part), "no {part:?} in\n{}", answer.out);
    }
    let one = report(folder.path(), "@a").out;
    assert!(one.starts_with("settings that differ: none\n"), "{one}");
}

#[test]
fn groups_are_told_apart_by_as_little_as_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write(path, "a", &[2.0, 1.0], |_| ());
    write(path, "b", &[2.0, 1.0], |s| s.learning_rate = 0.5);
    write(path, "c", &[2.0, 1.0], |s| {
        s.text = s.text.replace("[4]", "[8]");
    });
    write(path, "same", &[2.0, 1.0], |_| ());
    let labels = |runs: &str| -> Vec<String> {
        let found = json(path, runs);
        let groups = found["groups"].as_array().unwrap().iter();
        groups
            .map(|g| g["label"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        labels("@a @b"),
        ["sgd, learning rate 0.1", "sgd, learning rate 0.5"]
    );
    let text = |width: u8| format!("sgd, text `h1 = linear[{width}](x)` in line 2");
    assert_eq!(labels("@a @c"), [text(4), text(8)]);
    // The same settings and seed are no second sample.
    let twice = labels("@a @same");
    assert!(twice.len() == 2 && twice[1].ends_with("same"), "{twice:?}");
}

#[test]
fn tables_and_figures_are_files() {
    let folder = some();
    let path = folder.path();
    let csv = report(path, "@a @n --format csv").out;
    let mut lines = csv.lines();
    assert!(
        lines
            .next()
            .unwrap()
            .ends_with(",left_plateau_at_epoch,seed,optimizer")
    );
    assert!(
        lines
            .next()
            .unwrap()
            .ends_with(",sgd,done,2,2,1,1,2,2,2,2,0.1,0.2,0,1,2,1,sgd"),
        "{csv}"
    );
    for (name, begins) in [("f.svg", "<svg"), ("f.png", "\u{89}PNG"), ("F.SVG", "<svg")] {
        let read = || -> Vec<u8> {
            let answer = report(
                path,
                &format!("@a @b @c @n --figure @{name} --summary @e.csv"),
            );
            assert_eq!(answer.code, 0, "{}", answer.err);
            std::fs::read(path.join(name)).unwrap()
        };
        let first = read();
        assert!(
            first[1..].starts_with(&begins.as_bytes()[begins.len() - 3..]),
            "{name}"
        );
        assert_eq!(first, read(), "{name} is not the same twice");
    }
    let summary = std::fs::read_to_string(path.join("e.csv")).unwrap();
    assert!(
        summary.contains("\nsgd,2,2,2,1.4142135623730951,"),
        "{summary}"
    );
}

#[test]
fn what_is_no_whole_run_is_refused_and_nothing_is_written() {
    let folder = some();
    let path = folder.path();
    write(path, "no-metrics", &[1.0], |_| ());
    std::fs::remove_file(path.join("no-metrics/metrics.csv")).unwrap();
    for (name, metrics) in [
        ("cut", format!("{HEADER}0,0,1,2,0.1,0.5\n1,1,0.9")),
        (
            "cut-late",
            format!("{HEADER}0,0,1,2,0.1,0.5\n1,1,0.9,2,0.1,1"),
        ),
        ("empty", HEADER.to_owned()),
        (
            "jump",
            format!("{HEADER}0,0,1,2,0.1,0.5\n2,1,0.9,2,0.1,1\n"),
        ),
        ("foreign", "a,b\n1,2\n".to_owned()),
    ] {
        write(path, name, &[1.0], |_| ());
        std::fs::write(path.join(name).join("metrics.csv"), metrics).unwrap();
    }
    write(path, "config", &[1.0], |_| ());
    std::fs::write(path.join("config/config.json"), "{\"a\": 1}").unwrap();
    for (runs, part) in [
        ("@a @nothing", "config.json` cannot be read"),
        ("@a @a/metrics.csv", "config.json` cannot be read"),
        ("@a @config", "holds no settings of a run"),
        ("@a @no-metrics", "but no metrics.csv"),
        ("@a @cut", "line 3 of"),
        ("@a @cut-late", "ends within a row"),
        ("@a @empty", "has no row yet"),
        ("@a @jump", "is of epoch 2, not 1"),
        ("@a @foreign", "is not the header"),
        ("@a @b @a", "are the same run"),
    ] {
        let answer = report(path, &format!("{runs} --figure @f.svg"));
        assert_eq!((answer.code, answer.out.as_str()), (2, ""), "{runs}");
        assert!(answer.err.contains(part), "{runs}: {}", answer.err);
        assert!(answer.err.contains("help: "), "{runs}: {}", answer.err);
        assert!(!path.join("f.svg").exists(), "{runs}");
    }
    let answer = report(path, "@a --figure @f.pdf");
    assert_eq!((answer.code, answer.out.as_str()), (2, ""));
    assert!(
        answer.err.contains("FILE.svg or FILE.png"),
        "{}",
        answer.err
    );
    let nowhere = report(path, "@a --figure @no/such/f.svg");
    assert_eq!((nowhere.code, nowhere.out.as_str()), (2, ""));
    assert_eq!(hbp(&["report"], b"").code, 2);
}
