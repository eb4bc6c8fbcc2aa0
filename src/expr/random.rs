//! Seeded random values for the variables of a graph, true to their declared facts. Why here: checks of
//! rules, equations and kernels must try the same expressions on the same numbers.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::{
    Environment, EvaluateError, FunctionDefinition, Graph, Matrix, Role, Sizes, SmoothFunction,
    Variable,
};

/// How the entries of a variable without facts are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// Standard normal.
    Normal,
    /// Positive: |standard normal| + 0.1, for logarithms and roots.
    Positive,
}

/// An environment with random values for every variable of `graph` and a random smooth function for every
/// abstract one. Inputs, targets and upstream gradients differ from sample to sample, parameters do not. The
/// same seed gives the same values.
///
/// # Errors
/// When a dimension has no size, or a variable would be too large.
pub fn random_environment(
    graph: &Graph,
    sizes: &Sizes,
    samples: usize,
    seed: u64,
    draw: Draw,
) -> Result<Environment<f64>, EvaluateError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut environment = Environment {
        sizes: sizes.clone(),
        ..Environment::default()
    };
    environment.samples.resize_with(samples, Default::default);
    for (name, variable) in graph.variables() {
        if variable.role == Role::Argument {
            continue;
        }
        if !variable.role.depends_on_sample() {
            environment.set(
                name.clone(),
                &random_value(variable, sizes, draw, &mut rng)?,
            );
            continue;
        }
        for sample in &mut environment.samples {
            sample.insert(name.clone(), random_value(variable, sizes, draw, &mut rng)?);
        }
    }
    for (name, function) in graph.functions() {
        if *function == FunctionDefinition::Abstract {
            environment
                .functions
                .insert(name.clone(), random_function(&mut rng));
        }
    }
    Ok(environment)
}

/// A matrix with standard normal entries.
pub fn random_matrix(rows: usize, cols: usize, rng: &mut impl Rng) -> Matrix<f64> {
    Matrix::from_fn(rows, cols, |_, _| rng.sample(StandardNormal))
}

/// A random value for a variable, true to its facts.
///
/// # Errors
/// When a dimension has no size, or the value would be too large.
pub fn random_value(
    variable: &Variable,
    sizes: &Sizes,
    draw: Draw,
    rng: &mut impl Rng,
) -> Result<Matrix<f64>, EvaluateError> {
    let shape = &variable.shape;
    let (rows, cols) = shape
        .evaluate(sizes)
        .ok_or_else(|| EvaluateError::Size(shape.to_string()))?;
    if rows
        .checked_mul(cols)
        .is_none_or(|entries| entries > super::ENTRY_LIMIT)
    {
        return Err(EvaluateError::Large(rows, cols));
    }
    let facts = variable.facts;
    let normal = random_matrix(rows, cols, rng);
    if facts.distribution {
        // softmax of all entries
        let weights = normal.map(|v| v.exp());
        return Ok(weights.scaled(1.0 / weights.sum()));
    }
    let value = match draw {
        Draw::Positive => normal.map(|v| v.abs() + 0.1),
        Draw::Normal => normal,
    };
    if facts.diagonal {
        let positive = facts.positive_definite;
        return Ok(Matrix::from_fn(rows, cols, |i, j| match i == j {
            true if positive => value[(i, j)].abs() + 0.5,
            true => value[(i, j)],
            false => 0.0,
        }));
    }
    if facts.positive_definite {
        // A A'/n + I/2
        let gram = value
            .times(&value.transpose())?
            .scaled(1.0 / cols.max(1) as f64);
        return gram.plus(&Matrix::identity(rows).scaled(0.5));
    }
    if facts.symmetric {
        return Ok(value.plus(&value.transpose())?.scaled(0.5));
    }
    Ok(value)
}

/// A smooth function with coefficients of either sign and size about 1.
pub fn random_function(rng: &mut impl Rng) -> SmoothFunction {
    SmoothFunction {
        coefficients: std::array::from_fn(|_| {
            rng.random_range(0.3..1.2) * if rng.random() { 1.0 } else { -1.0 }
        }),
    }
}
