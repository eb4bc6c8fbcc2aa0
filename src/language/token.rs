//! Tokens. Why before the grammar: where a newline ends a statement is decided between tokens, and limits on
//! nesting are checked on them before anything recursive runs.

use std::fmt;

use logos::Logos;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};

/// A token with its text.
#[derive(Logos, Clone, Copy, Debug, PartialEq, Eq)]
#[logos(skip r"[ \t\f\u{a0}\u{feff}]+")]
#[logos(skip(r"#[^\r\n]*", allow_greedy = true))]
pub(super) enum Token<'a> {
    #[regex(r"[\p{XID_Start}_]\p{XID_Continue}*(\.[\p{XID_Start}_]\p{XID_Continue}*)*")]
    Name(&'a str),
    #[regex(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")]
    Number(&'a str),
    #[token("module")]
    Module,
    #[token("network")]
    Network,
    #[token("fn")]
    Fn,
    #[token("param")]
    Param,
    #[token("input")]
    Input,
    #[token("target")]
    Target,
    #[token("loss")]
    Loss,
    #[regex(r"\r\n|\n|\r")]
    Newline,
    #[token(";")]
    Semicolon,
    #[token(",")]
    Comma,
    #[token(":")]
    Colon,
    #[token("=")]
    Equals,
    #[token("~")]
    Tilde,
    #[token("->")]
    Arrow,
    #[token("'")]
    Prime,
    #[token("^")]
    Caret,
    #[token(".^")]
    DotCaret,
    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token(".*")]
    #[token("⊙")]
    DotStar,
    #[token("/")]
    Slash,
    #[token("./")]
    DotSlash,
    #[token("⊗")]
    Kronecker,
    #[token("(")]
    OpenRound,
    #[token(")")]
    CloseRound,
    #[token("[")]
    OpenSquare,
    #[token("]")]
    CloseSquare,
    #[token("{")]
    OpenCurly,
    #[token("}")]
    CloseCurly,
}

impl Token<'_> {
    /// True for the words that cannot be names.
    pub(super) fn is_keyword(self) -> bool {
        use Token::{Fn, Input, Loss, Module, Network, Param, Target};
        matches!(self, Module | Network | Fn | Param | Input | Target | Loss)
    }

    /// True for tokens after which an operand must follow, so that a newline means nothing.
    pub(super) fn wants_operand(self) -> bool {
        self.is_infix()
            || matches!(
                self,
                Self::Equals | Self::Tilde | Self::Comma | Self::Colon | Self::Arrow
            )
    }

    /// True for operators between two operands.
    pub(super) fn is_infix(self) -> bool {
        self.is_power()
            || matches!(
                self,
                Self::Plus
                    | Self::Minus
                    | Self::Star
                    | Self::DotStar
                    | Self::Slash
                    | Self::DotSlash
                    | Self::Kronecker
            )
    }

    /// True for `^` and `.^`.
    pub(super) fn is_power(self) -> bool {
        matches!(self, Self::Caret | Self::DotCaret)
    }

    /// The token that closes this bracket.
    pub(super) fn closer(self) -> Option<Self> {
        match self {
            Self::OpenRound => Some(Self::CloseRound),
            Self::OpenSquare => Some(Self::CloseSquare),
            Self::OpenCurly => Some(Self::CloseCurly),
            _ => None,
        }
    }

    /// True for `)`, `]` and `}`.
    pub(super) fn is_closer(self) -> bool {
        matches!(
            self,
            Self::CloseRound | Self::CloseSquare | Self::CloseCurly
        )
    }
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name(text) | Self::Number(text) => text,
            Self::Module => "module",
            Self::Network => "network",
            Self::Fn => "fn",
            Self::Param => "param",
            Self::Input => "input",
            Self::Target => "target",
            Self::Loss => "loss",
            Self::Newline => "newline",
            Self::Semicolon => ";",
            Self::Comma => ",",
            Self::Colon => ":",
            Self::Equals => "=",
            Self::Tilde => "~",
            Self::Arrow => "->",
            Self::Prime => "'",
            Self::Caret => "^",
            Self::DotCaret => ".^",
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Star => "*",
            Self::DotStar => ".*",
            Self::Slash => "/",
            Self::DotSlash => "./",
            Self::Kronecker => "⊗",
            Self::OpenRound => "(",
            Self::CloseRound => ")",
            Self::OpenSquare => "[",
            Self::CloseSquare => "]",
            Self::OpenCurly => "{",
            Self::CloseCurly => "}",
        })
    }
}

/// Splits a text into tokens. Characters that belong to no token are reported, a run of them once, and left out.
pub(super) fn lex<'a>(text: &'a str, errors: &mut Diagnostics) -> Vec<(Token<'a>, Span)> {
    let mut tokens = Vec::new();
    let mut bad: Option<Span> = None;
    for (token, range) in Token::lexer(text).spanned() {
        let span = Span::from(range);
        match token {
            Ok(token) => tokens.push((token, span)),
            Err(()) => match &mut bad {
                Some(run) if run.end == span.start => run.end = span.end,
                _ => {
                    report(text, bad.replace(span), errors);
                }
            },
        }
    }
    report(text, bad, errors);
    tokens
}

fn report(text: &str, run: Option<Span>, errors: &mut Diagnostics) {
    let Some(span) = run else { return };
    let shown: String = text[span.start..span.end].chars().take(8).collect();
    let help = match shown.chars().next() {
        Some('.') => {
            "write numbers with digits on both sides of the point, as in `0.5`; entrywise operators are `.*`, `./`, `.^`"
        }
        Some('"' | '`' | '’' | '‘' | '′') => "the transpose is written with a plain `'`",
        Some('−' | '–' | '—') => "minus is written with a plain `-`",
        Some('×' | '·') => {
            "the matrix product is `*`, the entrywise product `.*` or `⊙`, the Kronecker product `⊗`"
        }
        Some('/') => "a comment starts with `#`",
        Some('@') => "the matrix product is written `*`",
        Some('ᵀ') => "the transpose is written `A'`",
        _ => "remove it; comments start with `#`",
    };
    errors.push(
        Diagnostic::new(
            Code::Character,
            format!("unexpected character {shown:?}"),
            help,
        )
        .at(span, "not part of the language"),
    );
}
