//! What the README shows is what the program prints. Why: a tour that has come out of step is worse than none.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

use std::process::{Command, Stdio};

#[test]
fn the_tour_is_what_is_printed() {
    let readme = include_str!("../README.md");
    let mut commands = 0;
    // Every other piece between fences is inside one.
    for block in readme.split("```").skip(1).step_by(2) {
        let mut lines = block.lines().peekable();
        while let Some(line) = lines.next() {
            let Some(command) = line.strip_prefix("$ hbp ") else {
                continue;
            };
            let mut expected = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
                expected.push(line);
            }
            let printed = run(command.trim_end_matches(" </dev/null"));
            follow(&printed, &expected).unwrap_or_else(|line| {
                panic!("$ hbp {command}\ndoes not print `{line}` there, but\n{printed}")
            });
            commands += 1;
        }
    }
    assert!(commands >= 9, "{commands} commands");
}

#[test]
fn what_is_not_printed_is_noticed() {
    let printed = "a\nb = 1\nc\n";
    for (expected, wrong) in [
        (vec!["a", "b = 1", "c"], None),
        (vec!["…", "c"], None),
        (vec!["a", "…"], None),
        (vec!["a", "b = …", "c"], None),
        (vec!["…", "a", "…", "c"], None),
        (vec!["b = 1"], Some("b = 1")),
        (vec!["a", "c"], Some("c")),
        (vec!["…", "d"], Some("d")),
        (vec!["a", "b = 2…"], Some("b = 2…")),
        (vec!["a"], Some("the end")),
    ] {
        let found = follow(printed, &expected).err();
        assert_eq!(found.as_deref(), wrong, "{expected:?}");
    }
}

/// The lines follow one another in what is printed; `…` stands for any lines, or at a line's end for its rest. The
/// first that does not follow is the error.
fn follow(printed: &str, expected: &[&str]) -> Result<(), String> {
    let mut rest = printed.lines().filter(|line| !line.is_empty());
    let mut skip = false;
    for line in expected.iter().filter(|line| !line.is_empty()) {
        if line.trim() == "…" {
            skip = true;
            continue;
        }
        let is_it = |found: &str| match line.strip_suffix('…') {
            Some(start) => found.starts_with(start),
            None => found == *line,
        };
        let follows = if skip {
            rest.any(is_it)
        } else {
            rest.next().is_some_and(is_it)
        };
        if !follows {
            return Err((*line).to_owned());
        }
        skip = false;
    }
    if skip || rest.next().is_none() {
        Ok(())
    } else {
        Err("the end".to_owned())
    }
}

/// Both streams of the program with these arguments; what is written to `/tmp` goes elsewhere.
fn run(command: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let arguments = words(command);
    let moved = |word: &String| word.replace("/tmp", &folder.path().to_string_lossy());
    let output = Command::new(env!("CARGO_BIN_EXE_hbp"))
        .args(arguments.iter().map(moved))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    text.replace(&*folder.path().to_string_lossy(), "/tmp")
}

/// Words, some in double quotes.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (place, piece) in command.split('"').enumerate() {
        if place % 2 == 1 {
            words.push(piece.to_owned());
        } else {
            words.extend(piece.split_whitespace().map(str::to_owned));
        }
    }
    words
}
