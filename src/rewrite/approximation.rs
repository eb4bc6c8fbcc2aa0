//! Approximations: what is given up, as text in the book beside the rules. Why apart from rules: they are no equalities,
//! so they never enter an e-graph; each is applied once, by its name, to one finished expression.

use std::collections::BTreeMap;

use egg::{ENodeOrVar, PatternAst, Var};

use super::book::{Rule, parse_rule, variables};
use super::enode::{ENode, instantiate};
use super::notation;
use crate::expr::{Graph, Id, ShapeError};

/// A directed replacement that changes the value.
#[derive(Clone, Debug)]
pub struct Approximation {
    /// The replacement as it is used: `LEFT ~> RIGHT`. It does not hold, and that is verified.
    pub stated: Rule,
    /// The same where nothing is given up. It holds, and that is verified.
    pub exact: Rule,
    /// What `exact` demands, as it is written.
    pub condition: String,
}

impl Approximation {
    /// Reads the lines below `approximation NAME`.
    ///
    /// # Errors
    /// The line, what is wrong, and what would help.
    pub(super) fn parse(
        chapter: &str,
        name: &str,
        line: usize,
        words: &str,
        body: &[(usize, &str)],
    ) -> Result<Self, super::BookError> {
        let mut stated = Vec::new();
        let mut exact = None;
        for (at, text) in body {
            match text.strip_prefix("exact ") {
                Some(condition) => exact = Some((*at, condition.trim())),
                None => stated.push((*at, text.replace("~>", "=>"))),
            }
        }
        let fail = |line: usize, message: &str, help: &str| super::BookError {
            file: format!("{chapter}.rules"),
            line,
            message: format!("approximation `{name}`: {message}"),
            help: help.to_owned(),
        };
        let Some((at, condition)) = exact else {
            let help =
                "add a line `exact where sample-constant(?j)` or `exact for ?r = (scale 0 ?a)`";
            return Err(fail(line, "does not say when it is exact", help));
        };
        let mut lines: Vec<(usize, String)> = stated.clone();
        let mut instead = None;
        if let Some(conditions) = condition.strip_prefix("where ") {
            lines.push((at, format!("where {conditions}")));
        } else if let Some((var, pattern)) = condition
            .strip_prefix("for ")
            .and_then(|rest| rest.split_once('='))
        {
            let help = "write `exact for ?r = (mul (t ?a) ?a)`";
            let var: Var = (var.trim().parse()).map_err(|_| fail(at, "names no variable", help))?;
            let pattern = notation::pattern(&notation::tokens(pattern))
                .map_err(|message| fail(at, &message, help))?;
            instead = Some((var, pattern));
        } else {
            let help = "after `exact` stands `where CONDITION` or `for ?r = PATTERN`";
            return Err(fail(at, "says nothing of when it is exact", help));
        }
        let read = |lines: &[(usize, String)]| {
            let lines: Vec<(usize, &str)> = lines.iter().map(|(n, l)| (*n, l.as_str())).collect();
            parse_rule(chapter, name, line, words, &lines, true)
        };
        let stated = read(&stated)?;
        let mut exact = read(&lines)?;
        if let Some((var, pattern)) = instead {
            exact.lhs = substitute(&exact.lhs, var, &pattern);
            exact.rhs = substitute(&exact.rhs, var, &pattern);
            exact.conditions.retain(|c| !c.variables().contains(&var));
        }
        Ok(Self {
            stated,
            exact,
            condition: condition.to_owned(),
        })
    }

    /// The expression with the approximation applied at its root; nothing where it does not fit.
    ///
    /// # Errors
    /// When the result is ill shaped, which the book's check excludes.
    pub fn apply(&self, graph: &mut Graph, root: Id) -> Result<Option<Id>, ShapeError> {
        let mut found = BTreeMap::new();
        let (lhs, rhs) = (&self.stated.lhs, &self.stated.rhs);
        if !fits(graph, lhs, lhs.len() - 1, root, &mut found) {
            return Ok(None);
        }
        instantiate(graph, rhs, &found).map(Some)
    }
}

/// Whether a pattern's node stands at `id`, with the same thing for a variable everywhere.
fn fits(
    graph: &Graph,
    pattern: &PatternAst<ENode>,
    at: usize,
    id: Id,
    found: &mut BTreeMap<Var, Id>,
) -> bool {
    match &pattern[egg::Id::from(at)] {
        ENodeOrVar::Var(var) => *found.entry(*var).or_insert(id) == id,
        ENodeOrVar::ENode(node) => {
            let here = &graph[id];
            here.op == node.op
                && here.children.len() == node.children.len()
                && (node.children.iter().zip(&here.children))
                    .all(|(part, child)| fits(graph, pattern, usize::from(*part), *child, found))
        }
    }
}

/// The pattern with another in the place of a variable.
fn substitute(pattern: &PatternAst<ENode>, var: Var, by: &PatternAst<ENode>) -> PatternAst<ENode> {
    if !variables(pattern).contains(&var) {
        return pattern.clone();
    }
    let mut new = by.clone();
    let place = egg::Id::from(by.len() - 1);
    let mut moved: Vec<egg::Id> = Vec::with_capacity(pattern.len());
    for node in pattern {
        moved.push(match node {
            ENodeOrVar::Var(v) if *v == var => place,
            ENodeOrVar::Var(v) => new.add(ENodeOrVar::Var(*v)),
            ENodeOrVar::ENode(node) => {
                let mut node = node.clone();
                for child in &mut node.children {
                    *child = moved[usize::from(*child)];
                }
                new.add(ENodeOrVar::ENode(node))
            }
        });
    }
    new
}
