//! Truncated power series as a [`Scalar`]. Why: running the body of a user's function on a series gives its
//! Taylor coefficients, and so its derivatives of any order, without differentiating anything.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::Scalar;

/// The coefficients c₀ + c₁ h + c₂ h² + …, cut after the last one. A single coefficient is an exact constant.
#[derive(Clone, Debug, PartialEq)]
pub struct Series(Vec<f64>);

impl Series {
    /// The function's argument x0 + h, to `order`.
    pub fn argument(x0: f64, order: usize) -> Self {
        let mut coefficients = vec![0.0; order + 1];
        coefficients[0] = x0;
        if let Some(slope) = coefficients.get_mut(1) {
            *slope = 1.0;
        }
        Self(coefficients)
    }

    /// The coefficients up to `order`; those of a constant are zero but the first.
    pub fn coefficients(&self, order: usize) -> Vec<f64> {
        (0..=order)
            .map(|k| self.0.get(k).copied().unwrap_or(0.0))
            .collect()
    }

    /// How many coefficients the combination of two series has.
    fn common(&self, other: &Self) -> usize {
        match (self.0.len(), other.0.len()) {
            (1, n) | (n, 1) => n,
            (m, n) => m.min(n),
        }
    }

    fn get(&self, k: usize) -> f64 {
        self.0.get(k).copied().unwrap_or(0.0)
    }

    fn build(n: usize, f: impl FnMut(usize) -> f64) -> Self {
        Self((0..n).map(f).collect())
    }
}

/// Coefficient k of the product of two series.
pub(super) fn product_coefficient(a: &[f64], b: &[f64], k: usize) -> f64 {
    (0..=k)
        .map(|i| a.get(i).copied().unwrap_or(0.0) * b.get(k - i).copied().unwrap_or(0.0))
        .sum()
}

impl Add for Series {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::build(self.common(&other), |k| self.get(k) + other.get(k))
    }
}

impl Sub for Series {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::build(self.common(&other), |k| self.get(k) - other.get(k))
    }
}

impl Mul for Series {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        match (self.0.as_slice(), other.0.as_slice()) {
            // A constant factor scales; padding it with zeros would make 0 · ∞ of an infinite coefficient.
            ([a], b) | (b, [a]) => Self(b.iter().map(|c| a * c).collect()),
            (a, b) => Self::build(self.common(&other), |k| product_coefficient(a, b, k)),
        }
    }
}

impl Div for Series {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        if let [b] = other.0.as_slice() {
            return Self(self.0.iter().map(|c| c / b).collect());
        }
        // q b = a, so q_k = (a_k − Σ_{i<k} q_i b_{k−i}) / b_0
        let mut quotient: Vec<f64> = Vec::new();
        for k in 0..self.common(&other) {
            let known: f64 = (0..k).map(|i| quotient[i] * other.get(k - i)).sum();
            quotient.push((self.get(k) - known) / other.get(0));
        }
        Self(quotient)
    }
}

impl Neg for Series {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.into_iter().map(|c| -c).collect())
    }
}

impl Scalar for Series {
    type Lift = Self;

    fn from_f64(value: f64) -> Self {
        Self(vec![value])
    }

    fn value(&self) -> f64 {
        self.get(0)
    }

    fn order(&self) -> usize {
        self.0.len() - 1
    }

    fn compose(&self, taylor: &[f64]) -> Self {
        // Horner's scheme in u = self − self(0), whose powers start ever later.
        let mut u = self.clone();
        u.0[0] = 0.0;
        let n = self.0.len();
        let mut result = Self(vec![taylor.get(n - 1).copied().unwrap_or(0.0)]);
        for k in (0..n - 1).rev() {
            result = result * u.clone() + Self(vec![taylor.get(k).copied().unwrap_or(0.0)]);
        }
        result
    }

    fn is_constant(&self) -> bool {
        self.0[1..].iter().all(|c| *c == 0.0)
    }

    fn lift(&self, _derivative: f64) -> Option<Self> {
        None
    }

    fn derivative(lifted: &Self) -> Self {
        lifted.clone()
    }
}
