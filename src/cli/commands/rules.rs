//! `hbp rules`: the rule book, chapter by chapter.

use crate::cli::Exit;
use crate::cli::arguments::Rules;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::source;
use crate::rewrite::{Rule, check_rule};

/// Prints the rules asked for.
pub(super) fn run(arguments: &Rules, output: &mut Output) -> Result<Exit, Failure> {
    let book = source::book(&arguments.book)?;
    let wanted = |rule: &&Rule| {
        arguments
            .name
            .as_ref()
            .is_none_or(|name| rule.name == *name || rule.chapter == *name)
    };
    let rules: Vec<&Rule> = book.rules.iter().filter(wanted).collect();
    if rules.is_empty() {
        let name = arguments.name.as_deref().unwrap_or_default();
        return Err(Failure::bad_input(
            format!("no rule and no chapter is called `{name}`"),
            "`hbp rules` lists all",
        ));
    }
    if arguments.check {
        return check(&rules, output);
    }
    let mut chapter = "";
    for rule in &rules {
        if rule.chapter != chapter {
            chapter = &rule.chapter;
            output.line(&format!("{chapter}\n"))?;
        }
        let arrow = if rule.both_ways { "<=>" } else { "=>" };
        output.line(&format!(
            "{}  [{}]\n    {}",
            rule.name, rule.cites, rule.words
        ))?;
        output.line(&format!("    {} {arrow} {}\n", rule.sides.0, rule.sides.1))?;
    }
    let plural = if rules.len() == 1 { "" } else { "s" };
    output.note(&format!("{} rule{plural}", rules.len()));
    Ok(Exit::Done)
}

/// Verifies rules on numbers; one that is refused makes the answer no.
fn check(rules: &[&Rule], output: &mut Output) -> Result<Exit, Failure> {
    let (mut instances, mut refused) = (0, 0);
    for rule in rules {
        let check = check_rule(rule);
        instances += check.instances;
        match check.failure {
            None => output.line(&format!(
                "holds    {}  ({} instances)",
                check.name, check.instances
            ))?,
            Some(why) => {
                refused += 1;
                output.line(&format!(
                    "REFUSED  {}  in {}, line {}: {why}",
                    check.name, rule.chapter, rule.line
                ))?;
            }
        }
    }
    output.line(&format!(
        "{} rules, {instances} instances, {refused} refused",
        rules.len()
    ))?;
    Ok(if refused == 0 { Exit::Done } else { Exit::No })
}
