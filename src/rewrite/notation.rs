//! The notation of rules: `(mul (t ?a) ?b)` to patterns. Why apart from the language: rules speak of operations
//! one by one, with no precedence and no names of a user's.

use egg::{ENodeOrVar, PatternAst, Var};
use num_bigint::BigInt;
use num_traits::Zero;

use super::enode::ENode;
use crate::expr::{Function, Op, Rational};

/// A piece of a rule's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Open,
    Close,
    Atom(String),
}

pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    spaced
        .split_whitespace()
        .map(|piece| match piece {
            "(" => Token::Open,
            ")" => Token::Close,
            atom => Token::Atom(atom.to_owned()),
        })
        .collect()
}

/// Reads one pattern; all tokens must be used.
pub(crate) fn pattern(tokens: &[Token]) -> Result<PatternAst<ENode>, String> {
    let mut ast = PatternAst::default();
    let mut position = 0;
    expression(tokens, &mut position, &mut ast, 0)?;
    if position < tokens.len() {
        return Err("has something left over after a side".into());
    }
    Ok(ast)
}

const MAX_DEPTH: usize = 64;

fn expression(
    tokens: &[Token],
    position: &mut usize,
    ast: &mut PatternAst<ENode>,
    depth: usize,
) -> Result<egg::Id, String> {
    if depth > MAX_DEPTH {
        return Err(format!("is nested deeper than {MAX_DEPTH}"));
    }
    let token = tokens.get(*position).ok_or("ends early")?;
    *position += 1;
    match token {
        Token::Close => Err("has a `)` too many".into()),
        Token::Atom(atom) => Ok(ast.add(leaf(atom)?)),
        Token::Open => {
            let Some(Token::Atom(head)) = tokens.get(*position) else {
                return Err("needs an operation after `(`".into());
            };
            *position += 1;
            let (op, arity) =
                Op::from_head(head).ok_or_else(|| format!("`{head}` is no operation"))?;
            let mut children = Vec::new();
            while tokens.get(*position) != Some(&Token::Close) {
                children.push(expression(tokens, position, ast, depth + 1)?);
            }
            *position += 1;
            if children.len() != arity.unwrap_or(2) {
                return Err(format!(
                    "`{head}` does not take {} operands",
                    children.len()
                ));
            }
            if op == Op::Prime
                && let ENodeOrVar::ENode(node) = &ast[children[0]]
                && let Op::Function(f) = &node.op
            {
                let prime = Op::Function(Function {
                    name: f.name.clone(),
                    order: f.order + 1,
                });
                return Ok(ast.add(ENodeOrVar::ENode(ENode::leaf(prime))));
            }
            Ok(ast.add(ENodeOrVar::ENode(ENode::new(op, &children))))
        }
    }
}

fn leaf(atom: &str) -> Result<ENodeOrVar<ENode>, String> {
    if atom.starts_with('?') {
        let var: Var = atom
            .parse()
            .map_err(|_| format!("`{atom}` is no variable"))?;
        return Ok(ENodeOrVar::Var(var));
    }
    if let Some(value) = number(atom) {
        return Ok(ENodeOrVar::ENode(ENode::leaf(Op::Number(value))));
    }
    if atom.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        let function = Function {
            name: atom.into(),
            order: 0,
        };
        return Ok(ENodeOrVar::ENode(ENode::leaf(Op::Function(function))));
    }
    Err(format!(
        "`{atom}` is neither a variable, a number nor a function"
    ))
}

/// An exact number: `2`, `-1/2`.
fn number(atom: &str) -> Option<Rational> {
    let (top, bottom) = atom.split_once('/').unwrap_or((atom, "1"));
    let (top, bottom) = (top.parse::<BigInt>().ok()?, bottom.parse::<BigInt>().ok()?);
    (!bottom.is_zero()).then(|| Rational::new(top, bottom))
}
