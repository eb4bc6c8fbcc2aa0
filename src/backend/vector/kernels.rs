//! The loops around the functions. Why always inlined: each is compiled once for every kind of vector instructions, by
//! [`super::dispatch`], and the loop must be in the function that has them.

#![allow(
    clippy::inline_always,
    reason = "a call would be compiled without the machine's vector instructions"
)]

use crate::kernel::ScalarOp;

use super::functions as f;
use super::real::Real;

/// What an operation reads: an entry for every entry of the result, or one for all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operand<'a, T> {
    /// As many entries as the result has.
    Entries(&'a [T]),
    /// One number.
    Number(T),
}

macro_rules! each {
    ($target:ident, $a:ident, $x:ident => $value:expr) => {{
        for (target, $x) in $target.iter_mut().zip($a) {
            let $x = *$x;
            *target = $value;
        }
        true
    }};
}

#[inline(always)]
pub(super) fn map<T: Real>(op: ScalarOp, target: &mut [T], a: &[T]) -> bool {
    match op {
        ScalarOp::Copy => {
            target.copy_from_slice(a);
            true
        }
        ScalarOp::Negate => each!(target, a, x => -x),
        ScalarOp::Reciprocal => each!(target, a, x => T::ONE / x),
        ScalarOp::Square => each!(target, a, x => x * x),
        ScalarOp::Exp => each!(target, a, x => f::exp(x)),
        ScalarOp::Log => each!(target, a, x => f::log(x)),
        ScalarOp::Sqrt => each!(target, a, x => x.root()),
        ScalarOp::Abs => each!(target, a, x => x.magnitude()),
        ScalarOp::Sin => each!(target, a, x => x.sine()),
        ScalarOp::Cos => each!(target, a, x => x.cosine()),
        ScalarOp::Tanh => each!(target, a, x => f::tanh(x)),
        ScalarOp::Sigmoid => each!(target, a, x => f::sigmoid(x)),
        ScalarOp::Softplus => each!(target, a, x => f::softplus(x)),
        ScalarOp::Relu => each!(target, a, x => f::relu(x)),
        ScalarOp::LeakyRelu => each!(target, a, x => f::leaky_relu(x)),
        ScalarOp::Elu => each!(target, a, x => f::elu(x)),
        ScalarOp::Selu => each!(target, a, x => f::selu(x)),
        ScalarOp::Gelu => each!(target, a, x => f::gelu(x)),
        ScalarOp::Silu => each!(target, a, x => f::silu(x)),
        ScalarOp::Erf => each!(target, a, x => f::erf(x)),
        ScalarOp::Step => each!(target, a, x => f::step(x)),
        ScalarOp::Sign => each!(target, a, x => f::sign(x)),
        ScalarOp::Add | ScalarOp::Subtract | ScalarOp::Multiply | ScalarOp::Power => false,
    }
}

macro_rules! both {
    ($target:ident, $a:ident, $b:ident, ($x:ident, $y:ident) => $value:expr) => {
        match ($a, $b) {
            (Operand::Entries(a), Operand::Entries(b)) => {
                for ((target, $x), $y) in $target.iter_mut().zip(a).zip(b) {
                    let ($x, $y) = (*$x, *$y);
                    *target = $value;
                }
                true
            }
            (Operand::Entries(a), Operand::Number($y)) => each!($target, a, $x => $value),
            (Operand::Number($x), Operand::Entries(b)) => each!($target, b, $y => $value),
            (Operand::Number($x), Operand::Number($y)) => {
                $target.fill($value);
                true
            }
        }
    };
}

#[inline(always)]
pub(super) fn combine<T: Real>(
    op: ScalarOp,
    target: &mut [T],
    a: Operand<'_, T>,
    b: Operand<'_, T>,
) -> bool {
    match op {
        ScalarOp::Add => both!(target, a, b, (x, y) => x + y),
        ScalarOp::Subtract => both!(target, a, b, (x, y) => x - y),
        ScalarOp::Multiply => both!(target, a, b, (x, y) => x * y),
        ScalarOp::Power => match (a, b) {
            (Operand::Entries(a), Operand::Number(exponent)) => power(target, a, exponent),
            _ => false,
        },
        _ => false,
    }
}

/// Powers with an exponent of −2, −1, −1/2, 0, 1/2, 1, 2, 3 or 4, by multiplication: below 2 units.
#[inline(always)]
fn power<T: Real>(target: &mut [T], a: &[T], exponent: T) -> bool {
    let is = |value: f64| exponent == T::of(value);
    if is(2.0) {
        each!(target, a, x => x * x)
    } else if is(-1.0) {
        each!(target, a, x => T::ONE / x)
    } else if is(0.5) {
        each!(target, a, x => f::root_power(x))
    } else if is(-0.5) {
        each!(target, a, x => T::ONE / f::root_power(x))
    } else if is(3.0) {
        each!(target, a, x => x * x * x)
    } else if is(4.0) {
        each!(target, a, x => (x * x) * (x * x))
    } else if is(-2.0) {
        each!(target, a, x => (T::ONE / x) * (T::ONE / x))
    } else if is(1.0) {
        target.copy_from_slice(a);
        true
    } else if is(0.0) {
        // Of NaN, too: what the scalar library does.
        target.fill(T::ONE);
        true
    } else {
        false
    }
}
