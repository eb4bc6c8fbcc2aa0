//! Elementwise functions in vector instructions. Why: the scalar library computes one entry per call, and takes many times as long.
//!
//! `functions` holds the mathematics, `real` the coefficients, `kernels` the loops, `sums` the reductions, `dispatch` the choice
//! of instructions.

mod dispatch;
mod functions;
mod kernels;
mod real;
mod sums;

pub use dispatch::Instructions;
pub(crate) use dispatch::{
    add_column, add_columns, add_products, divide, dot, maximum, maximum_magnitude, sum,
};
pub use kernels::Operand;
pub use real::Real;
pub(crate) use sums::Term;

use crate::kernel::ScalarOp;

use super::element::{Element, power, unary};

/// A function of one operand, entry by entry. Its error is a few units in the last place, as stated at each function;
/// machines without AVX2 use the scalar library.
///
/// # Panics
/// When the operand has fewer entries than the result.
pub fn map_entries<T: Element>(op: ScalarOp, target: &mut [T], a: Operand<'_, T>) {
    match a {
        Operand::Number(x) => {
            // The same function as for many, so that a number's function does not depend on its place.
            let mut value = [x];
            map_entries(op, &mut value, Operand::Entries(&[x]));
            target.fill(value[0]);
        }
        Operand::Entries(a) => {
            let a = &a[..target.len()];
            if !dispatch::map(op, target, a) {
                for (target, x) in target.iter_mut().zip(a) {
                    *target = unary(op)(*x);
                }
            } else if matches!(op, ScalarOp::Sin | ScalarOp::Cos) {
                for (target, x) in target.iter_mut().zip(a) {
                    // Many turns are taken away by the scalar library.
                    if x.magnitude() > T::of(real::TURNING_LIMIT) {
                        *target = unary(op)(*x);
                    }
                }
            }
        }
    }
}

/// An operation on two operands, entry by entry. Powers are products where the exponent is one number among −2, −1, −1/2, 0,
/// 1/2, 1, 2, 3 and 4, and come from the scalar library otherwise.
///
/// # Panics
/// When an operand has fewer entries than the result.
pub fn combine_entries<T: Element>(
    op: ScalarOp,
    target: &mut [T],
    a: Operand<'_, T>,
    b: Operand<'_, T>,
) {
    let count = target.len();
    if let (Operand::Number(x), Operand::Number(_)) = (a, b) {
        // The same operation as for many, so that its value does not depend on its place.
        let mut value = [x];
        combine_entries(op, &mut value, Operand::Entries(&[x]), b);
        return target.fill(value[0]);
    }
    let [a, b] = [a, b].map(|operand| match operand {
        Operand::Entries(entries) => Operand::Entries(&entries[..count]),
        number @ Operand::Number(_) => number,
    });
    if dispatch::combine(op, target, a, b) {
        return;
    }
    let at = |operand: Operand<'_, T>, k: usize| match operand {
        Operand::Entries(entries) => entries[k],
        Operand::Number(number) => number,
    };
    for (k, target) in target.iter_mut().enumerate() {
        *target = power(at(a, k), at(b, k));
    }
}
