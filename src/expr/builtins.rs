//! The language's own elementwise functions by their Taylor coefficients. Why Taylor coefficients: they follow
//! from each function's differential equation, so this table knows no derivative and can judge the rule
//! book's table of derivatives.
//!
//! At a kink the derivative is PyTorch's: `relu'(0) = 0`, `abs'(0) = 0`, `leaky_relu'(0) = 0.01`,
//! `elu'(0) = 1`, `selu'(0)` that of the negative branch, `λα`. Every derivative of `step` and `sign` is 0,
//! at 0 too. `leaky_relu` has slope 0.01, `elu` α = 1, `selu` PyTorch's constants; `gelu` is t Φ(t).

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use super::series::product_coefficient;

/// The names of all elementwise functions that need no definition.
pub const NAMES: &[&str] = &[
    "abs",
    "cos",
    "elu",
    "erf",
    "exp",
    "gelu",
    "leaky_relu",
    "log",
    "relu",
    "selu",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "softplus",
    "sqrt",
    "step",
    "tanh",
];

/// The scale λ of `selu`.
pub const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
/// The α of `selu`.
pub const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
/// The slope of `leaky_relu` on negative numbers.
pub const LEAKY_SLOPE: f64 = 0.01;

/// The Taylor coefficients f(x0), f'(x0), f''(x0)/2, … up to `order` of a built-in function, or `None` when
/// there is none of this name. NaN in gives NaN out.
///
/// ```
/// use hbp::expr::builtins::taylor;
/// assert_eq!(taylor("exp", 0.0, 2), Some(vec![1.0, 1.0, 0.5]));
/// assert_eq!(taylor("relu", 0.0, 1), Some(vec![0.0, 0.0]));
/// assert_eq!(taylor("linear", 0.0, 1), None);
/// ```
pub fn taylor(name: &str, x0: f64, order: usize) -> Option<Vec<f64>> {
    if !NAMES.contains(&name) {
        return None;
    }
    if x0.is_nan() {
        return Some(vec![f64::NAN; order + 1]);
    }
    let positive = x0 > 0.0;
    Some(match name {
        "relu" | "leaky_relu" | "elu" if positive => line(x0, 1.0, order),
        "abs" => line(x0.abs(), sign(x0), order),
        "cos" => circular(x0, order).1,
        "elu" => expm1_taylor(x0, 1.0, order),
        "erf" => erf_taylor(x0, order),
        "exp" => exp_taylor(x0, order),
        "gelu" => times_argument(x0, &normal_distribution(x0, order)),
        "leaky_relu" => line(LEAKY_SLOPE * x0, LEAKY_SLOPE, order),
        "log" => log_taylor(x0, order),
        "selu" if positive => line(SELU_SCALE * x0, SELU_SCALE, order),
        "selu" => expm1_taylor(x0, SELU_SCALE * SELU_ALPHA, order),
        "sigmoid" => sigmoid_taylor(x0, order),
        "sign" => line(sign(x0), 0.0, order),
        "silu" => times_argument(x0, &sigmoid_taylor(x0, order)),
        "sin" => circular(x0, order).0,
        // y' = σ
        "softplus" => integral(softplus(x0), &sigmoid_taylor(x0, order), order),
        "sqrt" => power_taylor(0.5, x0, order),
        "step" => line(f64::from(u8::from(positive)), 0.0, order),
        "tanh" => tanh_taylor(x0, order),
        // relu on the negative side
        _ => line(0.0, 0.0, order),
    })
}

/// The coefficients of exp: y' = y.
pub(super) fn exp_taylor(x0: f64, order: usize) -> Vec<f64> {
    let mut y = vec![x0.exp()];
    for k in 0..order {
        y.push(y[k] / (k + 1) as f64);
    }
    y
}

/// The coefficients of log: y' = 1/t.
pub(super) fn log_taylor(x0: f64, order: usize) -> Vec<f64> {
    let reciprocal = power_taylor(-1.0, x0, order);
    integral(x0.ln(), &reciprocal, order)
}

