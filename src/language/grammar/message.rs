//! Syntax errors in words. Why: "found X, expected one of twelve tokens" helps nobody.

use chumsky::error::{Rich, RichPattern, RichReason};

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::language::token::Token;

/// `before` is the token before the one that is wrong.
pub(super) fn explain(
    error: &Rich<'_, Token<'_>>,
    before: Option<(Token<'_>, Span)>,
) -> Diagnostic {
    let place = super::span(*error.span());
    let found = error.found().copied();
    if let (Some((Token::Comma, comma)), Some(closer)) = (before, found)
        && closer.is_closer()
    {
        return Diagnostic::new(
            Code::Syntax,
            format!("nothing stands between the comma and `{closer}`"),
            "remove the comma",
        )
        .at(comma, "the last comma");
    }
    let mut wanted: Vec<String> = match error.reason() {
        RichReason::ExpectedFound { expected, .. } => {
            expected.iter().filter_map(describe).collect()
        }
        RichReason::Custom(text) => {
            return Diagnostic::new(
                Code::Syntax,
                text.clone(),
                "see the grammar in the documentation",
            )
            .at(place, "here");
        }
    };
    wanted.sort();
    wanted.dedup();
    // What could also go on here is noise beside what is meant.
    let noise: &[&str] = match () {
        () if wanted.iter().any(|w| w == "an operator") => {
            &["`'`", "`(`", "`[`", "the end of the text"]
        }
        () if wanted.iter().any(|w| w == "an expression") => &["`-`"],
        () => &[],
    };
    wanted.retain(|w| !noise.contains(&w.as_str()));
    if let Some(keyword) = found.filter(|t| t.is_keyword())
        && wanted.iter().any(|w| w == "a name" || w == "an expression")
    {
        return Diagnostic::new(
            Code::Keyword,
            format!("`{keyword}` is a keyword and cannot be a name"),
            format!("choose another name, such as `{keyword}_1`"),
        )
        .at(place, "a name is expected here");
    }
    let found = match found {
        None => "the end of the text".to_owned(),
        Some(Token::Newline) => "the end of the line".to_owned(),
        Some(token) => format!("`{token}`"),
    };
    let expected = match wanted.as_slice() {
        [] => "something else".to_owned(),
        [one] => one.clone(),
        [init @ .., last] => format!("{} or {last}", init.join(", ")),
    };
    let help = help(error.found().copied(), &wanted);
    Diagnostic::new(Code::Syntax, format!("{found} cannot stand here"), help)
        .at(place, format!("expected {expected}"))
}

fn describe(pattern: &RichPattern<'_, Token<'_>>) -> Option<String> {
    match pattern {
        RichPattern::Token(token) => Some(match **token {
            Token::Newline => "the end of the line".to_owned(),
            token => format!("`{token}`"),
        }),
        RichPattern::Label(label) => Some(label.to_string()),
        RichPattern::EndOfInput => Some("the end of the text".to_owned()),
        _ => None,
    }
}

fn help(found: Option<Token<'_>>, wanted: &[String]) -> &'static str {
    let wants = |what: &str| wanted.iter().any(|w| w == what);
    match found {
        Some(Token::Slash) if wants("an expression") => "a comment starts with `#`",
        Some(token) if token.is_infix() && wants("the end of the line") => {
            "a newline ends a statement: put the operator at the end of the line above"
        }
        Some(Token::Equals) if wants("an operator") => {
            "a definition starts on a line of its own: does the line above end with an operator?"
        }
        Some(Token::Equals) if wants("an expression") => {
            "a definition is `name = expression`; there is no comparison"
        }
        Some(Token::Name(_) | Token::Number(_) | Token::OpenRound) if wants("an operator") => {
            "a product is written with `*`; statements are separated by newlines or `;`"
        }
        Some(Token::OpenSquare) if wants("an operator") => {
            "there is no indexing; dimensions in brackets belong to a call: `linear[m](x)`"
        }
        _ if wanted == ["`(`"] => {
            "brackets after a name belong to a call, `linear[m](x)`; there is no indexing"
        }
        _ if wants("a type") => "a type is `R`, `R[n]` or `R[m, n]`",
        _ if wants("`module`") || wants("`fn`") => {
            "a file holds definitions: `module f(x: R[n]) -> z: R[m] { … }`, `fn phi(t) = …`, `network net { … }`"
        }
        _ if wants("`->`") => "a module names its output: `module f(x: R[n]) -> z: R[m] { … }`",
        _ if wants("`:`") => "a declaration is `name: R[m, n]`",
        _ if wants("`=`") => {
            "a statement is `name = expression` or a declaration such as `param W: R[m, n]`"
        }
        _ if wants("an expression") => "an operand is missing",
        None => "the text ends too early: is a `}` missing?",
        _ => "see `hbp show linear` for an example of the language",
    }
}
