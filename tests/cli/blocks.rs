//! Matrices over several parameters and the memory they may take, from outside.

use std::path::{Path, PathBuf};

use hbp::data::{Array, Item, read_npz, write_npz};

use super::hbp;

const SMALL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/cases/networks/small/small.hbp"
);
const DATA: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/cases/networks/small/in.npz"
);

fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("hbp-blocks-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn run(out: &Path, more: &[&str]) -> super::Answer {
    let out = out.to_str().unwrap();
    hbp(
        &[&["run", SMALL, "--data", DATA, "--out", out], more].concat(),
        b"",
    )
}

#[test]
fn matrices_over_several_parameters_are_written_with_their_order() {
    let out = folder().join("out.npz");
    for (blocks, is_matrix) in [
        ("module", (|name: &str| name != "hess") as fn(&str) -> bool),
        ("full", |name: &str| name == "hess"),
    ] {
        let answer = run(&out, &["--blocks", blocks]);
        assert_eq!(answer.code, 0, "{}", answer.err);
        let found = read_npz(&out).unwrap();
        let orders: Vec<&str> = (found.keys())
            .filter_map(|name| name.strip_suffix(".order"))
            .collect();
        assert!(!orders.is_empty(), "{blocks}: {:?}", found.keys());
        for name in orders {
            assert!(is_matrix(name), "{blocks}: {name}");
            let Item::Text(order) = &found[&format!("{name}.order")] else {
                panic!("the order is text");
            };
            let gradient =
                |p: &str| -> usize { found[&format!("grad.{p}")].array().unwrap().values.len() };
            let size: usize = order.split(' ').map(gradient).sum();
            assert_eq!(found[name].array().unwrap().shape, [size, size], "{name}");
        }
    }
}

#[test]
fn blocks_that_do_not_fit_the_memory_are_limits() {
    let out = folder().join("limit.npz");
    for blocks in ["parameter", "module", "full"] {
        let answer = run(&out, &["--blocks", blocks, "--dense", "--memory", "64"]);
        assert_eq!(answer.code, 3, "{blocks}: {}", answer.err);
        assert!(answer.err.contains("memory"), "{}", answer.err);
        assert!(answer.err.contains("help"), "{}", answer.err);
        assert!(!out.exists());
    }
}

#[test]
fn nonsense_is_no_memory_and_no_blocks() {
    let out = folder().join("nonsense.npz");
    for (more, part) in [
        (["--memory", "lots"], "`lots` is no size"),
        (["--memory", "0"], "`0` is no size"),
        (["--memory", "-1"], "-1"),
        (["--memory", "2XiB"], "`2XiB` is no size"),
        (["--blocks", "everything"], "everything"),
    ] {
        let answer = run(&out, &more);
        assert_eq!(answer.code, 2, "{more:?}: {}", answer.err);
        assert!(answer.err.contains(part), "{}", answer.err);
        assert!(!out.exists());
    }
}

#[test]
fn modules_have_no_matrices_over_several_parameters() {
    let out = folder().join("module.npz");
    let text = "module affine(x: R[n]) -> z: R[m] { param W: R[m, n]; param b: R[m]; z = W*x + b }";
    for blocks in ["module", "full"] {
        let arguments = [
            "run",
            "-",
            "--data",
            DATA,
            "--out",
            out.to_str().unwrap(),
            "--blocks",
            blocks,
        ];
        let answer = hbp(&arguments, text.as_bytes());
        assert_eq!(answer.code, 2, "{blocks}: {}", answer.err);
        assert!(answer.err.contains("--blocks"), "{}", answer.err);
    }
}

#[test]
fn plans_say_what_memory_a_run_takes() {
    let plan = hbp(&["plan", SMALL, "--batch-size", "7"], b"");
    assert_eq!(plan.code, 0, "{}", plan.err);
    let last = plan.out.lines().last().unwrap();
    let start = "a run of 7 samples takes about ";
    assert!(last.starts_with(start), "{last}");
    for part in [
        "for the blocks",
        "for the results",
        "for the kernels' buffers",
    ] {
        assert!(last.contains(part), "{last}");
    }
}

/// 3600 entries of W: 99 MiB for the block with all its entries, and as much for each copy.
#[test]
fn large_runs_say_so_before_they_begin() {
    let text = "network n { input x: R[60]\n target y: R[60]\n h = matmul[60](x)\n loss square_loss(h, y) }";
    let (data, out) = (folder().join("large.in.npz"), folder().join("large.npz"));
    let array = |shape: &[usize]| {
        let values = vec![0.5; shape.iter().product()];
        Item::Array(Array::new(shape.to_vec(), values).unwrap())
    };
    let items = [
        ("x", array(&[1, 60])),
        ("y", array(&[1, 60])),
        ("h.W", array(&[60, 60])),
    ];
    write_npz(&data, items.iter().map(|(name, item)| (*name, item))).unwrap();
    let arguments = |more: &[&'static str]| {
        let of = |path: &Path| path.to_str().unwrap().to_owned();
        let fixed = ["run", "-", "--data", &of(&data), "--out", &of(&out)].map(String::from);
        let more = more.iter().map(|s| (*s).to_owned());
        fixed.into_iter().chain(more).collect::<Vec<String>>()
    };
    let run = |more: &[&'static str]| {
        let arguments = arguments(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        hbp(&arguments, text.as_bytes())
    };
    let small = run(&[]);
    assert_eq!(small.code, 0, "{}", small.err);
    assert!(!small.err.contains("note: "), "{}", small.err);
    let large = run(&["--dense", "--memory", "2GiB"]);
    assert_eq!(large.code, 0, "{}", large.err);
    let notes: Vec<&str> = large
        .err
        .lines()
        .filter(|l| l.starts_with("note: "))
        .collect();
    assert_eq!(notes.len(), 1, "{}", large.err);
    assert!(notes[0].starts_with("note: about 29"), "{}", notes[0]);
    assert!(notes[0].contains("for the results"), "{}", notes[0]);
    std::fs::remove_file(&out).unwrap();
    let refused = run(&["--dense", "--memory", "200MiB"]);
    assert_eq!(refused.code, 3, "{}", refused.err);
    assert!(refused.err.contains("no `--dense`"), "{}", refused.err);
}
