//! Which modes go together. Why refused and not adjusted: a root that stood for something else would be a guess.

use super::binding::list;
use super::graph::Dag;
use super::{Batch, Blocks, Curvature, Message, RunError, RunOptions, Sampling};
use crate::language::Network;

/// Refuses modes that a message has no meaning for.
///
/// # Errors
/// Where roots travel: with a curvature that keeps second-order terms, or with mean Jacobians.
pub fn check_message(curvature: Curvature, batch: Batch, message: Message) -> Result<(), RunError> {
    if message == Message::Hessian {
        return Ok(());
    }
    if !matches!(curvature, Curvature::GaussNewton | Curvature::Fisher) {
        return Err(RunError::input(
            format!("a root cannot carry the second-order terms that `{curvature}` keeps"),
            "use `--curvature ggn` or `--curvature fisher` with `--message root`",
        ));
    }
    if batch == Batch::AverageJacobian {
        return Err(RunError::input(
            "every sample's root goes back through its own Jacobian, so that average-jacobian says nothing about it",
            "use `--batch exact` for exact blocks, or `--batch average-hessian` for Kronecker factors (KFLR, KFAC)",
        ));
    }
    Ok(())
}

/// Refuses modes that contradict each other, or that a network has no meaning for.
pub(super) fn check_modes(network: &Network, options: &RunOptions) -> Result<(), RunError> {
    let curvature = options.curvature;
    if options.sampling != Sampling::Exact && curvature != Curvature::Fisher {
        return Err(RunError::input(
            format!("targets are drawn for Fisher matrices, but the curvature is {curvature}"),
            "use `--curvature fisher`, or leave `--samples` out",
        ));
    }
    if options.message == Message::Hessian {
        return Ok(());
    }
    check_message(curvature, options.batch, options.message)?;
    if options.blocks != Blocks::Parameter {
        return Err(RunError::input(
            "matrices over several parameters do not travel as roots",
            "use `--message hessian` with `--blocks`; the product of two parameters' roots is the block between them",
        ));
    }
    let shared = Dag::new(network).shared();
    if options.batch == Batch::AverageHessian && !shared.is_empty() {
        let names = list(shared.iter().map(|name| format!("`{name}`")));
        return Err(RunError::input(
            format!(
                "{names}: the Kronecker factors of KFLR and KFAC are not defined for a parameter that several nodes share"
            ),
            "use `--batch exact --message root`, whose blocks are exact, or give every node a parameter of its own",
        ));
    }
    Ok(())
}
