//! Messages are snapshots: everything wrong with a file is in its page.

use std::fs;
use std::path::{Path, PathBuf};

use hbp::diagnostic::{Diagnostics, Style};
use hbp::language::parse;

fn cases(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases/language")
        .join(folder);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

fn snapshot(name: &str, found: &Diagnostics) {
    for diagnostic in found {
        assert!(!diagnostic.help.is_empty() && !diagnostic.message.is_empty());
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::assert_snapshot!(format!("diagnostic__{name}"), found.render(Style::PLAIN));
    });
}

#[test]
fn bad_files_are_refused_with_all_their_mistakes() {
    for path in cases("bad") {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let errors = parse(name, &text).expect_err(name);
        snapshot(path.file_stem().unwrap().to_str().unwrap(), &errors);
    }
}
