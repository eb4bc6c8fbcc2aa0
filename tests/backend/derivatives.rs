//! Compiled derivatives of the exponential rectifiers against PyTorch's formulas written out: far from 0 and at the ends of the range, where
//! a product of what is 0 there with what grows would be NaN, and a difference from 1 has lost its digits.

#![allow(
    clippy::float_cmp,
    clippy::cast_possible_truncation,
    reason = "infinities and zeros are compared, and single precision is what is asked for"
)]

use hbp::backend::{Element, Inputs, execute};
use hbp::expr::{Dimension, Facts, Graph, Name, Op, Role, Shape, Sizes, Variable};
use hbp::hbp::unfold;
use hbp::kernel::{MEMORY_LIMIT, compile};
use hbp::rewrite::Rewriter;
use nalgebra::DMatrix;

const SCALE: f64 = 1.050_700_987_355_480_5;
const ALPHA: f64 = 1.673_263_242_354_377_2;

/// The function differentiated so many times, compiled and run at each of the arguments.
fn derivative<T: Element>(name: &str, order: u32, arguments: &[f64]) -> Vec<f64> {
    let mut graph = Graph::default();
    let x: Name = "x".into();
    let variable = Variable {
        shape: Shape::matrix(Dimension::named("n"), Dimension::one()),
        role: Role::Input,
        facts: Facts::default(),
    };
    let of = graph.declare(x.clone(), variable);
    let function = graph.function(name, order);
    let root = graph.node(Op::Apply, &[function, of]).unwrap();
    let root = unfold(&mut graph, &[root], Rewriter::embedded()).unwrap()[0];
    let sizes = Sizes::from([("n".into(), arguments.len())]);
    let program = compile(&graph, &[("y".into(), root)], &sizes).unwrap();
    let column = DMatrix::from_fn(arguments.len(), 1, |i, _| T::number(arguments[i]));
    let outputs = execute::<T>(&program, &Inputs::from([(x, column)])).unwrap();
    let values = outputs.get("y").unwrap().to_dense(MEMORY_LIMIT).unwrap();
    values.iter().map(|value| value.double()).collect()
}

/// As PyTorch has them: one side at and below 0, the other above.
fn reference(name: &str, order: u32, t: f64) -> f64 {
    let (above, below) = match name {
        "elu" => (1.0, 1.0),
        _ => (SCALE, SCALE * ALPHA),
    };
    match order {
        _ if t.is_nan() => t,
        0 if t > 0.0 => above * t,
        0 => below * t.exp_m1(),
        1 if t > 0.0 => above,
        _ if t > 0.0 => 0.0,
        _ => below * t.exp(),
    }
}

fn agrees(name: &str, order: u32, t: f64, found: f64, (digits, smallest): (f64, f64)) {
    let expected = reference(name, order, t);
    let close = (found - expected).abs() <= digits * expected.abs() + smallest;
    let primes = "'".repeat(order as usize);
    assert!(
        found == expected || close || found.is_nan() && expected.is_nan(),
        "{name}{primes}({t:e}) is {found:e}, not {expected:e}"
    );
}

#[test]
fn exponential_rectifiers_keep_their_digits_and_their_limits() {
    let mut arguments: Vec<f64> = (-400..=400).map(|k| f64::from(k) / 8.0).collect();
    arguments.extend([f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -0.0, 0.0]);
    arguments.extend([1e-30, -1e-30, 88.5, 700.0, -80.0, 1e30, -1e30]);
    let wide = [1e300, -1e300, 710.0, -700.0, -5e-324, 5e-324];
    let doubles = [arguments.clone(), wide.to_vec()].concat();
    for name in ["elu", "selu"] {
        for order in 0..=3 {
            let found = derivative::<f64>(name, order, &doubles);
            for (t, found) in doubles.iter().zip(found) {
                agrees(name, order, *t, found, (1e-15, 0.0));
            }
            let found = derivative::<f32>(name, order, &arguments);
            for (t, found) in arguments.iter().zip(found) {
                // Below the smallest normal number there are fewer digits.
                let single = f64::from(*t as f32);
                agrees(name, order, single, found, (6e-7, 1e-44));
            }
        }
    }
}

/// The other activations at the ends of the range of numbers: their limits, and NaN only from NaN.
#[test]
fn activations_have_their_limits_far_out() {
    for (name, slopes) in [
        ("relu", (0.0, 1.0)),
        ("leaky_relu", (0.01, 1.0)),
        ("elu", (0.0, 1.0)),
        ("selu", (0.0, SCALE)),
        ("sigmoid", (0.0, 0.0)),
        ("tanh", (0.0, 0.0)),
        ("erf", (0.0, 0.0)),
        ("softplus", (0.0, 1.0)),
        ("silu", (0.0, 1.0)),
        ("gelu", (0.0, 1.0)),
    ] {
        // t σ'(t), t Φ'(t) and t erf'(t) are, as in PyTorch, a product of t and 0: where t or its square is ∞ they have no value.
        let far = match name {
            "silu" | "gelu" | "erf" => 1e150,
            _ => f64::INFINITY,
        };
        for order in [1, 2] {
            let found = derivative::<f64>(name, order, &[-far, far, f64::NAN]);
            let (left, right) = if order == 1 { slopes } else { (0.0, 0.0) };
            assert_eq!(found[..2], [left, right], "{name}, order {order}");
            // What is 0 whatever the argument is not computed.
            let is_line = order == 2 && name.ends_with("relu");
            assert!(
                found[2].is_nan() || is_line,
                "{name}, order {order}, swallows NaN"
            );
        }
    }
}
