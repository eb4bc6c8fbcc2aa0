//! The second opinion: gradients and Hessians of a forward map by hyper-dual numbers, and Jacobians by finite
//! differences. Why: neither knows a rule of the book, so a derived equation that agrees with them is right.

use std::ops::Range;

use super::{Environment, EvaluateError, Graph, Hyper, Id, Matrix, Name, Scalar, evaluate};

/// The derivatives of one forward map with respect to several variables, at one point.
#[derive(Clone, Debug)]
pub struct Witness {
    /// The variables with their shapes and where their entries stand among all.
    variables: Vec<(Name, (usize, usize), Range<usize>)>,
    output: Matrix<f64>,
    gradient: Vec<f64>,
    jacobian: Matrix<f64>,
    residual: Matrix<f64>,
    hessian: Matrix<f64>,
}

/// Evaluates `output` with its first and second derivatives with respect to `variables`.
///
/// `delta` is the loss gradient at the output, of its shape, `hess` the loss Hessian of its vec. With J the
/// Jacobian with respect to all variables, the Hessian is J' ℋz J + Σₖ δzₖ ∂²zₖ (Equation 4 of the paper),
/// cross blocks included.
///
/// # Errors
/// When the map has no value there, or `delta` or `hess` do not have the output's size.
pub fn witness(
    graph: &Graph,
    output: Id,
    variables: &[Name],
    environment: &Environment<f64>,
    delta: &Matrix<f64>,
    hess: &Matrix<f64>,
) -> Result<Witness, EvaluateError> {
    let value = evaluate(graph, output, environment)?;
    value.zip(delta, "gradient", |_, d| *d)?;
    let places = places(variables, environment)?;
    let entries: Vec<(Name, usize)> = places
        .iter()
        .flat_map(|(name, _, range)| range.clone().map(|k| (name.clone(), k - range.start)))
        .collect();
    let n = entries.len();

    let lifted = environment.convert(|v| Some(Hyper::from_f64(*v)));
    let mut hyper = lifted.ok_or(EvaluateError::NotAValue)?;
    let mut jacobian = Matrix::filled(value.values().len(), n, 0.0);
    let mut residual = Matrix::filled(n, n, 0.0);
    for i in 0..n {
        nudge(&mut hyper, &entries[i], &Hyper::hyper(0.0, 1.0, 0.0));
        for j in 0..=i {
            nudge(&mut hyper, &entries[j], &Hyper::hyper(0.0, 0.0, 1.0));
            let z = evaluate(graph, output, &hyper)?;
            nudge(&mut hyper, &entries[j], &Hyper::hyper(0.0, 0.0, -1.0));
            // R_ij = Σₖ δzₖ ∂²zₖ/∂v_i∂v_j
            let second = z.map(Hyper::mixed).hadamard(delta)?.sum();
            (residual[(i, j)], residual[(j, i)]) = (second, second);
            if i == j {
                for (k, zk) in z.values().iter().enumerate() {
                    jacobian[(k, i)] = zk.first();
                }
            }
        }
        nudge(&mut hyper, &entries[i], &Hyper::hyper(0.0, -1.0, 0.0));
    }
    let vec_delta = delta.reshaped(delta.values().len(), 1)?;
    let gradient = jacobian.transpose().times(&vec_delta)?.into_values();
    // ℋ = J' ℋz J + R
    let hessian = jacobian
        .transpose()
        .times(hess)?
        .times(&jacobian)?
        .plus(&residual)?;
    Ok(Witness {
        variables: places,
        output: value,
        gradient,
        jacobian,
        residual,
        hessian,
    })
}

impl Witness {
    /// The value of the map.
    pub fn output(&self) -> &Matrix<f64> {
        &self.output
    }

    /// δv = D z(v)' δz in the shape of v; `None` for a name that was not asked for.
    pub fn gradient(&self, v: &str) -> Option<Matrix<f64>> {
        let (_, (rows, cols), range) = self.find(v)?;
        Matrix::new(*rows, *cols, self.gradient[range.clone()].to_vec()).ok()
    }

