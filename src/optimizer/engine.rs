//! A step of any method. Why parameters live in the pass that ran last: a pass that moves them where they lie copies nothing from step to step.

use std::collections::BTreeMap;

use nalgebra::DMatrix;

use super::apart::{Found, Point, found, found_by_products};
use super::compiled::{Compiled, Pass};
use super::damping::{Outcome, system};
use super::evaluate::{fill, load};
use super::first_order::{Moments, adam, momentum};
use super::{Batch, Damping, Evaluator, Method, OptimizerError, Parameters};
use crate::backend::Element;
use crate::expr::Name;
use crate::network::{MatrixFreeSession, Session};

/// What a step did.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// The mean loss of the batch before the step.
    pub loss: f64,
    /// Damping of the step: α of Eq. 8 up to 1, and above it as many times less than γδ; nothing without damping.
    pub damping: Option<f64>,
    /// False for a step of Eq. 8 that does not go downhill: its damped blocks are not positive.
    pub is_descent: bool,
    /// True for a step that was taken back, since the loss of the batch was larger after it, or no number.
    pub is_taken_back: bool,
    /// A parameter whose damped block is singular to working precision: it was solved for by conjugate gradients.
    pub singular: Option<Name>,
}

impl StepReport {
    /// Of a step downhill.
    fn of(loss: f64, damping: Option<f64>) -> Self {
        Self {
            loss,
            damping,
            is_descent: true,
            is_taken_back: false,
            singular: None,
        }
    }
}

/// A method with its state: parameters, velocities or moments, damping.
#[derive(Debug)]
pub struct Optimizer<'p, T: Element> {
    method: Method,
    engines: Vec<Engine<'p, T>>,
    parameters: Parameters<T>,
    /// The engine whose session holds the parameters as they are.
    home: Option<usize>,
    /// What is kept of gradients.
    state: Vec<Parameters<T>>,
    damping: Option<f64>,
    steps: u64,
    seed: u64,
}

#[derive(Debug)]
struct Engine<'p, T: Element> {
    compiled: &'p Compiled,
    session: Option<Session<'p, T>>,
    implicit: Option<MatrixFreeSession<'p, T>>,
    after: Option<Evaluator<'p, T>>,
}

impl<'p, T: Element> Optimizer<'p, T> {
    /// A method at its first step, on batches of the sizes of `compiled`. `seed` is that of targets drawn for Fisher matrices.
    pub fn new(
        method: &Method,
        compiled: impl IntoIterator<Item = &'p Compiled>,
        parameters: Parameters<T>,
        seed: u64,
    ) -> Self {
        let engines = compiled.into_iter().map(|compiled| Engine {
            compiled,
            session: match &compiled.pass {
                Pass::Update(pass) | Pass::Gradient(pass) => Some(Session::new(pass)),
                _ => None,
            },
            implicit: match &compiled.pass {
                Pass::MatrixFree(pass) => Some(MatrixFreeSession::new(pass)),
                _ => None,
            },
            after: compiled.after.as_ref().map(Evaluator::new),
        });
        let kept = match method {
            Method::Momentum(_) => 1,
            Method::Adam(_) => 2,
            Method::Newton(_) | Method::HessianFree(_) => 0,
        };
        Self {
            method: method.clone(),
            engines: engines.collect(),
            state: vec![parameters.zeros(); kept],
            parameters,
            home: None,
            damping: method.damping().map(Damping::initial),
            steps: 0,
            seed,
        }
    }

    /// The parameters as they are.
    pub fn parameters(&mut self) -> &Parameters<T> {
        if let Some(session) = self.home.and_then(|k| self.engines[k].session.as_mut()) {
            for parameter in &mut self.parameters.0 {
                if let Some(slot) = session.input_mut(&parameter.name) {
                    parameter.values.copy_from_slice(slot);
                }
            }
        }
        &self.parameters
    }

    /// What else a step depends on: arrays of the parameters' shapes.
    pub fn state(&self) -> &[Parameters<T>] {
        &self.state
    }

    /// The damping, and the number of steps.
    pub fn position(&self) -> (Option<f64>, u64) {
        (self.damping, self.steps)
    }

    /// Takes up where another left off.
    pub fn restore(
        &mut self,
        parameters: Parameters<T>,
        state: Vec<Parameters<T>>,
        (damping, steps): (Option<f64>, u64),
    ) {
        self.parameters = parameters;
        self.home = None;
        self.state = state;
        self.damping = damping.or(self.damping);
        self.steps = steps;
    }

    /// One step on a batch, in an epoch counted from 1.
    ///
    /// # Errors
    /// When no engine has the batch's size; when a block is singular or a system cannot be solved. The parameters may then have moved in part.
    pub fn step(&mut self, batch: Batch<'_, T>, epoch: u64) -> Result<StepReport, OptimizerError> {
        let place = self.place(batch)?;
        self.steps += 1;
        let has_session = self.engines[place].session.is_some();
        if has_session && self.home != Some(place) {
            self.parameters();
            self.home = None;
        }
        if has_session {
            self.in_session(place, batch, epoch)
        } else {
            self.parameters();
            self.home = None;
            self.apart(place, batch, epoch)
        }
    }

    fn place(&self, batch: Batch<'_, T>) -> Result<usize, OptimizerError> {
        let fits = |engine: &Engine<'_, T>| engine.compiled.samples == batch.samples;
        self.engines.iter().position(fits).ok_or_else(|| {
            OptimizerError::Setting(format!("no pass is compiled for {} samples", batch.samples))
        })
    }

