//! `hbp rules`: the rule book, chapter by chapter.

use crate::cli::Exit;
use crate::cli::arguments::Rules;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::source;
use crate::rewrite::Rule;

/// Prints the rules asked for.
pub(super) fn run(arguments: &Rules, output: &mut Output) -> Result<Exit, Failure> {
    let book = source::book(&arguments.book, output)?;
    if arguments.check {
        return Err(Failure::unavailable("`hbp rules --check`"));
    }
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
    output.note(&format!("{} rules", rules.len()));
    Ok(Exit::Done)
}
