//! Literals as exact numbers. Why exact: a proof about `0.1` must be about one tenth.

use num_bigint::BigInt;
use num_traits::{Pow, Zero};

use super::limits;
use crate::expr::Rational;

/// What is wrong with a literal and what to do, if anything.
pub(super) fn fault(text: &str) -> Option<(String, String)> {
    let (digits, exponent) = split(text);
    let limits = || {
        format!(
            "numbers are exact here: at most {} digits and exponents within ±{}",
            limits::NUMBER_DIGITS,
            limits::NUMBER_EXPONENT
        )
    };
    if digits.len() > limits::NUMBER_DIGITS {
        let message = format!("the number has more than {} digits", limits::NUMBER_DIGITS);
        return Some((message, limits()));
    }
    if exponent.is_none_or(|e| e.abs() > limits::NUMBER_EXPONENT) {
        let message = format!(
            "the exponent of the number is beyond ±{}",
            limits::NUMBER_EXPONENT
        );
        return Some((message, limits()));
    }
    // What is exact here is computed with in 64 bits in the end.
    let double: f64 = text.parse().unwrap_or(f64::NAN);
    let is_zero = digits.bytes().all(|digit| digit == b'0');
    let wrong = match () {
        () if !double.is_finite() => "too large",
        () if double <= 0.0 && !is_zero => "too small",
        () => return None,
    };
    Some((
        format!("the number is {wrong} for a 64-bit float"),
        "write a number between 5e-324 and 1.7e308, or 0; or choose other units".to_owned(),
    ))
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
