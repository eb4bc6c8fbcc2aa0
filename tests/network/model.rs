//! Expectations under the model of a loss, by values instead of formulas.

use std::collections::BTreeMap;

use hbp::expr::{Distribution, Environment, Matrix, Name, Witness, witness};
use hbp::language::Network;

use super::reference::{dense, plain};

/// The loss at m ± σ for a normal model: the expectation of what is quadratic in the target is the mean of the two.
pub(super) fn drawn(network: &Network, environment: &Environment<f64>) -> Option<Vec<Witness>> {
    let module = &network.loss.module;
    let Some(model) = module
        .model
        .as_ref()
        .filter(|m| m.distribution == Distribution::Normal)
    else {
        return Some(Vec::new());
    };
    let value = |id| hbp::expr::evaluate(&module.graph, id, environment).ok();
    let (mean, variance) = (value(model.parameters[0])?, value(model.parameters[1])?);
    let variables: Vec<Name> = module.variables().cloned().collect();
    let at = |sign: f64| {
        let target = dense(&mean).zip_map(&dense(&variance), |m, v| m + sign * v.sqrt());
        let mut values: BTreeMap<Name, Matrix<f64>> = BTreeMap::new();
        for name in &variables {
            let id = module.graph.variable(name)?;
            let known = hbp::expr::evaluate(&module.graph, id, environment).ok()?;
            values.insert(name.clone(), known);
        }
        values.insert(model.target.clone(), plain(&target));
        let (one, zero) = (Matrix::scalar(1.0), Matrix::scalar(0.0));
        let here = Environment::single(BTreeMap::new(), values);
        witness(
            &module.graph,
            module.output.1,
            &variables,
            &here,
            &one,
            &zero,
        )
        .ok()
    };
    [1.0, -1.0].into_iter().map(at).collect()
}