/// The coefficients of t^p, binom(p, k) t^(p−k), which are exactly 0 from k = p + 1 on for a whole p ≥ 0.
pub(super) fn power_taylor(p: f64, x0: f64, order: usize) -> Vec<f64> {
    let mut binomial = 1.0;
    let mut coefficients = Vec::with_capacity(order + 1);
    for k in 0..=order {
        // Written so that 0 · ∞ never arises past the end of a polynomial.
        coefficients.push(if binomial == 0.0 {
            0.0
        } else {
            binomial * x0.powf(p - k as f64)
        });
        binomial *= (p - k as f64) / (k + 1) as f64;
    }
    coefficients
}

/// A value and a slope, and nothing beyond.
fn line(value: f64, slope: f64, order: usize) -> Vec<f64> {
    (0..=order)
        .map(|k| [value, slope].get(k).copied().unwrap_or(0.0))
        .collect()
}

/// y with y(x0) = `value` and y' = `slope`.
fn integral(value: f64, slope: &[f64], order: usize) -> Vec<f64> {
    let mut y = vec![value];
    y.extend((0..order).map(|k| slope[k] / (k + 1) as f64));
    y
}

/// t f(t) from f.
fn times_argument(x0: f64, f: &[f64]) -> Vec<f64> {
    (0..f.len())
        .map(|k| product_coefficient(&[x0, 1.0], f, k))
        .collect()
}

fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

/// scale (exp t − 1), whose derivative is scale exp t.
fn expm1_taylor(x0: f64, scale: f64, order: usize) -> Vec<f64> {
    let mut y: Vec<f64> = exp_taylor(x0, order).iter().map(|c| scale * c).collect();
    y[0] = scale * x0.exp_m1();
    y
}

/// sin and cos together: s' = c, c' = −s.
fn circular(x0: f64, order: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut s, mut c) = (vec![x0.sin()], vec![x0.cos()]);
    for k in 0..order {
        let (next_s, next_c) = (c[k] / (k + 1) as f64, -s[k] / (k + 1) as f64);
        s.push(next_s);
        c.push(next_c);
    }
    (s, c)
}

/// σ with its complement r = 1 − σ, so that neither tail cancels: σ' = σ r, r' = −σ r.
fn sigmoid_taylor(x0: f64, order: usize) -> Vec<f64> {
    let (mut s, mut r) = (vec![sigmoid(x0)], vec![sigmoid(-x0)]);
    for k in 0..order {
        let next = product_coefficient(&s, &r, k) / (k + 1) as f64;
        s.push(next);
        r.push(-next);
    }
    s
}

fn sigmoid(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x >= 0.0 {
        1.0 / (1.0 + e)
    } else {
        e / (1.0 + e)
    }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// tanh with u = 1 − tanh², which is 1/cosh²: y' = u, u' = −2 y u.
fn tanh_taylor(x0: f64, order: usize) -> Vec<f64> {
    let (mut y, mut u) = (vec![x0.tanh()], vec![x0.cosh().recip().powi(2)]);
    for k in 0..order {
        let (next_y, next_u) = (
            u[k] / (k + 1) as f64,
            -2.0 * product_coefficient(&y, &u, k) / (k + 1) as f64,
        );
        y.push(next_y);
        u.push(next_u);
    }
    y
}

/// scale exp(−rate t²/2): g' = −rate t g. Its tail is zero long before t overflows.
fn bell(x0: f64, scale: f64, rate: f64, order: usize) -> Vec<f64> {
    let mut g = vec![scale * (-0.5 * rate * x0 * x0).exp()];
    for k in 0..order {
        let tg = product_coefficient(&[x0, 1.0], &g, k);
        g.push(-rate * tg / (k + 1) as f64);
    }
    g
}

/// erf: y' = 2/√π exp(−t²).
fn erf_taylor(x0: f64, order: usize) -> Vec<f64> {
    integral(libm::erf(x0), &bell(x0, 2.0 / PI.sqrt(), 2.0, order), order)
}

/// Φ, the standard normal's distribution function: y' = exp(−t²/2)/√(2π).
fn normal_distribution(x0: f64, order: usize) -> Vec<f64> {
    let value = 0.5 * libm::erfc(-x0 * FRAC_1_SQRT_2);
    integral(
        value,
        &bell(x0, (2.0 * PI).sqrt().recip(), 1.0, order),
        order,
    )
}
