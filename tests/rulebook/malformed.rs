//! Books that cannot be read say where, why and what would help.

use std::path::Path;

use hbp::rewrite::{BookError, RuleBook};
use proptest::prelude::*;

fn refused(text: &str) -> BookError {
    match RuleBook::parse(&[("01_algebra", text)]) {
        Ok(book) => panic!("{} rules were read from {text}", book.rules.len()),
        Err(e) => e,
    }
}

/// The body of a rule is refused on `line` of the file with a message that has `message` in it.
fn check(body: &str, line: usize, message: &str) {
    let e = refused(&format!("# Words.\nrule r\n{body}"));
    assert!(e.message.contains(message), "{body}: {e}");
    assert_eq!(e.line, line, "{e}");
    assert_eq!(e.file, "01_algebra.rules");
    assert!(!e.help.is_empty());
    assert!(
        e.to_string()
            .starts_with(&format!("01_algebra.rules:{line}: ")),
        "{e}"
    );
}

/// Bodies of a rule, with the line of the error and what its message says.
const MALFORMED: &[(&str, usize, &str)] = &[
    (
        "  (frobnicate ?a) => ?a\n  cites algebra\n",
        2,
        "`frobnicate` is no operation",
    ),
    (
        "  (t ?a) => ?b\n  cites algebra\n",
        2,
        "`?b` stands on the right side only",
    ),
    ("  (t (t ?a)) => ?a\n", 2, "cites nothing"),
    (
        "  (mul ?a) => ?a\n  cites algebra\n",
        2,
        "`mul` does not take 1 operands",
    ),
    (
        "  (t ?a ?b) => ?a\n  cites algebra\n",
        2,
        "`t` does not take 2 operands",
    ),
    (
        "  (add ?a ?b ?c) => ?a\n  cites algebra\n",
        2,
        "`add` does not take 3 operands",
    ),
    ("  (t (t ?a)) ?a\n  cites algebra\n", 2, "has no `=>`"),
    ("  (t (t ?a) => ?a\n  cites algebra\n", 2, "ends early"),
    ("  (t ?a)) => ?a\n  cites algebra\n", 2, "left over"),
    ("  ) => ?a\n  cites algebra\n", 2, "has a `)` too many"),
    ("  => ?a\n  cites algebra\n", 2, "ends early"),
    ("  (t ?a) =>\n  cites algebra\n", 2, "ends early"),
    (
        "  () => ?a\n  cites algebra\n",
        2,
        "needs an operation after `(`",
    ),
    ("  (t ?a) => ?a => ?a\n  cites algebra\n", 2, "left over"),
    ("  (t ?a) => 1/0\n  cites algebra\n", 2, "`1/0` is neither"),
    ("  (t ?a) => ?\n  cites algebra\n", 2, "`?` is no variable"),
    (
        "  ?a => (t (t ?a))\n  cites algebra\n",
        2,
        "starts from a bare variable",
    ),
    (
        "  (t (t ?a)) <=> ?a\n  cites algebra\n",
        2,
        "starts from a bare variable",
    ),
    (
        "  (scale (size ?a) (mean ?a)) => (sum ?a)\n  cites algebra\n",
        2,
        "looks for `(size …)`",
    ),
    (
        "  (t ?the-rest) => ?the-rest\n  cites algebra\n",
        2,
        "reserved",
    ),
    (
        "  (mul ?a (inv ?a)) <=> (eye 3)\n  cites algebra\n",
        2,
        "variables on one side only",
    ),
    (
        "  (t ?a) => ?a\n  where nice(?a)\n  cites algebra\n",
        4,
        "`nice` is no condition",
    ),
    (
        "  (t ?a) => ?a\n  where nice\n  cites algebra\n",
        4,
        "`nice` is no condition",
    ),
    (
        "  (t ?a) => ?a\n  where square(?a, ?a)\n  cites algebra\n",
        4,
        "takes 1 variables",
    ),
    (
        "  (t ?a) => ?a\n  where constant(?a)\n  cites algebra\n",
        4,
        "takes 2 variables",
    ),
    (
        "  (t ?a) => ?a\n  where square(a)\n  cites algebra\n",
        4,
        "`a` is no variable",
    ),
    (
        "  (t ?a) => ?a\n  where square(?b)\n  cites algebra\n",
        2,
        "the unknown `?b`",
    ),
    (
        "  (t ?a) => ?a\n  phase later\n  cites algebra\n",
        4,
        "`later` is no phase",
    ),
];

#[test]
#[allow(clippy::too_many_lines, reason = "one table")]
fn malformed_rules_are_refused_with_their_place() {
    for (body, line, message) in MALFORMED {
        check(body, *line, message);
    }
    let deep = "(t ".repeat(100) + "?a" + &")".repeat(100);
    let deep = format!("  {deep} => ?a\n  cites algebra\n");
    check(&deep, 2, "nested deeper than 64");
}

