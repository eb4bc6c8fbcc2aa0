//! Literals as exact numbers. Why exact: a proof about `0.1` must be about one tenth.

use num_bigint::BigInt;
use num_traits::{Pow, Zero};

use super::limits;
use crate::expr::Rational;

/// What is wrong with a literal, if anything.
pub(super) fn fault(text: &str) -> Option<String> {
    let (digits, exponent) = split(text);
    if digits.len() > limits::NUMBER_DIGITS {
        return Some(format!(
            "the number has more than {} digits",
            limits::NUMBER_DIGITS
        ));
    }
    let fits = exponent.is_some_and(|e| e.abs() <= limits::NUMBER_EXPONENT);
    (!fits).then(|| {
        format!(
            "the exponent of the number is beyond ±{}",
            limits::NUMBER_EXPONENT
        )
    })
}

/// The value of a literal; of a faulty one, which is reported elsewhere, 1.
pub(super) fn value(text: &str) -> Rational {
    let one = || Rational::from_integer(1.into());
    if fault(text).is_some() {
        return one();
    }
    let (digits, exponent) = split(text);
    let Ok(mantissa) = digits.parse::<BigInt>() else {
        return one();
    };
    let fraction = text
        .split(['e', 'E'])
        .next()
        .and_then(|m| m.split_once('.'))
        .map_or(0, |(_, f)| f.len());
    let shift = exponent.unwrap_or(0) - i64::try_from(fraction).unwrap_or(0);
    if mantissa.is_zero() {
        return Rational::zero();
    }
    let power = BigInt::from(10).pow(shift.unsigned_abs());
    if shift < 0 {
        Rational::new(mantissa, power)
    } else {
        Rational::from_integer(mantissa * power)
    }
}

/// All digits of the mantissa, and the exponent if it fits.
fn split(text: &str) -> (String, Option<i64>) {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    (
        mantissa.chars().filter(char::is_ascii_digit).collect(),
        exponent.parse().ok(),
    )
}

/// True when an exact number has grown beyond the limit.
pub(super) fn is_too_large(value: &Rational) -> bool {
    value.numer().bits().max(value.denom().bits()) > limits::NUMBER_BITS
}
