//! Comparisons in the sizes that a network has. Why at the end: numbers are drawn at small sizes, for which the fixed ones have
//! names, but a reader knows the layer as it is.

use std::collections::{BTreeMap, HashMap};

use super::groupings::Comparison;
use crate::expr::{
    Dimension, FunctionDefinition, Graph, Module, Name, Shape, ShapeError, Sizes, Variable,
};

/// The composite with its fixed sizes as they are, and the comparisons with it.
pub(super) fn shown(
    whole: &Module,
    comparisons: &mut [Comparison],
    sizes: &Sizes,
) -> Result<Module, ShapeError> {
    let from = &whole.graph;
    let size = |size: usize| Dimension::constant(u64::try_from(size).unwrap_or(u64::MAX));
    let dims: BTreeMap<Name, Dimension> = sizes
        .iter()
        .map(|(name, value)| (name.clone(), size(*value)))
        .collect();
    let mut graph = Graph::default();
    for (name, variable) in from.variables() {
        let Shape { rows, cols } = &variable.shape;
        let shape = Shape::matrix(rows.substitute(&dims), cols.substitute(&dims));
        graph.declare(
            name.clone(),
            Variable {
                shape,
                ..variable.clone()
            },
        );
    }
    let none = HashMap::new();
    for (name, function) in from.functions() {
        let function = match function {
            FunctionDefinition::Defined { argument, body } => FunctionDefinition::Defined {
                argument: argument.clone(),
                body: graph.import(from, *body, &none, &dims)?,
            },
            other => other.clone(),
        };
        graph.define(name.clone(), function);
    }
    let mut module = whole.clone();
    module.model = None;
    module.output.1 = graph.import(from, module.output.1, &none, &dims)?;
    for (_, value) in &mut module.locals {
        *value = graph.import(from, *value, &none, &dims)?;
    }
    for comparison in comparisons {
        for side in [&mut comparison.apart, &mut comparison.composed] {
            *side = match *side {
                Some(id) => Some(graph.import(from, id, &none, &dims)?),
                None => None,
            };
        }
    }
    module.graph = graph;
    Ok(module)
}
