//! The vectorised functions against the scalar library, against values from elsewhere, and at the ends of their range.

#![allow(
    clippy::float_cmp,
    reason = "infinities and zeros are compared, and equal is what they must be"
)]

use hbp::backend::{Element, Operand, combine_entries, map_entries};
use hbp::kernel::ScalarOp;
use proptest::prelude::*;

fn map<T: Element>(op: ScalarOp, arguments: &[T]) -> Vec<T> {
    let mut values = vec![T::zero(); arguments.len()];
    map_entries(op, &mut values, Operand::Entries(arguments));
    values
}

/// The functions with their errors in units in the last place, for `f32` and `f64`.
const FUNCTIONS: &[(ScalarOp, f64)] = &[
    (ScalarOp::Exp, 1.1),
    (ScalarOp::Log, 1.0),
    (ScalarOp::Sqrt, 0.51),
    (ScalarOp::Reciprocal, 0.51),
    (ScalarOp::Sin, 1.6),
    (ScalarOp::Cos, 1.6),
    (ScalarOp::Tanh, 2.3),
    (ScalarOp::Sigmoid, 2.1),
    (ScalarOp::Softplus, 2.0),
    (ScalarOp::Relu, 0.0),
    (ScalarOp::LeakyRelu, 1.6),
    (ScalarOp::Elu, 1.6),
    (ScalarOp::Selu, 2.6),
    (ScalarOp::Gelu, 4.0),
    (ScalarOp::Silu, 3.0),
    (ScalarOp::Erf, 1.6),
    (ScalarOp::Negate, 0.0),
    (ScalarOp::Square, 0.51),
    (ScalarOp::Abs, 0.0),
    (ScalarOp::Step, 0.0),
    (ScalarOp::Sign, 0.0),
];

/// The function by the scalar library, in double precision.
fn library(op: ScalarOp, x: f64) -> f64 {
    let root_half = std::f64::consts::FRAC_1_SQRT_2;
    match op {
        ScalarOp::Exp => x.exp(),
        ScalarOp::Log => x.ln(),
        ScalarOp::Sqrt => x.sqrt(),
        ScalarOp::Reciprocal => 1.0 / x,
        ScalarOp::Sin => x.sin(),
        ScalarOp::Cos => x.cos(),
        ScalarOp::Tanh => x.tanh(),
        ScalarOp::Sigmoid if x < -700.0 => x.exp(),
        ScalarOp::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        ScalarOp::Softplus if x > 0.0 => x + (-x).exp().ln_1p(),
        ScalarOp::Softplus => x.exp().ln_1p(),
        ScalarOp::Elu if x < 0.0 => x.exp_m1(),
        ScalarOp::Selu if x < 0.0 => 1.050_700_987_355_480_5 * 1.673_263_242_354_377_2 * x.exp_m1(),
        ScalarOp::Selu => 1.050_700_987_355_480_5 * x,
        ScalarOp::Gelu if x == f64::NEG_INFINITY => 0.0,
        ScalarOp::Gelu => 0.5 * x * libm::erfc(-x * root_half),
        ScalarOp::Silu if x < -740.0 => {
            if x.is_finite() {
                // A power that is subnormal has lost its digits.
                x * (x + 64.0).exp() * (-64.0f64).exp()
            } else {
                0.0
            }
        }
        ScalarOp::Silu => x / (1.0 + (-x).exp()),
        ScalarOp::Erf => libm::erf(x),
        ScalarOp::Negate => -x,
        ScalarOp::Square => x * x,
        ScalarOp::Abs => x.abs(),
        ScalarOp::Relu if x < 0.0 => 0.0,
        ScalarOp::LeakyRelu if x < 0.0 => 0.01 * x,
        ScalarOp::Step if !x.is_nan() => f64::from(u8::from(x > 0.0)),
        ScalarOp::Sign if x != 0.0 && !x.is_nan() => x.signum(),
        _ => x,
    }
}

/// The difference in units in the last place of a type with so many digits and this exponent of its smallest number.
fn units(found: f64, expected: f64, digits: i32, smallest: i32) -> f64 {
    if found.is_nan() && expected.is_nan() || found == expected {
        return 0.0;
    }
    let exponent = (libm::ilogb(expected) + 1 - digits).max(smallest);
    (found - expected).abs() / libm::ldexp(1.0, exponent.max(-1022))
        * libm::ldexp(1.0, exponent.max(-1022) - exponent)
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the nearest number in single precision is what is compared with"
)]
fn check_single(arguments: &[f32]) {
    for &(op, bound) in FUNCTIONS {
        for (x, found) in arguments.iter().zip(map(op, arguments)) {
            let expected = library(op, f64::from(*x));
            if !(expected as f32).is_finite() || expected.is_nan() {
                let same = found.is_nan() == expected.is_nan()
                    && (found.is_nan() || found == expected as f32);
                assert!(
                    same,
                    "{} of {x:e} is {found:e}, not {expected:e}",
                    op.name()
                );
                continue;
            }
            let error = units(f64::from(found), expected, 24, -149);
            assert!(
                error <= bound,
                "{} of {x:e} is {found:e}, off by {error:.2} units",
                op.name()
            );
        }
    }
}

