//! What every mode means, written out: the Hessian of the loss with respect to the frontier, with dense matrices, from
//! hyper-dual numbers module by module. It shares nothing with the rules, the kernels or the passes.

use std::collections::BTreeMap;

use hbp::data::{Array, Item};
use hbp::expr::{Environment, Matrix, Name, Witness, witness};
use hbp::hbp::{Batch, Curvature};
use hbp::language::{File, Network, NetworkNode};
use hbp::network::{Blocks, Items};
use nalgebra::DMatrix;

use super::frontier::{Definition, frontier};
use super::model::drawn;
use super::tools::{array, matrix};

pub(super) type Dense = DMatrix<f64>;

/// Loss, gradients and blocks by definition, and the largest number that occurs; nothing where the network has no value.
pub(crate) fn reference(
    file: &File,
    network: &str,
    items: &Items,
    curvature: Curvature,
    batch: Batch,
) -> Option<(Items, f64)> {
    reference_between(file, network, items, (curvature, batch), Blocks::Parameter)
}

/// The same with matrices over several parameters, and their names in the order of the rows.
pub(crate) fn reference_between(
    file: &File,
    network: &str,
    items: &Items,
    (curvature, batch): (Curvature, Batch),
    between: Blocks,
) -> Option<(Items, f64)> {
    let network = file.network(network).unwrap();
    let samples = match items.get(&*network.inputs[0].name) {
        Some(item) => item.array().unwrap().shape[0],
        None => 1,
    };
    let nodes: Vec<&NetworkNode> = network.nodes.iter().chain([&network.loss]).collect();
    let runs: Option<Vec<Run>> = (0..samples)
        .map(|sample| Run::new(&network, &nodes, items, sample))
        .collect();
    let runs = runs?;
    let mut totals: BTreeMap<String, Dense> = BTreeMap::new();
    let share = 1.0 / samples as f64;
    let mut add = |name: String, value: Dense| {
        let value = value * share;
        totals
            .entry(name)
            .and_modify(|sum| *sum += &value)
            .or_insert(value);
    };
    for run in &runs {
        add("loss".into(), run.loss.clone());
        for (name, gradient) in &run.gradients {
            add(format!("grad.{name}"), gradient.clone());
        }
    }
    let definition = Definition {
        network: &network,
        nodes: &nodes,
        curvature,
        batch,
        between,
    };
    let mut orders: Vec<(String, String)> = Vec::new();
    if batch == Batch::Exact {
        for run in &runs {
            let blocks = frontier(&definition, std::slice::from_ref(run));
            orders.clone_from(&blocks.orders);
            for (name, block) in blocks.matrices {
                add(name, block);
            }
        }
    } else {
        let blocks = frontier(&definition, &runs);
        orders = blocks.orders;
        totals.extend(blocks.matrices);
    }
    let finite = totals.values().all(|m| m.iter().all(|v| v.is_finite()));
    let top = totals.values().fold(0.0, |top: f64, m| top.max(m.amax()));
    let shape = |name: &str, m: &Dense| match name {
        "loss" => vec![],
        _ if name.starts_with("grad.") => array(items, &name[5..]).shape,
        _ => vec![m.nrows(), m.ncols()],
    };
    let item = |(name, m): (String, Dense)| {
        let values = m.transpose().as_slice().to_vec();
        let array = Array::new(shape(&name, &m), values).unwrap();
        (name, Item::Array(array))
    };
    let orders = orders
        .into_iter()
        .map(|(name, order)| (name, Item::Text(order)));
    finite.then(|| (totals.into_iter().map(item).chain(orders).collect(), top))
}

/// The first and second derivatives of every node at one sample.
pub(super) struct Run {
    pub(super) witnesses: Vec<Witness>,
    /// The loss at targets that have the mean and the variance of its model; none where it does not matter.
    pub(super) drawn: Vec<Witness>,
    loss: Dense,
    gradients: BTreeMap<Name, Dense>,
}

pub(super) fn dense(m: &Matrix<f64>) -> Dense {
    Dense::from_column_slice(m.rows(), m.cols(), m.values())
}

pub(super) fn plain(m: &Dense) -> Matrix<f64> {
    Matrix::new(m.nrows(), m.ncols(), m.as_slice().to_vec()).unwrap()
}

impl Run {
    pub(super) fn new(
        network: &Network,
        nodes: &[&NetworkNode],
        items: &Items,
        sample: usize,
    ) -> Option<Self> {
        let mut values: BTreeMap<Name, Dense> = BTreeMap::new();
        for value in network.inputs.iter().chain(&network.targets) {
            let all = array(items, &value.name);
            values.insert(value.name.clone(), matrix(&all.sample(sample).unwrap()));
        }
        for parameter in &network.parameters {
            values.insert(
                parameter.name.clone(),
                matrix(&array(items, &parameter.name)),
            );
        }
        let environment = |node: &NetworkNode, values: &BTreeMap<Name, Dense>| {
            let inputs = node.module.inputs.iter().zip(&node.arguments);
            let parameters = node.parameters.iter().map(|(own, full)| (own, full));
            let all = inputs.chain(parameters);
            let all = all.map(|(own, name)| (own.clone(), plain(&values[name])));
            Environment::single(BTreeMap::new(), all.collect())
        };
        for node in &network.nodes {
            let module = &node.module;
            let value =
                hbp::expr::evaluate(&module.graph, module.output.1, &environment(node, &values));
            values.insert(node.name.clone(), dense(&value.ok()?));
        }
        let mut arriving: BTreeMap<Name, Dense> = BTreeMap::new();
        let mut gradients: BTreeMap<Name, Dense> = BTreeMap::new();
        let mut witnesses = Vec::new();
        let drawn = drawn(network, &environment(&network.loss, &values))?;
        for (place, node) in nodes.iter().enumerate().rev() {
            let module = &node.module;
            let here = environment(node, &values);
            let is_loss = place + 1 == nodes.len();
            let shape = if is_loss {
                (1, 1)
            } else {
                values[&node.name].shape()
            };
            let delta = if is_loss {
                Dense::from_element(1, 1, 1.0)
            } else {
                arriving
                    .get(&node.name)
                    .cloned()
                    .unwrap_or_else(|| Dense::zeros(shape.0, shape.1))
            };
            let size = shape.0 * shape.1;
            let variables: Vec<Name> = module.variables().cloned().collect();
            let found = witness(
                &module.graph,
                module.output.1,
                &variables,
                &here,
                &plain(&delta),
                &plain(&Dense::zeros(size, size)),
            )
            .ok()?;
            let send = |map: &mut BTreeMap<Name, Dense>, to: &Name, own: &Name| {
                let gradient = dense(&found.gradient(own).unwrap());
                map.entry(to.clone())
                    .and_modify(|sum| *sum += &gradient)
                    .or_insert(gradient);
            };
            for (own, value) in module.inputs.iter().zip(&node.arguments) {
                send(&mut arriving, value, own);
            }
            for (own, full) in &node.parameters {
                send(&mut gradients, full, own);
            }
            witnesses.push(found);
        }
        witnesses.reverse();
        let loss = dense(witnesses.last()?.output());
        Some(Self {
            witnesses,
            drawn,
            loss,
            gradients,
        })
    }
}
