//! One point: values, and every quantity in every way.

use nalgebra::DMatrix;

use super::index::Indexed;
use super::report::Quantity;
use super::{DIFFERENCE_TOLERANCE, TOLERANCE};
use crate::backend::{Inputs, execute};
use crate::expr::{
    Draw, Environment, Graph, Id, Matrix, Name, Noisy, Op, Scalar, Sizes, Witness, evaluate,
    finite_jacobian, random_environment, witness,
};
use crate::hbp::{Equation, Equations, unfold};
use crate::kernel::{MEMORY_LIMIT, Program, compile};
use crate::rewrite::Rewriter;

/// Values beyond this are too close to overflow.
const LARGEST: f64 = 1e100;

/// How much the map may change at a well-conditioned point when every operation is a little wrong.
const CHANGED: f64 = 1e-6;

/// Smaller values are compared absolutely, as if they were this large.
const SMALLEST: f64 = 1e-2;

/// Relative changes of all values that leave what is well-conditioned as it is.
const NUDGES: [f64; 4] = [1e-14, -1e-14, 2e-14, -2e-14];

/// Errors up to this many times what a nudge makes are rounding.
const NOISE: f64 = 10.0;

/// The kernels of all quantities at some sizes.
#[derive(Debug)]
pub(super) struct Compiled(Program);

impl Compiled {
    /// Compiles them, or says why not.
    pub(super) fn new(
        equations: &Equations,
        sizes: &Sizes,
        rewriter: &Rewriter,
    ) -> Result<Self, String> {
        let mut graph = equations.module.graph.clone();
        let mut names = Vec::new();
        let mut roots: Vec<Id> = Vec::new();
        for equation in &equations.equations {
            for quantity in Quantity::ALL {
                names.push(key(&equation.variable, quantity));
                roots.push(quantity.of(equation));
            }
        }
        let unfolded = unfold(&mut graph, &roots, rewriter).map_err(|e| e.to_string())?;
        let outputs: Vec<(String, Id)> = names.into_iter().zip(unfolded).collect();
        let program = compile(&graph, &outputs, sizes).map_err(|e| e.to_string())?;
        Ok(Self(program))
    }
}

fn key(variable: &Name, quantity: Quantity) -> String {
    format!("{} {variable}", quantity.name())
}

/// Values, and what hyper-dual numbers make of them.
pub(super) struct Drawn {
    environment: Environment<f64>,
    /// One for every variable.
    witnesses: Vec<Witness>,
    hessian: Matrix<f64>,
    delta: Matrix<f64>,
}

/// The largest relative errors of one quantity at one point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Errors {
    pub(super) witness: f64,
    pub(super) differences: f64,
    /// Nothing where the index core has no value.
    pub(super) indices: Option<f64>,
    pub(super) kernels: Option<f64>,
}

/// All quantities at one point, in the equations' order.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) errors: Vec<(Name, Quantity, Errors)>,
    /// What was left out, and why.
    pub(super) notes: Vec<String>,
}

impl Point {
    /// True when an equation or kernel is wrong here.
    pub(super) fn differs(&self) -> bool {
        let near = |error: Option<f64>| error.is_none_or(|error| error <= TOLERANCE);
        let right = |e: &Errors| near(Some(e.witness)) && near(e.indices) && near(e.kernels);
        !self.errors.iter().all(|(_, _, errors)| right(errors))
    }

    /// True when differences disagree, as they do across a kink.
    pub(super) fn is_kink(&self) -> bool {
        let near = |e: &Errors| e.differences <= DIFFERENCE_TOLERANCE;
        !self.errors.iter().all(|(_, _, errors)| near(errors))
    }
}

