//! The equations of a module for all samples side by side. Why apart from compiling: they are made once for every module,
//! whatever its sizes and whoever runs them.

use super::RunError;
use super::pass::Derived;
use super::programs::Wanted;
use crate::expr::{Graph, Id, Name};
use crate::hbp::{Batched, Over, UnfoldError, batched};
use crate::rewrite::RewriteError;

/// The equations of one module for all samples.
#[derive(Clone, Debug)]
pub(super) struct Forms {
    pub(super) graph: Graph,
    /// The dimension that counts the samples.
    pub(super) samples: Name,
    /// The output: columns, or at the loss the mean.
    pub(super) output: Batched,
    /// Each result of the backward pass.
    pub(super) backward: Vec<Form>,
}

/// A result for all samples.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) name: String,
    pub(super) form: Batched,
}

/// Makes the forms of a module; where a result has none, its name is the answer.
pub(super) fn forms(derived: &Derived, is_loss: bool) -> Result<Result<Forms, String>, RunError> {
    let mut graph = derived.graph.clone();
    let samples: Name = "samples#".into();
    let over = if is_loss { Over::Mean } else { Over::Columns };
    let output = Wanted::new(super::compiled::OUTPUT, derived.output, over);
    let wanted: Vec<&Wanted> = std::iter::once(&output).chain(&derived.backward).collect();
    let asked: Vec<(Id, Over)> = wanted.iter().map(|want| (want.id, want.over)).collect();
    let found = batched(&mut graph, &asked, &derived.varying, &samples)
        .map_err(|error| UnfoldError::from(RewriteError::from(error)))?;
    let mut all = Vec::with_capacity(wanted.len());
    for (want, form) in wanted.into_iter().zip(found) {
        let Some(form) = form else {
            return Ok(Err(want.name.clone()));
        };
        all.push(Form {
            name: want.name.clone(),
            form,
        });
    }
    let backward = all.split_off(1);
    Ok(Ok(Forms {
        output: all[0].form,
        graph,
        samples,
        backward,
    }))
}
