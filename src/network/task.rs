//! What a pass of a network yields, as expressions of the whole pass. Why apart from linking: the graph is the same for all, and what is
//! not asked for is never computed.

use std::collections::BTreeMap;

use num_traits::One;

use super::RunError;
use super::linked::Linked;
use crate::expr::{Id, Name, Op, Rational, Sizes};
use crate::hbp::{Solver, StepError, StepForm, steps};
use crate::kernel::compile;
use crate::language::Network;
use crate::rewrite::Rewriter;

/// What a pass yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// The mean loss.
    Forward,
    /// The mean loss and the mean gradients.
    Gradient,
    /// Those, and the blocks in the curvature and batch mode of the options.
    Curvature,
    /// The mean loss, and new parameters.
    Update(Step),
}

/// The step of Eq. 8: θ + γΔ with `[αI + (1 − α)ℋθ] Δ = −δθ`, block by block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// α, above 0 and at most 1.
    pub damping: Rational,
    /// γ.
    pub rate: Rational,
    /// How the system is solved.
    pub solver: Solver,
}

impl Default for Step {
    /// As in the paper's experiment, solved exactly: α = 0.02, γ = 0.1.
    fn default() -> Self {
        Self {
            damping: Rational::new(1.into(), 50.into()),
            rate: Rational::new(1.into(), 10.into()),
            solver: Solver::Exact,
        }
    }
}

/// An output of a pass, and the parameter that it takes the place of.
pub(super) type Outputs = (Vec<(String, Id)>, Vec<(String, Name)>);

impl Linked {
    /// The expressions of a task.
    pub(super) fn outputs(
        &mut self,
        task: &Task,
        network: &Network,
        rewriter: &Rewriter,
    ) -> Result<Outputs, RunError> {
        let mut outputs = vec![("loss".to_owned(), self.loss)];
        let mut updates = Vec::new();
        let names: Vec<Name> = network.parameters.iter().map(|p| p.name.clone()).collect();
        let named = |prefix: &str, ids: &BTreeMap<Name, Id>| -> Vec<(String, Id)> {
            let found = names
                .iter()
                .filter_map(|name| Some((name, *ids.get(name)?)));
            found
                .map(|(name, id)| (format!("{prefix}.{name}"), id))
                .collect()
        };
        match task {
            Task::Forward => {}
            Task::Gradient => outputs.extend(named("grad", &self.gradients)),
            Task::Curvature => {
                outputs.extend(named("grad", &self.gradients));
                outputs.extend(named("hess", &self.blocks));
            }
            Task::Update(step) => {
                for name in &names {
                    let Some(id) = self
                        .updated(name, step, rewriter)
                        .map_err(|error| refused(&error))?
                    else {
                        continue;
                    };
                    let output = format!("new.{name}");
                    updates.push((output.clone(), name.clone()));
                    outputs.push((output, id));
                }
            }
        }
        Ok((outputs, updates))
    }

    /// θ + γΔ; nothing for a parameter that the loss does not read.
    fn updated(
        &mut self,
        name: &Name,
        step: &Step,
        rewriter: &Rewriter,
    ) -> Result<Option<Id>, StepError> {
        let (Some(gradient), Some(block)) = (self.gradients.get(name), self.blocks.get(name))
        else {
            return Ok(None);
        };
        let (gradient, block) = (*gradient, *block);
        let graph = &mut self.graph;
        let alpha = graph.number(step.damping.clone());
        let beta = graph.number(Rational::one() - &step.damping);
        let forms = steps(
            graph,
            (alpha, beta),
            block,
            gradient,
            &step.solver,
            rewriter,
        )?;
        let Some(delta) = forms.iter().min_by_key(|form| cost(form)) else {
            return Ok(None);
        };
        let delta = delta.step;
        let rate = graph.number(step.rate.clone());
        let moved = graph.node(Op::Scale, &[rate, delta])?;
        let parameter = graph.node(Op::Variable(name.clone()), &[])?;
        Ok(Some(graph.node(Op::Add, &[parameter, moved])?))
    }
}

/// The operations and bytes of a form, with what is inside of its factors given; one that does not compile is last.
fn cost(form: &StepForm) -> (u64, u64) {
    let (graph, root) = &form.outline;
    let outputs = [("step".to_owned(), *root)];
    match compile(graph, &outputs, &Sizes::new()) {
        Ok(program) => (program.flops(), program.bytes(8)),
        Err(_) => (u64::MAX, u64::MAX),
    }
}

fn refused(error: &StepError) -> RunError {
    let help = error.help();
    RunError::input(error.to_string(), help)
}
