//! The model behind a loss: of which distribution of the target it is the negative logarithm. Why declared: the expectation
//! that makes a Fisher matrix is under this distribution, and nothing in a formula says which it is.

use super::{Id, Name};

/// `y ~ normal(m, v)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The input that is distributed.
    pub target: Name,
    /// How.
    pub distribution: Distribution,
    /// The parameters of the distribution, of the shape of the target.
    pub parameters: Vec<Id>,
}

/// A distribution of a target, entry by entry but for the classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Distribution {
    /// One entry is 1, with these probabilities, the others are 0.
    Categorical,
    /// 1 with this probability, or 0.
    Bernoulli,
    /// Counts with this rate.
    Poisson,
    /// With this mean and this variance.
    Normal,
}

impl Distribution {
    /// All of them, with their names in the language and the number of their parameters.
    pub const ALL: [(Self, &'static str, usize); 4] = [
        (Self::Categorical, "categorical", 1),
        (Self::Bernoulli, "bernoulli", 1),
        (Self::Poisson, "poisson", 1),
        (Self::Normal, "normal", 2),
    ];

    /// Its name in the language.
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(known, ..)| *known == self);
        found.map_or("", |(_, name, _)| name)
    }
}
