//! `hbp rules`: the rule book, chapter by chapter.

use crate::cli::Exit;
use crate::cli::arguments::Rules;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::source;
use crate::rewrite::{Approximation, Rule, RuleCheck, check_approximation, check_rule};

/// Prints the rules asked for.
pub(super) fn run(arguments: &Rules, output: &mut Output) -> Result<Exit, Failure> {
    let book = source::book(&arguments.book)?;
    let wanted = |rule: &Rule| {
        let name = arguments.name.as_ref();
        name.is_none_or(|name| rule.name == *name || rule.chapter == *name)
    };
    let rules = book.rules.iter().map(Entry::Rule);
    let approximations = book.approximations.iter().map(Entry::Approximation);
    let entries = rules.chain(approximations);
    let entries: Vec<Entry> = entries.filter(|entry| wanted(entry.rule())).collect();
    if entries.is_empty() {
        return Err(match &arguments.name {
            Some(name) => Failure::bad_input(
                format!("no rule and no chapter is called `{name}`"),
                "`hbp rules` lists all",
            ),
            None => Failure::bad_input(
                "the book has no rules",
                "rules/README.md of the program says how they are written",
            ),
        });
    }
    if arguments.check {
        return check(&entries, output);
    }
    let mut chapter = "";
    for entry in &entries {
        let rule = entry.rule();
        if rule.chapter != chapter {
            chapter = &rule.chapter;
            output.line(&format!("{chapter}\n"))?;
        }
        output.line(&format!(
            "{}  [{}]\n    {}",
            rule.name, rule.cites, rule.words
        ))?;
        output.line(&format!("{}\n", entry.statement()))?;
    }
    output.note(&counted(&entries));
    Ok(Exit::Done)
}

/// What a book holds.
enum Entry<'a> {
    Rule(&'a Rule),
    Approximation(&'a Approximation),
}

impl Entry<'_> {
    fn rule(&self) -> &Rule {
        match self {
            Self::Rule(rule) => rule,
            Self::Approximation(approximation) => &approximation.stated,
        }
    }

    fn statement(&self) -> String {
        let (left, right) = &self.rule().sides;
        match self {
            Self::Rule(rule) if rule.both_ways => format!("    {left} <=> {right}"),
            Self::Rule(_) => format!("    {left} => {right}"),
            Self::Approximation(approximation) => {
                let condition = &approximation.condition;
                format!("    {left} ~> {right}\n    exact {condition}")
            }
        }
    }

    fn check(&self) -> RuleCheck {
        match self {
            Self::Rule(rule) => check_rule(rule),
            Self::Approximation(approximation) => check_approximation(approximation),
        }
    }
}

/// `295 rules, 6 approximations`.
fn counted(entries: &[Entry]) -> String {
    let count = |number: usize, what: &str| match number {
        0 => None,
        1 => Some(format!("1 {what}")),
        many => Some(format!("{many} {what}s")),
    };
    let rules = entries
        .iter()
        .filter(|e| matches!(e, Entry::Rule(_)))
        .count();
    let parts = [
        count(rules, "rule"),
        count(entries.len() - rules, "approximation"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

/// Verifies rules on numbers; one that is refused makes the answer no.
fn check(entries: &[Entry], output: &mut Output) -> Result<Exit, Failure> {
    let (mut instances, mut refused) = (0, 0);
    for entry in entries {
        let check = entry.check();
        instances += check.instances;
        match check.failure {
            None => output.line(&format!(
                "holds    {}  ({} instances)",
                check.name, check.instances
            ))?,
            Some(why) => {
                refused += 1;
                let Rule { chapter, line, .. } = entry.rule();
                output.line(&format!(
                    "REFUSED  {}  in {chapter}, line {line}: {why}",
                    check.name
                ))?;
            }
        }
    }
    let counted = counted(entries);
    output.line(&format!(
        "{counted}, {instances} instances, {refused} refused"
    ))?;
    Ok(if refused == 0 { Exit::Done } else { Exit::No })
}
