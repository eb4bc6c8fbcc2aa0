//! Momentum and Adam, written out once more.

use hbp::network::RunOptions;
use hbp::optimizer::{Adam, Method, Momentum, Parameters};

use super::{NETWORK, OWN, first, matrix, problem, reference, stepped};

/// All entries, and their gradients.
fn gradients(text: &str, parameters: &Parameters<f64>) -> Vec<f64> {
    let items = reference(text, parameters, &RunOptions::default());
    let own = parameters.0.iter();
    own.flat_map(|p| {
        matrix(&items, &format!("grad.{}", p.name))
            .as_slice()
            .to_vec()
    })
    .collect()
}

fn entries(parameters: &Parameters<f64>) -> Vec<f64> {
    parameters.0.iter().flat_map(|p| p.values.clone()).collect()
}

fn with(parameters: &Parameters<f64>, entries: &[f64]) -> Parameters<f64> {
    let mut changed = parameters.clone();
    let mut rest = entries.iter();
    for value in changed.0.iter_mut().flat_map(|p| &mut p.values) {
        *value = *rest.next().unwrap();
    }
    changed
}

fn agree(found: &Parameters<f64>, expected: &[f64], what: &str) {
    for (found, expected) in entries(found).iter().zip(expected) {
        assert!(
            (found - expected).abs() < 1e-11,
            "{what}: {found} {expected}"
        );
    }
}

#[test]
fn momentum_is_what_it_is_defined_as() {
    let rule = Momentum {
        rate: 0.3,
        momentum: 0.8,
    };
    for text in [NETWORK, OWN] {
        let start = first(&problem(text));
        let mut theta = entries(&start);
        let mut velocity = vec![0.0; theta.len()];
        for _ in 0..3 {
            let gradient = gradients(text, &with(&start, &theta));
            for ((v, g), t) in velocity.iter_mut().zip(&gradient).zip(&mut theta) {
                *v = 0.8 * *v + g;
                *t -= 0.3 * *v;
            }
        }
        let (_, found) = stepped(text, &Method::Momentum(rule), 3);
        agree(&found, &theta, text);
    }
}

#[test]
fn adam_is_what_it_is_defined_as() {
    let rule = Adam {
        rate: 0.05,
        first: 0.7,
        second: 0.9,
        epsilon: 1e-6,
    };
    let start = first(&problem(NETWORK));
    let mut theta = entries(&start);
    let (mut m, mut s) = (vec![0.0; theta.len()], vec![0.0; theta.len()]);
    for step in 1..4 {
        let gradient = gradients(NETWORK, &with(&start, &theta));
        for place in 0..theta.len() {
            let g = gradient[place];
            m[place] = 0.7 * m[place] + 0.3 * g;
            s[place] = 0.9 * s[place] + 0.1 * g * g;
            let of_m = m[place] / (1.0 - 0.7_f64.powi(step));
            let of_s: f64 = s[place] / (1.0 - 0.9_f64.powi(step));
            theta[place] -= 0.05 * of_m / (of_s.sqrt() + 1e-6);
        }
    }
    let (_, found) = stepped(NETWORK, &Method::Adam(rule), 3);
    agree(&found, &theta, "adam");
}
