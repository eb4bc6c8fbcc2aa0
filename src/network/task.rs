//! What a pass of a network yields, as expressions of the whole pass. Why apart from linking: the graph is the same for all, and what is
//! not asked for is never computed.

use std::collections::BTreeMap;

use num_traits::One;

use super::RunError;
use super::linked::Linked;
use crate::expr::{Facts, Graph, Id, Name, Op, Rational, Role, Shape, ShapeError, Sizes, Variable};
use crate::hbp::{Solver, StepError, StepForm, steps};
use crate::kernel::compile;
use crate::language::Network;
use crate::rewrite::Rewriter;

/// What a pass yields.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "a few are made, and none is kept in numbers"
)]
pub enum Task {
    /// The mean loss.
    Forward,
    /// The mean loss, and what the loss is made of besides targets, for every sample.
    Predict,
    /// The mean loss and the mean gradients.
    Gradient,
    /// Those, and the blocks in the curvature and batch mode of the options.
    Curvature,
    /// The mean loss, and new parameters by gradient descent, θ − γδ.
    Descend(Coefficient),
    /// The mean loss, and new parameters by Eq. 8.
    Update(Step),
}

/// A number of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coefficient {
    /// It stands in the program.
    Number(Rational),
    /// It is an input of the program, set before a run by [`Session::set_damping`](super::Session::set_damping) or
    /// [`Session::set_rate`](super::Session::set_rate).
    Given,
}

impl From<Rational> for Coefficient {
    fn from(number: Rational) -> Self {
        Self::Number(number)
    }
}

/// The step of Eq. 8: θ + γΔ with `[αI + (1 − α)ℋθ] Δ = −δθ`, block by block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// α, above 0 and at most 1.
    pub damping: Coefficient,
    /// γ.
    pub rate: Coefficient,
    /// How the system is solved.
    pub solver: Solver,
    /// True where blocks are cut by rows of their parameters, in groups that are given before a run by
    /// [`Session::set_parts`](super::Session::set_parts).
    pub is_split: bool,
    /// True where `slope`, the sum of δθ'Δ, and `length`, that of Δ'Δ, are wanted: with `ℋΔ` by Eq. 8 they are all that the decrease
    /// that a quadratic model predicts is made of.
    pub is_measured: bool,
}

impl Default for Step {
    /// As in the paper's experiment, solved exactly: α = 0.02, γ = 0.1.
    fn default() -> Self {
        Self {
            damping: Rational::new(1.into(), 50.into()).into(),
            rate: Rational::new(1.into(), 10.into()).into(),
            solver: Solver::Exact,
            is_split: false,
            is_measured: false,
        }
    }
}

/// The input that is α, where it is given. No name of the language has a bar.
pub(super) const DAMPING: &str = "|damping";
/// The input that is γ, where it is given.
pub(super) const RATE: &str = "|rate";

