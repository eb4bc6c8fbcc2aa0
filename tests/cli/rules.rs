//! Rule books of the user's own: what they cannot derive is shown where it is written.

use std::fs;
use std::path::Path;

use super::hbp;

/// The book of the program without the rules of one name each.
fn book_without(folder: &Path, left_out: &[&str]) {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    for entry in fs::read_dir(rules).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "rules") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let is_kept = |block: &&str| {
            let mut lines = block.lines();
            !lines.any(|l| left_out.iter().any(|r| l == format!("rule {r}")))
        };
        let kept: Vec<&str> = text.split("\n\n").filter(is_kept).collect();
        fs::write(folder.join(path.file_name().unwrap()), kept.join("\n\n")).unwrap();
    }
}

#[test]
fn an_operation_without_a_rule_is_shown_where_it_is_written() {
    const TEXT: &str =
        "module m(x: R[n]) -> z: R[n] {\n  param A: R[n, n]\n  h = inv(A)*x\n  z = tanh(h)\n}\n";
    let folder = tempfile::tempdir().unwrap();
    book_without(folder.path(), &["J-inv", "V-inv"]);
    let rules = folder.path().to_str().unwrap();
    // Each command proves the whole book first.
    for command in [&["check", "-"][..], &["plan", "-", "--dims", "n=3"]] {
        let answer = hbp(&[command, &["--rules", rules]].concat(), TEXT.as_bytes());
        assert_eq!(answer.code, 2, "{command:?}: {}", answer.err);
        for part in [
            "E0701",
            "with respect to `A`: no rule differentiates `inv`",
            "<stdin>:3:7",
            "help: ",
        ] {
            assert!(answer.err.contains(part), "{command:?}: {}", answer.err);
        }
    }
    let constant = ["derive", "-", "--wrt", "x", "--rules", rules];
    assert_eq!(hbp(&constant, TEXT.as_bytes()).code, 0, "x needs neither");
}
