//! The curvature of the whole loss as one matrix over all parameters, by brute force: the network is evaluated with
//! hyper-dual numbers once for every pair of entries. It knows no modules' derivatives, no frontier and no passes.

use std::collections::BTreeMap;

use hbp::data::Item;
use hbp::expr::{Environment, Hyper, Matrix, Name, Scalar, evaluate, witness};
use hbp::hbp::Curvature;
use hbp::language::{File, Network, NetworkNode};
use hbp::network::Items;
use nalgebra::{DMatrix, DVector};

use super::model::drawn;
use super::reference::{dense, plain};
use super::tools::{array, matrix};

type Values<S> = BTreeMap<Name, Matrix<S>>;

/// A network with its arrays.
pub(super) struct Whole<'a> {
    network: Network,
    items: &'a Items,
    samples: usize,
    /// The place of every entry of every parameter: name, place in column order.
    entries: Vec<(Name, usize)>,
}

/// The environment of a node.
fn environment<S: Scalar>(node: &NetworkNode, values: &Values<S>) -> Environment<S> {
    let inputs = node.module.inputs.iter().zip(&node.arguments);
    let parameters = node.parameters.iter().map(|(own, full)| (own, full));
    let all = inputs.chain(parameters);
    let all = all.map(|(own, name)| (own.clone(), values[name].clone()));
    Environment::single(BTreeMap::new(), all.collect())
}

impl<'a> Whole<'a> {
    pub(super) fn new(file: &File, name: &str, items: &'a Items) -> Self {
        let network = file.network(name).unwrap();
        let samples = array(items, &network.inputs[0].name).shape[0];
        let of = |name: &Name| {
            let size = array(items, name).values.len();
            (0..size).map(|k| (name.clone(), k)).collect::<Vec<_>>()
        };
        let entries = network.parameters.iter().flat_map(|p| of(&p.name));
        Self {
            entries: entries.collect(),
            network,
            items,
            samples,
        }
    }

    /// The number of entries of all parameters.
    pub(super) fn size(&self) -> usize {
        self.entries.len()
    }

    /// The rows of a parameter among all.
    pub(super) fn rows(&self, name: &str) -> Vec<usize> {
        let is_own = |k: &usize| &*self.entries[*k].0 == name;
        (0..self.size()).filter(is_own).collect()
    }

    /// A vector over all entries as arrays by parameter.
    pub(super) fn arrays(&self, vector: &DVector<f64>) -> Items {
        let of = |name: &Name| {
            let mut like = array(self.items, name);
            let (rows, cols) = matrix(&like).shape();
            let own: Vec<f64> = self.rows(name).into_iter().map(|k| vector[k]).collect();
            let by_columns = DMatrix::from_column_slice(rows, cols, &own);
            like.values = by_columns.transpose().as_slice().to_vec();
            (name.to_string(), Item::Array(like))
        };
        self.network
            .parameters
            .iter()
            .map(|p| of(&p.name))
            .collect()
    }

    /// Arrays by parameter as a vector over all entries; zero where there is none.
    pub(super) fn vector(&self, arrays: &Items) -> DVector<f64> {
        let of = |(name, k): &(Name, usize)| match arrays.get(&**name) {
            Some(item) => matrix(item.array().unwrap()).as_slice()[*k],
            None => 0.0,
        };
        DVector::from_iterator(self.size(), self.entries.iter().map(of))
    }

    /// The data and parameters of a sample.
    fn given(&self, sample: usize) -> Values<f64> {
        let data = self.network.inputs.iter().chain(&self.network.targets);
        let data = data.map(|v| {
            let value = array(self.items, &v.name).sample(sample).unwrap();
            (v.name.clone(), plain(&matrix(&value)))
        });
        let parameters = self.network.parameters.iter();
        let parameters =
            parameters.map(|p| (p.name.clone(), plain(&matrix(&array(self.items, &p.name)))));
        data.chain(parameters).collect()
    }

    /// The values of all nodes but the loss.
    fn run<S: Scalar>(&self, mut values: Values<S>) -> Option<Values<S>> {
        for node in &self.network.nodes {
            let module = &node.module;
            let value = evaluate(&module.graph, module.output.1, &environment(node, &values));
            values.insert(node.name.clone(), value.ok()?);
        }
        Some(values)
    }

