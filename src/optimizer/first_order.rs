//! Steps along gradients. Why on slices: parameters lie in the arena of their pass, and stay there.

use super::{Adam, Momentum};
use crate::backend::Element;

/// v ← μv + δ, θ ← θ − γv.
pub(super) fn momentum<T: Element>(
    rule: Momentum,
    values: &mut [T],
    gradient: &[T],
    velocity: &mut [T],
) {
    let (rate, momentum) = (T::number(rule.rate), T::number(rule.momentum));
    for ((value, gradient), velocity) in values.iter_mut().zip(gradient).zip(velocity) {
        *velocity = momentum * *velocity + *gradient;
        *value -= rate * *velocity;
    }
}

/// The first and second moments of gradients, and how many there were.
pub(super) struct Moments<'a, T> {
    pub(super) first: &'a mut [T],
    pub(super) second: &'a mut [T],
    pub(super) count: u64,
}

/// m ← β₁m + (1 − β₁)δ, s ← β₂s + (1 − β₂)δ², θ ← θ − γ m̂ / (√ŝ + ε), with m̂ = m / (1 − β₁ᵗ) and ŝ = s / (1 − β₂ᵗ).
pub(super) fn adam<T: Element>(
    rule: Adam,
    values: &mut [T],
    gradient: &[T],
    moments: Moments<'_, T>,
) {
    let count = moments.count as f64;
    let (first, second) = (T::number(rule.first), T::number(rule.second));
    let one = T::one();
    let of_first = T::number(1.0 / (1.0 - rule.first.powf(count)));
    let of_second = T::number(1.0 / (1.0 - rule.second.powf(count)));
    let (rate, epsilon) = (T::number(rule.rate), T::number(rule.epsilon));
    let states = moments.first.iter_mut().zip(moments.second);
    for ((value, gradient), (m, s)) in values.iter_mut().zip(gradient).zip(states) {
        *m = first * *m + (one - first) * *gradient;
        *s = second * *s + (one - second) * *gradient * *gradient;
        let root = nalgebra::ComplexField::sqrt(*s * of_second);
        *value -= rate * (*m * of_first) / (root + epsilon);
    }
}