#[test]
fn single_precision_agrees_with_the_library_on_a_grid() {
    let grid: Vec<f32> = (-24_000i16..=24_000)
        .map(|k| f32::from(k) / 1500.0)
        .collect();
    check_single(&grid);
    let wide: Vec<f32> = (-12_000i16..=12_000)
        .map(|k| f32::from(k) / 100.0)
        .collect();
    check_single(&wide);
}

#[test]
fn double_precision_agrees_with_tabled_values() {
    let mut count = 0;
    for line in include_str!("functions.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let fields: Vec<&str> = line.split(' ').collect();
        let op = ScalarOp::named(fields[0]).expect("a function");
        let [x, expected]: [f64; 2] = [1, 2].map(|k| fields[k].parse().expect("a number"));
        let (_, bound) = FUNCTIONS
            .iter()
            .find(|(known, _)| *known == op)
            .expect("a bound");
        let found = map(op, &[x])[0];
        // The tabled value is rounded itself.
        let error = units(found, expected, 53, -1074);
        assert!(
            error <= bound + 0.5,
            "{line}: {found:e} is off by {error:.2} units"
        );
        count += 1;
    }
    assert!(count > 150, "only {count} values");
}

#[test]
fn special_arguments_have_the_librarys_values() {
    let single = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        0.0,
        -0.0,
        f32::MIN_POSITIVE,
        -f32::MIN_POSITIVE,
        f32::from_bits(1),
        -f32::from_bits(1),
        f32::from_bits(0x7f_ffff),
        f32::MAX,
        f32::MIN,
        88.722_84,
        88.73,
        -103.9,
        -104.0,
    ];
    check_single(&single);
    let double = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        0.0,
        -0.0,
        f64::MIN_POSITIVE,
        -f64::MIN_POSITIVE,
        f64::from_bits(1),
        -f64::from_bits(1),
        f64::MAX,
        f64::MIN,
        709.78,
        709.79,
        -745.1,
        -745.2,
        2e6,
        -1e300,
    ];
    for &(op, _) in FUNCTIONS {
        for (x, found) in double.iter().zip(map(op, &double)) {
            let expected = library(op, *x);
            let error = units(found, expected, 53, -1074);
            assert!(
                error <= 4.0,
                "{} of {x:e} is {found:e}, not {expected:e}",
                op.name()
            );
        }
        // The sign of zero, where the function is odd.
        let zeros = map(op, &[0.0f64, -0.0]);
        let odd = matches!(
            op,
            ScalarOp::Tanh | ScalarOp::Erf | ScalarOp::Sin | ScalarOp::Sign | ScalarOp::Sqrt
        );
        assert!(
            !odd || (zeros[0].is_sign_positive() && zeros[1].is_sign_negative()),
            "{}",
            op.name()
        );
    }
}

#[test]
fn powers_agree_with_the_library() {
    let arguments = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        0.0,
        -0.0,
        5e-324,
        1e-200,
        1e160,
        -1e160,
        1.5,
        -2.5,
        0.3,
        1e-300,
    ];
    for exponent in [
        -3.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 2.5, 3.0, 4.0, 7.0,
    ] {
        let mut values = arguments;
        combine_entries(
            ScalarOp::Power,
            &mut values,
            Operand::Entries(&arguments),
            Operand::Number(exponent),
        );
        for (x, found) in arguments.iter().zip(values) {
            let expected = x.powf(exponent);
            let error = units(found, expected, 53, -1074);
            assert!(
                error <= 2.5,
                "{x:e} to the power {exponent} is {found:e}, not {expected:e}"
            );
        }
    }
}

#[test]
fn a_value_does_not_depend_on_its_place() {
    let arguments: Vec<f32> = (0..77i16).map(|k| f32::from(k) / 7.0 - 5.0).collect();
    for &(op, _) in FUNCTIONS {
        for (x, found) in arguments.iter().zip(map(op, &arguments)) {
            let mut alone = [0.0];
            map_entries(op, &mut alone, Operand::Number(*x));
            assert_eq!(found.to_bits(), alone[0].to_bits(), "{} of {x}", op.name());
        }
    }
}

proptest! {
    #[test]
    fn single_precision_agrees_with_the_library_on_random_bits(bits in proptest::collection::vec(any::<u32>(), 64)) {
        let arguments: Vec<f32> = bits.iter().map(|bits| f32::from_bits(*bits)).collect();
        check_single(&arguments);
    }

    #[test]
    fn double_precision_agrees_with_the_library(arguments in proptest::collection::vec(-30.0..30.0f64, 64)) {
        for &(op, bound) in FUNCTIONS {
            for (x, found) in arguments.iter().zip(map(op, &arguments)) {
                // The library's own error, and that of −x/√2, which the tail of the normal distribution multiplies by x².
                let own = if op == ScalarOp::Gelu { 2.0 + 2.5 * x * x } else { 2.0 };
                let error = units(found, library(op, *x), 53, -1074);
                prop_assert!(error <= bound + own, "{} of {x} is off by {error:.2} units", op.name());
            }
        }
    }
}
