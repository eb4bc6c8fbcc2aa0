//! Definitions and statements, and how the parser finds its feet again after a mistake.

use chumsky::prelude::*;

use super::expression::{expression, ident};
use super::{Rule, span};
use crate::diagnostic::Span;
use crate::language::syntax::{
    Declaration, FunctionItem, Ident, Item, ModuleItem, NetworkItem, Statement, Type,
};
use crate::language::token::Token;

/// The definitions of a file.
pub(super) fn file<'a>() -> Rule<'a, Vec<Item>> {
    let item = choice((
        function().map(Item::Function),
        module(),
        network().map(Item::Network),
    ));
    // After a mistake in a header, go on at the next definition.
    let skipped = any()
        .then(any().and_is(start_of_definition().not()).repeated())
        .map(|_| Item::Error(None));
    item.recover_with(via_parser(skipped))
        .padded_by(separators())
        .repeated()
        .collect()
        .then_ignore(end())
        .boxed()
}

fn separators<'a>() -> Rule<'a, ()> {
    just(Token::Newline)
        .or(just(Token::Semicolon))
        .labelled("the end of the line")
        .repeated()
        .boxed()
}

fn newlines<'a>() -> Rule<'a, ()> {
    just(Token::Newline).repeated().boxed()
}

/// The end of a statement, not consumed.
fn end_of_statement<'a>() -> Rule<'a, ()> {
    choice((
        one_of([Token::Newline, Token::Semicolon])
            .labelled("the end of the line")
            .ignored(),
        just(Token::CloseCurly).ignored(),
        end(),
    ))
    .rewind()
    .boxed()
}

/// A keyword and a name, or another keyword that should have been one: elsewhere the keyword is a mistake.
fn start_of_definition<'a>() -> Rule<'a, ()> {
    let keyword = any()
        .filter(|token: &Token<'_>| token.is_keyword())
        .ignored();
    one_of([Token::Module, Token::Network, Token::Fn])
        .then(ident().ignored().or(keyword))
        .ignored()
        .boxed()
}

fn function<'a>() -> Rule<'a, FunctionItem> {
    let arguments = ident()
        .separated_by(just(Token::Comma))
        .collect()
        .delimited_by(just(Token::OpenRound), just(Token::CloseRound));
    just(Token::Fn)
        .ignore_then(ident())
        .then(arguments)
        .then(just(Token::Equals).ignore_then(expression()).or_not())
        .then_ignore(end_of_statement())
        .map(|((ident, arguments), body)| FunctionItem {
            ident,
            arguments,
            body,
        })
        .boxed()
}

fn module<'a>() -> Rule<'a, Item> {
    let dims = ident()
        .separated_by(just(Token::Comma))
        .allow_trailing()
        .collect()
        .delimited_by(just(Token::OpenSquare), just(Token::CloseSquare));
    let inputs = declaration()
        .separated_by(just(Token::Comma))
        .allow_trailing()
        .collect()
        .delimited_by(just(Token::OpenRound), just(Token::CloseRound));
    let header = ident()
        .then(dims.or_not())
        .then(inputs)
        .then_ignore(just(Token::Arrow))
        .then(declaration())
        .map(Ok);
    // After a mistake in the header the body is still read.
    let skipped = none_of(Token::OpenCurly)
        .and_is(start_of_definition().not())
        .repeated();
    let skipped = ident().or_not().then_ignore(skipped).map(Err);
    just(Token::Module)
        .ignore_then(header.recover_with(via_parser(skipped)))
        .then(body())
        .map(|(header, body)| match header {
            Ok((((ident, dims), inputs), output)) => Item::Module(ModuleItem {
                ident,
                dims: dims.unwrap_or_default(),
                inputs,
                output,
                body,
            }),
            Err(name) => Item::Error(name),
        })
        .boxed()
}

fn network<'a>() -> Rule<'a, NetworkItem> {
    just(Token::Network)
        .ignore_then(ident())
        .then(body())
        .map(|(ident, body)| NetworkItem { ident, body })
        .boxed()
}

fn body<'a>() -> Rule<'a, Vec<Statement>> {
    // After a mistake in a statement, go on at the next one.
    let skipped = none_of([Token::Newline, Token::Semicolon, Token::CloseCurly])
        .and_is(start_of_definition().not())
        .repeated()
        .at_least(1)
        .map(|()| Statement::Error);
    let statement = statement()
        .then_ignore(end_of_statement())
        .recover_with(via_parser(skipped))
        .boxed();
    newlines()
        .ignore_then(just(Token::OpenCurly))
        .ignore_then(separators())
        .ignore_then(statement.then_ignore(separators()).repeated().collect())
        .then_ignore(choice((
            just(Token::CloseCurly).ignored(),
            // A missing brace is reported where it was opened.
            start_of_definition().rewind(),
            end(),
        )))
        .boxed()
}

fn statement<'a>() -> Rule<'a, Statement> {
    let declare = |keyword: Token<'static>, make: fn(Span, Declaration) -> Statement| {
        just(keyword)
            .map_with(|_, e| span(e.span()))
            .then(declaration())
            .map(move |(place, declaration)| make(place, declaration))
    };
    let loss = just(Token::Loss)
        .map_with(|_, e| span(e.span()))
        .then(expression())
        .map(|(place, value)| Statement::Loss(place, value));
    let define = ident()
        .then_ignore(just(Token::Equals))
        .then(expression())
        .map(|(ident, value)| Statement::Define(ident, value));
    let model = ident()
        .then_ignore(just(Token::Tilde))
        .then(expression())
        .map(|(ident, value)| Statement::Model(ident, value));
    choice((
        declare(Token::Param, Statement::Param),
        declare(Token::Input, Statement::Input),
        declare(Token::Target, Statement::Target),
        loss,
        define,
        model,
    ))
    .boxed()
}

/// `name: R[m, n] facts`.
fn declaration<'a>() -> Rule<'a, Declaration> {
    let dims = expression()
        .separated_by(just(Token::Comma))
        .at_least(1)
        .at_most(2)
        .collect()
        .delimited_by(just(Token::OpenSquare), just(Token::CloseSquare));
    let shape = just(Token::Name("R"))
        .labelled("a type")
        .ignore_then(dims.or_not())
        .map_with(|dims: Option<Vec<_>>, e| Type {
            dims: dims.unwrap_or_default(),
            span: span(e.span()),
        });
    // `positive-definite` is three tokens.
    let fact = ident()
        .then(just(Token::Minus).ignore_then(ident()).or_not())
        .map(join);
    ident()
        .then_ignore(just(Token::Colon))
        .then(shape)
        .then(fact.repeated().collect())
        .map(|((ident, shape), facts)| Declaration {
            ident,
            shape,
            facts,
        })
        .boxed()
}

fn join((first, second): (Ident, Option<Ident>)) -> Ident {
    match second {
        None => first,
        Some(second) => Ident {
            name: format!("{}-{}", first.name, second.name).into(),
            span: first.span.to(second.span),
        },
    }
}
