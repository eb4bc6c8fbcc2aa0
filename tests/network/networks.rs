//! Whole networks.

use std::collections::BTreeMap;

use hbp::data::{Array, Item, Kind};
use hbp::expr::{Environment, Matrix, Name, witness};
use hbp::language::File;
use hbp::network::{Items, RunOptions, Vectorisation, run_file, run_network};
use nalgebra::DMatrix;
use proptest::prelude::*;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::tools::{agree, agree_all, array, arrays, case, dense, file, matrix};

#[test]
fn the_cases_come_out() {
    for name in ["small", "skip"] {
        let file = case("networks", name);
        let items = arrays("networks", name, "in.npz");
        let found = run_file(&file, &items, &dense())
            .unwrap_or_else(|e| panic!("{name}: {e}; {}", e.help()));
        agree_all(
            &found,
            &arrays("networks", name, "out.hessian.exact.npz"),
            1e-10,
        );
    }
}

#[test]
fn single_precision_is_close() {
    let (file, items) = (
        case("networks", "small"),
        arrays("networks", "small", "in.npz"),
    );
    let options = RunOptions {
        precision: hbp::network::Precision::Single,
        ..dense()
    };
    let found = run_file(&file, &items, &options).unwrap();
    for (name, expected) in arrays("networks", "small", "out.hessian.exact.npz") {
        let found = array(&found, &name);
        assert_eq!(found.kind, Kind::Float32);
        agree(
            &name,
            &found.with_kind(Kind::Float64),
            expected.array().unwrap(),
            1e-5,
        );
    }
}

#[test]
fn labels_are_one_hot_vectors() {
    let (file, mut items) = (
        case("networks", "small"),
        arrays("networks", "small", "in.npz"),
    );
    let labels = [2usize, 0, 1, 1, 2, 0];
    let hot = labels
        .iter()
        .flat_map(|label| (0..3).map(move |c| f64::from(u8::from(c == *label))));
    items["y"] = Item::Array(Array::new(vec![6, 3], hot.collect()).unwrap());
    let expected = run_file(&file, &items, &dense()).unwrap();
    let labels = Array::new(vec![6], labels.iter().map(|l| *l as f64).collect()).unwrap();
    items["y"] = Item::Array(labels.with_kind(Kind::Integer));
    assert_eq!(run_file(&file, &items, &dense()).unwrap(), expected);
}

#[test]
fn equal_modules_are_compiled_once() {
    let text = "network n { input x: R[3]\n target y: R[3]\n a = linear[3](x)\n b = tanh(a)\n c = linear[3](b)
        d = tanh(c)\n e = linear[3](d)\n loss square_loss(e, y) }";
    let chain = Chain {
        text: text.into(),
        module: String::new(),
        inputs: (3, 3),
        distribution: false,
    };
    let file = file(text);
    let items = chain.items(&file, 2, 5);
    // The first layer sends nothing back, so it is a module of its own.
    let run = run_network(&file, "n", &items, &dense()).unwrap();
    assert_eq!((run.derivations, run.modules), (4, 4));
    let file = self::file(
        "network n { input x: R[3]\n target y: R[2]\n a = linear[4](x)\n b = tanh(a)\n c = linear[5](b)
            d = tanh(c)\n e = linear[2](d)\n loss square_loss(e, y) }",
    );
    let chain = Chain {
        inputs: (3, 2),
        ..chain
    };
    // What differs in sizes alone is derived once.
    let run = run_network(&file, "n", &chain.items(&file, 2, 5), &dense()).unwrap();
    assert_eq!((run.derivations, run.modules), (4, 6));
}

#[test]
fn sizes_may_come_from_the_data() {
    let file = file(
        "network n { input x: R[k]\n target y: R[m]\n h = linear[m](x)\n a = sigmoid(h)\n loss mse_loss(a, y) }",
    );
    let concrete = self::file(
        "network n { input x: R[4]\n target y: R[2]\n h = linear[2](x)\n a = sigmoid(h)\n loss mse_loss(a, y) }",
    );
    let chain = Chain {
        text: String::new(),
        module: String::new(),
        inputs: (4, 2),
        distribution: false,
    };
    let items = chain.items(&concrete, 3, 8);
    assert_eq!(
        run_file(&file, &items, &dense()).unwrap(),
        run_file(&concrete, &items, &dense()).unwrap()
    );
}

