//! Verification of rules on numbers. Why: a wrong rule makes every equation above it wrong, and a rule that
//! never applies says nothing, so each is tried on many shapes and data before anyone believes it.
//!
//! For every rule, shapes with the sizes 1, m and n are tried for its variables; where its left side is well
//! shaped and its conditions hold, both sides must have one shape, and one value for several m and n: a named
//! size may turn out to be 1, so `not-scalar` gives a rule a direction but never makes it true.

mod candidate;
mod demands;
#[cfg(test)]
mod effect;
#[cfg(test)]
mod facts;
mod instance;
mod search;

use std::collections::BTreeSet;

use egg::PatternAst;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::approximation::Approximation;
use super::book::{Rule, RuleBook};
use super::enode::ENode;
use instance::{Verdict, judge};
use search::Search;

/// What the verification of one rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCheck {
    /// The rule's name.
    pub name: String,
    /// The file it stands in, without its ending.
    pub chapter: String,
    /// How many instances were compared, each on several draws of data.
    pub instances: usize,
    /// Why the rule is refused: an instance with different values, or that there is no instance at all.
    pub failure: Option<String>,
}

/// Stop after this many instances of one direction.
const ENOUGH: usize = 40;
/// Stop after this many tries, most of which repeat an instance when there are few.
const TRIES: u64 = 120;

/// Verifies every rule of a book, in its order and on all cores. The same book always gives the same answer.
///
/// ```
/// use hbp::rewrite::{RuleBook, check_book};
/// let text = "# Wrong.\nrule t-mul\n  (t (mul ?a ?b)) => (mul (t ?a) (t ?b))\n  cites MN 1.4\n";
/// let book = RuleBook::parse(&[("01_algebra", text)])?;
/// assert!(check_book(&book)[0].failure.is_some());
/// # Ok::<(), hbp::rewrite::BookError>(())
/// ```
pub fn check_book(book: &RuleBook) -> Vec<RuleCheck> {
    let rules = book.rules.par_iter().map(check_rule);
    rules
        .chain(book.approximations.par_iter().map(check_approximation))
        .collect()
}

/// Verifies an approximation: it holds where it claims to be exact, and it does not hold everywhere.
pub fn check_approximation(approximation: &Approximation) -> RuleCheck {
    let Approximation { stated, exact, .. } = approximation;
    let mut check = check_rule(exact);
    if check.failure.is_none() {
        check.failure = match check_direction(stated, &stated.lhs, &stated.rhs) {
            Err(_) => None,
            Ok(0) => Some("vacuous: no shapes and values fit its left side".into()),
            Ok(_) => {
                Some("its sides are always equal: it gives nothing up, so it is a rule".into())
            }
        };
    }
    check
}

/// Verifies one rule: every direction it is used in needs instances, and all of them must agree.
pub fn check_rule(rule: &Rule) -> RuleCheck {
    let mut directions = vec![(&rule.lhs, &rule.rhs, "left to right")];
    if rule.both_ways {
        directions.push((&rule.rhs, &rule.lhs, "right to left"));
    }
    let mut check = RuleCheck {
        name: rule.name.clone(),
        chapter: rule.chapter.clone(),
        instances: 0,
        failure: None,
    };
    for (from, to, direction) in directions {
        match check_direction(rule, from, to) {
            Ok(0) => {
                check.failure = Some(format!(
                    "{direction}: vacuous, no shapes and values fit the side it starts from and the conditions"
                ));
            }
            Ok(n) => check.instances += n,
            Err(failure) => check.failure = Some(format!("{direction}: {failure}")),
        }
        if check.failure.is_some() {
            break;
        }
    }
    check
}

fn check_direction(
    rule: &Rule,
    from: &PatternAst<ENode>,
    to: &PatternAst<ENode>,
) -> Result<usize, String> {
    let mut search = Search::new(rule, from);
    let mut seen = BTreeSet::new();
    let mut instances = 0;
    for attempt in 0..TRIES {
        let Some(assignment) = search.find(attempt) else {
            continue;
        };
        if !seen.insert(assignment.clone()) {
            continue;
        }
        match judge(rule, from, to, &assignment) {
            Verdict::Skip => {}
            Verdict::Holds => instances += 1,
            Verdict::Fails(why) => return Err(why),
        }
        if instances == ENOUGH {
            break;
        }
    }
    Ok(instances)
}
