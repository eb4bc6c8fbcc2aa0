//! Diagnostics of a run, and experiments of many runs.

use std::fs;
use std::path::Path;

use super::hbp;
use super::train::{metrics, path, train};

#[test]
fn diagnostics_have_a_row_for_every_parameter_and_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let run = path(&folder, "run");
    assert_eq!(
        train(
            &run,
            &["--epochs", "2", "--diagnostics", "2", "--batch-size", "200"]
        )
        .code,
        0
    );
    let text = fs::read_to_string(Path::new(&run).join("diagnostics.csv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(
        rows[0].join(","),
        "epoch,parameter,trace,smallest,largest,condition,cg_iterations,distance_6,distance_7,\
         quantile_0.05,quantile_0.25,quantile_0.5,quantile_0.75,quantile_0.95"
    );
    assert_eq!(rows.len(), 1 + 2 * 6);
    for row in &rows[1..] {
        let number = |k: usize| row[k].parse::<f64>().unwrap();
        assert!(
            number(2) > 0.0 && number(3) <= number(4) && number(5) >= 1.0,
            "{row:?}"
        );
        assert!(number(6) >= 1.0 && number(6) <= 50.0, "{row:?}");
        let spectrum = [3, 9, 10, 11, 12, 13, 4].map(number);
        assert!(spectrum.is_sorted(), "{row:?}");
        // The block of the bias next to the loss is exact in all of them.
        if row[1] == "h3.b" {
            assert!(number(7) < 1e-5 && number(8) < 1e-5, "{row:?}");
        }
    }
    let drawn = fs::read_to_string(Path::new(&run).join("diagnostics.svg")).unwrap();
    for part in ["condition number", "(7) from exact", "h1.W"] {
        assert!(drawn.contains(part), "no {part}");
    }
}

#[test]
fn an_experiment_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(&folder, "fig");
    let run = |more: &[&str]| {
        let arguments = [
            "experiment",
            "figure5",
            "--out",
            &out,
            "--optimizers",
            "sgd,pch-abs,pch-abs-4",
        ];
        hbp(&[&arguments[..], more].concat(), b"")
    };
    let answer = run(&["--seeds", "1", "--epochs", "1", "--threads", "1"]);
    assert_eq!(
        (answer.code, answer.err.as_str()),
        (0, ""),
        "{}",
        answer.out
    );
    assert_eq!(
        answer
            .out
            .lines()
            .filter(|line| line.starts_with("pch-abs"))
            .count(),
        2,
        "{}",
        answer.out
    );
    let first = metrics(&format!("{out}/pch-abs/seed-0"));
    // More seeds and more epochs add to what is there.
    let answer = run(&["--seeds", "2", "--epochs", "2", "--threads", "1"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let longer = metrics(&format!("{out}/pch-abs/seed-0"));
    assert_eq!(longer[..3], first[..]);
    assert_eq!(longer.len(), 4);
    assert_eq!(metrics(&format!("{out}/sgd/seed-1")).len(), 4);
    let table = fs::read_to_string(format!("{out}/figure5.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + 3 * 3);
    assert!(
        table.lines().nth(1).unwrap().starts_with("sgd,0,2,"),
        "{table}"
    );
    assert!(
        fs::read_to_string(format!("{out}/figure5.svg"))
            .unwrap()
            .contains("pch-abs-4")
    );
    assert!(
        fs::read(format!("{out}/figure5.png"))
            .unwrap()
            .starts_with(b"\x89PNG")
    );
    let answer = run(&["--seeds", "2", "--epochs", "2", "--hidden", "8"]);
    assert_eq!(answer.code, 2);
    assert!(answer.err.contains("other settings"), "{}", answer.err);
    let answer = run(&["--hidden", "0"]);
    assert_eq!(answer.code, 2, "{}", answer.out);
}

#[test]
fn runs_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|name| path(&folder, name));
    let epochs = ["--epochs", "3"];
    assert_eq!(train(&a, &epochs).code, 0);
    assert_eq!(train(&b, &[&epochs[..], &["--seed", "1"]].concat()).code, 0);
    assert_eq!(
        train(&c, &[&epochs[..], &["--optimizer", "sgd"]].concat()).code,
        0
    );
    let [png, csv] = ["f.png", "s.csv"].map(|name| path(&folder, name));
    let answer = hbp(
        &["report", &a, &b, &c, "--figure", &png, "--summary", &csv],
        b"",
    );
    assert_eq!(answer.code, 0, "{}", answer.err);
    for part in ["optimizer", "newton", "sgd", "±"] {
        assert!(answer.out.contains(part), "no {part} in\n{}", answer.out);
    }
    assert!(fs::read(&png).unwrap().starts_with(b"\x89PNG"));
    // Two groups, epochs 0 to 3.
    assert_eq!(fs::read_to_string(&csv).unwrap().lines().count(), 1 + 2 * 4);
    let answer = hbp(&["report", &a, &c, "--format", "json"], b"");
    let _: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    let rows = hbp(&["report", &a, &c, "--format", "csv"], b"").out;
    assert_eq!(rows.lines().count(), 3, "{rows}");
    fs::write(Path::new(&b).join("metrics.csv"), "nonsense").unwrap();
    let missing = path(&folder, "missing");
    let cases: [(&[&str], &str); 4] = [
        (&[&a, &b], "metrics.csv"),
        (&[&a, &missing], "missing"),
        (&[&a, &a], "are the same run"),
        (&[&a, "--figure", "f.pdf"], "FILE.svg or FILE.png"),
    ];
    for (more, part) in cases {
        let answer = hbp(&[&["report"], more].concat(), b"");
        assert_eq!((answer.code, answer.out.as_str()), (2, ""), "{more:?}");
        assert!(answer.err.contains(part), "{more:?}: {}", answer.err);
    }
}