/// A random network as text, and the same as one module.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) text: String,
    pub(crate) module: String,
    pub(crate) inputs: (usize, usize),
    pub(crate) distribution: bool,
}

const ELEMENTWISE: [&str; 16] = [
    "exp",
    "log",
    "sqrt",
    "abs",
    "sin",
    "cos",
    "tanh",
    "sigmoid",
    "softplus",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "erf",
];

const LOSSES: [&str; 5] = [
    "square_loss",
    "softmax_cross_entropy",
    "binary_cross_entropy_with_logits",
    "mse_loss",
    "poisson_nll",
];

impl Chain {
    pub(crate) fn random(rng: &mut impl Rng, depth: usize) -> Self {
        let width = rng.random_range(1..=6);
        let (mut body, mut value, mut last) = (String::new(), "x".to_owned(), width);
        for level in 0..depth {
            let mut node = |call: String, value: &mut String| {
                let name = format!("h{}", body.matches('\n').count());
                body.push_str(&format!("    {name} = {call}\n"));
                *value = name;
            };
            match rng.random_range(0..6) {
                0 => node(format!("scale({value})"), &mut value),
                1 => node(format!("bias({value})"), &mut value),
                _ => {
                    last = rng.random_range(1..=6);
                    node(format!("linear[{last}]({value})"), &mut value);
                }
            }
            if level + 1 == depth && rng.random() {
                break;
            }
            match rng.random_range(0..10) {
                0 => node(format!("softmax({value})"), &mut value),
                1 => node(format!("layer_norm({value})"), &mut value),
                _ => {
                    let f = ELEMENTWISE[rng.random_range(0..ELEMENTWISE.len())];
                    if f == "log" || f == "sqrt" {
                        node(format!("softplus({value})"), &mut value);
                    }
                    node(format!("{f}({value})"), &mut value);
                }
            }
        }
        let loss = LOSSES[rng.random_range(0..LOSSES.len())];
        let text = format!(
            "network n {{\n    input x: R[{width}]\n    target y: R[{last}]\n{body}    loss {loss}({value}, y)\n}}\n"
        );
        let module = format!(
            "module whole(x: R[{width}], y: R[{last}]) -> total: R {{\n{body}    total = {loss}({value}, y)\n}}\n"
        );
        Self {
            text,
            module,
            inputs: (width, last),
            distribution: loss == "softmax_cross_entropy",
        }
    }

    /// Random arrays for the network.
    pub(crate) fn items(&self, file: &File, samples: usize, seed: u64) -> Items {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut normal = |shape: &[usize]| {
            let n = shape.iter().product();
            let values: Vec<f64> = (0..n)
                .map(|_| rng.sample::<f64, _>(StandardNormal) * 0.7)
                .collect();
            Array::new(shape.to_vec(), values).unwrap()
        };
        let mut items = Items::new();
        let (n, m) = self.inputs;
        items.insert("x".into(), normal(&[samples, n]).into());
        let mut y = normal(&[samples, m]);
        if self.distribution {
            for sample in y.values.chunks_mut(m) {
                sample.iter_mut().for_each(|v| *v = v.exp());
                let sum: f64 = sample.iter().sum();
                sample.iter_mut().for_each(|v| *v /= sum);
            }
        }
        items.insert("y".into(), y.into());
        for parameter in file.network("n").unwrap().parameters {
            let (rows, cols) = parameter.shape.evaluate(&BTreeMap::new()).unwrap();
            let shape = if parameter.shape.is_scalar() {
                vec![]
            } else if parameter.shape.is_column() {
                vec![rows]
            } else {
                vec![rows, cols]
            };
            items.insert(parameter.name.to_string(), normal(&shape).into());
        }
        items
    }

