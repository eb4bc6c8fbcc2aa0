//! The core's own numbers against the reference evaluator, its derivatives against dual numbers and differences.

use std::collections::BTreeMap;

use hbp::calculus::index::{Decision, IndexError, differentiate, equal, normal_form};
use hbp::expr::{
    Draw, Environment, Graph, Matrix, Module, Name, Op, Sizes, evaluate, finite_jacobian,
    random_environment, witness,
};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::random::{Maker, NAMES, Side};
use crate::support::{equations, module};

fn sizes(pairs: &[(&str, usize)]) -> Sizes {
    pairs
        .iter()
        .map(|(name, size)| (Name::from(*name), *size))
        .collect()
}

fn values(graph: &Graph, sizes: &Sizes, seed: u64) -> Environment<f64> {
    let mut environment = random_environment(graph, sizes, 1, seed, Draw::Normal).unwrap();
    // Values near 1 keep differences exact.
    for sample in &mut environment.samples {
        for (name, value) in sample.iter_mut() {
            if graph
                .variables()
                .get(name)
                .is_some_and(|v| !v.facts.distribution)
            {
                *value = value.scaled(0.5);
            }
        }
    }
    environment
}

fn close(a: &Matrix<f64>, b: &Matrix<f64>, tolerance: f64) -> bool {
    let scale = b.values().iter().fold(1.0f64, |m, v| m.max(v.abs()));
    a.shape() == b.shape()
        && a.values()
            .iter()
            .zip(b.values())
            .all(|(x, y)| (x - y).abs() <= tolerance * scale)
}

/// Modules with everything the language offers, and their sizes.
const MODULES: &[&str] = &[
    "module f(x: R[n]) -> z: R[m] { param W: R[m, n]; param b: R[m]; z = tanh(W*x + b) }",
    "module f(x: R[n]) -> z: R[n] { z = layer_norm(x) }",
    "fn swish(t) = t*sigmoid(t)\nmodule f(x: R[n]) -> z: R[m] { param U: R[m, n]; param V: R[m, n]; param c: R[m]; z = (U*x) .* swish(V*x + c) }",
    "module f(x: R[n]) -> z: R[n] { param W: R[m, n]; z = W'*sigmoid(W*x) }",
    "module f(X: R[n, k]) -> Z: R[n, k] { param W: R[n, n]; Z = X + W*X }",
    "module f(X: R[m, k]) -> Z: R[m, k] { param Q: R[m, m]; param V: R[m, m]; Z = V*X*softmax(X'*Q*X/sqrt(m)) }",
    "fn phi(t)\nmodule f(X: R[m, k]) -> Z: R[k, k] { Z = inv(eye(k) + X'*X/4) .* phi(X'*X) }",
    "module f(X: R[n, n]) -> z: R { z = logdet(3*eye(n) + X*X') + det(X)/4 + norm2(X) }",
    "module f(x: R[n]) -> z: R[n*n] { z = kron(x, exp(x)) }",
    "module f(x: R[n], p: R) -> z: R[n] { z = exp(x) .^ p + gelu(x)/sqrt(n) + leaky_relu(x) + selu(x) + elu(x) }",
    "module f(X: R[m, k]) -> z: R[k, m] { param C: R[m*k, m*k]; z = reshape(commutation(m, k)*C*vec(X), k, m)*2 + X' }",
    "module f(x: R[n]) -> e: R { param y: R[n] distribution; param S: R[n, n] symmetric; e = sum(y)*logsumexp(S*x) - y'*S*x }",
    "module f(x: R[n]) -> z: R[n] { param G: R[n, n] diagonal; z = G*sin(G*x) + cos(x) }",
    "module f(a: R[n]) -> z: R[n, m] { param B: R[n, m]; z = diag(a)*B + softplus(B) + abs(B)/sqrt(a'*a + 1) + relu(B) }",
    "module f(x: R[n]) -> z: R[n] { z = unit(x) + erf(x) + log(ones(n) + x .* x) }\nmodule unit(x: R[n]) -> z: R[n] { z = x/norm2(x) }",
];

