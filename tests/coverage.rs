//! The table of what works with what. Why compared with a file: the documentation shows it, and must not claim what the program
//! does not do.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

use std::fs;
use std::path::Path;

use hbp::check::{Coverage, coverage, coverage_text, modes};
use hbp::expr::Name;
use hbp::language::{builtin_names, parse};
use hbp::rewrite::Rewriter;

#[test]
fn the_documented_table_is_what_is_derived() {
    let file = parse("built-in", "").unwrap();
    let names = builtin_names().into_iter().map(Name::from);
    let names: Vec<Name> = names.filter(|name| file.module(name).is_ok()).collect();
    assert!(names.len() >= 30, "{names:?}");
    let found = coverage_text(&coverage(&file, &names, Rewriter::embedded()).unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/check/COVERAGE.md");
    let documented = fs::read_to_string(path).unwrap();
    assert_eq!(
        found, documented,
        "renew it with `hbp coverage > src/check/COVERAGE.md` after reading what changed"
    );
}

/// A loss of the user's own: no model, not convex; a module whose inputs are joined by a second-order term alone.
#[test]
fn what_is_given_up_or_refused_is_said() {
    let text = "module own(z: R[n], y: R[n]) -> e: R { e = sum(y .* z.^3) }
        module gate(x: R[n], y: R[n]) -> z: R[n] { z = x .* y }
        module affine(x: R[n]) -> z: R[m] { param W: R[m, n]; z = W*x }";
    let file = parse("own.hbp", text).unwrap();
    let rows = coverage(&file, &file.modules(), Rewriter::embedded()).unwrap();
    let cell = |module: &str, title: &str| {
        let row = rows.iter().find(|row| &*row.module == module).unwrap();
        let column = modes().iter().position(|mode| {
            let scheme = mode.scheme.map(|scheme| scheme.to_string());
            scheme.unwrap_or_else(|| format!("{} {}", mode.curvature, mode.message)) == title
        });
        row.cells[column.unwrap()].clone()
    };
    let is_refused = |cell: Coverage, part: &str| matches!(cell, Coverage::Refused(reason) if reason.contains(part));
    assert!(is_refused(cell("own", "kfac"), "no model"));
    assert!(is_refused(cell("own", "fisher hessian"), "no model"));
    assert!(is_refused(cell("own", "kflr"), "not convex"));
    assert_eq!(cell("own", "hbp"), Coverage::Exact);
    assert_eq!(cell("gate", "hbp"), Coverage::Exact);
    let ggn = Coverage::Approximate(vec!["ggn".into()]);
    assert_eq!(cell("gate", "ggn root"), ggn);
    assert_eq!(cell("affine", "ggn root"), Coverage::Exact);
    let means = Coverage::Approximate(vec!["average-hessian".into()]);
    assert_eq!(cell("affine", "kflr"), means);
}