    /// D z(v) = ∂ vec z / ∂ (vec v)'.
    pub fn jacobian(&self, v: &str) -> Option<Matrix<f64>> {
        Some(block(
            &self.jacobian,
            &(0..self.jacobian.rows()),
            &self.find(v)?.2,
        ))
    }

    /// R of u and v, the second derivatives of the map weighted by δz; `residual(v, v)` is that of ℋv.
    pub fn residual(&self, u: &str, v: &str) -> Option<Matrix<f64>> {
        Some(block(&self.residual, &self.find(u)?.2, &self.find(v)?.2))
    }

    /// The block ℋ of u and v, of size u × size v; `hessian(v, v)` is ℋv.
    pub fn hessian(&self, u: &str, v: &str) -> Option<Matrix<f64>> {
        Some(block(&self.hessian, &self.find(u)?.2, &self.find(v)?.2))
    }

    fn find(&self, name: &str) -> Option<&(Name, (usize, usize), Range<usize>)> {
        self.variables.iter().find(|(known, ..)| &**known == name)
    }
}

fn block(matrix: &Matrix<f64>, rows: &Range<usize>, cols: &Range<usize>) -> Matrix<f64> {
    Matrix::from_fn(rows.len(), cols.len(), |i, j| {
        matrix[(rows.start + i, cols.start + j)]
    })
}

type Places = Vec<(Name, (usize, usize), Range<usize>)>;

fn places(variables: &[Name], environment: &Environment<f64>) -> Result<Places, EvaluateError> {
    let mut start = 0;
    let mut places = Vec::new();
    for name in variables {
        let value = environment
            .get(name)
            .ok_or_else(|| EvaluateError::Variable(name.clone()))?;
        let end = start + value.values().len();
        places.push((name.clone(), value.shape(), start..end));
        start = end;
    }
    Ok(places)
}

/// Adds `step` to one entry of a variable in every sample.
fn nudge<S: Scalar>(environment: &mut Environment<S>, (name, index): &(Name, usize), step: &S) {
    for sample in &mut environment.samples {
        if let Some(entry) = sample
            .get_mut(name)
            .and_then(|m| m.values_mut().get_mut(*index))
        {
            *entry = entry.clone() + step.clone();
        }
    }
}

/// D e(v) by central differences of fourth order, good to about 1e-10 relative for smooth expressions of
/// values near 1. The variable is moved in all samples.
///
/// # Errors
/// When `e` has no value in `environment`, or the variable none.
pub fn finite_jacobian(
    graph: &Graph,
    e: Id,
    variable: &str,
    environment: &Environment<f64>,
) -> Result<Matrix<f64>, EvaluateError> {
    let missing = || EvaluateError::Variable(variable.into());
    let at = environment.get(variable).ok_or_else(missing)?.clone();
    let (rows, cols) = evaluate(graph, e, environment)?.shape();
    let mut moved = environment.clone();
    let mut jacobian = Matrix::filled(rows * cols, at.values().len(), 0.0);
    for (j, x) in at.values().iter().enumerate() {
        // A power of two times the magnitude: x ± h is exact enough not to matter.
        let h = x.abs().max(1.0) / 1024.0;
        // f' = [8 f(x + h) − 8 f(x − h) − f(x + 2h) + f(x − 2h)] / 12h
        for (steps, weight) in [(1.0, 8.0), (-1.0, -8.0), (2.0, -1.0), (-2.0, 1.0)] {
            let place = (Name::from(variable), j);
            nudge(&mut moved, &place, &(steps * h));
            let value = evaluate(graph, e, &moved)?;
            moved.samples.clone_from(&environment.samples);
            for (k, f) in value.values().iter().enumerate() {
                jacobian[(k, j)] += weight * f / (12.0 * h);
            }
        }
    }
    Ok(jacobian)
}
