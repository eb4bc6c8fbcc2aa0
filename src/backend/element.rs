//! The number types a program runs in, and its scalar functions. Why here: each function must be stable over the whole
//! range of its argument and hand NaN on, whatever the type.

use nalgebra::{ComplexField, RealField};

use crate::kernel::ScalarOp;

use super::vector::Real;

/// `f64` or `f32`.
pub trait Element: RealField + faer::traits::RealField + Real + Copy + Default {
    /// The nearest number of this type.
    fn number(value: f64) -> Self;
    /// The same number in double precision.
    fn double(self) -> f64;
    /// The error function.
    fn erf(self) -> Self;
    /// 1 − erf.
    fn erfc(self) -> Self;
    /// The bytes of one number.
    const BYTES: u64;
}

impl Element for f64 {
    fn number(value: f64) -> Self {
        value
    }
    fn double(self) -> f64 {
        self
    }
    fn erf(self) -> Self {
        libm::erf(self)
    }
    fn erfc(self) -> Self {
        libm::erfc(self)
    }
    const BYTES: u64 = 8;
}

impl Element for f32 {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "single precision is what was asked for"
    )]
    fn number(value: f64) -> Self {
        value as f32
    }
    fn double(self) -> f64 {
        f64::from(self)
    }
    fn erf(self) -> Self {
        libm::erff(self)
    }
    fn erfc(self) -> Self {
        libm::erfcf(self)
    }
    const BYTES: u64 = 4;
}

/// λ and α of `selu`, as PyTorch has them.
pub(crate) const SELU: (f64, f64) = (1.050_700_987_355_480_5, 1.673_263_242_354_377_2);
const LEAKY_SLOPE: f64 = 0.01;

pub(crate) fn is_nan<T: Element>(x: T) -> bool {
    // A number that does not equal itself.
    x.partial_cmp(&x).is_none()
}

/// The larger of two numbers, NaN if either is.
pub(crate) fn max<T: Element>(a: T, b: T) -> T {
    if is_nan(a) || a > b { a } else { b }
}

fn sigmoid<T: Element>(x: T) -> T {
    // Neither branch computes the exponential of a large number.
    if x >= T::zero() {
        T::one() / (T::one() + (-x).exp())
    } else {
        let e = x.exp();
        e / (T::one() + e)
    }
}

fn relu<T: Element>(x: T) -> T {
    // Written so that NaN passes.
    if x <= T::zero() { T::zero() } else { x }
}

/// `below(x)` for x ≤ 0, x above; NaN passes.
fn kinked<T: Element>(x: T, below: impl Fn(T) -> T) -> T {
    if x > T::zero() || is_nan(x) {
        x
    } else {
        below(x)
    }
}

/// `f(x)`, 0 at −∞: a product of −∞ and 0 is not its limit.
fn decayed<T: Element>(x: T, f: impl Fn(T) -> T) -> T {
    if x == -T::INFINITY {
        -<T as Real>::ZERO
    } else {
        f(x)
    }
}

/// The function of one operand: the scalar library, the slow twin of [`super::vector::map_entries`].
pub(crate) fn unary<T: Element>(op: ScalarOp) -> fn(T) -> T {
    match op {
        ScalarOp::Negate => |x| -x,
        ScalarOp::Reciprocal => |x| T::one() / x,
        ScalarOp::Square => |x| x * x,
        ScalarOp::Exp => T::exp,
        ScalarOp::Log => T::ln,
        ScalarOp::Sqrt => T::sqrt,
        ScalarOp::Abs => ComplexField::abs,
        ScalarOp::Sin => T::sin,
        ScalarOp::Cos => T::cos,
        ScalarOp::Tanh => T::tanh,
        ScalarOp::Sigmoid => sigmoid,
        // log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|).
        ScalarOp::Softplus => |x| relu(x) + (-ComplexField::abs(x)).exp().ln_1p(),
        ScalarOp::Relu => relu,
        ScalarOp::LeakyRelu => |x| kinked(x, |x| T::number(LEAKY_SLOPE) * x),
        ScalarOp::Elu => |x| kinked(x, T::exp_m1),
        ScalarOp::Selu => |x| T::number(SELU.0) * kinked(x, |x| T::number(SELU.1) * x.exp_m1()),
        // Φ(x) = erfc(−x/√2) / 2 keeps its digits for x far below 0.
        ScalarOp::Gelu => |x| {
            decayed(x, |x| {
                x * (-x * T::number(std::f64::consts::FRAC_1_SQRT_2)).erfc() * T::number(0.5)
            })
        },
        ScalarOp::Silu => |x| decayed(x, |x| x * sigmoid(x)),
        ScalarOp::Erf => T::erf,
        ScalarOp::Step => |x| {
            if is_nan(x) {
                x
            } else if x > T::zero() {
                T::one()
            } else {
                T::zero()
            }
        },
        ScalarOp::Sign => |x| {
            if x > T::zero() {
                T::one()
            } else if x < T::zero() {
                -T::one()
            } else {
                // 0 and NaN.
                x
            }
        },
        ScalarOp::Copy
        | ScalarOp::Add
        | ScalarOp::Subtract
        | ScalarOp::Multiply
        | ScalarOp::Power => |x| x,
    }
}

/// a to the power b.
pub(crate) fn power<T: Element>(a: T, b: T) -> T {
    a.powf(b)
}
