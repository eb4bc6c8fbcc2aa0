//! Numbers whose every operation is a little wrong. Why: where a result changes by more than the error of one
//! operation, rounding decides it, as beside a singular matrix or in `1 - sigmoid(40)`, and it says nothing.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::Scalar;

/// An f64 that loses its last digits in every operation; `SEED` chooses in which direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noisy<const SEED: u64>(f64);

/// The relative error of an operation, 2⁻⁴⁰.
const ERROR: f64 = 1.0 / (1u64 << 40) as f64;

impl<const SEED: u64> Noisy<SEED> {
    /// A result, moved up or down by its own digits.
    fn result(value: f64) -> Self {
        // The finaliser of SplitMix64 scatters neighbouring values.
        let mut bits = value.to_bits() ^ SEED.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let unit = (bits >> 11) as f64 / (1u64 << 53) as f64;
        Self(value * (1.0 + ERROR * (2.0 * unit - 1.0)))
    }
}

impl<const SEED: u64> Add for Noisy<SEED> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::result(self.0 + other.0)
    }
}

impl<const SEED: u64> Sub for Noisy<SEED> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::result(self.0 - other.0)
    }
}

impl<const SEED: u64> Mul for Noisy<SEED> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self::result(self.0 * other.0)
    }
}

impl<const SEED: u64> Div for Noisy<SEED> {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        Self::result(self.0 / other.0)
    }
}

impl<const SEED: u64> Neg for Noisy<SEED> {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl<const SEED: u64> Scalar for Noisy<SEED> {
    type Lift = Self;

    fn from_f64(value: f64) -> Self {
        Self(value)
    }

    fn value(&self) -> f64 {
        self.0
    }

    fn order(&self) -> usize {
        0
    }

    fn compose(&self, taylor: &[f64]) -> Self {
        Self::result(taylor.first().copied().unwrap_or(0.0))
    }

    fn is_constant(&self) -> bool {
        true
    }

    fn lift(&self, _: f64) -> Option<Self> {
        None
    }

    fn derivative(lifted: &Self) -> Self {
        *lifted
    }
}
