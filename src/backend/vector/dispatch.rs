//! The choice of instructions at run time, and the only unsafe code. Why: one program must run on every machine and use the
//! vector instructions of the one it runs on.

#![allow(
    unsafe_code,
    reason = "a function compiled for instructions that not every machine has may only be called where they were found"
)]

use crate::kernel::ScalarOp;

use super::kernels::{self, Operand};
use super::real::Real;
use super::sums::{self, Term};

/// The vector instructions this machine has. The standard library looks once and remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instructions {
    /// None that are known to be there: functions come from the scalar library.
    Portable,
    /// AVX2 and FMA: 256 bits at once.
    Avx2,
    /// AVX-512: 512 bits at once.
    Avx512,
}

impl Instructions {
    /// The best this machine has.
    #[inline]
    pub fn found() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx512f")
                && std::arch::is_x86_feature_detected!("avx512dq")
                && std::arch::is_x86_feature_detected!("avx512vl")
                && std::arch::is_x86_feature_detected!("fma")
            {
                return Self::Avx512;
            }
            if std::arch::is_x86_feature_detected!("avx2")
                && std::arch::is_x86_feature_detected!("fma")
            {
                return Self::Avx2;
            }
        }
        Self::Portable
    }
}

/// Instantiates an always inlined function for each kind of instructions, and a function that chooses.
macro_rules! dispatched {
    ($(#[$doc:meta])* $module:ident :: $name:ident ( $($arg:ident : $kind:ty),* ) $(-> $result:ty)?, $portable:expr) => {
        $(#[$doc])*
        pub(crate) fn $name<T: Real>($($arg: $kind),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn avx2<T: Real>($($arg: $kind),*) $(-> $result)? {
                    $module::$name($($arg),*)
                }
                #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma")]
                fn avx512<T: Real>($($arg: $kind),*) $(-> $result)? {
                    $module::$name($($arg),*)
                }
                match Instructions::found() {
                    // SAFETY: the function is safe but for its instructions, and `found` has just found all of them.
                    Instructions::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: the same.
                    Instructions::Avx2 => return unsafe { avx2($($arg),*) },
                    Instructions::Portable => {}
                }
            }
            $portable
        }
    };
}

dispatched! {
    /// A function of every entry; false if it is left to the scalar library.
    kernels::map(op: ScalarOp, target: &mut [T], a: &[T]) -> bool, false
}
dispatched! {
    /// An operation on two operands, entry by entry; false if it is left to the scalar library.
    kernels::combine(op: ScalarOp, target: &mut [T], a: Operand<'_, T>, b: Operand<'_, T>) -> bool,
    kernels::combine(op, target, a, b)
}

dispatched! {
    /// The sum of a term of every entry of a few thousand: of more, the caller adds halves.
    sums::sum(term: Term<T>, data: &[T]) -> T, sums::sum(term, data)
}
dispatched! {
    /// Σ aₖ bₖ.
    sums::dot(a: &[T], b: &[T]) -> T, sums::dot(a, b)
}
dispatched! {
    /// The largest entry, −∞ of none and NaN if one is.
    sums::maximum(data: &[T]) -> T, sums::maximum(data)
}
dispatched! {
    /// The largest magnitude, −∞ of none and NaN if an entry is.
    sums::maximum_magnitude(data: &[T]) -> T, sums::maximum_magnitude(data)
}
dispatched! {
    /// Divides every entry.
    sums::divide(data: &mut [T], by: T), sums::divide(data, by)
}
dispatched! {
    /// Adds four columns to one.
    sums::add_columns(totals: &mut [T], columns: [&[T]; 4]), sums::add_columns(totals, columns)
}
dispatched! {
    /// Adds a column to one.
    sums::add_column(totals: &mut [T], column: &[T]), sums::add_column(totals, column)
}
dispatched! {
    /// Adds the entrywise product of two columns to one.
    sums::add_products(totals: &mut [T], a: &[T], b: &[T]), sums::add_products(totals, a, b)
}
