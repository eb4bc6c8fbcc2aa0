//! Numbers the evaluator runs on: f64 and dual numbers. Why dual numbers: derivatives to the last digit
//! without a single derivative rule of the book, so that they can judge the rules.

use std::fmt;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::builtins::{exp_taylor, log_taylor, power_taylor};

/// A commutative ring with division where elementwise functions act through their Taylor coefficients.
pub trait Scalar:
    Clone
    + fmt::Debug
    + PartialEq
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// The same numbers with one more infinitesimal.
    type Lift: Scalar;

    /// The constant `value`.
    fn from_f64(value: f64) -> Self;

    /// The real part, on which branches and pivots depend.
    fn value(&self) -> f64;

    /// How many derivatives of a function [`Scalar::compose`] makes use of.
    fn order(&self) -> usize;

    /// f of the number, from the Taylor coefficients f(x0), f'(x0), f''(x0)/2, … at its real part x0.
    /// Coefficients that are left out are zero.
    fn compose(&self, taylor: &[f64]) -> Self;

    /// True when the number equals its real part.
    fn is_constant(&self) -> bool;

    /// `self + derivative ε` with a new infinitesimal ε, or `None` where no more can be had.
    fn lift(&self, derivative: f64) -> Option<Self::Lift>;

    /// The coefficient of the newest infinitesimal.
    fn derivative(lifted: &Self::Lift) -> Self;
}

/// A dual number `real + dual ε` with ε² = 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dual<S> {
    /// The number itself.
    pub real: S,
    /// The coefficient of ε.
    pub dual: S,
}

/// A hyper-dual number a + b ε₁ + c ε₂ + d ε₁ε₂: exact second derivatives.
pub type Hyper = Dual<Dual<f64>>;

impl Hyper {
    /// a + b ε₁ + c ε₂.
    pub fn hyper(a: f64, b: f64, c: f64) -> Self {
        Dual {
            real: Dual { real: a, dual: b },
            dual: Dual { real: c, dual: 0.0 },
        }
    }

    /// The coefficient of ε₁.
    pub fn first(&self) -> f64 {
        self.real.dual
    }

    /// The coefficient of ε₂.
    pub fn second(&self) -> f64 {
        self.dual.real
    }

    /// The coefficient of ε₁ε₂.
    pub fn mixed(&self) -> f64 {
        self.dual.dual
    }
}

impl<S: Scalar> Add for Dual<S> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            real: self.real + other.real,
            dual: self.dual + other.dual,
        }
    }
}

impl<S: Scalar> Sub for Dual<S> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            real: self.real - other.real,
            dual: self.dual - other.dual,
        }
    }
}

impl<S: Scalar> Mul for Dual<S> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let dual = self.real.clone() * other.dual + self.dual * other.real.clone();
        Self {
            real: self.real * other.real,
            dual,
        }
    }
}

impl<S: Scalar> Div for Dual<S> {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        // q = a / b, q' = (a' − q b') / b
        let real = self.real / other.real.clone();
        let dual = (self.dual - real.clone() * other.dual) / other.real;
        Self { real, dual }
    }
}

impl<S: Scalar> Neg for Dual<S> {
    type Output = Self;
    fn neg(self) -> Self {
        Self {
            real: -self.real,
            dual: -self.dual,
        }
    }
}

impl Scalar for f64 {
    type Lift = Dual<f64>;

    fn from_f64(value: f64) -> Self {
        value
    }

    fn value(&self) -> f64 {
        *self
    }

    fn order(&self) -> usize {
        0
    }

    fn compose(&self, taylor: &[f64]) -> Self {
        taylor.first().copied().unwrap_or(0.0)
    }

    fn is_constant(&self) -> bool {
        true
    }

    fn lift(&self, derivative: f64) -> Option<Dual<f64>> {
        Some(Dual {
            real: *self,
            dual: derivative,
        })
    }

    fn derivative(lifted: &Dual<f64>) -> Self {
        lifted.dual
    }
}

/// True when neither the number nor any of its infinitesimal parts is there.
fn is_zero<S: Scalar>(number: &S) -> bool {
    *number == S::from_f64(0.0)
}

/// `Scalar` for a level of dual numbers: what is common, and how the level is lifted.
macro_rules! dual_level {
    ($level:ty, $lift:ty, $lifted:expr, $derivative:expr) => {
        impl Scalar for $level {
            type Lift = $lift;

            fn from_f64(value: f64) -> Self {
                Dual {
                    real: Scalar::from_f64(value),
                    dual: Scalar::from_f64(0.0),
                }
            }

            fn value(&self) -> f64 {
                self.real.value()
            }

            fn order(&self) -> usize {
                self.real.order() + 1
            }

            fn compose(&self, taylor: &[f64]) -> Self {
                let real = self.real.compose(taylor);
                if is_zero(&self.dual) {
                    // A constant has derivative zero even where f has none, as √ at 0.
                    return Dual {
                        real,
                        dual: Scalar::from_f64(0.0),
                    };
                }
                // f(a + b ε) = f(a) + f'(a) b ε
                let derived: Vec<f64> = taylor
                    .iter()
                    .enumerate()
                    .skip(1)
                    .map(|(k, c)| k as f64 * c)
                    .collect();
                Dual {
                    real,
                    dual: self.real.compose(&derived) * self.dual,
                }
            }

            fn is_constant(&self) -> bool {
                self.real.is_constant() && is_zero(&self.dual)
            }

            fn lift(&self, derivative: f64) -> Option<$lift> {
                $lifted(self, derivative)
            }

            fn derivative(lifted: &$lift) -> Self {
                $derivative(lifted)
            }
        }
    };
}

/// The deepest level: it serves operators under operators under both infinitesimals of a witness.
type Deepest = Dual<Hyper>;

dual_level!(
    Dual<f64>,
    Hyper,
    |real: &Self, derivative| Some(Dual {
        real: *real,
        dual: Scalar::from_f64(derivative)
    }),
    |lifted: &Hyper| lifted.dual
);
dual_level!(
    Hyper,
    Deepest,
    |real: &Self, derivative| Some(Dual {
        real: *real,
        dual: Scalar::from_f64(derivative)
    }),
    |lifted: &Deepest| lifted.dual
);
dual_level!(Deepest, Deepest, |_: &Self, _| None, |lifted: &Deepest| {
    *lifted
});

/// `base` to the power `exponent`, where both may carry infinitesimals. Integer powers of negative numbers
/// are exact; other powers of negative numbers are NaN.
pub(super) fn power<S: Scalar>(base: &S, exponent: &S) -> S {
    let p = exponent.value();
    let fixed = base.compose(&power_taylor(p, base.value(), base.order()));
    if exponent.is_constant() {
        return fixed;
    }
    // a^(p + d) = a^p exp(d log a)
    let log = base.compose(&log_taylor(base.value(), base.order()));
    let moving = (exponent.clone() - S::from_f64(p)) * log;
    fixed * moving.compose(&exp_taylor(0.0, moving.order()))
}
