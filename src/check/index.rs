//! The index core's derivation, symbolically and on numbers. Why both: where the normal form decides, equations are
//! equal at all sizes and values; where it does not, only numbers can contradict.

use super::report::{CheckReport, Quantity};
use crate::calculus::index::{
    Decision, Derivation, IndexExpression, Upstream, derive, normal_form,
};
use crate::expr::{Environment, Graph, Id, Matrix};
use crate::hbp::Equations;

/// What the index core says of a derived expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is equal to the one that the core derives itself.
    Equal,
    /// It is another polynomial than the one that the core derives itself.
    Different,
    /// Not decided by symbols: numbers decide.
    Undecided,
    /// The core does not reach this module, and why.
    Unreached(String),
}

/// What the index core derives itself, for every equation.
pub(super) struct Indexed(Vec<Result<Derivation, String>>);

impl Indexed {
    /// Derives all equations again.
    pub(super) fn new(equations: &Equations) -> Self {
        let module = &equations.module;
        let upstream = Upstream::Output(&module.output.0);
        let own = equations.equations.iter().map(|equation| {
            derive(&module.graph, module.output.1, upstream, &equation.variable)
                .map_err(|error| error.to_string())
        });
        Self(own.collect())
    }

    /// Decides what can be decided without numbers.
    pub(super) fn judge(&self, equations: &Equations, report: &mut CheckReport) {
        for (equation, own) in equations.equations.iter().zip(&self.0) {
            for quantity in Quantity::ALL {
                let verdict = match own {
                    Ok(own) => {
                        let derived = quantity.of(equation);
                        decide(&equations.module.graph, of(own, quantity), derived)
                    }
                    Err(reason) => Verdict::Unreached(reason.clone()),
                };
                report.judge(&equation.variable, quantity, verdict);
            }
        }
    }

    /// The value of its own expression for the equation at `place`: nothing where it has none, and why not where it
    /// cannot be had.
    pub(super) fn value(
        &self,
        place: usize,
        quantity: Quantity,
        environment: &Environment<f64>,
    ) -> Option<Result<Matrix<f64>, String>> {
        let own = self.0.get(place)?.as_ref().ok()?;
        let value = of(own, quantity).evaluate(environment);
        Some(value.map_err(|error| error.to_string()))
    }
}

fn of(own: &Derivation, quantity: Quantity) -> &IndexExpression {
    match quantity {
        Quantity::Gradient => &own.gradient,
        Quantity::Jacobian => &own.jacobian,
        Quantity::Residual => &own.residual,
        Quantity::Hessian => &own.hessian,
    }
}

fn decide(graph: &Graph, own: &IndexExpression, derived: Id) -> Verdict {
    // The same text is cheap to see; the difference is searched for zero only where the texts are not the same.
    if normal_form(graph, derived).is_ok_and(|form| form == *own) {
        return Verdict::Equal;
    }
    match own.equals(graph, derived) {
        Decision::Equal => Verdict::Equal,
        Decision::Different => Verdict::Different,
        Decision::Undecided(_) => Verdict::Undecided,
    }
}
