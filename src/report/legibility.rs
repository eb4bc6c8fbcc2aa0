//! How much there is to read. Why measured: an equation nobody can read is not better than the numbers it
//! makes, and "readable" should not be a matter of taste.

use super::naming::{TooLong, defined, locals, names, used, written};
use crate::expr::{Name, size};
use crate::hbp::Equations;

/// The size of one variable's Hessian equation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Legibility {
    /// The variable.
    pub variable: Name,
    /// Non-space characters of `hessian`, of every `let` value, and of every local's definition that these
    /// use, each once.
    pub characters: usize,
}

/// Measures every variable's Hessian equation.
///
/// # Errors
/// When an expression is too long to be written out.
pub fn legibility(equations: &Equations) -> Result<Vec<Legibility>, TooLong> {
    let module = &equations.module;
    let graph = &module.graph;
    let forward = locals(module);
    let measure = |equation: &crate::hbp::Equation| {
        let names = names(module, &equation.lets);
        let mut characters = size(&written(graph, equation.hessian, &names, "hess")?);
        let mut roots = vec![equation.hessian];
        for (name, id) in &equation.lets {
            characters += size(&defined(graph, *id, &names, name)?);
            roots.push(*id);
        }
        for id in used(graph, &roots, &forward) {
            characters += size(&defined(graph, id, &forward, "local")?);
        }
        Ok(Legibility {
            variable: equation.variable.clone(),
            characters,
        })
    };
    equations.equations.iter().map(measure).collect()
}
