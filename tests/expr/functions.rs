//! The elementwise functions: their Taylor coefficients, their kinks, and what happens far out.

use std::collections::BTreeMap;

use hbp::expr::builtins::{NAMES, taylor};
use hbp::expr::{Draw, Function, random_environment};
use proptest::prelude::*;

use crate::universe::{graph, sizes};

fn at(name: &str, x: f64, order: usize) -> Vec<f64> {
    taylor(name, x, order).unwrap()
}

/// The k-th coefficient is the derivative of the one before it, over k.
fn check_coefficients(name: &str, f: impl Fn(f64) -> Vec<f64>, x: f64) {
    let h = 1.0 / 1024.0;
    let (here, near, far) = (f(x), [f(x + h), f(x - h)], [f(x + 2.0 * h), f(x - 2.0 * h)]);
    for k in 1..here.len() {
        let slope = (8.0 * (near[0][k - 1] - near[1][k - 1]) - (far[0][k - 1] - far[1][k - 1]))
            / (12.0 * h);
        let scale = here[k].abs().max(1.0);
        assert!(
            (here[k] * k as f64 - slope).abs() < 1e-7 * scale,
            "{name} at {x}, coefficient {k}"
        );
    }
}

#[test]
fn every_function_has_the_coefficients_of_its_differences() {
    for name in NAMES {
        // Away from the kinks at 0 and from the left end of log and √.
        let low: &[f64] = if matches!(*name, "log" | "sqrt") {
            &[]
        } else {
            &[-6.0, -2.5, -0.7, -0.05]
        };
        for x in low.iter().chain(&[0.5, 0.9, 3.0, 7.0]) {
            check_coefficients(name, |x| at(name, x, 4), *x);
        }
    }
}

proptest! {
    #[test]
    fn defined_and_abstract_functions_have_the_coefficients_of_their_differences(x in -2.0..2.0, seed in 0_u64..64) {
        let graph = graph();
        let functions = random_environment(&graph, &sizes(), 1, seed, Draw::Normal).unwrap().functions;
        for name in ["phi", "swish", "wavy"] {
            let function = Function { name: name.into(), order: 1 };
            check_coefficients(name, |x| hbp::expr::taylor(&graph, &functions, &function, x, 3).unwrap(), x);
        }
    }
}

#[test]
fn values_are_right_to_the_last_digits() {
    let table = [
        ("erf", 1e-10, 1.128_379_167_095_512_6e-10),
        ("erf", 0.5, 0.520_499_877_813_046_5),
        ("erf", -2.0, -0.995_322_265_018_952_7),
        ("sigmoid", -40.0, 4.248_354_255_291_589e-18),
        ("softplus", -40.0, 4.248_354_255_291_589e-18),
        ("softplus", 1.0, 1.313_261_687_518_222_8),
        ("gelu", 1.0, 0.841_344_746_068_542_9),
        ("silu", -40.0, -1.699_341_702_116_635_6e-16),
        ("elu", -1e-12, -9.999_999_999_995e-13),
        ("selu", 2.0, 2.101_401_974_710_961),
        ("leaky_relu", -3.0, -0.03),
        ("tanh", 1e-9, 1e-9),
    ];
    for (name, x, expected) in table {
        let found = at(name, x, 0)[0];
        assert!(
            (found / expected - 1.0_f64).abs() < 3e-15,
            "{name}({x}) is {found}, not {expected}"
        );
    }
    // A tail that 1 − tanh² would have lost: 4 exp(−40).
    assert!((at("tanh", 20.0, 1)[1] / (4.0 * (-40.0_f64).exp()) - 1.0).abs() < 1e-14);
    // Φ's tail keeps what rounding its argument leaves of it, about t² ε.
    assert!((at("gelu", -10.0, 0)[0] / -7.619_853_024_160_526e-23 - 1.0).abs() < 1e-14);
    assert!((at("sigmoid", 40.0, 1)[1] / (-40.0_f64).exp() - 1.0).abs() < 1e-14);
}

#[test]
fn kinks_have_the_derivative_of_pytorch() {
    let slopes = [
        ("abs", 0.0),
        ("relu", 0.0),
        ("leaky_relu", 0.01),
        ("elu", 1.0),
        ("selu", 1.758_099_340_847_376_5),
        ("step", 0.0),
        ("sign", 0.0),
    ];
    for (name, slope) in slopes {
        assert!((at(name, 0.0, 1)[1] - slope).abs() < 1e-15, "{name}'(0)");
        assert!(at(name, 0.0, 1)[0].abs() < 1e-300, "{name}(0)");
        assert!(at(name, -0.0, 1)[0].abs() < 1e-300, "{name}(−0)");
    }
}

#[test]
fn far_out_nothing_is_lost_but_what_has_no_value() {
    for name in NAMES {
        for x in [-1e308, -1e3, -1e-308, 0.0, 1e-308, 1e3, 1e308] {
            let defined = x > 0.0 || !matches!(*name, "log" | "sqrt");
            for (k, c) in at(name, x, 2).into_iter().enumerate() {
                assert!(
                    !defined || !c.is_nan(),
                    "{name} at {x}, coefficient {k} is NaN"
                );
            }
        }
        assert!(
            at(name, f64::NAN, 2).iter().all(|c| c.is_nan()),
            "{name} swallows NaN"
        );
    }
    let limits: BTreeMap<&str, (f64, f64)> = BTreeMap::from([
        ("sigmoid", (0.0, 1.0)),
        ("tanh", (-1.0, 1.0)),
        ("erf", (-1.0, 1.0)),
        ("softplus", (0.0, 1e308)),
        ("silu", (0.0, 1e308)),
        ("gelu", (0.0, 1e308)),
        ("elu", (-1.0, 1e308)),
        ("relu", (0.0, 1e308)),
    ]);
    for (name, (left, right)) in limits {
        for (x, limit) in [(-1e308, left), (1e308, right)] {
            assert!(
                (at(name, x, 0)[0] - limit).abs() <= 1e-15 * limit.abs(),
                "{name}({x})"
            );
        }
    }
}