    /// The values with entries moved by e₁ and e₂.
    fn moved(&self, given: &Values<f64>, first: usize, second: Option<usize>) -> Values<Hyper> {
        let lift = |m: &Matrix<f64>| m.map(|v| Hyper::from_f64(*v));
        let mut values: Values<Hyper> = given.iter().map(|(n, m)| (n.clone(), lift(m))).collect();
        let steps = [
            (Some(first), Hyper::hyper(0.0, 1.0, 0.0)),
            (second, Hyper::hyper(0.0, 0.0, 1.0)),
        ];
        for (place, step) in steps {
            let Some(place) = place else { continue };
            let (name, k) = &self.entries[place];
            let entry = &mut values.get_mut(name).unwrap().values_mut()[*k];
            *entry = *entry + step;
        }
        values
    }

    /// The Hessian of the mean loss; nothing where the network has no value.
    pub(super) fn hessian(&self) -> Option<DMatrix<f64>> {
        let (size, loss) = (self.size(), &self.network.loss);
        let mut total = DMatrix::<f64>::zeros(size, size);
        for sample in 0..self.samples {
            let given = self.given(sample);
            for i in 0..size {
                for j in 0..=i {
                    let values = self.run(self.moved(&given, i, Some(j)))?;
                    let here = environment(loss, &values);
                    let value = evaluate(&loss.module.graph, loss.module.output.1, &here).ok()?;
                    let second = value.values()[0].mixed() / self.samples as f64;
                    total[(i, j)] += second;
                    if i != j {
                        total[(j, i)] += second;
                    }
                }
            }
        }
        total.iter().all(|v| v.is_finite()).then_some(total)
    }

    /// J'ℋJ with ℋ the Hessian of the loss module in all it reads, or its expectation, and J how that moves with the
    /// parameters.
    pub(super) fn gauss_newton(&self, curvature: Curvature) -> Option<DMatrix<f64>> {
        let (size, loss) = (self.size(), &self.network.loss);
        let mut total = DMatrix::<f64>::zeros(size, size);
        let module = &loss.module;
        let variables: Vec<Name> = module.variables().cloned().collect();
        for sample in 0..self.samples {
            let given = self.given(sample);
            let here = environment(loss, &self.run(given.clone())?);
            let (one, zero) = (Matrix::scalar(1.0), Matrix::scalar(0.0));
            let exact = witness(
                &module.graph,
                module.output.1,
                &variables,
                &here,
                &one,
                &zero,
            );
            let mut parts = vec![exact.ok()?];
            if curvature == Curvature::Fisher {
                let drawn = drawn(&self.network, &here)?;
                if !drawn.is_empty() {
                    parts = drawn;
                }
            }
            let lengths = variables
                .iter()
                .map(|v| here.get(v).unwrap().values().len());
            let mut jacobian = DMatrix::zeros(lengths.sum(), size);
            for k in 0..size {
                let moved = self.run(self.moved(&given, k, None))?;
                let moved = environment(loss, &moved);
                let first = variables
                    .iter()
                    .flat_map(|v| moved.get(v).unwrap().values().to_vec());
                let first: Vec<f64> = first.map(|v| v.first()).collect();
                jacobian.set_column(k, &DVector::from_vec(first));
            }
            let share = 1.0 / (parts.len() * self.samples) as f64;
            for part in &parts {
                let rows = variables.iter().map(|u| {
                    let blocks = variables
                        .iter()
                        .map(|v| dense(&part.residual(u, v).unwrap()));
                    let blocks: Vec<DMatrix<f64>> = blocks.collect();
                    let columns = blocks.iter().flat_map(|b| b.column_iter());
                    DMatrix::from_columns(&columns.collect::<Vec<_>>())
                });
                let rows: Vec<DMatrix<f64>> = rows.collect();
                let all = rows.iter().flat_map(|r| r.row_iter()).collect::<Vec<_>>();
                total += jacobian.transpose() * DMatrix::from_rows(&all) * &jacobian * share;
            }
        }
        total.iter().all(|v| v.is_finite()).then_some(total)
    }

    /// The matrix of a curvature that is defined for the whole loss.
    pub(super) fn matrix(&self, curvature: Curvature) -> Option<DMatrix<f64>> {
        match curvature {
            Curvature::Hessian => self.hessian(),
            _ => self.gauss_newton(curvature),
        }
    }
}
