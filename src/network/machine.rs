//! The buffers of a run, and what of a node's results goes where. Why one for all messages: a block, a Jacobian and a
//! second-order term are taken up alike whether they are of one sample or a mean.

use std::collections::BTreeMap;

use nalgebra::DMatrix;

use super::average::Mean;
use super::batch::Data;
use super::draft::Stage;
use super::frontier::{self, Frontier, Pairs, Step, treated};
use super::graph::{Dag, Live, nodes};
use super::prepare::Prepared;
use super::programs::{Runner, dense};
use super::{Blocks, RunError, RunOptions, Sampling};
use crate::backend::{Element, ExecuteError, Executor, Inputs, OutputBlock};
use crate::expr::Name;
use crate::hbp::Curvature;
use crate::language::Network;

/// The buffers of a run and the sums over the samples so far.
pub(super) struct Machine<'p, T: Element> {
    pub(super) stages: &'p [Stage],
    /// One for every distinct module.
    pub(super) executors: Vec<Executors<'p, T>>,
    /// The arrays of each node.
    pub(super) inputs: Vec<Inputs<T>>,
    /// The mean loss.
    pub(super) loss: f64,
    /// The mean gradients.
    pub(super) gradients: BTreeMap<Name, DMatrix<T>>,
    pub(super) blocks: BTreeMap<Name, Mean<T>>,
    /// The parameters that several nodes read.
    pub(super) shared: Vec<Name>,
    /// The matrix over all of those, where it is asked for.
    pub(super) whole: Option<Mean<T>>,
    /// The matrices over the parameters of single nodes.
    pub(super) groups: BTreeMap<usize, Mean<T>>,
    pub(super) curvature: Curvature,
    pub(super) sampling: Sampling,
    pub(super) limit: u64,
}

/// What a node hands across the frontier.
#[derive(Debug, Default)]
pub(super) struct Crossed<T: Element> {
    /// The block of the one value that it is computed from.
    pub(super) block: Option<(Live, DMatrix<T>)>,
    /// Of several, the Jacobians and second-order terms.
    pub(super) step: Step<T>,
    /// True when the mean of `J'ℋzJ` is known, which is not that of the Jacobians.
    pub(super) is_carried: bool,
}

/// The programs of one module, ready to run.
pub(super) struct Executors<'p, T: Element> {
    pub(super) forward: Runner<'p, T>,
    pub(super) backward: Runner<'p, T>,
    pub(super) each: Runner<'p, T>,
    pub(super) combine: Option<Executor<'p, T>>,
    pub(super) root: Runner<'p, T>,
    pub(super) factors: Runner<'p, T>,
    pub(super) model: Runner<'p, T>,
}

impl<'p, T: Element> Machine<'p, T> {
    pub(super) fn new(
        network: &Network,
        prepared: &'p Prepared,
        data: &Data<T>,
        options: &RunOptions,
    ) -> Self {
        let executors = prepared.passes.iter();
        let executors = executors.map(|pass| Executors {
            forward: Runner::new(&pass.forward),
            backward: Runner::new(&pass.backward),
            each: Runner::new(&pass.each),
            combine: pass.combine.as_ref().map(Executor::new),
            root: Runner::new(&pass.root),
            factors: Runner::new(&pass.factors),
            model: Runner::new(&pass.model),
        });
        let inputs = nodes(network).map(|node| {
            let mut inputs = Inputs::new();
            for (own, full) in &node.parameters {
                if let Some((_, value)) = data.parameters.iter().find(|(name, _)| name == full) {
                    inputs.insert(own.clone(), value.clone());
                }
            }
            inputs
        });
        let names = network.parameters.iter().map(|p| p.name.clone());
        Self {
            stages: &prepared.stages,
            executors: executors.collect(),
            inputs: inputs.collect(),
            loss: 0.0,
            gradients: BTreeMap::new(),
            blocks: names.map(|name| (name, Mean::new(options.limit))).collect(),
            shared: Dag::new(network).with(options.blocks).shared(),
            whole: (options.blocks == Blocks::Full).then(|| Mean::new(options.limit)),
            groups: BTreeMap::new(),
            curvature: options.curvature,
            sampling: options.sampling,
            limit: options.limit,
        }
    }

