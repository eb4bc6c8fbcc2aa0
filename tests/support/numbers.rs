//! Derived equations against hyper-dual numbers, which know no rule.

use hbp::expr::{
    Draw, Environment, EvaluateError, Id, Matrix, Module, Name, Names, Sizes, Witness, evaluate,
    print, random_environment, witness,
};
use hbp::hbp::Equations;

/// The largest relative error of a derived value.
pub const TOLERANCE: f64 = 1e-9;

/// Values for everything a module and its equations name, with a symmetric Hessian at the output.
pub fn environment(
    module: &Module,
    sizes: &Sizes,
    seed: u64,
    draw: Draw,
) -> Result<Environment<f64>, EvaluateError> {
    let mut environment = random_environment(&module.graph, sizes, 1, seed, draw)?;
    let name = format!("hess({})", module.output.0);
    if let Some(hessian) = environment.get(&name).cloned() {
        environment.set(name, &hessian.plus(&hessian.transpose())?.scaled(0.5));
    }
    Ok(environment)
}

/// What the forward map's derivatives are there.
pub fn witnessed(
    module: &Module,
    environment: &Environment<f64>,
) -> Result<Witness, EvaluateError> {
    let value = |what: &str| {
        let name: Name = format!("{what}({})", module.output.0).into();
        let value = environment.get(&name).cloned();
        value.ok_or(EvaluateError::Variable(name))
    };
    let variables: Vec<Name> = module.variables().cloned().collect();
    let (gradient, hessian) = (value("grad")?, value("hess")?);
    let (graph, output) = (&module.graph, module.output.1);
    witness(graph, output, &variables, environment, &gradient, &hessian)
}

/// The same with δz = 1 and ℋz = 0, for a module that is the loss itself.
pub fn as_loss(module: &Module, environment: &Environment<f64>) -> Result<Witness, EvaluateError> {
    let mut environment = environment.clone();
    let z = &module.output.0;
    environment.set(format!("grad({z})"), &Matrix::scalar(1.0));
    environment.set(format!("hess({z})"), &Matrix::scalar(0.0));
    witnessed(module, &environment)
}

/// The worst disagreement of any quantity with the witnesses, in words; `None` when all agree.
///
/// # Errors
/// When the forward map has no finite value there.
pub fn disagreement(
    equations: &Equations,
    environment: &Environment<f64>,
) -> Result<Option<String>, EvaluateError> {
    let module = &equations.module;
    let seen = witnessed(module, environment)?;
    let mut compared: Vec<(String, Id, Option<Matrix<f64>>)> = Vec::new();
    for e in &equations.equations {
        let v = &e.variable;
        compared.extend([
            (format!("grad({v})"), e.gradient, seen.gradient(v)),
            (format!("jac({v})"), e.jacobian, seen.jacobian(v)),
            (format!("resid({v})"), e.residual, seen.residual(v, v)),
            (format!("hess({v})"), e.hessian, seen.hessian(v, v)),
        ]);
        if let Some(loss) = &e.loss {
            let seen = as_loss(module, environment)?;
            compared.extend([
                (
                    format!("grad({v}) of the loss"),
                    loss.gradient,
                    seen.gradient(v),
                ),
                (
                    format!("hess({v}) of the loss"),
                    loss.hessian,
                    seen.hessian(v, v),
                ),
            ]);
        }
    }
    for (what, id, expected) in compared {
        let expected = expected.ok_or_else(|| EvaluateError::Variable(what.as_str().into()))?;
        if expected.values().iter().any(|entry| !entry.is_finite()) {
            return Err(EvaluateError::NotAValue);
        }
        let written = || print(&module.graph, id, &Names::default());
        let found = match evaluate(&module.graph, id, environment) {
            Ok(found) => found,
            Err(error) => return Ok(Some(format!("{what} = {}: {error}", written()))),
        };
        let distance = found.distance(&expected);
        // NaN is no agreement.
        if distance.is_nan() || distance > TOLERANCE {
            return Ok(Some(format!("{what} is off by {distance}: {}", written())));
        }
    }
    Ok(None)
}
