//! The Hessian of the loss with respect to the frontier, by dense matrices node by node. It knows blocks of parameters, of
//! nodes, and of the whole by one thing alone: which parameters stay in the frontier, and how long.

use std::collections::BTreeMap;

use hbp::expr::Name;
use hbp::hbp::{Batch, Curvature};
use hbp::language::{Network, NetworkNode};
use hbp::network::Blocks;

use super::reference::{Dense, Run, dense};

/// A value that the loss depends on through what has been seen so far: a node's value or a shared parameter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Live {
    Node(usize),
    Parameter(Name),
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

/// Whose curvature is meant, and how.
pub(super) struct Definition<'a> {
    pub(super) network: &'a Network,
    pub(super) nodes: &'a [&'a NetworkNode],
    pub(super) curvature: Curvature,
    pub(super) batch: Batch,
    pub(super) between: Blocks,
}

/// Blocks by their names among results, and the orders of the rows of those over several parameters.
#[derive(Default)]
pub(super) struct Found {
    pub(super) matrices: BTreeMap<String, Dense>,
    pub(super) orders: Vec<(String, String)>,
}

impl Found {
    /// Takes the matrix over several parameters out of a Hessian.
    fn take(&mut self, name: String, names: &[Name], places: &Places, hessian: &Dense) {
        let lives = names.iter().map(|name| Live::Parameter(name.clone()));
        let rows = lives.flat_map(|live| {
            let (start, size) = places.of(&live).unwrap();
            start..start + size
        });
        let rows: Vec<usize> = rows.collect();
        let matrix = hessian.select_rows(&rows).select_columns(&rows);
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        self.orders.push((format!("{name}.order"), names.join(" ")));
        self.matrices.insert(name, matrix);
    }
}

/// The blocks of the parameters: one sample in exact mode, all of them in the others. Parameters that several nodes read
/// stay in the frontier until the end; with them all, or those of one node until it is passed.
#[allow(clippy::too_many_lines, reason = "the definition is read in one piece")]
pub(super) fn frontier(definition: &Definition, runs: &[Run]) -> Found {
    let Definition {
        network,
        nodes,
        curvature,
        batch,
        between,
    } = *definition;
    let readers = |full: &Name| {
        let reads = |node: &&&NetworkNode| node.parameters.iter().any(|(_, name)| name == full);
        nodes.iter().filter(reads).count()
    };
    // Those of one node that no other reads, where there are several.
    let group = |node: &NetworkNode| -> Vec<Name> {
        let own = node.parameters.iter().map(|(_, full)| full);
        let own: Vec<Name> = own.filter(|full| readers(full) == 1).cloned().collect();
        if between == Blocks::Module && own.len() > 1 {
            own
        } else {
            Vec::new()
        }
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
    let mut found = Found::default();
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
        let group = group(node);
        let enters =
            |full: &Name| between == Blocks::Full || readers(full) > 1 || group.contains(full);
        let shared = node.parameters.iter().filter(|(_, full)| enters(full));
        let shared = shared.map(|(own, full)| (own.clone(), Live::Parameter(full.clone())));
        let joint: Vec<(Name, Live)> = inputs.chain(shared).collect();
        let own_hessian = hessian.view((start, start), (size, size)).into_owned();
        let is_loss = place == loss;
        let treat = |residual: Dense| treated(residual, curvature, is_loss);
        let jacobian = |run: &Run, v: &Name| dense(&run.witnesses[place].jacobian(v).unwrap());
        for (own, full) in node.parameters.iter().filter(|(_, full)| !enters(full)) {
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
            let block = carried + treat(residual);
            found.matrices.insert(format!("hess.{full}"), block);
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
        if group.is_empty() {
            continue;
        }
        found.take(format!("hess.{}", node.name), &group, &places, &hessian);
        for full in &group {
            let (start, size) = places.of(&Live::Parameter(full.clone())).unwrap();
            let block = hessian.view((start, start), (size, size)).into_owned();
            found.matrices.insert(format!("hess.{full}"), block);
        }
        // What is left without them.
        let stays = |live: &Live| !matches!(live, Live::Parameter(full) if group.contains(full));
        let left = places.0.iter().filter(|(live, ..)| stays(live));
        let rows = left
            .clone()
            .flat_map(|(_, start, size)| *start..start + size);
        let rows: Vec<usize> = rows.collect();
        hessian = hessian.select_rows(&rows).select_columns(&rows);
        places = Places::new(
            left.map(|(live, _, size)| (live.clone(), *size))
                .collect::<Vec<_>>(),
        );
    }
    for parameter in &network.parameters {
        if let Some((start, size)) = places.of(&Live::Parameter(parameter.name.clone())) {
            let block = hessian.view((start, start), (size, size)).into_owned();
            let name = format!("hess.{}", parameter.name);
            found.matrices.insert(name, block);
        }
    }
    if between == Blocks::Full {
        let names = network.parameters.iter().map(|p| p.name.clone());
        found.take("hess".into(), &names.collect::<Vec<_>>(), &places, &hessian);
    }
    found
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