impl Drawn {
    /// Draws values; nothing where the map has no finite values or derivatives.
    pub(super) fn new(equations: &Equations, sizes: &Sizes, seed: u64, draw: Draw) -> Option<Self> {
        let module = &equations.module;
        let graph = &module.graph;
        let mut environment = random_environment(graph, sizes, 1, seed, draw).ok()?;
        let z = &module.output.0;
        let (gradient, hessian) = (format!("grad({z})"), format!("hess({z})"));
        // ℋz is symmetric.
        let half = environment.get(&hessian)?.scaled(0.5);
        let hessian_value = half.plus(&half.transpose()).ok()?;
        environment.set(hessian.as_str(), &hessian_value);
        let output = evaluate(graph, module.output.1, &environment).ok()?;
        // Beside a singular matrix the map's own value is rounding.
        let beside = [
            noisy::<1>(graph, module.output.1, &environment),
            noisy::<2>(graph, module.output.1, &environment),
            noisy::<3>(graph, module.output.1, &environment),
        ];
        let is_stable = beside.iter().all(|beside| {
            let error = beside.as_ref().map(|beside| relative(beside, &output));
            error.is_some_and(|error| error <= CHANGED)
        });
        if !is_stable {
            return None;
        }
        let delta = environment.get(&gradient)?.clone();
        let mut witnesses = Vec::new();
        for equation in &equations.equations {
            let v = [equation.variable.clone()];
            let found = witness(
                graph,
                module.output.1,
                &v,
                &environment,
                &delta,
                &hessian_value,
            );
            witnesses.push(found.ok()?);
        }
        let drawn = Self {
            environment,
            witnesses,
            hessian: hessian_value,
            delta,
        };
        let variables = equations.equations.iter().map(|e| &e.variable);
        let fine = drawn.witnesses.iter().zip(variables).all(|(w, v)| {
            Quantity::ALL
                .iter()
                .all(|q| witnessed(w, v, *q).is_some_and(|m| is_moderate(&m)))
                && is_moderate(w.output())
        });
        fine.then_some(drawn)
    }

    /// Every quantity in every way.
    pub(super) fn measure(
        &self,
        equations: &Equations,
        compiled: Option<&Compiled>,
        indexed: &Indexed,
    ) -> Point {
        let kernels = compiled.map(|Compiled(program)| self.run(program));
        let mut errors = Vec::new();
        let mut notes = Vec::new();
        let pairs = equations.equations.iter().zip(&self.witnesses);
        for (place, (equation, found)) in pairs.enumerate() {
            let v = &equation.variable;
            let differences = self.differences(equations, equation);
            for quantity in Quantity::ALL {
                let graph = &equations.module.graph;
                let derived = evaluate(graph, quantity.of(equation), &self.environment).ok();
                let against = |other: Option<&Matrix<f64>>| match (&derived, other) {
                    (Some(derived), Some(other)) => relative(derived, other),
                    _ => f64::NAN,
                };
                let truth = witnessed(found, v, quantity);
                let indices = self.indices(indexed, (place, quantity), derived.as_ref());
                let indices = indices.unwrap_or_else(|note| {
                    notes.push(note);
                    None
                });
                let approximate = differences.as_ref().map(|d| &d[quantity as usize]);
                errors.push((
                    v.clone(),
                    quantity,
                    Errors {
                        witness: against(truth.as_ref()),
                        differences: against(approximate),
                        indices,
                        kernels: kernels.as_ref().map(|kernels| {
                            let values = kernels.as_ref().and_then(|all| {
                                let name = key(v, quantity);
                                all.iter().find(|(known, _)| *known == name)
                            });
                            against(values.map(|(_, value)| value))
                        }),
                    },
                ));
            }
        }
        Point { errors, notes }
    }

    /// The error against the index core's own expression, nothing where it has none; or why it says nothing here.
    fn indices(
        &self,
        indexed: &Indexed,
        (place, quantity): (usize, Quantity),
        derived: Option<&Matrix<f64>>,
    ) -> Result<Option<f64>, String> {
        let value = |environment: &Environment<f64>| indexed.value(place, quantity, environment);
        let own = match value(&self.environment) {
            None => return Ok(None),
            Some(Err(reason)) => {
                return Err(format!(
                    "an index form was not evaluated at some point: {reason}"
                ));
            }
            Some(Ok(own)) => own,
        };
        let error = derived.map_or(f64::NAN, |derived| relative(derived, &own));
        if error <= TOLERANCE {
            return Ok(Some(error));
        }
        // A form that is multiplied out can cancel almost wholly: then it is as far from itself at values that are
        // almost the same, and contradicts nothing.
        let noise = NUDGES.iter().fold(0.0, |noise: f64, nudge| {
            let mut environment = self.environment.clone();
            for matrix in environment.samples.iter_mut().flat_map(|s| s.values_mut()) {
                *matrix = matrix.scaled(1.0 + nudge);
            }
            let beside = value(&environment).and_then(Result::ok);
            noise.max(beside.map_or(0.0, |beside| relative(&beside, &own)))
        });
        if error <= NOISE * noise {
            return Err(
                "an index form was left out at some point: it cancels too much to be exact".into(),
            );
        }
        Ok(Some(error))
    }