fn sized(module: &Module) -> Vec<Sizes> {
    let all: &[&[(&str, usize)]] = &[
        &[("n", 3), ("m", 2), ("k", 3)],
        &[("n", 2), ("m", 3), ("k", 2)],
    ];
    all.iter()
        .map(|pairs| {
            let known: Sizes = sizes(pairs);
            module
                .dimensions()
                .into_iter()
                .map(|d| (d.clone(), known.get(&d).copied().unwrap_or(2)))
                .collect()
        })
        .collect()
}

#[test]
fn equations_agree_with_dual_numbers() {
    for text in MODULES {
        let text = if text.starts_with("module f(x: R[n]) -> z: R[n] { z = unit") {
            let (f, unit) = text.split_once('\n').unwrap();
            format!("{unit}\n{f}")
        } else {
            (*text).to_owned()
        };
        let (_, module) = module(&text);
        let (name, output) = module.output.clone();
        for (seed, sizes) in (1u64..).zip(sized(&module)) {
            let environment = values(&module.graph, &sizes, seed);
            let form = normal_form(&module.graph, output).unwrap();
            let expected = evaluate(&module.graph, output, &environment).unwrap();
            assert!(
                close(&form.evaluate(&environment).unwrap(), &expected, 1e-10),
                "{text}\n{form}"
            );
            let variables: Vec<Name> = module.variables().cloned().collect();
            let given = |kind: &str| environment.get(&format!("{kind}({name})")).unwrap().clone();
            let truth = witness(
                &module.graph,
                output,
                &variables,
                &environment,
                &given("grad"),
                &given("hess"),
            )
            .unwrap();
            for v in &variables {
                let own = equations(&module, v);
                for (what, form, truth) in [
                    ("jacobian", &own.jacobian, truth.jacobian(v).unwrap()),
                    ("gradient", &own.gradient, truth.gradient(v).unwrap()),
                    ("residual", &own.residual, truth.residual(v, v).unwrap()),
                    ("hessian", &own.hessian, truth.hessian(v, v).unwrap()),
                ] {
                    let value = form
                        .evaluate(&environment)
                        .unwrap_or_else(|e| panic!("{v} {text}: {e}\n{form}"));
                    assert!(
                        close(&value, &truth, 1e-8),
                        "{what} of {v} in {text}\n{form}\n{value:?}\n{truth:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn cross_blocks_agree_with_dual_numbers() {
    let text = "module f(x: R[n]) -> z: R[m] { param W: R[m, n]; param V: R[m, n]; z = (W*x) .* sigmoid(V*x) }";
    let (_, module) = module(text);
    let sizes = sizes(&[("n", 3), ("m", 2)]);
    let environment = values(&module.graph, &sizes, 5);
    let names: Vec<Name> = module.variables().cloned().collect();
    let given = |name: &str| environment.get(name).unwrap().clone();
    let output = module.output.1;
    let truth = witness(
        &module.graph,
        output,
        &names,
        &environment,
        &given("grad(z)"),
        &given("hess(z)"),
    )
    .unwrap();
    for u in &names {
        for v in &names {
            let block = hbp::calculus::index::cross_block(
                &module.graph,
                output,
                hbp::calculus::index::Upstream::Output("z"),
                u,
                v,
            )
            .unwrap();
            let value = block.evaluate(&environment).unwrap();
            assert!(
                close(&value, &truth.hessian(u, v).unwrap(), 1e-9),
                "{u} {v}\n{block}"
            );
        }
    }
}

fn environment_for(graph: &Graph, seed: u64) -> Environment<f64> {
    let sizes: Sizes = BTreeMap::from([("n".into(), 3), ("m".into(), 2)]);
    values(graph, &sizes, seed)
}

fn side(k: u8) -> Side {
    [Side::One, Side::M, Side::N][k as usize % 3]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn random_expressions_have_the_value_of_their_normal_form(seed in any::<u64>(), shape in 0u8..9) {
        let (_, mut module) = module(NAMES);
        let mut maker = Maker { graph: &mut module.graph, rng: ChaCha8Rng::seed_from_u64(seed) };
        let id = maker.expression(side(shape), side(shape / 3), 4);
        let environment = environment_for(&module.graph, seed);
        match normal_form(&module.graph, id) {
            Err(IndexError::Limit { .. }) => {}
            Err(error) => prop_assert!(false, "{error}"),
            Ok(form) => {
                let expected = evaluate(&module.graph, id, &environment).unwrap();
                let value = form.evaluate(&environment).unwrap();
                prop_assert!(close(&value, &expected, 1e-8), "{form}\n{value:?}\n{expected:?}");
                let mut graph = module.graph.clone();
                if let Some(back) = form.to_graph(&mut graph) {
                    let value = evaluate(&graph, back, &environment).unwrap();
                    prop_assert!(close(&value, &expected, 1e-8), "{form}\n{value:?}\n{expected:?}");
                }
            }
        }
    }

    #[test]
    fn random_derivatives_are_limits_of_differences(seed in any::<u64>(), shape in 0u8..9, which in 0usize..5) {
        let (_, mut module) = module(NAMES);
        let mut maker = Maker { graph: &mut module.graph, rng: ChaCha8Rng::seed_from_u64(seed) };
        let id = maker.expression(side(shape), side(shape / 3), 3);
        let variable = ["x", "A", "M", "S", "C"][which];
        let environment = environment_for(&module.graph, seed);
        match differentiate(&module.graph, id, variable) {
            Err(IndexError::Limit { .. }) => {}
            Err(error) => prop_assert!(false, "{error}"),
            Ok(form) => {
                let expected = finite_jacobian(&module.graph, id, variable, &environment).unwrap();
                let value = form.evaluate(&environment).unwrap();
                prop_assert!(close(&value, &expected, 1e-6), "{form}\n{value:?}\n{expected:?}");
            }
        }
    }

    #[test]
    fn rewritten_expressions_are_equal_and_perturbed_ones_are_not(seed in any::<u64>(), shape in 0u8..9) {
        let (_, mut module) = module(NAMES);
        let mut maker = Maker { graph: &mut module.graph, rng: ChaCha8Rng::seed_from_u64(seed) };
        let id = maker.expression(side(shape), side(shape / 3), 3);
        let other = maker.rewritten(id);
        let form = match normal_form(&module.graph, id) {
            Err(IndexError::Limit { .. }) => return Ok(()),
            form => form.unwrap(),
        };
        let decision = equal(&module.graph, id, other, &[]);
        let limited = matches!(&decision, Decision::Undecided(reason) if reason.starts_with("more than"));
        prop_assert!(decision == Decision::Equal || limited, "{form}\n{:?}\n{decision:?}", normal_form(&module.graph, other));
        if !form.is_zero() {
            let c = module.graph.number(hbp::expr::Rational::new(8.into(), 7.into()));
            let perturbed = module.graph.node(Op::Scale, &[c, other]).unwrap();
            prop_assert_ne!(equal(&module.graph, id, perturbed, &[]), Decision::Equal);
        }
    }
}

#[test]
fn few_random_expressions_reach_a_limit() {
    let reached = (0..200)
        .filter(|seed| {
            let (_, mut module) = module(NAMES);
            let graph = &mut module.graph;
            let mut maker = Maker {
                graph,
                rng: ChaCha8Rng::seed_from_u64(*seed),
            };
            let id = maker.expression(Side::N, Side::N, 4);
            normal_form(&module.graph, id).is_err()
        })
        .count();
    assert!(reached < 20, "{reached} of 200");
}
