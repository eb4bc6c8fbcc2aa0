//! Expressions: postfix `'` · `^ .^` · unary `-` · `* .* / ./ ⊗` · `+ -`, tightest first.

use chumsky::pratt::{infix, left, prefix, right};
use chumsky::prelude::*;

use super::{Extra, Rule, Tokens, span};
use crate::diagnostic::Span;
use crate::language::number;
use crate::language::syntax::{Call, Expr, ExprKind, Ident, PowerOp, ProductOp, Sign};
use crate::language::token::Token;

/// A name.
pub(super) fn ident<'a>() -> Rule<'a, Ident> {
    select! { Token::Name(name) => name }
        .map_with(|name, e| Ident {
            name: name.into(),
            span: span(e.span()),
        })
        .labelled("a name")
        .boxed()
}

/// An expression.
pub(super) fn expression<'a>() -> Rule<'a, Expr> {
    recursive(|expression| {
        let expression = expression.boxed();
        operators(atom(expression))
            .labelled("an expression")
            .as_context()
            .boxed()
    })
    .boxed()
}

/// A number, a name, a call or an expression in parentheses, with its primes.
fn atom(expression: Rule<'_, Expr>) -> Rule<'_, Expr> {
    let number = select! { Token::Number(text) => text }
        .map_with(|text, e| at(ExprKind::Number(number::value(text)), e.span()));
    let name = ident().map(|ident| Expr {
        span: ident.span,
        kind: ExprKind::Name(ident.name),
    });
    let group = expression
        .clone()
        .delimited_by(just(Token::OpenRound), just(Token::CloseRound))
        .map_with(|inner, e| at(ExprKind::Group(Box::new(inner)), e.span()));
    let first = choice((number, call(expression), name, group)).labelled("an expression");
    first
        .then(primes())
        .map_with(|(inner, primes), e| match primes {
            0 => inner,
            n => at(ExprKind::Transpose(Box::new(inner), n), e.span()),
        })
        .boxed()
}

/// `name''[dims](arguments; shares)`.
fn call(expression: Rule<'_, Expr>) -> Rule<'_, Expr> {
    let list = expression
        .clone()
        .separated_by(just(Token::Comma))
        .allow_trailing()
        .collect::<Vec<_>>();
    let dims = list
        .clone()
        .delimited_by(just(Token::OpenSquare), just(Token::CloseSquare));
    let share = ident().then_ignore(just(Token::Equals)).then(expression);
    let shares = just(Token::Semicolon).ignore_then(
        share
            .separated_by(just(Token::Comma))
            .allow_trailing()
            .collect::<Vec<_>>(),
    );
    let arguments = list
        .then(shares.or_not())
        .delimited_by(just(Token::OpenRound), just(Token::CloseRound));
    ident()
        .then(primes())
        .then(dims.or_not())
        .then(arguments)
        .map_with(|(((callee, primes), dims), (arguments, shares)), e| {
            let call = Call {
                callee,
                primes,
                dims: dims.unwrap_or_default(),
                arguments,
                shares: shares.unwrap_or_default(),
            };
            at(ExprKind::Call(Box::new(call)), e.span())
        })
        .boxed()
}

fn primes<'a>() -> impl Parser<'a, Tokens<'a>, usize, Extra<'a>> + Clone {
    just(Token::Prime).repeated().count()
}

fn operators(atom: Rule<'_, Expr>) -> impl Parser<'_, Tokens<'_>, Expr, Extra<'_>> + Clone {
    let power = select! { Token::Caret => PowerOp::Matrix, Token::DotCaret => PowerOp::Entrywise }
        .map_with(|op, e| (op, span(e.span())));
    let product = select! {
        Token::Star => ProductOp::Multiply,
        Token::Slash => ProductOp::Divide,
        Token::DotStar => ProductOp::Hadamard,
        Token::DotSlash => ProductOp::DivideEntrywise,
        Token::Kronecker => ProductOp::Kronecker,
    }
    .map_with(|op, e| (op, span(e.span())));
    let sum = select! { Token::Plus => Sign::Plus, Token::Minus => Sign::Minus }
        .map_with(|sign, e| (sign, span(e.span())));
    atom.pratt((
        infix(
            right(4),
            power.labelled("an operator"),
            |base, op, exponent, e| {
                at(
                    ExprKind::Power(Box::new(base), op, Box::new(exponent)),
                    e.span(),
                )
            },
        ),
        prefix(3, just(Token::Minus), |_, inner, e| {
            at(ExprKind::Negate(Box::new(inner)), e.span())
        }),
        infix(
            left(2),
            product.labelled("an operator"),
            |first, (op, place), factor, e| at(extend_product(first, op, place, factor), e.span()),
        ),
        infix(
            left(1),
            sum.labelled("an operator"),
            |first, (sign, place), term, e| at(extend_sum(first, sign, place, term), e.span()),
        ),
    ))
}

fn extend_product(first: Expr, op: ProductOp, place: Span, factor: Expr) -> ExprKind {
    match first.kind {
        ExprKind::Product(first, mut rest) => {
            rest.push((op, place, factor));
            ExprKind::Product(first, rest)
        }
        _ => ExprKind::Product(Box::new(first), vec![(op, place, factor)]),
    }
}

fn extend_sum(first: Expr, sign: Sign, place: Span, term: Expr) -> ExprKind {
    match first.kind {
        ExprKind::Sum(first, mut rest) => {
            rest.push((sign, place, term));
            ExprKind::Sum(first, rest)
        }
        _ => ExprKind::Sum(Box::new(first), vec![(sign, place, term)]),
    }
}

fn at(kind: ExprKind, place: SimpleSpan) -> Expr {
    Expr {
        kind,
        span: span(place),
    }
}
