//! Rule books of the user's own: what they cannot derive is shown where it is written.

use std::fs;
use std::path::Path;

use super::hbp;

/// A book of the program's rules of these names alone: each command proves the whole of its book first.
fn book_of(folder: &Path, names: &[String]) {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let mut found = 0;
    for entry in fs::read_dir(rules).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "rules") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let is_named = |block: &&str| {
            let name = block.lines().find_map(|line| line.strip_prefix("rule "));
            name.is_some_and(|name| names.iter().any(|kept| kept == name))
        };
        let kept: Vec<&str> = text.split("\n\n").filter(is_named).collect();
        found += kept.len();
        if !kept.is_empty() {
            fs::write(folder.join(path.file_name().unwrap()), kept.join("\n\n")).unwrap();
        }
    }
    assert_eq!(found, names.len());
}

#[test]
fn an_operation_without_a_rule_is_shown_where_it_is_written() {
    const TEXT: &str =
        "module m(x: R[n]) -> z: R[n] {\n  param A: R[n, n]\n  h = inv(A)*x\n  z = tanh(h)\n}\n";
    let folder = tempfile::tempdir().unwrap();
    let jacobians = "variable constant scalar mul mul-constant-left mul-constant-right apply had had-constant-left had-constant-right transpose";
    let gradients = "variable constant mul apply";
    let named = |of: &str, names: &str| -> Vec<String> {
        names
            .split(' ')
            .map(|name| format!("{of}-{name}"))
            .collect()
    };
    let names = [
        named("J", jacobians),
        named("V", gradients),
        named("d", "tanh"),
    ]
    .concat();
    book_of(folder.path(), &names);
    let rules = folder.path().to_str().unwrap();
    for command in [
        &["derive", "-"][..],
        &["check", "-"],
        &["plan", "-", "--dims", "n=3"],
    ] {
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
