//! Elementary functions without branches. Why: a loop over a function that neither calls nor branches becomes vector
//! instructions, many times the speed of the scalar library; all cases are computed, and the right one is selected.
//!
//! Written once for both precisions with fused multiply-add, so [`super::dispatch`] instantiates it only where the machine has it.
//! NaN comes out as NaN: every comparison is written so that NaN falls through to arithmetic. Errors, in units in the last
//! place, are stated as the largest that `tests/backend/functions.rs` finds, rounded up.

#![allow(
    clippy::inline_always,
    reason = "a call would be compiled without the machine's vector instructions"
)]

use super::real::Real;

/// c₀ + c₁ x + c₂ x² + …
#[inline(always)]
pub(super) fn polynomial<T: Real>(x: T, coefficients: &[T]) -> T {
    let mut k = coefficients.len() - 1;
    let mut value = coefficients[k];
    while k > 0 {
        k -= 1;
        value = value.fused(x, coefficients[k]);
    }
    value
}

/// min(x, top), NaN kept.
#[inline(always)]
fn at_most<T: Real>(x: T, top: T) -> T {
    if x > top { top } else { x }
}

/// max(x, bottom), NaN kept.
#[inline(always)]
fn at_least<T: Real>(x: T, bottom: T) -> T {
    if x < bottom { bottom } else { x }
}

/// k and r with x = k log 2 + r, k whole and |r| ≤ log(2) / 2.
#[inline(always)]
fn reduced<T: Real>(x: T) -> (T, T) {
    let k = x.fused(T::of(std::f64::consts::LOG2_E), T::MAGIC) - T::MAGIC;
    let r = (-k).fused(T::LOG_2.0, x);
    (k, (-k).fused(T::LOG_2.1, r))
}

/// eʳ − 1 for |r| ≤ log(2) / 2.
#[inline(always)]
fn small_exp_m1<T: Real>(r: T) -> T {
    (r * r).fused(polynomial(r, T::EXP), r)
}

/// 2ᵏ in two factors, of which neither over- nor underflows, so that a product with both is rounded only once.
#[inline(always)]
fn two_to<T: Real>(k: T) -> (T, T) {
    let half = k.fused(T::of(0.5), T::MAGIC);
    let rest = k - (half - T::MAGIC) + T::MAGIC;
    (T::two_to_low_bits(half), T::two_to_low_bits(rest))
}

/// p, s and t with e^(x − y) = p s t and p near 1, where y is far smaller than x: what squaring has rounded away.
#[inline(always)]
fn exp_parts<T: Real>(x: T, y: T) -> (T, T, T) {
    let (k, r) = reduced(x);
    let (s, t) = two_to(k);
    (T::ONE + small_exp_m1(r - y), s, t)
}

/// eˣ. Below 1.1 units.
#[inline(always)]
pub(super) fn exp<T: Real>(x: T) -> T {
    let x = at_most(at_least(x, T::EXP_RANGE.0), T::EXP_RANGE.1);
    let (p, s, t) = exp_parts(x, T::ZERO);
    p * s * t
}

/// eˣ − 1 for x ≤ 0.
#[inline(always)]
fn negative_exp_m1<T: Real>(x: T) -> T {
    let (k, r) = reduced(at_least(x, T::of(-45.0)));
    let scale = T::two_to_low_bits(k + T::MAGIC);
    scale.fused(small_exp_m1(r), scale - T::ONE).with_sign_of(x)
}

/// k log 2 + log(1 + f) for −1/4 ≤ f ≤ 1/2.
#[inline(always)]
fn log_parts<T: Real>(k: T, f: T) -> T {
    // With s = f / (2 + f): log(1 + f) = 2 atanh s = f − f²/2 + s (f²/2 + s² P(s²)).
    let s = f / (T::of(2.0) + f);
    let z = s * s;
    let half_square = T::of(0.5) * f * f;
    let tail = z.fused(polynomial(z, T::LOG), half_square);
    let low = s.fused(tail, k * T::LOG_2.1);
    k.fused(T::LOG_2.0, f - (half_square - low))
}

/// The natural logarithm; NaN below 0. Below 1 unit.
#[inline(always)]
pub(super) fn log<T: Real>(x: T) -> T {
    let tiny = x < T::SMALLEST_NORMAL;
    let (m, k) = (if tiny { x * T::RAISE.0 } else { x }).mantissa_and_exponent();
    let k = if tiny { k - T::RAISE.1 } else { k };
    let value = log_parts(k, m - T::ONE);
    let limit = if x == T::ZERO {
        -T::INFINITY
    } else if x > T::ZERO {
        x
    } else {
        T::NAN
    };
    if x > T::ZERO && x < T::INFINITY {
        value
    } else {
        limit
    }
}

/// log(1 + u) for 0 ≤ u ≤ 1.
#[inline(always)]
fn log_1p<T: Real>(u: T) -> T {
    let large = u > T::of(0.5);
    let f = if large { (u - T::ONE) * T::of(0.5) } else { u };
    log_parts(if large { T::ONE } else { T::ZERO }, f)
}

/// The hyperbolic tangent. Below 2.3 units.
#[inline(always)]
pub(super) fn tanh<T: Real>(x: T) -> T {
    // With m = e^(−2a) − 1, tanh a = −m / (2 + m) keeps its digits near 0, and 1 − 2 (1 + m) / (2 + m) away from it.
    let a = at_most(x.magnitude(), T::of(22.0));
    let m = negative_exp_m1(T::of(-2.0) * a);
    let far = m < T::of(-0.75);
    let above = if far { (T::ONE + m) * T::of(2.0) } else { -m };
    let share = above / (T::of(2.0) + m);
    (if far { T::ONE - share } else { share }).with_sign_of(x)
}

