//! The built-in modules and functions mean what their sources say.

use std::collections::BTreeMap;

use hbp::expr::{Environment, Matrix, Module, Sizes, evaluate};
use hbp::language::{builtin_names, builtin_source};

use crate::parse;

fn run(module: &Module, sizes: &[(&str, usize)], values: &[(&str, Vec<f64>)]) -> Vec<f64> {
    let sizes: Sizes = sizes
        .iter()
        .map(|(name, size)| ((*name).into(), *size))
        .collect();
    let mut bound = BTreeMap::new();
    for (name, values) in values {
        let shape = module.graph.variables()[*name]
            .shape
            .evaluate(&sizes)
            .unwrap();
        bound.insert(
            (*name).into(),
            Matrix::new(shape.0, shape.1, values.clone()).unwrap(),
        );
    }
    let environment = Environment::single(sizes, bound);
    let value = evaluate(&module.graph, module.output.1, &environment).unwrap();
    value.values().to_vec()
}

fn near(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!(
            (a - b).abs() <= 1e-12 * (1.0 + b.abs()),
            "{found:?} is not {expected:?}"
        );
    }
}

#[test]
fn every_builtin_has_a_source() {
    let names = builtin_names();
    for name in &names {
        let source = builtin_source(name).unwrap();
        assert!(source.starts_with("# "), "{name} is explained");
        assert_eq!(
            names.iter().filter(|n| n == &name).count(),
            1,
            "{name} has one source"
        );
    }
    for name in "linear matmul bias scale add multiply layer_norm square_loss mse_loss \
        softmax_cross_entropy binary_cross_entropy_with_logits poisson_nll gaussian_nll exp log sqrt abs sin \
        cos tanh sigmoid softplus relu leaky_relu elu selu gelu silu erf sum mean logsumexp norm2 tr dot det \
        logdet diag diagvec vec reshape kron commutation ones zeros eye inv softmax eigabs eigclip step sign"
        .split_whitespace()
    {
        assert!(names.contains(&name), "{name} is built in");
    }
    assert!(builtin_source("nothing").is_none());
}

/// The sources of the functions, read as a file of the user's own, agree with the built-in ones.
#[test]
fn the_sources_of_the_functions_are_true() {
    let mut checked = 0;
    for name in builtin_names() {
        let source = builtin_source(name).unwrap();
        if source
            .lines()
            .any(|line| line.starts_with("fn ") && line.contains('='))
        {
            let header = |call: &str| format!("module f(x: R[n]) -> z: R[n] {{ z = {call}(x) }}");
            let own = parse(&format!("{source}\n{}", header(name)))
                .module("f")
                .unwrap();
            let builtin = parse(&header(name)).module("f").unwrap();
            let positive = name == "sqrt";
            let x: Vec<f64> = [-2.5, -1.0, -0.25, 0.0, 0.25, 1.0, 3.0]
                .iter()
                .map(|t| if positive { t + 3.0 } else { *t })
                .collect();
            let sizes = [("n", x.len())];
            let values = [("x", x)];
            near(&run(&own, &sizes, &values), &run(&builtin, &sizes, &values));
            checked += 1;
        }
        if name != "linear"
            && source.lines().any(|line| line.starts_with("module "))
            && source.contains("(A: R[")
        {
            let own = parse(source).module(name).unwrap();
            let builtin =
                format!("module g(A: R[m, n]) -> s: R {{ s = sum({name}(A) .* {name}(A)) }}");
            let builtin = match name {
                "logdet" => builtin.replace("m, n", "n, n"),
                _ => builtin,
            };
            let builtin = parse(&builtin).module("g").unwrap();
            let sizes = [("m", 2), ("n", 2)];
            let values = [("A", vec![0.5, -1.0, 2.0, 0.25])];
            let squared: f64 = run(&own, &sizes, &values).iter().map(|v| v * v).sum();
            near(&[squared], &run(&builtin, &sizes, &values));
            checked += 1;
        }
    }
    assert_eq!(checked, 11 + 6);
}

#[test]
fn the_losses_are_what_the_table_says() {
    let file = parse("");
    let loss = |name: &str, values: &[(&str, Vec<f64>)]| {
        let value = run(&file.module(name).unwrap(), &[("n", 2)], values);
        value[0]
    };
    let (z, y) = (vec![0.5, -1.0], vec![0.25, 0.75]);
    let zy = [("z", z.clone()), ("y", y.clone())];
    let square = 0.25f64.powi(2) + 1.75f64.powi(2);
    near(&[loss("square_loss", &zy)], &[square]);
    near(&[loss("mse_loss", &zy)], &[square / 2.0]);
    let log_sum = (0.5f64.exp() + (-1.0f64).exp()).ln();
    near(
        &[loss("softmax_cross_entropy", &zy)],
        &[0.25 * (log_sum - 0.5) + 0.75 * (log_sum + 1.0)],
    );
    let softplus = |t: f64| (1.0 + t.exp()).ln();
    near(
        &[loss("binary_cross_entropy_with_logits", &zy)],
        &[softplus(0.5) - 0.25 * 0.5 + softplus(-1.0) + 0.75],
    );
    near(
        &[loss("poisson_nll", &zy)],
        &[0.5f64.exp() - 0.125 + (-1.0f64).exp() + 0.75],
    );
    let v: [f64; 2] = [0.1, -0.3];
    let gaussian = [("m", z), ("v", v.to_vec()), ("y", y)];
    let expected = 0.5 * (v[0] + 0.0625 * (-v[0]).exp() + v[1] + 1.75f64.powi(2) * (-v[1]).exp());
    near(&[loss("gaussian_nll", &gaussian)], &[expected]);
}

#[test]
fn layer_norm_uses_the_biased_variance() {
    let module = parse("").module("layer_norm").unwrap();
    let values = [
        ("x", vec![1.0, 3.0]),
        ("weight", vec![2.0, 1.0]),
        ("bias", vec![0.5, 0.0]),
    ];
    let scale = (1.0f64 + 1e-5).sqrt();
    near(
        &run(&module, &[("n", 2)], &values),
        &[0.5 - 2.0 / scale, 1.0 / scale],
    );
}
