//! The rule book: every rule is true, says where it comes from and is needed.

use hbp::rewrite::{RuleBook, check_book};

#[test]
fn every_rule_holds_on_numbers() {
    let checks = check_book(&RuleBook::embedded());
    let failures: Vec<String> = checks
        .iter()
        .filter_map(|c| {
            let why = c.failure.as_ref()?;
            Some(format!("{}, {}: {why}", c.chapter, c.name))
        })
        .collect();
    let instances: usize = checks.iter().map(|c| c.instances).sum();
    println!("{} rules, {instances} instances", checks.len());
    for c in &checks {
        if c.instances < 6 {
            println!("  {} {}", c.name, c.instances);
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(checks.iter().all(|c| c.instances > 0));
}
