//! The operations of the expression graph. Why one list: the same operations stand in a forward map, in a
//! rule, in a derived equation and in a kernel, so that each floor speaks of the same thing.

use super::{Dimension, Name, Rational};

/// An elementwise function of one scalar and how many times it is differentiated: `sigmoid''` is order 2.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Function {
    /// The name in the graph's function table.
    pub name: Name,
    /// How many derivatives are taken.
    pub order: u32,
}

/// An operation. The number of children is fixed but for [`Op::Add`], which takes two or more.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Op {
    /// A named value; its shape stands in the graph's variable table.
    Variable(Name),
    /// An exact number, a scalar.
    Number(Rational),
    /// A dimension, used as a size or as a scalar.
    Dimension(Dimension),
    /// An elementwise function, only ever the first child of [`Op::Apply`] (or of [`Op::Prime`]).
    Function(Function),

    /// `eye(n)`, child: a dimension.
    Eye,
    /// `ones(m, n)`, children: two dimensions.
    Ones,
    /// `zeros(m, n)`, children: two dimensions.
    Zeros,
    /// `commutation(m, n)`: K with K vec A = vec A' for an m × n matrix A; children: two dimensions.
    Commutation,
    /// `reshape(A, m, n)` in column order; children: A and two dimensions.
    Reshape,

    /// The sum of two or more values of one shape.
    Add,
    /// A scalar times anything; children: the scalar, the value.
    Scale,
    /// The matrix product.
    Multiply,
    /// The Hadamard product of two values of one shape.
    Hadamard,
    /// The elementwise power; children: base, exponent (a scalar, or of the base's shape).
    Power,
    /// The transpose.
    Transpose,
    /// The diagonal matrix of a vector.
    Diag,
    /// The diagonal of a square matrix as a vector.
    DiagVec,
    /// The columns of a matrix stacked.
    Vec,
    /// The Kronecker product.
    Kronecker,
    /// The inverse of a square matrix.
    Inverse,
    /// The determinant.
    Determinant,
    /// The logarithm of the absolute value of the determinant.
    LogDeterminant,
    /// The trace.
    Trace,
    /// The sum of all entries.
    Sum,
    /// The mean of all entries.
    Mean,
    /// log Σ exp over all entries.
    LogSumExp,
    /// The Euclidean (Frobenius) norm.
    Norm2,
    /// log Σ exp of each column, a row.
    ColumnLogSumExp,
    /// The Euclidean norm of each column, a row.
    ColumnNorm2,
    /// S with `S S' = diag(d) + Σ u v'` for every column of D, U, V, …: S has so many columns for each, the first of all samples
    /// first. Children: the number of columns, D, and U, V for every term.
    SampleRoots,
    /// The softmax of each column.
    Softmax,
    /// |·| of the eigenvalues of a symmetric matrix.
    EigAbs,
    /// max(·, 0) of the eigenvalues of a symmetric matrix.
    EigClip,
    /// An elementwise function; children: the function, the argument.
    Apply,

    /// The congruence J'HJ; children: J, H (H symmetric).
    Congruence,
    /// The M with α M + β B M K = R; children: α, β, B, K, R (α and β scalars, B and K symmetric).
    Stein,
    /// The same M, of one column a sample where K = cX'X: M X' is what is wanted, so that M is measured by
    /// ⟨M, N⟩ = tr(M'NK).
    SteinGram,
    /// What conjugate gradients make of the equation of [`Op::Stein`] from M = 0; children: α, β, B, K, R, a tolerance relative to
    /// the norm of R, and the most steps.
    ConjugateGradients,
    /// The same for [`Op::SteinGram`], in the inner product ⟨M, N⟩ = tr(M'NK). They end, too, where tr(R'RK) of the residual R is
    /// rounding: at ε tr(R'R) times the largest diagonal entry of K.
    ConjugateGradientsGram,
    /// The Jacobian D e(x) = ∂ vec e / ∂ (vec x)'; children: e, the variable x.
    Jacobian,
    /// The backpropagated gradient, of the variable's shape; children: e, the gradient at e, the variable.
    Backpropagate,
    /// The mean over the samples.
    Expectation,

    /// In rules: the number of rows of the child, a dimension.
    Rows,
    /// In rules: the number of columns of the child, a dimension.
    Cols,
    /// In rules: the number of entries of the child, a dimension.
    Size,
    /// In rules: the product of two dimensions, a dimension.
    DimensionProduct,
    /// In rules: the derivative of an elementwise function, a function.
    Prime,
}

impl Op {
    /// The name of the operation in rules, and the number of its children (`None`: two or more).
    /// Leaves that carry data have no fixed name.
    pub fn head(&self) -> Option<(&'static str, Option<usize>)> {
        TABLE
            .iter()
            .find(|(op, ..)| op == self)
            .map(|(_, name, arity)| (*name, *arity))
    }

    /// The operation with this name in rules.
    pub fn from_head(name: &str) -> Option<(Self, Option<usize>)> {
        TABLE
            .iter()
            .find(|(_, n, _)| *n == name)
            .map(|(op, _, arity)| (op.clone(), *arity))
    }
}

/// Every operation without data: its name in rules and the number of its children.
pub const TABLE: &[(Op, &str, Option<usize>)] = &[
    (Op::Eye, "eye", Some(1)),
    (Op::Ones, "ones", Some(2)),
    (Op::Zeros, "zeros", Some(2)),
    (Op::Commutation, "commutation", Some(2)),
    (Op::Reshape, "reshape", Some(3)),
    (Op::Add, "add", None),
    (Op::Scale, "scale", Some(2)),
    (Op::Multiply, "mul", Some(2)),
    (Op::Hadamard, "had", Some(2)),
    (Op::Power, "pow", Some(2)),
    (Op::Transpose, "t", Some(1)),
    (Op::Diag, "diag", Some(1)),
    (Op::DiagVec, "diagvec", Some(1)),
    (Op::Vec, "vec", Some(1)),
    (Op::Kronecker, "kron", Some(2)),
    (Op::Inverse, "inv", Some(1)),
    (Op::Determinant, "det", Some(1)),
    (Op::LogDeterminant, "logdet", Some(1)),
    (Op::Trace, "tr", Some(1)),
    (Op::Sum, "sum", Some(1)),
    (Op::Mean, "mean", Some(1)),
    (Op::LogSumExp, "logsumexp", Some(1)),
    (Op::Norm2, "norm2", Some(1)),
    (Op::ColumnLogSumExp, "column-logsumexp", Some(1)),
    (Op::ColumnNorm2, "column-norm2", Some(1)),
    (Op::SampleRoots, "sample-roots", None),
    (Op::Softmax, "softmax", Some(1)),
    (Op::EigAbs, "eigabs", Some(1)),
    (Op::EigClip, "eigclip", Some(1)),
    (Op::Apply, "apply", Some(2)),
    (Op::Congruence, "sand", Some(2)),
    (Op::Stein, "stein", Some(5)),
    (Op::SteinGram, "stein-gram", Some(5)),
    (Op::ConjugateGradients, "cg", Some(7)),
    (Op::ConjugateGradientsGram, "cg-gram", Some(7)),
    (Op::Jacobian, "J", Some(2)),
    (Op::Backpropagate, "V", Some(3)),
    (Op::Expectation, "E", Some(1)),
    (Op::Rows, "rows", Some(1)),
    (Op::Cols, "cols", Some(1)),
    (Op::Size, "size", Some(1)),
    (Op::DimensionProduct, "dim*", Some(2)),
    (Op::Prime, "prime", Some(1)),
];
