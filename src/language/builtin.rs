//! The functions of the language. Why a table: what a function is called and which operation it is stands in
//! one place, and the elaborator knows no function by name.

use crate::expr::Op;

/// Elementwise functions of one scalar. `step` (0 for t ≤ 0, else 1) and `sign` (0 at 0) are the derivatives
/// of `relu` and `abs`, at their kinks as in PyTorch.
pub(super) const ELEMENTWISE: &[&str] = &[
    "exp",
    "log",
    "sqrt",
    "abs",
    "sin",
    "cos",
    "tanh",
    "sigmoid",
    "softplus",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "erf",
    "step",
    "sign",
];

/// Words that mean something as calls in `prove` and in reports.
pub(super) const QUERIES: &[&str] = &["grad", "hess", "jac", "resid", "E"];

/// A function that is not elementwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Builtin {
    /// One operand, one operation.
    Unary(Op),
    /// Two operands, one operation.
    Binary(Op),
    /// `dot(a, b)`: the sum of the products of entries.
    Dot,
    /// `reshape(A, m, n)`.
    Reshape,
    /// So many dimensions at least and at most; a missing one is 1.
    Constant(Op, usize, usize),
}

/// Every function that is not elementwise, with its operands as they are explained to the user.
const TABLE: &[(&str, &str, Builtin)] = &[
    ("sum", "A", Builtin::Unary(Op::Sum)),
    ("mean", "A", Builtin::Unary(Op::Mean)),
    ("logsumexp", "A", Builtin::Unary(Op::LogSumExp)),
    ("norm2", "A", Builtin::Unary(Op::Norm2)),
    ("tr", "A", Builtin::Unary(Op::Trace)),
    ("det", "A", Builtin::Unary(Op::Determinant)),
    ("logdet", "A", Builtin::Unary(Op::LogDeterminant)),
    ("dot", "a, b", Builtin::Dot),
    ("diag", "x", Builtin::Unary(Op::Diag)),
    ("diagvec", "A", Builtin::Unary(Op::DiagVec)),
    ("vec", "A", Builtin::Unary(Op::Vec)),
    ("reshape", "A, m, n", Builtin::Reshape),
    ("kron", "A, B", Builtin::Binary(Op::Kronecker)),
    (
        "commutation",
        "m, n",
        Builtin::Constant(Op::Commutation, 2, 2),
    ),
    ("ones", "m, n", Builtin::Constant(Op::Ones, 1, 2)),
    ("zeros", "m, n", Builtin::Constant(Op::Zeros, 1, 2)),
    ("eye", "n", Builtin::Constant(Op::Eye, 1, 1)),
    ("inv", "A", Builtin::Unary(Op::Inverse)),
    ("softmax", "A", Builtin::Unary(Op::Softmax)),
    ("eigabs", "A", Builtin::Unary(Op::EigAbs)),
    ("eigclip", "A", Builtin::Unary(Op::EigClip)),
];

/// The function called `name`, and how its operands are written.
pub(super) fn find(name: &str) -> Option<(&'static Builtin, &'static str)> {
    TABLE
        .iter()
        .find(|(n, ..)| *n == name)
        .map(|(_, operands, builtin)| (builtin, *operands))
}

/// The names of all functions, elementwise ones first.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ELEMENTWISE
        .iter()
        .copied()
        .chain(TABLE.iter().map(|(name, ..)| *name))
}

/// True when a definition of this name hides a built-in function.
pub(super) fn is_function(name: &str) -> bool {
    names().any(|n| n == name)
}
