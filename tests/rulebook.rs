//! The rule book: every rule is true, says where it comes from and is needed; wrong books are refused.

mod support;

#[path = "rulebook/damped.rs"]
mod damped;
#[path = "rulebook/ending.rs"]
mod ending;
#[path = "rulebook/malformed.rs"]
mod malformed;
#[path = "rulebook/usage.rs"]
mod usage;

use std::collections::BTreeSet;
use std::path::Path;

use hbp::rewrite::{RuleBook, check_book};

#[test]
fn every_rule_holds_on_numbers() {
    let checks = check_book(&RuleBook::embedded());
    let failures: Vec<String> = checks
        .iter()
        .filter_map(|c| {
            Some(format!(
                "{}, {}: {}",
                c.chapter,
                c.name,
                c.failure.as_ref()?
            ))
        })
        .collect();
    let instances: usize = checks.iter().map(|c| c.instances).sum();
    println!("{} rules, {instances} instances", checks.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(checks.iter().all(|c| c.instances > 0));
}

#[test]
fn every_rule_of_the_broken_book_is_refused() {
    let book = RuleBook::load(Path::new("tests/broken")).expect("well formed, only wrong");
    assert!(book.rules.len() >= 15);
    assert_eq!(book.approximations.len(), 3);
    let chapters: BTreeSet<&str> = book.rules.iter().map(|r| r.chapter.as_str()).collect();
    assert_eq!(chapters.len(), 8, "every chapter of rules has its errors");
    let mut accepted = Vec::new();
    for check in check_book(&book) {
        match check.failure {
            Some(why) => println!("{}: {why}", check.name),
            None => accepted.push(check.name),
        }
    }
    assert_eq!(accepted, Vec::<String>::new(), "wrong, but not refused");
}

#[test]
fn a_refusal_shows_shapes_data_and_both_values() {
    let text = "rule t-column\n  (t ?a) => ?a\n  where square(?a)\n  cites MN 1.2\n";
    let book = RuleBook::parse(&[("01_algebra", text)]).expect("well formed");
    let first = check_book(&book);
    assert_eq!(first, check_book(&book), "the same book, the same answer");
    let why = first[0].failure.clone().expect("refused");
    assert!(why.starts_with("left to right: with ?a "), "{why}");
    for part in ["×", "m = 2, n = 3, data seed 1 (Normal)", "≠", "["] {
        assert!(why.contains(part), "{why}");
    }
    let text = "rule nothing\n  (t ?a) => ?a\n  where row(?a), symmetric(?a), not-number(?a), is-one(?a)\n  cites MN 1.2\n";
    let book = RuleBook::parse(&[("01_algebra", text)]).expect("well formed");
    let why = check_book(&book)[0].failure.clone().expect("refused");
    assert!(why.contains("vacuous"), "{why}");
}

#[test]
fn every_rule_has_words_a_citation_and_a_name_of_its_own() {
    let book = RuleBook::embedded();
    let readme = include_str!("../rules/README.md");
    let references = readme.split("## References").nth(1).expect("a table");
    let known: Vec<&str> = references
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .flat_map(|cell| cell.split(", "))
        .collect();
    assert!(known.len() > 15, "{known:?}");
    let is_known = |source: &str| {
        known.iter().any(|k| match k.strip_suffix(".n") {
            Some(chapter) => source
                .strip_prefix(chapter)
                .and_then(|rest| rest.strip_prefix('.'))
                .is_some_and(|section| section.parse::<u32>().is_ok()),
            None => *k == source,
        })
    };
    assert!(is_known("MN 2.4") && is_known("S.8c") && !is_known("MN 4.1") && !is_known("MN 2"));
    let mut names = BTreeSet::new();
    for rule in &book.rules {
        assert!(names.insert(&rule.name), "{} stands twice", rule.name);
        assert!(rule.words.len() > 8, "{} has no words", rule.name);
        for source in rule.cites.split(", ") {
            assert!(is_known(source), "{} cites the unknown {source}", rule.name);
        }
        let kebab = |c: char| c.is_ascii_alphanumeric() || c == '-';
        assert!(
            rule.name.chars().all(kebab),
            "{} is no kebab-case",
            rule.name
        );
        assert!(rule.line > 0 && !rule.phases.is_empty());
    }
}

#[test]
fn the_readme_lists_every_operation_and_condition() {
    let readme = include_str!("../rules/README.md");
    for (_, head, _) in hbp::expr::TABLE {
        assert!(
            readme.contains(&format!("`({head} ")),
            "`{head}` is not listed"
        );
    }
    let unknown = "rule r\n  (t ?a) => ?a\n  where nonsense(?a)\n  cites MN 1.2\n";
    let vocabulary = RuleBook::parse(&[("x", unknown)])
        .expect_err("refused")
        .help;
    let words = vocabulary
        .split(|c: char| !(c.is_ascii_lowercase() || c == '-'))
        .filter(|w| !["", "conditions", "one", "variable", "two"].contains(w));
    for word in words {
        assert!(
            readme.contains(&format!("`{word}(?")),
            "`{word}` is not listed"
        );
    }
}