/// The input that is 1 where two rows of a parameter are in one group, else 0.
pub(super) fn mask(parameter: &str) -> Name {
    format!("|mask.{parameter}").into()
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
        let mut moves: Vec<(&Name, Id, &Coefficient)> = Vec::new();
        match task {
            Task::Forward => {}
            Task::Predict => {
                let predicted = self.predictions.iter();
                outputs.extend(predicted.map(|(name, id)| (format!("predicted.{name}"), *id)));
            }
            Task::Gradient => outputs.extend(named("grad", &self.gradients)),
            Task::Curvature => {
                outputs.extend(named("grad", &self.gradients));
                outputs.extend(named("hess", &self.blocks));
            }
            Task::Descend(rate) => {
                for name in &names {
                    let Some(gradient) = self.gradients.get(name) else {
                        continue;
                    };
                    let downhill = self.negated(*gradient);
                    let downhill = downhill.map_err(|e| refused(&e.into()))?;
                    moves.push((name, downhill, rate));
                }
            }
            Task::Update(step) => {
                for name in &names {
                    let Some(id) = self
                        .step(name, step, rewriter)
                        .map_err(|error| refused(&error))?
                    else {
                        continue;
                    };
                    moves.push((name, id, &step.rate));
                }
            }
        }
        for (name, step, rate) in &moves {
            let moved = self.moved(name, *step, rate);
            outputs.push((
                format!("new.{name}"),
                moved.map_err(|e| refused(&e.into()))?,
            ));
            updates.push((format!("new.{name}"), (*name).clone()));
        }
        if let Task::Update(step) = task
            && step.is_measured
        {
            let measures = moves.iter();
            let measures: Vec<(Id, Id)> = measures
                .map(|(name, step, _)| (self.gradients[*name], *step))
                .collect();
            let measured = self.measured(&measures);
            outputs.extend(measured.map_err(|e| refused(&e.into()))?);
        }
        Ok((outputs, updates))
    }

    /// Δ; nothing for a parameter that the loss does not read.
    fn step(
        &mut self,
        name: &Name,
        step: &Step,
        rewriter: &Rewriter,
    ) -> Result<Option<Id>, StepError> {
        let (Some(gradient), Some(block)) = (self.gradients.get(name), self.blocks.get(name))
        else {
            return Ok(None);
        };
        let (gradient, mut block) = (*gradient, *block);
        let graph = &mut self.graph;
        if step.is_split {
            let shape = graph.shape(gradient);
            block = split(graph, name, block, &shape)?;
        }
        let alpha = coefficient(graph, DAMPING, &step.damping);
        let beta = match &step.damping {
            Coefficient::Number(number) => graph.number(Rational::one() - number),
            Coefficient::Given => {
                let (one, minus) = (graph.integer(1), graph.integer(-1));
                let negative = graph.node(Op::Scale, &[minus, alpha])?;
                graph.node(Op::Add, &[one, negative])?
            }
        };
        let forms = steps(
            graph,
            (alpha, beta),
            block,
            gradient,
            &step.solver,
            rewriter,
        )?;
        Ok((forms.iter().min_by_key(|form| cost(form))).map(|form| form.step))
    }

    fn negated(&mut self, value: Id) -> Result<Id, ShapeError> {
        let minus = self.graph.integer(-1);
        self.graph.node(Op::Scale, &[minus, value])
    }

    /// θ + γΔ.
    fn moved(&mut self, name: &Name, step: Id, rate: &Coefficient) -> Result<Id, ShapeError> {
        let graph = &mut self.graph;
        let rate = coefficient(graph, RATE, rate);
        let moved = graph.node(Op::Scale, &[rate, step])?;
        let parameter = graph.node(Op::Variable(name.clone()), &[])?;
        graph.node(Op::Add, &[parameter, moved])
    }

    /// The sums of δθ'Δ and of Δ'Δ.
    fn measured(&mut self, steps: &[(Id, Id)]) -> Result<Vec<(String, Id)>, ShapeError> {
        let graph = &mut self.graph;
        let mut sums = Vec::new();
        for (name, of_gradient) in [("slope", true), ("length", false)] {
            let mut terms = vec![graph.integer(0)];
            for (gradient, step) in steps {
                let other = if of_gradient { *gradient } else { *step };
                let products = graph.node(Op::Hadamard, &[other, *step])?;
                terms.push(graph.node(Op::Sum, &[products])?);
            }
            sums.push((name.to_owned(), graph.node(Op::Add, &terms)?));
        }
        Ok(sums)
    }
}

/// A number in the program, or an input above zero.
fn coefficient(graph: &mut Graph, name: &str, of: &Coefficient) -> Id {
    match of {
        Coefficient::Number(number) => graph.number(number.clone()),
        Coefficient::Given => {
            let facts = Facts {
                positive_definite: true,
                ..Facts::default()
            };
            declare(graph, name.into(), Shape::scalar(), facts)
        }
    }
}

fn declare(graph: &mut Graph, name: Name, shape: Shape, facts: Facts) -> Id {
    let role = Role::Parameter;
    graph.declare(name, Variable { shape, role, facts })
}

/// A block without what lies between rows of different groups: of A ⊗ B that is A ⊗ (B ⊙ M), with M the mask of the rows.
fn split(graph: &mut Graph, name: &Name, block: Id, of: &Shape) -> Result<Id, ShapeError> {
    let rows = graph.shape(block).rows;
    let node = graph[block].clone();
    let child = |k: usize| node.children[k];
    match node.op {
        Op::Kronecker if graph.shape(child(1)).rows == of.rows && !of.is_column() => {
            let column = Shape::vector(of.rows.clone());
            let part = split(graph, name, child(1), &column)?;
            return graph.node(Op::Kronecker, &[child(0), part]);
        }
        Op::Scale => {
            let part = split(graph, name, child(1), of)?;
            return graph.node(Op::Scale, &[child(0), part]);
        }
        Op::Add => {
            let terms = node.children.iter();
            let terms = terms.map(|term| split(graph, name, *term, of));
            let terms = terms.collect::<Result<Vec<_>, _>>()?;
            return graph.node(Op::Add, &terms);
        }
        Op::Diag | Op::Eye | Op::Zeros => return Ok(block),
        _ => {}
    }
    let facts = Facts {
        symmetric: true,
        ..Facts::default()
    };
    let square = Shape::matrix(of.rows.clone(), of.rows.clone());
    let mut mask = declare(graph, mask(name), square, facts);
    if rows != of.rows {
        let ones = graph.ones(&Shape::matrix(of.cols.clone(), of.cols.clone()));
        mask = graph.node(Op::Kronecker, &[ones, mask])?;
    }
    graph.node(Op::Hadamard, &[block, mask])
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
