//! The program from outside: streams, exit codes, help, messages.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

use std::io::{Read, Write};
use std::process::{Command, Stdio};

#[path = "cli/bench.rs"]
mod bench;
#[path = "cli/blocks.rs"]
mod blocks;
#[path = "cli/compose.rs"]
mod compose;
#[path = "cli/experiment.rs"]
mod experiment;
#[path = "cli/limits.rs"]
mod limits;
#[path = "cli/options.rs"]
mod options;
#[path = "cli/products.rs"]
mod products;
#[path = "cli/prove.rs"]
mod prove;
#[path = "cli/report_runs.rs"]
mod report_runs;
#[path = "cli/rules.rs"]
mod rules;
#[path = "cli/streams.rs"]
mod streams;
#[path = "cli/train.rs"]
mod train;
#[path = "cli/train_data.rs"]
mod train_data;
#[path = "cli/train_faults.rs"]
mod train_faults;
#[path = "cli/train_modes.rs"]
mod train_modes;
#[path = "cli/train_resume.rs"]
mod train_resume;

const AFFINE: &str = "module affine(x: R[n]) -> z: R[m] { param W: R[m, n]; z = W*x }";

struct Answer {
    code: i32,
    out: String,
    err: String,
}

/// Runs the program with a text on standard input.
fn hbp(arguments: &[&str], input: &[u8]) -> Answer {
    let mut child = program(arguments).stdin(Stdio::piped()).spawn().unwrap();
    // A program that stops early closes its input; what it says is judged below.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    Answer {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hbp"));
    command.args(arguments).env_remove("NO_COLOR");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn the_graph_of_a_network_is_drawn() {
    let text = "network n { input x: R[2]\n target y: R[2]\n h = linear[2](x)\n a = tanh(h)\n k = linear[2](a; W = h.W)\n s = add(a, k)\n loss square_loss(s, y) }";
    let drawing = hbp(&["show", "-", "--format", "dot"], text.as_bytes());
    assert_eq!(drawing.code, 0, "{}", drawing.err);
    for part in [
        "digraph \"n\" {",
        "\"x\" -> \"h\" [label=\"R[2]\"];",
        "\"h.W\" -> \"k\" [style=dashed, label=\"R[2, 2]\\nback: δ, ℋ 4 × 4\"];",
        "\"a\" -> \"s\" [label=\"R[2]\\nback: δ, ℋ 2 × 2\"];",
        "(frontier)",
    ] {
        assert!(drawing.out.contains(part), "{part}\n{}", drawing.out);
    }
    let image = hbp(&["show", "-", "--format", "svg"], text.as_bytes());
    assert_eq!((image.code, image.err.as_str()), (0, ""));
    assert!(image.out.starts_with("<svg ") && image.out.ends_with("</svg>\n"));
    assert!(
        image.out.contains(">back: δ, ℋ 4 × 4</text>"),
        "{}",
        image.out
    );
    let none = hbp(&["show", "-", "--format", "dot"], AFFINE.as_bytes());
    assert_eq!((none.code, none.out.as_str()), (2, ""), "{}", none.err);
    assert!(none.err.contains("defines no network"), "{}", none.err);
}

#[test]
fn every_help_is_on_stdout_and_has_examples() {
    let commands = [
        "derive",
        "prove",
        "check",
        "run",
        "plan",
        "bench",
        "train",
        "experiment",
        "export",
        "report",
        "groupings",
        "show",
        "rules",
        "demo",
        "legibility",
    ];
    for command in commands {
        let answer = hbp(&[command, "--help"], b"");
        assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{command}");
        for part in ["Usage: hbp", "Examples:", &format!("  hbp {command}")] {
            assert!(
                answer.out.contains(part),
                "{command}: no {part:?} in\n{}",
                answer.out
            );
        }
    }
    let answer = hbp(&["--help"], b"");
    assert_eq!(answer.code, 0);
    for command in commands {
        assert!(answer.out.contains(command), "{command}");
    }
    assert_eq!(hbp(&["--version"], b"").code, 0);
}

#[test]
fn bad_input_is_explained_on_stderr() {
    let cases: &[(&[&str], &[u8], &[&str])] = &[
        (&[], b"", &["Usage: hbp"]),
        (&["fly"], b"", &["unrecognized subcommand 'fly'"]),
        (&["derive"], b"", &["<FILE>"]),
        (
            &["derive", "no-such-file.hbp"],
            b"",
            &["cannot read no-such-file.hbp", "help: "],
        ),
        (&["derive", "."], b"", &["cannot read .", "help: "]),
        (&["derive", "-"], b"", &["defines no module", "help: "]),
        (
            &["derive", "-"],
            b"module a(x: R[n]) -> z: R { z = x }",
            &["<stdin>:1:", "help: "],
        ),
        (&["derive", "-"], b"\xff\xfe", &["not UTF-8", "help: "]),
        (
            &["derive", "-"],
            &vec![b'('; 5 << 20],
            &["<stdin> has more than", "help: "],
        ),
        (
            &["derive", "-", "--module", "b"],
            AFFINE.as_bytes(),
            &["no module is called `b`", "affine"],
        ),
        (
            &["derive", "-", "--wrt", "q"],
            AFFINE.as_bytes(),
            &["`q` is neither", "`x`, `W`", "help: "],
        ),
        (&["derive", "-", "--wrt", ""], AFFINE.as_bytes(), &["--wrt"]),
        (
            &["derive", "-", "--curvature", "foo"],
            AFFINE.as_bytes(),
            &["[possible values: hessian, ggn"],
        ),
        (
            &["derive", "-", "--format", "html"],
            AFFINE.as_bytes(),
            &["not available in this version"],
        ),
        (
            &["derive", "-", "--rules", "no-such-dir"],
            AFFINE.as_bytes(),
            &["no-such-dir", "help: "],
        ),
        (
            &["show", "nothing"],
            b"",
            &["no built-in is called `nothing`", "linear"],
        ),
        (
            &["rules", "nothing"],
            b"",
            &["no rule and no chapter is called `nothing`"],
        ),
        (&["plan", "-", "--dims", "n=0"], b"", &["`n=0` is no size"]),
        (
            &["emit", "f.hbp", "--target", "rust"],
            b"",
            &["`hbp emit` is not available in this version"],
        ),
    ];
    for (arguments, input, parts) in cases {
        let answer = hbp(arguments, input);
        assert_eq!(
            (answer.code, answer.out.as_str()),
            (2, ""),
            "{arguments:?}: {}",
            answer.err
        );
        for part in *parts {
            assert!(
                answer.err.contains(part),
                "{arguments:?}: no {part:?} in\n{}",
                answer.err
            );
        }
        assert!(!answer.err.contains("panicked"), "{}", answer.err);
    }
}

#[test]
fn derive_prints_equations_in_every_format() {
    for (format, part) in [
        ("text", "hess(W)   = (x*x') ⊗ hess(z)\n"),
        (
            "latex",
            r"\mathcal{H}W &= \left(x \, x^\top\right) \otimes \mathcal{H}z",
        ),
        ("json", r#""hessian": "(x*x') ⊗ hess(z)""#),
    ] {
        let arguments = ["derive", "-", "--wrt", "W", "--format", format];
        let answer = hbp(&arguments, AFFINE.as_bytes());
        assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{format}");
        assert!(answer.out.contains(part), "{format}:\n{}", answer.out);
        assert_eq!(
            hbp(&arguments, AFFINE.as_bytes()).out,
            answer.out,
            "not the same twice"
        );
    }
    let two = format!("{AFFINE}\nmodule double(x: R[n]) -> z: R[n] {{ z = 2*x }}");
    let answer = hbp(&["derive", "-", "--format", "json"], two.as_bytes());
    let json: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(json["modules"][1]["variables"][0]["hessian"], "4*hess(z)");
    let builtin = hbp(&["derive", "-", "--module", "linear"], b"");
    assert!(
        builtin.out.contains("hess(x)   = W'*hess(z)*W\n"),
        "{}",
        builtin.err
    );
}

#[test]
fn a_user_function_is_shown_as_it_was_written() {
    let text = "fn swish(t) = t*sigmoid(t)\nmodule a(x: R[n]) -> z: R[n] { z = swish(x) }";
    let answer = hbp(&["derive", "-"], text.as_bytes());
    assert!(
        answer
            .out
            .starts_with("fn swish(t) = t*sigmoid(t)\nmodule a(x: R[n]) -> z: R[n] {\n")
    );
}

#[test]
fn the_rules_and_the_built_ins_can_be_read() {
    let rules = hbp(&["rules"], b"");
    assert_eq!(rules.code, 0);
    assert!(rules.out.contains("kron-mixed-product"), "{}", rules.out);
    let one = hbp(&["rules", "kron-mixed-product"], b"");
    assert!(one.out.contains("MN"), "{}", one.out);
    assert!(one.err.contains("1 rule"), "{}", one.err);
    let linear = hbp(&["show", "linear"], b"");
    assert!(linear.out.contains("z = W*x + b"), "{}", linear.out);
    assert!(hbp(&["show"], b"").out.lines().any(|name| name == "linear"));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut child = program(&["rules"]).spawn().unwrap();
    let mut first = [0u8; 16];
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut first).unwrap();
    drop(out);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(
        !String::from_utf8(output.stderr)
            .unwrap()
            .contains("panicked")
    );
}

#[test]
fn colours_are_for_terminals_only() {
    let answer = hbp(&["derive", "-"], b"module a(x: R[n]) -> z: R { z = x }");
    assert!(!answer.err.contains('\x1b') && !hbp(&["--help"], b"").out.contains('\x1b'));
}

#[test]
fn a_side_of_prove_may_begin_with_a_minus() {
    for side in ["-h", "-x", "--x", "-hess(x)", "-2*x"] {
        let answer = hbp(
            &["prove", "-", side, side, "--module", "affine"],
            AFFINE.as_bytes(),
        );
        assert!(
            !answer.err.contains("unexpected argument"),
            "{side}: {}",
            answer.err
        );
        assert!(!answer.out.contains("Usage"), "{side}: {}", answer.out);
    }
}

#[test]
fn a_loss_is_reported_as_the_loss_itself() {
    let answer = hbp(
        &["derive", "-", "--module", "square_loss", "--wrt", "z"],
        b"",
    );
    let part = "  as the loss itself (";
    assert!(answer.out.contains(part), "{}{}", answer.out, answer.err);
    assert!(
        answer.out.ends_with("    hess(z) = 2*eye(n)\n"),
        "{}",
        answer.out
    );
}

#[test]
fn rules_are_verified_and_a_wrong_one_is_an_answer() {
    let one = hbp(&["rules", "--check", "kron-mixed-product"], b"");
    assert_eq!((one.code, one.err.as_str()), (0, ""));
    assert!(
        one.out.starts_with("holds    kron-mixed-product"),
        "{}",
        one.out
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let wrong = "# Wrong.\nrule t-mul\n  (t (mul ?a ?b)) => (mul (t ?a) (t ?b))\n  cites MN 1.4\n";
    std::fs::write(folder.path().join("01_algebra.rules"), wrong).unwrap();
    let answer = hbp(&["rules", "--check", "--rules", path], b"");
    assert_eq!(answer.code, 1, "{}", answer.err);
    assert!(
        answer.out.contains("REFUSED  t-mul  in 01_algebra, line 2"),
        "{}",
        answer.out
    );
}
