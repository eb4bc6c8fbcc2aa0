//! The passes of a module at concrete sizes. Why apart from deriving: a module is derived once, and compiled once for each set
//! of sizes.

use std::time::Duration;

use super::RunError;
use super::pass::{Derived, Upstream};
use super::programs::{Bounds, Programs, Wanted};
use crate::hbp::Over;
use crate::kernel::{Program, compile_within};

/// The compiled passes of one module.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    /// The output alone.
    pub(crate) forward: Programs,
    /// Gradients, and what Hessians are averaged from. For the loss the output, too, since nothing has to be
    /// waited for.
    pub(crate) backward: Programs,
    /// Hessians of a sample that has its own.
    pub(crate) each: Programs,
    /// Hessians from the means.
    pub(crate) combine: Option<Program>,
    /// What a column of a root becomes; at the loss what the root is made of, sample by sample.
    pub(crate) root: Programs,
    /// What blocks of parameters are made of once the mean of SS' is known.
    pub(crate) factors: Programs,
    /// The parameters of the loss's model, sample by sample.
    pub(crate) model: Programs,
}

/// The name of the output in programs.
pub(crate) const OUTPUT: &str = "value";

/// The time that preparing took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preparation {
    /// Deriving and simplifying.
    pub derive: Duration,
    /// Lowering to kernels.
    pub compile: Duration,
}

/// Compiles the passes of a module in a network.
pub(crate) fn compiled(derived: &Derived, bounds: Bounds) -> Result<Pass, RunError> {
    let compile = |wanted: &[Wanted], bounds: Bounds| {
        Programs::compile(&derived.graph, wanted, &derived.varying, bounds)
    };
    let output = |over| Wanted::new(OUTPUT, derived.output, over);
    let mut backward = derived.backward.clone();
    if derived.upstream == Upstream::Loss {
        backward.insert(0, output(Over::Mean));
    }
    let alone = Bounds {
        samples: None,
        ..bounds
    };
    let of_root = match derived.upstream {
        Upstream::Given => bounds,
        Upstream::Loss => alone,
    };
    let combine = (!derived.combine.is_empty())
        .then(|| compile_within(&derived.graph, &derived.combine, bounds.sizes, bounds.limit))
        .transpose()?;
    // First what is largest, so that it is what is told not to fit.
    let each = compile(&derived.each, alone)?;
    Ok(Pass {
        forward: compile(&[output(Over::Columns)], bounds)?,
        backward: compile(&backward, bounds)?,
        each,
        combine,
        root: compile(&derived.root, of_root)?,
        factors: compile(&derived.factors, bounds)?,
        model: compile(&derived.model, alone)?,
    })
}