/// e^(−|x|) in three parts, with x not below the place where it is 0 even after multiplication with x.
#[inline(always)]
fn decay_parts<T: Real>(x: T) -> (T, T, T) {
    exp_parts(at_least(-x.magnitude(), T::DECAY_END), T::ZERO)
}

/// 1 / (1 + e⁻ˣ). Below 2.1 units.
#[inline(always)]
pub(super) fn sigmoid<T: Real>(x: T) -> T {
    // Neither case computes the exponential of a large number.
    let (p, s, t) = decay_parts(x);
    let e = p * s * t;
    (if x < T::ZERO { e } else { T::ONE }) / (T::ONE + e)
}

/// x / (1 + e⁻ˣ), 0 at −∞. Below 3 units.
#[inline(always)]
pub(super) fn silu<T: Real>(x: T) -> T {
    let (p, s, t) = decay_parts(x);
    let below = x < T::ZERO;
    let x = at_least(x, T::DECAY_END);
    let share = (if below { p } else { T::ONE }) / (T::ONE + p * s * t);
    // Scaled last, so that the product with x is not one with a rounded subnormal number.
    let value = x * share;
    if below { value * s * t } else { value }
}

/// log(1 + eˣ). Below 2 units.
#[inline(always)]
pub(super) fn softplus<T: Real>(x: T) -> T {
    // log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|).
    let (p, s, t) = decay_parts(x);
    relu(x) + log_1p(p * s * t)
}

/// max(x, 0). Exact.
#[inline(always)]
pub(super) fn relu<T: Real>(x: T) -> T {
    if x <= T::ZERO { T::ZERO } else { x }
}

/// x, or x/100 below 0. Half a unit.
#[inline(always)]
pub(super) fn leaky_relu<T: Real>(x: T) -> T {
    if x < T::ZERO { T::of(0.01) * x } else { x }
}

/// x, or eˣ − 1 below 0. Below 1.6 units.
#[inline(always)]
pub(super) fn elu<T: Real>(x: T) -> T {
    let below = negative_exp_m1(if x > T::ZERO { T::ZERO } else { x });
    if x > T::ZERO { x } else { below }
}

/// λ x, or λ α (eˣ − 1) below 0. Below 2.6 units.
#[inline(always)]
pub(super) fn selu<T: Real>(x: T) -> T {
    let (scale, alpha) = crate::backend::element::SELU;
    let below = T::of(alpha) * negative_exp_m1(if x > T::ZERO { T::ZERO } else { x });
    T::of(scale) * (if x > T::ZERO { x } else { below })
}

/// p e^(z²) (1 − erf z) for 0 ≤ z.
#[inline(always)]
fn times_scaled_erfc<T: Real>(p: T, z: T) -> T {
    // (1 + 2z) times it is near 1, and smooth in a variable that maps all z to a bounded range.
    let place = (z - T::ERFC_CENTRE) / (z + T::ERFC_CENTRE);
    let near = p / z.fused(T::of(2.0), T::ONE);
    near.fused(polynomial(place, T::SCALED_ERFC), near)
}

/// The error function. Below 1.6 units.
#[inline(always)]
pub(super) fn erf<T: Real>(x: T) -> T {
    let a = at_most(x.magnitude(), T::of(6.0));
    let square = a * a;
    let near = a.fused(polynomial(square, T::ERF), a);
    let (p, s, t) = exp_parts(-square, a.fused(a, -square));
    let far = T::ONE - times_scaled_erfc(p, a) * s * t;
    (if a > T::ONE { far } else { near }).with_sign_of(x)
}

/// x Φ(x), Φ the normal distribution function; 0 at −∞. Below 4 units, also where Φ is tiny.
#[inline(always)]
pub(super) fn gelu<T: Real>(x: T) -> T {
    // Φ(−a) = e^(−a²/2) times the scaled complement of erf at a / √2, over 2.
    let a = at_most(x.magnitude(), T::NORMAL_END);
    let square = a * a;
    let lost = a.fused(a, -square);
    let half = T::of(0.5);
    let (p, s, t) = exp_parts(-half * square, half * lost);
    let tail = half * times_scaled_erfc(p, a * T::of(std::f64::consts::FRAC_1_SQRT_2));
    // Scaled last, so that the product with x is not one with a rounded subnormal number.
    let below = (-a) * tail * s * t;
    if x < T::ZERO {
        below
    } else {
        x * (T::ONE - tail * s * t)
    }
}

/// 0 for x ≤ 0, 1 above.
#[inline(always)]
pub(super) fn step<T: Real>(x: T) -> T {
    if x > T::ZERO {
        T::ONE
    } else if x <= T::ZERO {
        T::ZERO
    } else {
        x
    }
}

/// −1, 0 or 1.
#[inline(always)]
pub(super) fn sign<T: Real>(x: T) -> T {
    if x > T::ZERO {
        T::ONE
    } else if x < T::ZERO {
        -T::ONE
    } else {
        x
    }
}

/// The square root as a power: +0 at −0 and ∞ at −∞. Half a unit.
#[inline(always)]
pub(super) fn root_power<T: Real>(x: T) -> T {
    if x == -T::INFINITY {
        T::INFINITY
    } else {
        x.root() + T::ZERO
    }
}
