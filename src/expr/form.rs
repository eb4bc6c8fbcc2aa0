//! What a node looks like to a reader. Why apart: the reader makes these, each notation takes them.

use super::{Dimension, Function, Id, Name, Rational};

/// A value below a fraction bar: a base with a positive exponent.
#[derive(Clone, Debug)]
pub(crate) struct Denominator {
    pub(crate) base: Id,
    pub(crate) exponent: Rational,
}

/// An argument of a function.
#[derive(Clone, Debug)]
pub(crate) enum Argument {
    Value(Id),
    Size(Dimension),
}

/// What a node is, up to its sign, in a reader's terms. Factors and terms are to be written without their sign.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    Name(Name),
    /// A dimension as a scalar; `true` when a value hides one of its names.
    Size(Dimension, bool),
    /// Terms with their signs (`true`: subtracted).
    Sum(Vec<(bool, Id)>),
    /// coefficient · factors / denominators.
    Product {
        coefficient: Rational,
        factors: Vec<Id>,
        denominators: Vec<Denominator>,
    },
    /// Entrywise factors ./ denominators.
    Hadamard {
        factors: Vec<Id>,
        denominators: Vec<Denominator>,
    },
    Kronecker(Vec<Id>),
    /// A power with a positive number as its exponent, or with a value.
    Power {
        base: Id,
        exponent: Exponent,
    },
    Transpose(Id),
    /// J'HJ.
    Congruence {
        jacobian: Id,
        middle: Option<Id>,
    },
    Apply(Function, Id),
    Function(Function),
    Call(&'static str, Vec<Argument>),
}

/// The exponent of a power.
#[derive(Clone, Debug)]
pub(crate) enum Exponent {
    Number(Rational),
    Value(Id),
}
