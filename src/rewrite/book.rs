//! The rule book: text in `rules/*.rules` to rules. Why text: a rule is knowledge with a name, a condition and
//! a citation that a mathematician can read and `hbp rules --check` can verify, not code.

use std::collections::BTreeSet;

use egg::{ENodeOrVar, PatternAst, Var};

use super::approximation::Approximation;
use super::condition::Condition;
use super::enode::ENode;
use super::notation::{self, Token};
use super::phase::Phase;
use crate::expr::Op;

/// One rule of the book.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Unique name, topic first, as in `kron-mixed-product`.
    pub name: String,
    /// The file it stands in, without its ending: `03_kronecker`.
    pub chapter: String,
    /// The line of its `rule`.
    pub line: usize,
    /// What it says, in words: the comment above it.
    pub words: String,
    /// Where it comes from: a chapter of Magnus & Neudecker (MN), an equation of the paper, or "algebra".
    pub cites: String,
    /// Left and right side in the book's notation.
    pub sides: (String, String),
    /// True when it holds, and is used, in both directions.
    pub both_ways: bool,
    /// The phases that use it.
    pub phases: Vec<Phase>,
    pub(crate) lhs: PatternAst<ENode>,
    pub(crate) rhs: PatternAst<ENode>,
    pub(crate) conditions: Vec<Condition>,
}

/// The rules in the order of their chapters.
#[derive(Clone, Debug)]
pub struct RuleBook {
    /// The rules.
    pub rules: Vec<Rule>,
    /// The approximations, which are none.
    pub approximations: Vec<Approximation>,
}

/// Why a rule book cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}\n  help: {help}")]
pub struct BookError {
    /// The file.
    pub file: String,
    /// The line.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What would help.
    pub help: String,
}

/// The chapters inside the program.
const EMBEDDED: &[(&str, &str)] = &[
    ("01_algebra", include_str!("../../rules/01_algebra.rules")),
    (
        "02_structure",
        include_str!("../../rules/02_structure.rules"),
    ),
    (
        "03_kronecker",
        include_str!("../../rules/03_kronecker.rules"),
    ),
    (
        "04_derivative",
        include_str!("../../rules/04_derivative.rules"),
    ),
    (
        "05_congruence",
        include_str!("../../rules/05_congruence.rules"),
    ),
    (
        "06_nonlinear",
        include_str!("../../rules/06_nonlinear.rules"),
    ),
    ("07_batch", include_str!("../../rules/07_batch.rules")),
    (
        "08_approximation",
        include_str!("../../rules/08_approximation.rules"),
    ),
    ("09_inverse", include_str!("../../rules/09_inverse.rules")),
];

/// The variable that stands for the other terms when a rule on two terms works inside a longer sum.
pub(crate) const RESERVED: &str = "?the-rest";

impl RuleBook {
    /// The book inside the program.
    ///
    /// # Panics
    /// Never: a test reads the embedded chapters.
    pub fn embedded() -> Self {
        Self::parse(EMBEDDED).unwrap_or_else(|e| panic!("the embedded rule book is readable: {e}"))
    }

    /// Reads chapters, given as name and text, in order.
    ///
    /// # Errors
    /// When a rule is malformed, has an unknown operation or condition, an unbound variable on its right side
    /// or a name that stands twice.
    pub fn parse(chapters: &[(&str, &str)]) -> Result<Self, BookError> {
        let mut book = Self {
            rules: Vec::new(),
            approximations: Vec::new(),
        };
        let mut names = BTreeSet::new();
        for (chapter, text) in chapters {
            for entry in parse_chapter(chapter, text)? {
                let rule = entry.rule();
                if !names.insert(rule.name.clone()) {
                    return Err(BookError {
                        file: format!("{chapter}.rules"),
                        line: rule.line,
                        message: format!("the name `{}` stands twice", rule.name),
                        help: "rename one of the two".into(),
                    });
                }
                match entry {
                    Entry::Rule(rule) => book.rules.push(*rule),
                    Entry::Approximation(approximation) => book.approximations.push(*approximation),
                }
            }
        }
        Ok(book)
    }

    /// The approximation with this name.
    pub fn approximation(&self, name: &str) -> Option<&Approximation> {
        self.approximations.iter().find(|a| a.stated.name == name)
    }

    /// The rule with this name.
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.name == name)
    }
}

/// What a chapter holds.
enum Entry {
    Rule(Box<Rule>),
    Approximation(Box<Approximation>),
}

impl Entry {
    fn rule(&self) -> &Rule {
        match self {
            Self::Rule(rule) => rule,
            Self::Approximation(approximation) => &approximation.stated,
        }
    }
}

fn parse_chapter(chapter: &str, text: &str) -> Result<Vec<Entry>, BookError> {
    let fail = |line: usize, message: String, help: &str| BookError {
        file: format!("{chapter}.rules"),
        line,
        message,
        help: help.into(),
    };
    let mut rules = Vec::new();
    let mut words = String::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((i, line)) = lines.next() {
        let trimmed = line.trim();
        if let Some(comment) = trimmed.strip_prefix('#') {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(comment.trim());
            continue;
        }
        if trimmed.is_empty() {
            words.clear();
            continue;
        }
        let rule = trimmed.strip_prefix("rule ");
        let Some(name) = rule.or_else(|| trimmed.strip_prefix("approximation ")) else {
            return Err(fail(
                i + 1,
                format!("`{trimmed}` is no rule"),
                "a rule starts with `rule NAME`, an approximation with `approximation NAME`",
            ));
        };
        let mut body = Vec::new();
        while let Some((j, next)) = lines.peek() {
            let starts = ["rule ", "approximation "];
            if next.trim().is_empty() || starts.iter().any(|s| next.starts_with(s)) {
                break;
            }
            body.push((*j + 1, next.trim()));
            lines.next();
        }
        let name = name.trim();
        rules.push(if rule.is_some() {
            Entry::Rule(Box::new(parse_rule(
                chapter,
                name,
                i + 1,
                &words,
                &body,
                false,
            )?))
        } else {
            Entry::Approximation(Box::new(Approximation::parse(
                chapter,
                name,
                i + 1,
                &words,
                &body,
            )?))
        });
        words.clear();
    }
    Ok(rules)
}