    /// A step of which the pass holds the parameters.
    fn in_session(
        &mut self,
        place: usize,
        batch: Batch<'_, T>,
        epoch: u64,
    ) -> Result<StepReport, OptimizerError> {
        let engine = &mut self.engines[place];
        let names = engine.compiled.names();
        let Some(session) = &mut engine.session else {
            unreachable!("the engine has a session");
        };
        if self.home == Some(place) {
            fill(session, names.0, batch.x);
            fill(session, names.1, batch.y);
        } else {
            load(session, names, &self.parameters, batch);
        }
        self.home = Some(place);
        let damping = self.damping;
        let (alpha, share) = system(damping.unwrap_or(1.0));
        if let Method::Newton(newton) = &self.method {
            session.set_rate(newton.rate * share);
            session.set_damping(alpha);
            if newton.parts.any() {
                let parts = newton.parts.at(epoch);
                for parameter in &self.parameters.0 {
                    session.set_parts(&parameter.name, parts);
                }
            }
            if engine.after.is_some() {
                // To take the step back, should the loss be no number after it.
                for parameter in &mut self.parameters.0 {
                    if let Some(slot) = session.input_mut(&parameter.name) {
                        parameter.values.copy_from_slice(slot);
                    }
                }
            }
        }
        session.run()?;
        let loss = session.loss();
        let mut report = StepReport::of(loss, damping);
        match &self.method {
            Method::Momentum(rule) => {
                for velocity in &mut self.state[0].0 {
                    let name = velocity.name.clone();
                    session.move_parameter(&name, |values, gradient| {
                        momentum(*rule, values, gradient, &mut velocity.values);
                    });
                }
            }
            Method::Adam(rule) => {
                let [first, second] = &mut self.state[..] else {
                    unreachable!("two moments are kept");
                };
                for (first, second) in first.0.iter_mut().zip(&mut second.0) {
                    let moments = Moments {
                        first: &mut first.values,
                        second: &mut second.values,
                        count: self.steps,
                    };
                    session.move_parameter(&first.name, |values, gradient| {
                        adam(*rule, values, gradient, moments);
                    });
                }
            }
            Method::Newton(newton) => {
                let slope = session.number("slope");
                // Unknown where it is not measured.
                report.is_descent = slope.is_nan() || slope <= 0.0;
                if let (Some(after), Some(damping)) = (&mut engine.after, damping) {
                    let length = session.number("length");
                    let mut moved = self.parameters.clone();
                    for parameter in &mut moved.0 {
                        if let Some(slot) = session.input_mut(&parameter.name) {
                            parameter.values.copy_from_slice(slot);
                        }
                    }
                    let outcome = Outcome {
                        slope,
                        length,
                        rate: newton.rate * share,
                        loss: (loss, after.evaluate(&moved, batch)?.loss),
                    };
                    self.damping = Some(outcome.adapted(damping));
                    if outcome.is_worse() {
                        report.is_taken_back = true;
                        self.home = None;
                    }
                }
            }
            Method::HessianFree(_) => {}
        }
        Ok(report)
    }

    /// A step along gradients that no session holds.
    fn first_order(&mut self, gradients: &BTreeMap<Name, DMatrix<T>>) {
        let count = self.steps;
        for (place, parameter) in self.parameters.0.iter_mut().enumerate() {
            let Some(gradient) = gradients.get(&parameter.name) else {
                continue;
            };
            let (values, gradient) = (&mut parameter.values, gradient.as_slice());
            match (&self.method, &mut self.state[..]) {
                (Method::Momentum(rule), [velocity]) => {
                    momentum(*rule, values, gradient, &mut velocity.0[place].values);
                }
                (Method::Adam(rule), [first, second]) => {
                    let moments = Moments {
                        first: &mut first.0[place].values,
                        second: &mut second.0[place].values,
                        count,
                    };
                    adam(*rule, values, gradient, moments);
                }
                _ => return,
            }
        }
    }

    /// A step whose parts are computed apart.
    fn apart(
        &mut self,
        place: usize,
        batch: Batch<'_, T>,
        epoch: u64,
    ) -> Result<StepReport, OptimizerError> {
        let engine = &mut self.engines[place];
        let damping = self.damping.unwrap_or(1.0);
        let (alpha, share) = system(damping);
        let point = Point {
            parameters: &self.parameters,
            batch,
            alpha,
            epoch,
            seed: self.seed.wrapping_add(self.steps),
        };
        let Found {
            loss,
            gradients,
            steps,
            rate,
            singular,
        } = match &mut engine.implicit {
            Some(session) => found_by_products(session, engine.compiled, &self.method, &point)?,
            None => found(engine.compiled, &self.method, &point)?,
        };
        let rate = rate * share;
        let mut report = StepReport {
            singular,
            ..StepReport::of(loss, self.damping)
        };
        self.first_order(&gradients);
        if steps.is_empty() {
            return Ok(report);
        }
        let follows = self.engines[place].after.is_some();
        let before = follows.then(|| self.parameters.clone());
        let (mut slope, mut length) = (0.0, 0.0);
        for parameter in &mut self.parameters.0 {
            let (Some(step), Some(gradient)) =
                (steps.get(&parameter.name), gradients.get(&parameter.name))
            else {
                continue;
            };
            slope += gradient.dot(step).double();
            length += step.norm_squared().double();
            parameter.add(T::number(rate), step);
        }
        report.is_descent = slope <= 0.0;
        let engine = &mut self.engines[place];
        if let (Some(after), Some(before)) = (&mut engine.after, before) {
            let outcome = Outcome {
                slope,
                length,
                rate,
                loss: (loss, after.evaluate(&self.parameters, batch)?.loss),
            };
            self.damping = Some(outcome.adapted(damping));
            if outcome.is_worse() {
                report.is_taken_back = true;
                self.parameters = before;
            }
        }
        Ok(report)
    }
}
