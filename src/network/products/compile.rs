//! The programs of every module for products, sample by sample. Why four: gradients and their tangents go back by the same linear map, so it
//! is compiled once and run with either.

use super::draft::{Derived, Draft, Node};
use crate::expr::{Id, Sizes};
use crate::kernel::{Program, compile_within};
use crate::network::RunError;
use crate::network::compiled::OUTPUT;

/// The programs of a distinct module.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    /// The output alone.
    pub(super) forward: Program,
    /// The others, where parameters act on the output.
    pub(super) moving: Option<Moving>,
}

#[derive(Clone, Debug)]
pub(super) struct Moving {
    /// The tangent of the output, from those of the variables.
    pub(super) tangent: Program,
    /// D z(v)' grad(z), under the name of v.
    pub(super) back: Program,
    /// How that moves while `grad(z)` stays, under the name of v.
    pub(super) turn: Program,
    /// Of a loss, the expectation of `turn` under its model.
    pub(super) fisher: Option<Result<Program, RunError>>,
}

/// A network derived and compiled.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) nodes: Vec<Node>,
    pub(super) programs: Vec<Programs>,
}

/// Compiles every module once for every set of sizes.
pub(super) fn prepared(draft: Draft, limit: u64) -> Result<Prepared, RunError> {
    let mut programs = Vec::with_capacity(draft.modules.len());
    for (place, module) in draft.modules.iter().enumerate() {
        let first = draft.nodes.iter().find(|node| node.programs == place);
        let compiled = compiled(&module.derived, &module.sizes, limit);
        programs.push(match first {
            Some(node) => compiled.map_err(|error| error.within(&format!("`{}`", node.name)))?,
            None => compiled?,
        });
    }
    Ok(Prepared {
        nodes: draft.nodes,
        programs,
    })
}

fn compiled(derived: &Derived, sizes: &Sizes, limit: u64) -> Result<Programs, RunError> {
    let compile = |outputs: &[(String, Id)]| -> Result<Program, RunError> {
        Ok(compile_within(&derived.graph, outputs, sizes, limit)?)
    };
    let moving = match derived.tangent {
        Some(tangent) => Some(Moving {
            tangent: compile(&[(OUTPUT.to_owned(), tangent)])?,
            back: compile(&derived.back)?,
            turn: compile(&derived.turn)?,
            fisher: (derived.fisher.clone()).map(|named| named.and_then(|named| compile(&named))),
        }),
        None => None,
    };
    Ok(Programs {
        forward: compile(&[(OUTPUT.to_owned(), derived.output)])?,
        moving,
    })
}