    /// Lays out the Hessian at a node's value, of `size` entries.
    pub(super) fn receive_hessian(&mut self, place: usize, frontier: &Frontier<T>, size: usize) {
        let node = Live::Node(place);
        let block = frontier.block(&node, &node);
        let block = block.unwrap_or_else(|| DMatrix::zeros(size, size));
        let name = format!("hess({})", self.stages[place].output);
        self.inputs[place].insert(name.into(), block);
    }

    /// Takes one of a node's results: a parameter's block, or what crosses the frontier.
    pub(super) fn take(
        &mut self,
        stage: &Stage,
        name: &str,
        block: OutputBlock<T>,
        crossed: &mut Crossed<T>,
    ) -> Result<(), RunError> {
        let crossing = &stage.crossing;
        let live = |own: &str| {
            let found = crossing.joint.iter().find(|(name, _)| &**name == own);
            found.map(|(_, live)| live.clone())
        };
        if let Some(variable) = name.strip_prefix("hess.") {
            if crossing.once.iter().any(|own| &**own == variable) {
                let full = stage.parameters.iter().find(|(own, _)| &**own == variable);
                let mean = full.and_then(|(_, full)| self.blocks.get_mut(full));
                return mean.map_or(Ok(()), |mean| mean.add(block));
            }
            if let Some(live) = live(variable) {
                crossed.block = Some((live, dense(&block)?));
            }
        } else if let Some(pair) = name.strip_prefix("carried|") {
            if let Some((u, v)) = pair.split_once('|')
                && let (Some(live_u), Some(live_v)) = (live(u), live(v))
            {
                let block = dense(&block)?;
                (crossed.step).add_carried(&live_u, &live_v, u == v, &block);
                crossed.is_carried = true;
            }
        } else if let Some(variable) = name.strip_prefix("jac|") {
            if let Some(live) = live(variable) {
                crossed.step.add_jacobian(&live, dense(&block)?);
            }
        } else if let Some(pair) = name.strip_prefix("resid|")
            && let Some((u, v)) = pair.split_once('|')
            && let (Some(live_u), Some(live_v)) = (live(u), live(v))
        {
            let block = dense(&block)?;
            crossed.step.add_residual(&live_u, &live_v, u == v, &block);
        }
        Ok(())
    }

    /// Moves the frontier across a node.
    pub(super) fn cross(
        &mut self,
        place: usize,
        frontier: &mut Frontier<T>,
        crossed: Crossed<T>,
    ) -> Result<(), RunError> {
        let stage = &self.stages[place];
        let node = Live::Node(place);
        let Crossed {
            block,
            mut step,
            is_carried,
        } = crossed;
        if stage.crossing.is_alone {
            frontier.replace(&node, block);
            return Ok(());
        }
        if !is_carried {
            step.carried = match frontier.block(&node, &node) {
                Some(hessian) => frontier::carried(&step.jacobians, &hessian),
                None => Pairs::new(),
            };
        }
        step.residual = treated(std::mem::take(&mut step.residual), self.curvature);
        // What has no Jacobian, as at the loss, is reached by its second-order terms alone.
        for ((live, _), block) in &step.residual {
            let is_known = step.jacobians.iter().any(|(known, _)| known == live);
            if !is_known {
                step.jacobians
                    .push((live.clone(), DMatrix::zeros(1, block.nrows())));
            }
        }
        frontier.advance(&node, &step);
        self.keep_group(place, frontier)
    }

    pub(super) fn add_gradient(
        &mut self,
        parameter: &Name,
        gradient: &OutputBlock<T>,
    ) -> Result<(), RunError> {
        let gradient = dense(gradient)?;
        match self.gradients.get_mut(parameter) {
            Some(sum) => *sum += gradient,
            None => {
                self.gradients.insert(parameter.clone(), gradient);
            }
        }
        Ok(())
    }
}

impl Stage {
    pub(super) fn failed(&self, error: ExecuteError) -> RunError {
        RunError::from(error).within(&format!("`{}`", self.name))
    }
}
