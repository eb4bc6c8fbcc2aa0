//! The index core's judgement. Why beside the numbers: where it decides, equations are equal at all sizes and values.

use super::report::{CheckReport, Quantity};
use crate::calculus::index::{Upstream, derive, normal_form};
use crate::hbp::Equations;

/// What the index core says of a derived expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is equal to the one that the core derives itself.
    Equal,
    /// Its normal form is another, which may be the same value in other words.
    Undecided,
    /// The core does not reach this module, and why.
    Unreached(String),
}

/// Lets the index core derive every equation and compares normal forms.
pub(super) fn judge(equations: &Equations, report: &mut CheckReport) {
    let module = &equations.module;
    let upstream = Upstream::Output(&module.output.0);
    for equation in &equations.equations {
        let derived = derive(&module.graph, module.output.1, upstream, &equation.variable);
        for quantity in Quantity::ALL {
            let verdict = derived
                .as_ref()
                .map_err(ToString::to_string)
                .and_then(|own| {
                    let own = match quantity {
                        Quantity::Gradient => &own.gradient,
                        Quantity::Jacobian => &own.jacobian,
                        Quantity::Residual => &own.residual,
                        Quantity::Hessian => &own.hessian,
                    };
                    let ours = normal_form(&module.graph, quantity.of(equation));
                    let ours = ours.map_err(|error| error.to_string())?;
                    Ok(if ours == *own {
                        Verdict::Equal
                    } else {
                        Verdict::Undecided
                    })
                });
            let verdict = verdict.unwrap_or_else(Verdict::Unreached);
            report.judge(&equation.variable, quantity, verdict);
        }
    }
}
