//! The syntax tree, with places. Why sums and products are flat: the two levels of operators that run long in
//! practice then cost no depth, so nothing that walks the tree can overflow.

use crate::diagnostic::Span;
use crate::expr::{Name, Rational};

/// A name where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ident {
    pub(super) name: Name,
    pub(super) span: Span,
}

/// An expression where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expr {
    pub(super) kind: ExprKind,
    pub(super) span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum ExprKind {
    Name(Name),
    Number(Rational),
    /// An expression in parentheses.
    Group(Box<Expr>),
    /// `A'`, as often as there are primes.
    Transpose(Box<Expr>, usize),
    Negate(Box<Expr>),
    /// The base, the operator and its place, the exponent.
    Power(Box<Expr>, (PowerOp, Span), Box<Expr>),
    /// The first factor and the others with the operator before each, read from the left.
    Product(Box<Expr>, Vec<(ProductOp, Span, Expr)>),
    /// The first term and the others with their signs.
    Sum(Box<Expr>, Vec<(Sign, Span, Expr)>),
    Call(Box<Call>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PowerOp {
    /// `^`
    Matrix,
    /// `.^`
    Entrywise,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProductOp {
    Multiply,
    Divide,
    Hadamard,
    DivideEntrywise,
    Kronecker,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Minus,
}

/// `name''[dims](arguments; shares)`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    pub(super) callee: Ident,
    /// The number of primes between the name and the arguments: a derivative, or a mistake.
    pub(super) primes: usize,
    pub(super) dims: Vec<Expr>,
    pub(super) arguments: Vec<Expr>,
    /// `W = h1.W`: parameters of the callee that are given rather than new.
    pub(super) shares: Vec<(Ident, Expr)>,
}

/// `R`, `R[n]` or `R[m, n]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Type {
    pub(super) dims: Vec<Expr>,
    pub(super) span: Span,
}

/// A name with its type and facts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Declaration {
    pub(super) ident: Ident,
    pub(super) shape: Type,
    pub(super) facts: Vec<Ident>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Statement {
    Param(Span, Declaration),
    Input(Span, Declaration),
    Target(Span, Declaration),
    /// The keyword and the expression.
    Loss(Span, Expr),
    Define(Ident, Expr),
    /// `y ~ normal(m, v)`: of which distribution a loss is the negative logarithm.
    Model(Ident, Expr),
    /// Reported already.
    Error,
}

/// `module name[dims](inputs) -> output { body }`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ModuleItem {
    pub(super) ident: Ident,
    pub(super) dims: Vec<Ident>,
    pub(super) inputs: Vec<Declaration>,
    pub(super) output: Declaration,
    pub(super) body: Vec<Statement>,
}

/// `fn name(argument) = body`, or without a body.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FunctionItem {
    pub(super) ident: Ident,
    pub(super) arguments: Vec<Ident>,
    pub(super) body: Option<Expr>,
}

/// `network name { body }`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NetworkItem {
    pub(super) ident: Ident,
    pub(super) body: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    Module(ModuleItem),
    Function(FunctionItem),
    Network(NetworkItem),
    /// Reported already; the name, if it is known, is defined all the same.
    Error(Option<Ident>),
}

impl Expr {
    /// The expression without parentheses around it.
    pub(super) fn ungrouped(&self) -> &Expr {
        let mut inner = self;
        while let ExprKind::Group(next) = &inner.kind {
            inner = next;
        }
        inner
    }

    /// Visits this expression and all below it, parents first, in reading order.
    pub(super) fn visit<'a>(&'a self, seen: &mut impl FnMut(&'a Expr)) {
        let mut stack = vec![self];
        while let Some(expr) = stack.pop() {
            seen(expr);
            let before = stack.len();
            match &expr.kind {
                ExprKind::Name(_) | ExprKind::Number(_) => {}
                ExprKind::Group(e) | ExprKind::Transpose(e, _) | ExprKind::Negate(e) => {
                    stack.push(e);
                }
                ExprKind::Power(a, _, b) => stack.extend([&**a, &**b]),
                ExprKind::Product(first, rest) => {
                    stack.push(first);
                    stack.extend(rest.iter().map(|(_, _, e)| e));
                }
                ExprKind::Sum(first, rest) => {
                    stack.push(first);
                    stack.extend(rest.iter().map(|(_, _, e)| e));
                }
                ExprKind::Call(call) => {
                    stack.extend(&call.arguments);
                    stack.extend(call.shares.iter().map(|(_, e)| e));
                }
            }
            stack[before..].reverse();
        }
    }
}
