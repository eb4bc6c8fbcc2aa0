//! The house's rules as tests. Why: an arrow that points up, a file that grew too long or a print in the
//! library is found by a machine, not by a tired reader.

use std::fs;
use std::path::{Path, PathBuf};

/// The floors from the ground up; `src/ARCHITECTURE.md` says what each is for. A floor imports only from those before it.
const FLOORS: [&str; 17] = [
    "diagnostic",
    "expr",
    "language",
    "rewrite",
    "calculus",
    "hbp",
    "kernel",
    "backend",
    "curvature",
    "data",
    "network",
    "optimizer",
    "training",
    "check",
    "proof",
    "report",
    "cli",
];

/// What a floor does not know, however low it stands: the floor, a word of code, and why.
const ABSENT: &[(&str, &str, &str)] = &[
    ("expr", "crate::diagnostic", "expr knows no text"),
    (
        "kernel",
        "nalgebra",
        "kernel knows no linear-algebra library",
    ),
    ("hbp", "f64", "hbp knows no numbers"),
    ("hbp", "f32", "hbp knows no numbers"),
    (
        "rewrite",
        "Curvature",
        "approximations never enter the exact e-graph",
    ),
    (
        "rewrite",
        "crate::language",
        "rewrite knows no text of the user's",
    ),
    (
        "calculus",
        "crate::rewrite",
        "the second opinion knows no rule",
    ),
];

/// The most lines of a file.
const MAX_LINES: usize = 400;