#[test]
fn malformed_chapters_are_refused_with_their_place() {
    let twice = "rule r\n  (t (t ?a)) => ?a\n  cites algebra\n\nrule r\n  (t (t ?a)) => ?a\n  cites algebra\n";
    let e = refused(twice);
    assert_eq!(
        (e.line, e.message.as_str()),
        (5, "the name `r` stands twice")
    );
    let e = refused("\nhello\n");
    assert_eq!((e.line, e.message.as_str()), (2, "`hello` is no rule"));
    let e = refused("rule\n");
    assert_eq!(e.message, "`rule` is no rule");
    let e =
        refused(&("rule r\n  ".to_owned() + &"(".repeat(1 << 20) + " => ?a\n  cites algebra\n"));
    assert!(e.message.contains("needs an operation"), "{e}");
}

#[test]
fn a_directory_without_a_book_is_refused() {
    let load = |dir: &Path| RuleBook::load(dir).expect_err("refused").to_string();
    let dir = tempfile::tempdir().expect("a directory");
    let missing = load(&dir.path().join("nowhere"));
    assert!(
        missing.contains("nowhere:1: the rule book cannot be read"),
        "{missing}"
    );
    assert!(load(dir.path()).contains("there is no rule file here"));
    let file = dir.path().join("01_x.rules");
    std::fs::write(&file, b"# Fine.\n# Not \xff fine.\n").expect("written");
    let e = RuleBook::load(dir.path()).expect_err("refused");
    assert_eq!((e.line, e.message.as_str()), (2, "is not UTF-8"));
    std::fs::write(&file, vec![b'#'; (1 << 20) + 1]).expect("written");
    assert!(load(dir.path()).contains("is longer than"));
    std::fs::write(&file, "rule r\n  (t ?a) => ?b\n  cites x\n").expect("written");
    assert!(load(dir.path()).contains("01_x.rules:1: rule `r`: `?b`"));
    std::fs::remove_file(&file).expect("removed");
    std::fs::create_dir(&file).expect("a directory in its place");
    assert!(load(dir.path()).contains("cannot be read"));
}

#[test]
fn the_book_on_disk_is_the_book_in_the_program() {
    let disk = RuleBook::load(Path::new("rules")).expect("readable");
    let embedded = RuleBook::embedded();
    let sides = |book: &RuleBook| -> Vec<_> {
        let rules = book.rules.iter();
        rules
            .map(|r| (r.chapter.clone(), r.name.clone(), r.sides.clone()))
            .collect()
    };
    assert_eq!(sides(&disk), sides(&embedded));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(text in r"(rule|where|cites|phase|[?()=<># a-z0-9,/\n-]){0,60}") {
        let _ = RuleBook::parse(&[("01_algebra", &text)]);
    }

    #[test]
    fn no_rule_makes_the_check_panic(
        left in r"\((mul|add|t|kron|J|V|E|sand|apply|prime|eye|reshape|rows|inv)( (\?[abx]|2|exp|\((t|vec|mul|prime)( \?[abf]){1,2}\))){1,3}\)",
        right in r"(\?a|\((mul|had|zeros|dim\*|diag)( \?[ab]){1,2}\))",
        condition in "(square|symmetric|number|positive|variable|is-one)",
    ) {
        let text = format!("rule r\n  {left} => {right}\n  where {condition}(?a)\n  cites algebra\n");
        if let Ok(book) = RuleBook::parse(&[("01_algebra", &text)]) {
            let _ = hbp::rewrite::check_book(&book);
        }
    }
}

/// Bodies of an approximation, with the line of the error and what its message says.
const MALFORMED_APPROXIMATIONS: &[(&str, usize, &str)] = &[
    (
        "  (E ?a) ~> ?a\n  cites 2\n",
        2,
        "does not say when it is exact",
    ),
    (
        "  (E ?a) ~> ?a\n  exact always\n  cites 2\n",
        4,
        "says nothing of when it is exact",
    ),
    (
        "  (E ?a) ~> ?a\n  exact where odd(?a)\n  cites 2\n",
        4,
        "`odd` is no condition",
    ),
    (
        "  (E ?a) ~> ?a\n  exact for a = ?a\n  cites 2\n",
        4,
        "names no variable",
    ),
    (
        "  (E ?a) ~> ?a\n  exact for ?a = (t\n  cites 2\n",
        4,
        "ends early",
    ),
    (
        "  (E ?a) ~> ?b\n  exact where square(?a)\n  cites 2\n",
        2,
        "`?b` stands on the right side only",
    ),
    (
        "  (E ?a) ~> ?a\n  exact where square(?a)\n",
        2,
        "cites nothing",
    ),
];

#[test]
fn malformed_approximations_are_refused_with_their_place() {
    for (body, line, message) in MALFORMED_APPROXIMATIONS {
        let e = refused(&format!("# Words.\napproximation r\n{body}"));
        assert!(e.message.contains(message), "{body}: {e}");
        assert_eq!(e.line, *line, "{e}");
        assert!(!e.help.is_empty());
    }
}
