//! Brackets and newlines. Why between lexer and grammar: a newline inside brackets or after an operator does
//! not end a statement, and text nested too deeply must be refused before a recursive parser sees it.

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};

use super::limits;
use super::token::Token;

type Spanned<'a> = (Token<'a>, Span);

/// Drops newlines that end nothing and checks brackets and nesting.
///
/// Returns `None` when the nesting is beyond the limit: nothing may recurse over such tokens.
pub(super) fn arrange<'a>(
    tokens: &[Spanned<'a>],
    errors: &mut Diagnostics,
) -> Option<Vec<Spanned<'a>>> {
    if let Some(span) = too_deep(tokens) {
        errors.push(
            Diagnostic::new(
                Code::Limit,
                format!("nested deeper than {} levels", limits::NESTING),
                "name the inner parts: `h = …`, then use `h`",
            )
            .at(span, "this level is too deep"),
        );
        return None;
    }
    let open = match_brackets(tokens, errors);
    let mut kept: Vec<Spanned<'a>> = Vec::with_capacity(tokens.len());
    // One entry a bracket: true when newlines inside it mean nothing.
    let mut levels: Vec<bool> = Vec::new();
    for (i, (token, span)) in tokens.iter().enumerate() {
        if *token == Token::Newline {
            let ends = kept.last().is_some_and(|(last, _)| !last.wants_operand());
            if ends && !levels.last().is_some_and(|silent| *silent) {
                kept.push((*token, *span));
            }
            continue;
        }
        if token.closer().is_some() {
            // An opening bracket that is never closed must not swallow the rest of the file.
            levels.push(*token != Token::OpenCurly && !open.contains(i));
        } else if token.is_closer() {
            levels.pop();
        }
        kept.push((*token, *span));
    }
    Some(kept)
}

/// Reports brackets without a partner; returns the indices of those never closed.
fn match_brackets(tokens: &[Spanned<'_>], errors: &mut Diagnostics) -> Unclosed {
    let mut stack: Vec<usize> = Vec::new();
    // How many of each kind are on the stack, so that a stray closer costs no search.
    let mut open = [0usize; 3];
    let mut unclosed = Vec::new();
    for (i, (token, span)) in tokens.iter().enumerate() {
        if let Some(kind) = token.closer().and_then(kind) {
            stack.push(i);
            open[kind] += 1;
            continue;
        }
        let starts_line = i == 0
            || matches!(
                tokens[i - 1].0,
                Token::Newline | Token::Semicolon | Token::CloseCurly
            );
        let named = tokens
            .get(i + 1)
            .is_some_and(|(t, _)| t.is_keyword() || matches!(t, Token::Name(_)));
        let defines =
            starts_line && named && matches!(token, Token::Module | Token::Network | Token::Fn);
        // A statement or a `}` cannot stand inside round or square brackets: they were left open.
        let structural = defines
            || *token == Token::CloseCurly
            || (starts_line && token.is_keyword())
            || starts_statement(tokens, i);
        let fits = kind(*token).is_some_and(|kind| open[kind] > 0);
        while let Some(top) = stack.last().copied() {
            let closer = tokens[top].0.closer();
            let stays = !defines && (closer == Some(*token) || closer == Some(Token::CloseCurly));
            if stays || !(structural || fits) {
                break;
            }
            stack.pop();
            if let Some(kind) = closer.and_then(kind) {
                open[kind] -= 1;
            }
            unclosed.push(top);
        }
        let Some(kind) = kind(*token) else { continue };
        if stack
            .last()
            .is_some_and(|top| tokens[*top].0.closer() == Some(*token))
        {
            stack.pop();
            open[kind] -= 1;
        } else {
            let help = "remove it, or open a bracket before it";
            let message = format!("`{token}` closes nothing");
            errors.push(
                Diagnostic::new(Code::Bracket, message, help).at(*span, "no open bracket fits"),
            );
        }
    }
    unclosed.extend(stack);
    unclosed.sort_unstable();
    // A run of `((((` is one mistake.
    let mut last = None;
    for i in &unclosed {
        let (token, span) = tokens[*i];
        if last.replace(*i).is_some_and(|j: usize| j + 1 == *i) {
            continue;
        }
        let closer = token.closer().map_or_else(String::new, |c| c.to_string());
        errors.push(
            Diagnostic::new(
                Code::Bracket,
                format!("`{token}` is never closed"),
                format!("add the `{closer}` that belongs to it"),
            )
            .at(span, "opened here"),
        );
    }
    Unclosed(unclosed)
}

/// True for `name =` at the start of a line, where no `;` or `,` lets it be part of a call.
fn starts_statement(tokens: &[Spanned<'_>], i: usize) -> bool {
    let token = |j: usize| tokens.get(j).map(|(token, _)| *token);
    let newline = i.checked_sub(1).and_then(token) == Some(Token::Newline);
    let mut before = tokens[..i].iter().rev().map(|(token, _)| *token);
    newline
        && matches!(token(i), Some(Token::Name(_)))
        && matches!(token(i + 1), Some(Token::Equals | Token::Tilde))
        && !matches!(
            before.find(|t| *t != Token::Newline),
            Some(Token::Semicolon | Token::Comma)
        )
}

/// The kind of a closing bracket.
fn kind(closer: Token<'_>) -> Option<usize> {
    match closer {
        Token::CloseRound => Some(0),
        Token::CloseSquare => Some(1),
        Token::CloseCurly => Some(2),
        _ => None,
    }
}

/// Indices of brackets that are never closed, sorted.
struct Unclosed(Vec<usize>);

impl Unclosed {
    fn contains(&self, i: usize) -> bool {
        self.0.binary_search(&i).is_ok()
    }
}

/// The place where brackets, signs and powers of powers are nested beyond the limit.
fn too_deep(tokens: &[Spanned<'_>]) -> Option<Span> {
    // Levels of brackets, each with the chain of signs and powers that is still open in it.
    let mut chains: Vec<usize> = vec![0];
    let mut depth = 0;
    let mut before: Option<Token<'_>> = None;
    for (token, span) in tokens {
        let starts_operand = before.is_none_or(|t| {
            t.wants_operand()
                || t.closer().is_some()
                || matches!(t, Token::Newline | Token::Semicolon | Token::Loss)
        });
        if token.closer().is_some() {
            chains.push(0);
            depth += 1;
        } else if token.is_closer() {
            if chains.len() > 1 {
                depth -= 1 + chains.pop().unwrap_or_default();
            }
        } else if token.is_power() || (*token == Token::Minus && starts_operand) {
            depth += 1;
            if let Some(chain) = chains.last_mut() {
                *chain += 1;
            }
        } else if (token.wants_operand() || matches!(token, Token::Newline | Token::Semicolon))
            && let Some(chain) = chains.last_mut()
        {
            depth -= std::mem::take(chain);
        }
        if depth > limits::NESTING {
            return Some(*span);
        }
        before = Some(*token);
    }
    None
}
