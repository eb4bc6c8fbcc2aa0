//! What every mode means, written out: the Hessian of the loss with respect to the frontier, with dense matrices, from
//! hyper-dual numbers module by module. It shares nothing with the rules, the kernels or the passes.

use std::collections::BTreeMap;

use hbp::data::{Array, Item};
use hbp::expr::{Environment, Matrix, Name, Witness, witness};
use hbp::hbp::{Batch, Curvature};
use hbp::language::{File, Network, NetworkNode};
use hbp::network::Items;
use nalgebra::DMatrix;

use super::model::drawn;
use super::tools::{array, matrix};

type Dense = DMatrix<f64>;

/// A value that the loss depends on through what has been seen so far: a node's value or a shared parameter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Live {
    Node(usize),
    Parameter(Name),
}

/// Loss, gradients and blocks by definition, and the largest number that occurs; nothing where the network has no value.
pub(crate) fn reference(
    file: &File,
    network: &str,
    items: &Items,
    curvature: Curvature,
    batch: Batch,
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
    if batch == Batch::Exact {
        for run in &runs {
            for (name, block) in frontier(
                &network,
                &nodes,
                std::slice::from_ref(run),
                curvature,
                batch,
            ) {
                add(format!("hess.{name}"), block);
            }
        }
    } else {
        for (name, block) in frontier(&network, &nodes, &runs, curvature, batch) {
            totals.insert(format!("hess.{name}"), block);
        }
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
    finite.then(|| (totals.into_iter().map(item).collect(), top))
}

/// The first and second derivatives of every node at one sample.
pub(super) struct Run {
    pub(super) witnesses: Vec<Witness>,
    /// The loss at targets that have the mean and the variance of its model; none where it does not matter.
    drawn: Vec<Witness>,
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

/// The places of live values in a matrix over all of them.
struct Places(Vec<(Live, usize, usize)>);

impl Places {
    fn new(live: impl IntoIterator<Item = (Live, usize)>) -> Self {
        let mut start = 0;
        let place = |(live, size): (Live, usize)| {
            start += size;
            (live, start - size, size)
        };
        Self(live.into_iter().map(place).collect())
    }

    fn size(&self) -> usize {
        self.0.iter().map(|(.., size)| size).sum()
    }

    fn of(&self, live: &Live) -> Option<(usize, usize)> {
        let found = self.0.iter().find(|(known, ..)| known == live)?;
        Some((found.1, found.2))
    }
}

/// The blocks of the parameters: one sample in exact mode, all of them in the others.
#[allow(clippy::too_many_lines, reason = "the definition is read in one piece")]
fn frontier(
    network: &Network,
    nodes: &[&NetworkNode],
    runs: &[Run],
    curvature: Curvature,
    batch: Batch,
) -> BTreeMap<Name, Dense> {
    let readers = |full: &Name| {
        let reads = |node: &&&NetworkNode| node.parameters.iter().any(|(_, name)| name == full);
        nodes.iter().filter(reads).count()
    };
    // What parameters act on.
    let mut lives = vec![false; nodes.len()];
    let source = |name: &Name| network.nodes.iter().position(|node| node.name == *name);
    for (place, node) in nodes.iter().enumerate() {
        let below = node
            .arguments
            .iter()
            .filter_map(source)
            .any(|s| s < place && lives[s]);
        lives[place] = below || !node.parameters.is_empty();
    }
    let mean = |of: &dyn Fn(&Run) -> Dense| {
        let sum = runs.iter().map(of).reduce(|a, b| a + b).unwrap();
        sum / runs.len() as f64
    };
    let mut blocks = BTreeMap::new();
    let loss = nodes.len() - 1;
    let residual_at = |run: &Run, place: usize, u: &Name, v: &Name| {
        if place == loss && curvature == Curvature::Fisher && !run.drawn.is_empty() {
            let parts = run.drawn.iter().map(|w| dense(&w.residual(u, v).unwrap()));
            return parts.reduce(|a, b| a + b).unwrap() / run.drawn.len() as f64;
        }
        dense(&run.witnesses[place].residual(u, v).unwrap())
    };
    let mut places = Places::new([(Live::Node(loss), 1)]);
    let mut hessian = Dense::zeros(1, 1);
    for (place, node) in nodes.iter().enumerate().rev() {
        if !lives[place] {
            continue;
        }
        let Some((start, size)) = places.of(&Live::Node(place)) else {
            continue;
        };
        // Each of the module's variables that stays live, with what it is.
        let inputs = node.module.inputs.iter().zip(&node.arguments);
        let inputs = inputs.filter_map(|(own, name)| {
            let source = source(name).filter(|source| *source < place && lives[*source])?;
            Some((own.clone(), Live::Node(source)))
        });
        let shared = node.parameters.iter().filter(|(_, full)| readers(full) > 1);
        let shared = shared.map(|(own, full)| (own.clone(), Live::Parameter(full.clone())));
        let joint: Vec<(Name, Live)> = inputs.chain(shared).collect();
        let own_hessian = hessian.view((start, start), (size, size)).into_owned();
        let is_loss = place == loss;
        let treat = |residual: Dense| treated(residual, curvature, is_loss);
        let jacobian = |run: &Run, v: &Name| dense(&run.witnesses[place].jacobian(v).unwrap());
        for (own, full) in node
            .parameters
            .iter()
            .filter(|(_, full)| readers(full) == 1)
        {
            let carried = match batch {
                Batch::AverageJacobian => {
                    let j = mean(&|run| jacobian(run, own));
                    j.transpose() * &own_hessian * j
                }
                _ => mean(&|run| {
                    let j = jacobian(run, own);
                    j.transpose() * &own_hessian * j
                }),
            };
            let residual = mean(&|run| residual_at(run, place, own, own));
            blocks.insert(full.clone(), carried + treat(residual));
        }
        // The new frontier, and the Jacobian of the old one with respect to it.
        let mut new: Vec<(Live, usize)> = places
            .0
            .iter()
            .filter(|(live, ..)| *live != Live::Node(place))
            .map(|(live, _, size)| (live.clone(), *size))
            .collect();
        for (own, live) in &joint {
            if !new.iter().any(|(known, _)| known == live) {
                let size = jacobian(&runs[0], own).ncols();
                new.push((live.clone(), size));
            }
        }
        let after = Places::new(new);
        let transfer = |run: &Run| {
            let mut t = Dense::zeros(places.size(), after.size());
            for (live, from, size) in &places.0 {
                if let Some((to, _)) = after.of(live) {
                    t.view_mut((*from, to), (*size, *size)).fill_with_identity();
                }
            }
            for (own, live) in &joint {
                let j = jacobian(run, own);
                let (to, columns) = after.of(live).unwrap();
                let mut view = t.view_mut((start, to), (size, columns));
                view += j;
            }
            t
        };
        let residual = |run: &Run| {
            let mut r = Dense::zeros(after.size(), after.size());
            for (u, live_u) in &joint {
                for (v, live_v) in &joint {
                    let (row, rows) = after.of(live_u).unwrap();
                    let (col, cols) = after.of(live_v).unwrap();
                    let block = residual_at(run, place, u, v);
                    let mut view = r.view_mut((row, col), (rows, cols));
                    view += block;
                }
            }
            r
        };
        let carried = match batch {
            Batch::AverageJacobian => {
                let t = mean(&transfer);
                t.transpose() * &hessian * t
            }
            _ => mean(&|run| {
                let t = transfer(run);
                t.transpose() * &hessian * t
            }),
        };
        hessian = carried + treat(mean(&residual));
        places = after;
    }
    for parameter in &network.parameters {
        if let Some((start, size)) = places.of(&Live::Parameter(parameter.name.clone())) {
            let block = hessian.view((start, start), (size, size)).into_owned();
            blocks.insert(parameter.name.clone(), block);
        }
    }
    blocks
}

/// A residual as the curvature wants it; that of the loss is dropped by none.
fn treated(residual: Dense, curvature: Curvature, is_loss: bool) -> Dense {
    let of_eigenvalues = |f: fn(f64) -> f64| {
        let mut eigen = residual.clone().symmetric_eigen();
        eigen.eigenvalues.apply(|v| *v = f(*v));
        eigen.recompose()
    };
    match curvature {
        _ if residual.is_empty() => residual,
        Curvature::Hessian => residual,
        Curvature::GaussNewton | Curvature::Fisher if is_loss => residual,
        Curvature::GaussNewton | Curvature::Fisher => residual * 0.0,
        Curvature::PositiveAbs => of_eigenvalues(f64::abs),
        Curvature::PositiveClip => of_eigenvalues(|v| v.max(0.0)),
    }
}
