//! Elementwise functions and their derivatives on any scalar: built in, abstract, or the user's own.

use std::collections::BTreeMap;

use super::graph::Function as Definition;
use super::op::Function;
use super::series::Series;
use super::{Environment, EvaluateError, Graph, Matrix, Name, Scalar, builtins, evaluate};

/// Definitions that use each other deeper than this are taken to go in circles.
const DEPTH_LIMIT: usize = 64;

/// The function, differentiated `function.order` times, of every entry.
pub(super) fn apply<S: Scalar>(
    graph: &Graph,
    environment: &Environment<S>,
    function: &Function,
    argument: &Matrix<S>,
) -> Result<Matrix<S>, EvaluateError> {
    check_depth(graph, &function.name)?;
    let table = Table {
        graph,
        functions: &environment.functions,
    };
    let mut values = Vec::with_capacity(argument.values().len());
    for t in argument.values() {
        values.push(t.compose(&table.taylor(function, t.value(), t.order())?));
    }
    Matrix::new(argument.rows(), argument.cols(), values)
}

/// The Taylor coefficients of an elementwise function of `graph` at `x0`: f(x0), f'(x0), f''(x0)/2, …, where
/// f is `function.name` differentiated `function.order` times.
///
/// # Errors
/// When the function is abstract and not in `functions`, has no definition, or is defined by itself.
pub fn taylor(
    graph: &Graph,
    functions: &BTreeMap<Name, super::SmoothFunction>,
    function: &Function,
    x0: f64,
    order: usize,
) -> Result<Vec<f64>, EvaluateError> {
    check_depth(graph, &function.name)?;
    Table { graph, functions }.taylor(function, x0, order)
}

struct Table<'a> {
    graph: &'a Graph,
    functions: &'a BTreeMap<Name, super::SmoothFunction>,
}

impl Table<'_> {
    fn taylor(
        &self,
        function: &Function,
        x0: f64,
        order: usize,
    ) -> Result<Vec<f64>, EvaluateError> {
        let derivatives = function.order as usize;
        let mut coefficients = self.undifferentiated(&function.name, x0, order + derivatives)?;
        for _ in 0..derivatives {
            coefficients = coefficients
                .iter()
                .enumerate()
                .skip(1)
                .map(|(k, c)| k as f64 * c)
                .collect();
        }
        Ok(coefficients)
    }

    fn undifferentiated(
        &self,
        name: &Name,
        x0: f64,
        order: usize,
    ) -> Result<Vec<f64>, EvaluateError> {
        let missing = || EvaluateError::Function(name.clone());
        match self.graph.functions().get(name) {
            Some(Definition::Defined { argument, body }) => {
                // The body on the series x0 + h is the series of the function.
                let series = Matrix::scalar(Series::argument(x0, order));
                let values = BTreeMap::from([(argument.clone(), series)]);
                let mut environment = Environment::single(BTreeMap::new(), values);
                environment.functions.clone_from(self.functions);
                let value = evaluate(self.graph, *body, &environment)?;
                Ok(value.sum().coefficients(order))
            }
            Some(Definition::Abstract) => Ok(self
                .functions
                .get(name)
                .ok_or_else(missing)?
                .taylor(x0, order)),
            Some(Definition::Builtin) | None => {
                builtins::taylor(name, x0, order).ok_or_else(missing)
            }
        }
    }
}

/// Refuses a function whose definition leads back to itself.
fn check_depth(graph: &Graph, name: &Name) -> Result<(), EvaluateError> {
    let mut level = vec![name.clone()];
    for _ in 0..DEPTH_LIMIT {
        let mut next: Vec<Name> = level
            .iter()
            .flat_map(|name| used_functions(graph, name))
            .collect();
        next.sort();
        next.dedup();
        if next.is_empty() {
            return Ok(());
        }
        level = next;
    }
    Err(EvaluateError::Recursive(name.clone()))
}

fn used_functions(graph: &Graph, name: &Name) -> Vec<Name> {
    let Some(Definition::Defined { body, .. }) = graph.functions().get(name) else {
        return Vec::new();
    };
    let used = graph
        .topological(&[*body])
        .into_iter()
        .filter_map(|id| match &graph[id].op {
            super::Op::Function(function) => Some(function.name.clone()),
            _ => None,
        });
    used.filter(|used| graph.functions().contains_key(used))
        .collect()
}