    /// The mean loss, gradients and blocks of the composed module by hyper-dual numbers, and the largest number.
    fn expected(&self, items: &Items) -> Option<(Items, f64)> {
        let module = file(&self.module).module("whole").unwrap();
        let samples = array(items, "x").shape[0];
        let mut totals: BTreeMap<String, DMatrix<f64>> = BTreeMap::new();
        // A parameter that occurs once among all calls has lost its node's name.
        let own = |full: &str| {
            let known = module.parameters.iter().find(|p| &***p == full);
            known
                .cloned()
                .unwrap_or_else(|| full.rsplit('.').next().unwrap().into())
        };
        let parameters: Vec<&String> = items.keys().filter(|name| name.contains('.')).collect();
        for sample in 0..samples {
            let mut values: BTreeMap<Name, Matrix<f64>> = BTreeMap::new();
            for (name, item) in items {
                let array = item.array().unwrap();
                let sample = if parameters.contains(&name) {
                    array.clone()
                } else {
                    array.sample(sample).unwrap()
                };
                let m = matrix(&sample);
                let m = Matrix::new(m.nrows(), m.ncols(), m.as_slice().to_vec()).unwrap();
                values.insert(
                    if name.contains('.') {
                        own(name)
                    } else {
                        name.as_str().into()
                    },
                    m,
                );
            }
            let environment = Environment::single(BTreeMap::new(), values);
            let (one, zero) = (Matrix::scalar(1.0), Matrix::scalar(0.0));
            let mut add = |name: String, value: &Matrix<f64>| {
                let m = DMatrix::from_column_slice(value.rows(), value.cols(), value.values())
                    / samples as f64;
                totals.entry(name).and_modify(|sum| *sum += &m).or_insert(m);
            };
            for (place, full) in parameters.iter().enumerate() {
                let v = own(full);
                let found = witness(
                    &module.graph,
                    module.output.1,
                    &[v.clone()],
                    &environment,
                    &one,
                    &zero,
                )
                .ok()?;
                if place == 0 {
                    add("loss".into(), found.output());
                }
                add(format!("grad.{full}"), &found.gradient(&v)?);
                add(format!("hess.{full}"), &found.hessian(&v, &v)?);
            }
        }
        let top = totals.values().fold(0.0, |top: f64, m| {
            let largest = m.amax();
            if largest.is_nan() {
                f64::INFINITY
            } else {
                top.max(largest)
            }
        });
        let shape = |name: &str, m: &DMatrix<f64>| match name {
            "loss" => vec![],
            _ if name.starts_with("grad.") => array(items, &name[5..]).shape,
            _ => vec![m.nrows(), m.ncols()],
        };
        let item = |(name, m): (String, DMatrix<f64>)| {
            let values = m.transpose().as_slice().to_vec();
            let array = Array::new(shape(&name, &m), values).unwrap();
            (name, Item::Array(array))
        };
        Some((totals.into_iter().map(item).collect(), top))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_global_rejects: 2000, ..ProptestConfig::default() })]
    #[test]
    fn random_chains_agree_with_the_witness(seed in any::<u64>(), depth in 1usize..=4, samples in 1usize..=3) {
        let chain = Chain::random(&mut ChaCha8Rng::seed_from_u64(seed), depth);
        let file = file(&chain.text);
        let items = chain.items(&file, samples, seed);
        let expected = chain.expected(&items);
        prop_assume!(expected.is_some());
        let (expected, top) = expected.unwrap();
        prop_assume!(top < 1e6);
        let found = run_file(&file, &items, &dense());
        let found = found.map_err(|e| TestCaseError::fail(format!("{e}\n{}", chain.text)))?;
        prop_assert_eq!(found.len(), expected.len());
        for (name, expected) in &expected {
            let (a, b) = (matrix(&array(&found, name)), matrix(expected.array().unwrap()));
            let worst = (&a - &b).amax();
            prop_assert!(worst <= 1e-10 * top.max(1.0), "{} off by {:e}, top {:e}\n{}\n{}\n{}", name, worst, top, chain.text, a, b);
        }
        // By factors, and by rows, it is the same.
        let sparse = run_file(&file, &items, &RunOptions::default()).unwrap();
        let rows = RunOptions { vectorisation: Vectorisation::Row, ..RunOptions::default() };
        let by_rows = run_file(&file, &items, &rows).unwrap();
        for name in expected.keys().filter(|name| name.starts_with("hess.")) {
            let whole = matrix(&array(&found, name));
            let rebuilt = super::tools::rebuilt(&sparse, name);
            prop_assert!((&rebuilt - &whole).amax() <= 1e-12 * top.max(1.0), "{}", name);
            let shape = matrix(&array(&items, &name[5..])).shape();
            let permuted = super::tools::by_rows(&whole, shape);
            let rebuilt = super::tools::rebuilt(&by_rows, name);
            prop_assert!((&rebuilt - &permuted).amax() <= 1e-12 * top.max(1.0), "{} by rows", name);
        }
    }
}
