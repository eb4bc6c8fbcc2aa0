//! The grammar, in chumsky. Why recovery at every statement and every definition: all mistakes of a file are
//! reported at once, each where it is.

mod expression;
mod item;
mod message;

use chumsky::input::{Input as _, MappedInput};
use chumsky::prelude::*;

use crate::diagnostic::{Diagnostics, Span};

use super::syntax::{Expr, Item};
use super::token::Token;

type Tokens<'a> = MappedInput<'a, Token<'a>, SimpleSpan, &'a [(Token<'a>, SimpleSpan)]>;
type Extra<'a> = extra::Err<Rich<'a, Token<'a>>>;
type Rule<'a, T> = Boxed<'a, 'a, Tokens<'a>, T, Extra<'a>>;

/// Parses the definitions of a file.
pub(super) fn file(
    tokens: &[(Token<'_>, Span)],
    end: usize,
    errors: &mut Diagnostics,
) -> Vec<Item> {
    let tokens = respan(tokens);
    run(&item::file(), &tokens, end, errors).unwrap_or_default()
}

/// Parses one expression that fills the whole text.
pub(super) fn expression(
    tokens: &[(Token<'_>, Span)],
    end: usize,
    errors: &mut Diagnostics,
) -> Option<Expr> {
    let tokens = respan(tokens);
    let newlines = just(Token::Newline).repeated();
    let whole = expression::expression()
        .padded_by(newlines)
        .then_ignore(chumsky::prelude::end())
        .boxed();
    run(&whole, &tokens, end, errors)
}

fn run<'a, T>(
    rule: &Rule<'a, T>,
    tokens: &'a [(Token<'a>, SimpleSpan)],
    end: usize,
    errors: &mut Diagnostics,
) -> Option<T> {
    let input = tokens.split_token_span((end..end).into());
    let (result, found) = rule.parse(input).into_output_errors();
    for error in &found {
        let place = tokens.partition_point(|(_, span)| span.start < error.span().start);
        let before = place.checked_sub(1).and_then(|i| tokens.get(i));
        let before = before.map(|(token, at)| (*token, span(*at)));
        errors.push(message::explain(error, before));
    }
    result
}

fn respan<'a>(tokens: &[(Token<'a>, Span)]) -> Vec<(Token<'a>, SimpleSpan)> {
    tokens
        .iter()
        .map(|(t, s)| (*t, SimpleSpan::from(s.start..s.end)))
        .collect()
}

fn span(span: SimpleSpan) -> Span {
    Span::new(span.start, span.end)
}