    /// Gradient, Jacobian, residual and Hessian by differences of the map, and of its gradient by dual numbers: the
    /// derived one may use facts of the variable that do not hold beside it.
    fn differences(&self, equations: &Equations, equation: &Equation) -> Option<[Matrix<f64>; 4]> {
        let module = &equations.module;
        let (graph, v) = (&module.graph, &equation.variable);
        let jacobian = finite_jacobian(graph, module.output.1, v, &self.environment).ok()?;
        let mut graph = graph.clone();
        let upstream = graph.variable(&format!("grad({})", module.output.0))?;
        let variable = graph.variable(v)?;
        let gradient = [module.output.1, upstream, variable];
        let gradient = graph.node(Op::Backpropagate, &gradient).ok()?;
        let residual = finite_jacobian(&graph, gradient, v, &self.environment).ok()?;
        let transposed = jacobian.transpose();
        let size = self.delta.values().len();
        let gradient = transposed.times(&self.delta.reshaped(size, 1).ok()?).ok()?;
        let (rows, cols) = self.environment.get(v)?.shape();
        let gradient = gradient.reshaped(rows, cols).ok()?;
        // ℋv = J'ℋz J + R
        let congruence = transposed
            .times(&self.hessian)
            .ok()?
            .times(&jacobian)
            .ok()?;
        let hessian = congruence.plus(&residual).ok()?;
        Some([gradient, jacobian, residual, hessian])
    }

    /// What the kernels compute.
    fn run(&self, program: &Program) -> Option<Vec<(String, Matrix<f64>)>> {
        let values = self.environment.samples.first()?;
        let inputs: Inputs<f64> = values
            .iter()
            .map(|(name, m)| {
                let matrix = DMatrix::from_column_slice(m.rows(), m.cols(), m.values());
                (name.clone(), matrix)
            })
            .collect();
        let outputs = execute(program, &inputs).ok()?;
        let dense = outputs.0.into_iter().map(|(name, block)| {
            let m = block.to_dense(MEMORY_LIMIT).ok()?;
            let (rows, cols) = m.shape();
            Some((name, Matrix::new(rows, cols, m.as_slice().to_vec()).ok()?))
        });
        dense.collect()
    }
}

/// A quantity by hyper-dual numbers.
fn witnessed(witness: &Witness, v: &str, quantity: Quantity) -> Option<Matrix<f64>> {
    match quantity {
        Quantity::Gradient => witness.gradient(v),
        Quantity::Jacobian => witness.jacobian(v),
        Quantity::Residual => witness.residual(v, v),
        Quantity::Hessian => witness.hessian(v, v),
    }
}

/// The value in numbers whose every operation is a little wrong.
fn noisy<const SEED: u64>(
    graph: &Graph,
    id: Id,
    environment: &Environment<f64>,
) -> Option<Matrix<f64>> {
    let environment = environment.convert(|v| Some(Noisy::<SEED>::from_f64(*v)))?;
    let value = evaluate(graph, id, &environment).ok()?;
    Some(value.map(Scalar::value))
}

fn is_moderate(matrix: &Matrix<f64>) -> bool {
    matrix.values().iter().all(|v| v.abs() < LARGEST)
}

/// The largest difference relative to the largest entry; NaN where one side is.
fn relative(a: &Matrix<f64>, b: &Matrix<f64>) -> f64 {
    if a.shape() != b.shape() {
        return f64::NAN;
    }
    let top = b.values().iter().fold(SMALLEST, |top, v| v.abs().max(top));
    let pairs = a.values().iter().zip(b.values());
    pairs.fold(0.0, |worst: f64, (a, b)| {
        let error = (a - b).abs() / top;
        if error > worst || error.is_nan() {
            error
        } else {
            worst
        }
    })
}
