//! What entries, or eigenvalues, are made into. Why words of their own: plans, costs and back ends all speak of them.

/// A reduction of all entries to one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// Σ.
    Sum,
    /// Π.
    Product,
    /// log Σ exp, stable.
    LogSumExp,
    /// The root of the sum of squares.
    Norm2,
}

impl Reduction {
    /// A word for plans.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Product => "product",
            Self::LogSumExp => "logsumexp",
            Self::Norm2 => "norm2",
        }
    }
}

/// A function of a symmetric matrix's eigenvalues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spectrum {
    /// |λ|.
    Abs,
    /// max(λ, 0).
    Clip,
}
