//! The loss and the accuracy over many samples. Why in pieces of one size: one pass is compiled, whatever the number of samples.

use super::{Batch, OptimizerError, Parameters, Problem};
use crate::backend::Element;
use crate::network::{NetworkPass, ProductPass, Session, Task};

/// The most samples that are evaluated together.
const PIECE: usize = 500;

/// The mean loss over samples, and the share of those whose largest prediction is the largest target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// The mean loss.
    pub loss: f64,
    /// Between 0 and 1; nothing where the target is no class, or the network does not predict as many numbers.
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
    classes: Option<usize>,
}

#[derive(Debug)]
enum Pass {
    Whole(Box<NetworkPass>),
    /// A network without a form for all samples gives its loss alone.
    Modules(Box<ProductPass>),
}

impl EvaluatorPass {
    /// Compiles for so many samples, at least one. With `classes`, the accuracy is wanted.
    ///
    /// # Errors
    /// As [`NetworkPass::compile`].
    pub fn compile(
        problem: &Problem,
        samples: usize,
        classes: Option<usize>,
    ) -> Result<Self, OptimizerError> {
        let piece = samples.clamp(1, PIECE);
        let rest = match samples % piece {
            0 => None,
            rest => Some(pass(problem, rest)?),
        };
        Ok(Self {
            samples,
            whole: pass(problem, piece)?,
            rest,
            sizes: (problem.input.1, problem.target.1),
            names: (problem.input.0.to_string(), problem.target.0.to_string()),
            classes,
        })
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
        let (mut loss, mut right, mut judged) = (0.0, 0usize, 0usize);
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
            let (mean, predictions) = own.run(names, parameters, batch)?;
            loss += mean * samples as f64;
            let Some(classes) = self.pass.classes else {
                continue;
            };
            if let Some(predictions) = predictions.filter(|p| p.len() == samples * classes)
                && y.len() == samples * classes
            {
                let pairs = predictions.chunks(classes).zip(y.chunks(classes));
                right += pairs.filter(|(p, y)| is_right(p, y)).count();
                judged += samples;
            }
        }
        let samples = self.pass.samples;
        Ok(Evaluation {
            loss: loss / samples as f64,
            accuracy: (judged == samples && samples > 0).then(|| right as f64 / samples as f64),
        })
    }
}

impl<T: Element> Piece<'_, T> {
    /// The mean loss, and the predictions where there is one value that the loss is made of.
    fn run(
        &mut self,
        names: (&str, &str),
        parameters: &Parameters<T>,
        batch: Batch<'_, T>,
    ) -> Result<(f64, Option<&[T]>), OptimizerError> {
        match self {
            Self::Whole(session) => {
                load(session, names, parameters, batch);
                session.run()?;
                Ok((session.loss(), session.prediction()))
            }
            Self::Modules(pass) => {
                let numbers = |name: &str| {
                    if name == names.0 {
                        Some(batch.x)
                    } else if name == names.1 {
                        Some(batch.y)
                    } else {
                        parameters.get(name)
                    }
                };
                Ok((pass.at(&numbers)?.loss(), None))
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

/// True when the largest prediction stands where the largest target does.
fn is_right<T: Element>(predictions: &[T], target: &[T]) -> bool {
    largest(predictions) == largest(target)
}

fn largest<T: Element>(values: &[T]) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (place, value) in values.iter().enumerate() {
        if value.is_finite() && best.is_none_or(|best| *value > values[best]) {
            best = Some(place);
        }
    }
    best
}