/// Reads the lines below `rule NAME`. What is applied by name may start from a bare variable.
pub(super) fn parse_rule(
    chapter: &str,
    name: &str,
    line: usize,
    words: &str,
    body: &[(usize, &str)],
    by_name: bool,
) -> Result<Rule, BookError> {
    let fail = |line: usize, message: String, help: &str| BookError {
        file: format!("{chapter}.rules"),
        line,
        message: format!("rule `{name}`: {message}"),
        help: help.into(),
    };
    let (mut equation, mut conditions, mut cites, mut phases) =
        (String::new(), Vec::new(), String::new(), Vec::new());
    for (at, text) in body {
        let text = text.split('#').next().unwrap_or("").trim();
        if let Some(rest) = text.strip_prefix("where ") {
            for part in rest.split("),").map(|p| p.trim().trim_end_matches(')')) {
                let condition = Condition::parse(part)
                    .map_err(|message| fail(*at, message, Condition::VOCABULARY))?;
                conditions.push(condition);
            }
        } else if let Some(rest) = text.strip_prefix("cites ") {
            rest.trim().clone_into(&mut cites);
        } else if let Some(rest) = text.strip_prefix("phase ") {
            for part in rest.split(',') {
                let phase = Phase::parse(part.trim()).ok_or_else(|| {
                    fail(
                        *at,
                        format!("`{}` is no phase", part.trim()),
                        Phase::VOCABULARY,
                    )
                })?;
                phases.push(phase);
            }
        } else {
            equation.push(' ');
            equation.push_str(text);
        }
    }
    if cites.is_empty() {
        return Err(fail(
            line,
            "cites nothing".into(),
            "add a line `cites MN 2.4`, or `cites algebra`",
        ));
    }
    let (arrow, both_ways) = if equation.contains("<=>") {
        ("<=>", true)
    } else {
        ("=>", false)
    };
    let Some((left, right)) = equation.split_once(arrow) else {
        return Err(fail(
            line,
            "has no `=>`".into(),
            "write `LEFT => RIGHT`, or `LEFT <=> RIGHT`",
        ));
    };
    let side = |text: &str| {
        let tokens: Vec<Token> = notation::tokens(text);
        notation::pattern(&tokens)
            .map_err(|message| fail(line, message, "operations are listed in rules/README.md"))
    };
    let (lhs, rhs) = (side(left)?, side(right)?);
    if !by_name {
        can_start(&lhs).map_err(|(message, help)| fail(line, message, help))?;
    }
    sides_agree(&lhs, &rhs, both_ways, &conditions)
        .map_err(|(message, help)| fail(line, message, help))?;
    if phases.is_empty() {
        phases = Phase::of_chapter(chapter);
    }
    Ok(Rule {
        name: name.to_owned(),
        chapter: chapter.to_owned(),
        line,
        words: words.to_owned(),
        cites,
        sides: (left.trim().to_owned(), right.trim().to_owned()),
        both_ways,
        phases,
        lhs,
        rhs,
        conditions,
    })
}

/// What is wrong, and what would help.
type Fault = (String, &'static str);

/// Whether the sides of a rule and its conditions speak of the same variables, and can be used.
fn sides_agree(
    lhs: &PatternAst<ENode>,
    rhs: &PatternAst<ENode>,
    both_ways: bool,
    conditions: &[Condition],
) -> Result<(), Fault> {
    let (bound, result) = (variables(lhs), variables(rhs));
    if let Some(v) = result.difference(&bound).next() {
        return Err((
            format!("`{v}` stands on the right side only"),
            "every variable of the right side must occur on the left",
        ));
    }
    if both_ways {
        can_start(rhs)?;
        if result != bound {
            return Err(("`<=>` with variables on one side only".into(), "use `=>`"));
        }
    }
    if bound.iter().any(|v| v.to_string() == RESERVED) {
        return Err((
            format!("`{RESERVED}` is reserved for the rest of a longer sum"),
            "choose another name",
        ));
    }
    let mut named = conditions.iter().flat_map(Condition::variables);
    if let Some(v) = named.find(|v| !bound.contains(v)) {
        return Err((
            format!("a condition names the unknown `{v}`"),
            "name a variable of the left side",
        ));
    }
    Ok(())
}

/// Whether a rule can find what `side` says in an e-graph.
fn can_start(side: &PatternAst<ENode>) -> Result<(), Fault> {
    if matches!(side.last(), Some(ENodeOrVar::Var(_)) | None) {
        return Err((
            "starts from a bare variable, so it would apply everywhere".into(),
            "a side that a rule starts from is an operation",
        ));
    }
    for node in side {
        if let ENodeOrVar::ENode(node) = node
            && matches!(
                node.op,
                Op::Rows | Op::Cols | Op::Size | Op::DimensionProduct
            )
        {
            return Err((
                format!("looks for `({node} …)`, but sizes are known and never stand so"),
                "name the size ?n, with a condition like `has-size(?a, ?n)`",
            ));
        }
    }
    Ok(())
}

pub(crate) fn variables(pattern: &PatternAst<ENode>) -> BTreeSet<Var> {
    pattern
        .iter()
        .filter_map(|node| match node {
            ENodeOrVar::Var(v) => Some(*v),
            ENodeOrVar::ENode(_) => None,
        })
        .collect()
}
