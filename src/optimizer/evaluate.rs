//! The loss and the accuracy over many samples. Why in pieces of one size: one pass is compiled, whatever the number of samples.

use super::accuracy::{Judge, Predictions, Tally};
use super::{Batch, OptimizerError, Parameters, Problem};
use crate::backend::Element;
use crate::network::{NetworkPass, ProductPass, Session, Task};

/// The most samples that are evaluated together.
const PIECE: usize = 500;

/// The mean loss over samples, and the share of answers that are right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// The mean loss.
    pub loss: f64,
    /// The share of samples whose most probable class is that of the target, by the model of the loss; with yes and no for targets, of all those
    /// answers. Between 0 and 1; nothing for other targets, and where it is not wanted.
    pub accuracy: Option<f64>,
}

/// What evaluates so many samples.
#[derive(Debug)]
pub struct EvaluatorPass {
    samples: usize,
    whole: Pass,
    rest: Option<Pass>,
    sizes: (usize, usize),
    names: (String, String),
    judge: Option<Judge>,
}

#[derive(Debug)]
enum Pass {
    Whole(Box<NetworkPass>),
    /// A network without a form for all samples gives its loss alone.
    Modules(Box<ProductPass>),
}

impl EvaluatorPass {
    /// Compiles for the loss of so many samples, at least one.
    ///
    /// # Errors
    /// As [`NetworkPass::compile`].
    pub fn compile(problem: &Problem, samples: usize) -> Result<Self, OptimizerError> {
        let piece = samples.clamp(1, PIECE);
        let rest = match samples % piece {
            0 => None,
            rest => Some(pass(problem, rest)?),
        };
        Ok(Self {
            samples,
            whole: pass(problem, piece)?,
            rest,
            sizes: (problem.input.size(), problem.target.size()),
            names: (
                problem.input.name.to_string(),
                problem.target.name.to_string(),
            ),
            judge: None,
        })
    }

    /// The accuracy is wanted, too. With `has_classes`, targets are classes, one entry each, whatever the loss declares.
    ///
    /// # Errors
    /// When the model of the loss cannot be compiled.
    pub fn with_accuracy(
        mut self,
        problem: &Problem,
        has_classes: bool,
    ) -> Result<Self, OptimizerError> {
        self.judge = Judge::new(problem, has_classes)?;
        Ok(self)
    }
}

fn pass(problem: &Problem, samples: usize) -> Result<Pass, OptimizerError> {
    let options = problem.options(samples);
    let (file, name) = (&problem.file, &problem.name);
    if let Ok(pass) = NetworkPass::compile(file, name, &Task::Predict, &options) {
        return Ok(Pass::Whole(Box::new(pass)));
    }
    let pass = ProductPass::compile(file, name, &options);
    let pass = pass.map_err(|error| problem.located(error))?;
    Ok(Pass::Modules(Box::new(pass)))
}

/// Evaluates with memory of its own.
#[derive(Debug)]
pub struct Evaluator<'p, T: Element> {
    pass: &'p EvaluatorPass,
    whole: Piece<'p, T>,
    rest: Option<Piece<'p, T>>,
}

#[derive(Debug)]
enum Piece<'p, T: Element> {
    Whole(Box<Session<'p, T>>),
    Modules(&'p ProductPass),
}

impl<'p, T: Element> Piece<'p, T> {
    fn new(pass: &'p Pass) -> Self {
        match pass {
            Pass::Whole(pass) => Self::Whole(Box::new(Session::new(pass))),
            Pass::Modules(pass) => Self::Modules(pass),
        }
    }
}

impl<'p, T: Element> Evaluator<'p, T> {
    /// Memory for a pass.
    pub fn new(pass: &'p EvaluatorPass) -> Self {
        Self {
            pass,
            whole: Piece::new(&pass.whole),
            rest: pass.rest.as_ref().map(Piece::new),
        }
    }

    /// The mean loss and the accuracy at these parameters.
    ///
    /// # Errors
    /// When a pass fails.
    pub fn evaluate(
        &mut self,
        parameters: &Parameters<T>,
        data: Batch<'_, T>,
    ) -> Result<Evaluation, OptimizerError> {
        let (n, m) = self.pass.sizes;
        let piece = self.pass.samples.clamp(1, PIECE);
        let mut loss = 0.0;
        let mut tally = self.pass.judge.as_ref().map(|_| Tally::default());
        let pairs = data.x.chunks(piece * n).zip(data.y.chunks(piece * m));
        for (x, y) in pairs {
            let samples = x.len() / n;
            let own = if samples == piece {
                &mut self.whole
            } else {
                match &mut self.rest {
                    Some(rest) => rest,
                    None => continue,
                }
            };
            let batch = Batch { x, y, samples };
            let names = (self.pass.names.0.as_str(), self.pass.names.1.as_str());
            let counted = |predictions: &Predictions<'_, T>| match &self.pass.judge {
                Some(judge) => judge.tally(predictions, y, samples),
                None => Ok(None),
            };
            let (mean, found) = own.run(names, parameters, batch, counted)?;
            loss += mean * samples as f64;
            tally = tally.zip(found).map(|(before, found)| Tally {
                right: before.right + found.right,
                all: before.all + found.all,
            });
        }
        Ok(Evaluation {
            loss: loss / self.pass.samples as f64,
            accuracy: tally
                .filter(|tally| tally.all > 0)
                .map(|tally| tally.right as f64 / tally.all as f64),
        })
    }
}

impl<T: Element> Piece<'_, T> {
    /// The mean loss, and what is counted of the values that the loss is made of.
    fn run(
        &mut self,
        names: (&str, &str),
        parameters: &Parameters<T>,
        batch: Batch<'_, T>,
        counted: impl FnOnce(&Predictions<'_, T>) -> Result<Option<Tally>, OptimizerError>,
    ) -> Result<(f64, Option<Tally>), OptimizerError> {
        match self {
            Self::Whole(session) => {
                load(session, names, parameters, batch);
                session.run()?;
                Ok((session.loss(), counted(&session.predictions())?))
            }
            Self::Modules(pass) => {
                let numbers = |name: &str| batch.find(names, parameters, name);
                let predicted = pass.predict(&numbers)?;
                let values = predicted.values.iter();
                let named = values.map(|(name, values)| (name.as_str(), values.as_slice()));
                Ok((predicted.loss, counted(&named.collect())?))
            }
        }
    }
}

/// Lays parameters and a batch out for a session.
pub(super) fn load<T: Element>(
    session: &mut Session<'_, T>,
    (input, target): (&str, &str),
    parameters: &Parameters<T>,
    batch: Batch<'_, T>,
) {
    for parameter in &parameters.0 {
        fill(session, &parameter.name, &parameter.values);
    }
    fill(session, input, batch.x);
    fill(session, target, batch.y);
}

/// Lays an array out, where the pass reads it.
pub(super) fn fill<T: Element>(session: &mut Session<'_, T>, name: &str, values: &[T]) {
    if let Some(slot) = session.input_mut(name) {
        slot.copy_from_slice(values);
    }
}