#[test]
fn the_tree_keeps_the_rules() {
    let files = rust_files();
    assert!(files.len() > 100, "only {} files were found", files.len());
    let mut faults = Vec::new();
    for path in files {
        let text = fs::read_to_string(root().join(&path)).expect("readable");
        faults.extend(faults_of(&path, &text));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_folder_is_a_floor_and_the_architecture_names_it() {
    let page = fs::read_to_string(root().join("src/ARCHITECTURE.md")).expect("the page");
    let mut place = 0;
    for floor in FLOORS {
        assert!(root().join("src").join(floor).is_dir(), "no src/{floor}");
        let entry = page[place..].find(&format!("`{floor}`"));
        place +=
            entry.unwrap_or_else(|| panic!("ARCHITECTURE.md lacks `{floor}`, or not in order"));
    }
    for entry in fs::read_dir(root().join("src")).expect("src") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_string_lossy();
        let known = FLOORS.contains(&&*name);
        assert!(known || name.contains('.'), "src/{name} is no floor");
    }
}

#[test]
fn planted_faults_are_found() {
    for (path, line, found) in [
        ("src/expr/op.rs", "use crate::hbp::derive;", "imports `hbp`"),
        (
            "src/language/file.rs",
            "use crate::rewrite::Rule;",
            "imports `rewrite`",
        ),
        (
            "src/kernel/mod.rs",
            "use super::backend::execute;",
            "imports `backend`",
        ),
        (
            "src/hbp/derive.rs",
            "use super::super::cli;",
            "imports `cli`",
        ),
        (
            "src/hbp/derive.rs",
            "    crate::network::run();",
            "imports `network`",
        ),
        (
            "src/hbp/derive.rs",
            "use crate::{expr, report::text};",
            "imports `report`",
        ),
        (
            "src/hbp/derive.rs",
            "use crate::{\n  expr::{Op, Id},\n  cli,\n};",
            "imports `cli`",
        ),
        (
            "src/kernel/cost.rs",
            "use nalgebra::DMatrix;",
            "kernel knows no",
        ),
        (
            "src/hbp/derive.rs",
            "let x: f64 = 0.0;",
            "hbp knows no numbers",
        ),
        ("src/network/run.rs", "println!();", "prints"),
        ("src/network/run.rs", "eprint!(\"\");", "prints"),
        ("src/cli/mod.rs", "todo!()", "unfinished"),
        ("tests/expr.rs", "#[ignore]", "ignored"),
        ("tests/expr.rs", "#[ignore = \"slow\"]", "ignored"),
        (
            "src/hbp/derive.rs",
            "if name == \"linear\" {",
            "a built-in module by name",
        ),
    ] {
        let faults = faults_of(path, &format!("//! Why.\n{line}\n"));
        assert_eq!(faults.len(), 1, "{path}: {line}: {faults:?}");
        assert!(faults[0].contains(found), "{faults:?}");
    }
    assert_eq!(
        faults_of("tests/expr.rs", "use hbp::expr;\n").len(),
        1,
        "no module doc"
    );
    let long = format!("//! Why.\n{}", "// line\n".repeat(MAX_LINES));
    assert_eq!(faults_of("tests/expr.rs", &long).len(), 1, "too long");
}

#[test]
fn what_is_allowed_is_no_fault() {
    for (path, line) in [
        ("src/hbp/derive.rs", "use crate::expr::{Graph, Id};"),
        ("src/hbp/derive.rs", "use super::naming::name_common_parts;"),
        ("src/hbp/derive.rs", "// crate::cli prints it"),
        ("src/language/file.rs", "use super::network::Network;"),
        ("src/cli/output.rs", "print!(\"\");"),
        ("src/lib.rs", "pub use cli::main;"),
        ("tests/hbp.rs", "let linear = \"linear\";"),
    ] {
        let faults = faults_of(path, &format!("//! Why.\n{line}\n"));
        assert!(faults.is_empty(), "{path}: {line}: {faults:?}");
    }
}

/// What is wrong with a file, one line each.
fn faults_of(path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |message: String| faults.push(format!("{path}: {message}"));
    let lines = text.lines().count();
    if lines > MAX_LINES {
        fault(format!("{lines} lines, more than {MAX_LINES}"));
    }
    if !(text.starts_with("//!") || text.starts_with("#![doc = include_str!")) {
        fault("does not begin with why it is there".into());
    }
    let code = code_of(text);
    let own = floor_of(path);
    for used in own.map(|own| imports(path, own, &code)).unwrap_or_default() {
        fault(used);
    }
    for (floor, word, why) in ABSENT {
        // What the order of floors forbids is reported once, as an import.
        let import = word.strip_prefix("crate::");
        let ordered = import.is_some_and(|other| level(other) > level(floor));
        if own == Some(*floor) && !ordered && has_word(&code, word) {
            fault(format!("`{word}`: {why}"));
        }
    }
    let prints = ["print!", "println!", "eprint!", "eprintln!", "dbg!"];
    if path.starts_with("src/") && own != Some("cli") && prints.iter().any(|p| has_word(&code, p)) {
        fault("prints, which only cli does".into());
    }
    if path != "tests/layers.rs" {
        if ["todo!", "unimplemented!"]
            .iter()
            .any(|p| has_word(&code, p))
        {
            fault("unfinished".into());
        }
        if code.contains("#[ignore") {
            fault("an ignored test".into());
        }
    }
    if path.starts_with("src/")
        && own != Some("cli")
        && let Some(name) = hbp::language::builtin_names()
            .iter()
            .filter(|name| is_module(name))
            .find(|name| code.contains(&format!("\"{name}\"")))
    {
        fault(format!("speaks of a built-in module by name: {name}"));
    }
    faults
}

/// A layer or a loss: neither one of the functions that the language is made of, nor named as an operation is.
fn is_module(name: &str) -> bool {
    let functions = include_str!("../src/language/prelude/functions.hbp");
    let source = hbp::language::builtin_source(name).unwrap_or_default();
    !functions.contains(source) && !["add", "multiply", "scale"].contains(&name)
}

/// The imports that point up.
fn imports(path: &str, own: &str, code: &str) -> Vec<String> {
    // The module's depth: so many `super` lead to the crate.
    let depth = path.matches('/').count() - usize::from(path.ends_with("/mod.rs"));
    let mut found = Vec::new();
    for start in ["crate::".to_owned(), "super::".repeat(depth)] {
        for (place, _) in code.match_indices(&start) {
            let before = code[..place].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            for name in heads(&code[place + start.len()..]) {
                if FLOORS.contains(&name) && level(name) > level(own) {
                    found.push(format!("imports `{name}`, which stands above `{own}`"));
                }
            }
        }
    }
    found
}

/// The first names after `crate::`: one, or those of a list in braces.
fn heads(rest: &str) -> Vec<&str> {
    let word = |text: &'_ str| {
        text.find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(text.len())
    };
    let Some(list) = rest.strip_prefix('{') else {
        return vec![&rest[..word(rest)]];
    };
    let (mut names, mut depth, mut start) = (Vec::new(), 1, 0);
    for (place, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if (c == ',' && depth == 1) || depth == 0 {
            let item = list[start..place].trim();
            names.push(&item[..word(item)]);
            start = place + 1;
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(place, _)| {
        let before = code[..place].chars().next_back();
        let after = code[place + word.len()..].chars().next();
        let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !joins(before) && !joins(after)
    })
}

/// The lines that are not comments.
fn code_of(text: &str) -> String {
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn floor_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    inside.split_once('/').map(|(floor, _)| floor)
}

fn level(floor: &str) -> usize {
    let place = FLOORS.iter().position(|known| *known == floor);
    place.unwrap_or_else(|| panic!("src/{floor} is no floor"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// All Rust files of the project, relative to its root.
fn rust_files() -> Vec<String> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["src", "tests", "benches", "examples"]
        .map(PathBuf::from)
        .into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).expect("a folder") {
            let entry = entry.expect("an entry");
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}
