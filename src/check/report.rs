//! What a check found.

use super::index::Verdict;
use super::point::{Errors, Point};
use super::{DIFFERENCE_TOLERANCE, TOLERANCE};
use crate::expr::{Id, Name, Sizes};
use crate::hbp::{Equation, Equations};

/// What is derived for a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// The gradient δv.
    Gradient,
    /// The Jacobian of the output.
    Jacobian,
    /// The residual, the second-order term of the module itself.
    Residual,
    /// The block ℋv.
    Hessian,
}

impl Quantity {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 4] = [
        Self::Gradient,
        Self::Jacobian,
        Self::Residual,
        Self::Hessian,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gradient => "gradient",
            Self::Jacobian => "jacobian",
            Self::Residual => "residual",
            Self::Hessian => "hessian",
        }
    }

    /// Its derived expression.
    pub(super) fn of(self, equation: &Equation) -> Id {
        match self {
            Self::Gradient => equation.gradient,
            Self::Jacobian => equation.jacobian,
            Self::Residual => equation.residual,
            Self::Hessian => equation.hessian,
        }
    }
}

/// The largest errors of one quantity over all points.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantityCheck {
    /// The quantity.
    pub quantity: Quantity,
    /// The relative error against hyper-dual numbers; nothing when there was no point.
    pub witness: Option<f64>,
    /// The relative error against central differences.
    pub differences: Option<f64>,
    /// The relative error against the index core's own derivation; nothing where it has no value.
    pub indices: Option<f64>,
    /// The relative error of the compiled kernels against the expression.
    pub kernels: Option<f64>,
    /// What the index core says.
    pub index: Verdict,
}

impl QuantityCheck {
    /// True when no witness contradicts.
    pub fn agrees(&self) -> bool {
        let within = |error: Option<f64>, tolerance: f64| error.is_none_or(|e| e <= tolerance);
        self.index != Verdict::Different
            && within(self.witness, TOLERANCE)
            && within(self.indices, TOLERANCE)
            && within(self.kernels, TOLERANCE)
            && within(self.differences, DIFFERENCE_TOLERANCE)
    }
}

/// What was found for one input or parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct VariableCheck {
    /// The variable.
    pub variable: Name,
    /// Its quantities.
    pub quantities: Vec<QuantityCheck>,
}

/// The answer of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All witnesses agree.
    Agree,
    /// Some witness contradicts.
    Differ,
    /// No point was found at which anything could be compared.
    NoPoint,
}

/// What was found for a module.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckReport {
    /// The module.
    pub module: Name,
    /// The seed.
    pub seed: u64,
    /// The sizes of the points.
    pub points: Vec<Sizes>,
    /// Inputs, then parameters.
    pub variables: Vec<VariableCheck>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

impl CheckReport {
    /// Nothing compared yet.
    pub(super) fn new(equations: &Equations, seed: u64) -> Self {
        let quantity = |quantity| QuantityCheck {
            quantity,
            witness: None,
            differences: None,
            indices: None,
            kernels: None,
            index: Verdict::Undecided,
        };
        let variable = |equation: &Equation| VariableCheck {
            variable: equation.variable.clone(),
            quantities: Quantity::ALL.map(quantity).into(),
        };
        Self {
            module: equations.module.name.clone(),
            seed,
            points: Vec::new(),
            variables: equations.equations.iter().map(variable).collect(),
            notes: Vec::new(),
        }
    }

    /// The answer.
    pub fn outcome(&self) -> Outcome {
        let mut all = self.variables.iter().flat_map(|v| &v.quantities);
        if !all.clone().all(QuantityCheck::agrees) {
            return Outcome::Differ;
        }
        if self.points.is_empty() && all.next().is_some() {
            return Outcome::NoPoint;
        }
        Outcome::Agree
    }

    fn find(&mut self, variable: &Name, quantity: Quantity) -> Option<&mut QuantityCheck> {
        let found = self
            .variables
            .iter_mut()
            .find(|v| v.variable == *variable)?;
        found.quantities.iter_mut().find(|q| q.quantity == quantity)
    }

    pub(super) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    pub(super) fn judge(&mut self, variable: &Name, quantity: Quantity, verdict: Verdict) {
        if let Some(check) = self.find(variable, quantity) {
            check.index = verdict;
        }
    }

    /// Takes the errors of a point.
    pub(super) fn add(&mut self, sizes: &Sizes, point: &Point) {
        self.points.push(sizes.clone());
        for note in &point.notes {
            self.note(note.clone());
        }
        for (variable, quantity, errors) in &point.errors {
            let Some(check) = self.find(variable, *quantity) else {
                continue;
            };
            let Errors {
                witness,
                differences,
                indices,
                kernels,
            } = *errors;
            check.witness = worse(check.witness, Some(witness));
            check.differences = worse(check.differences, Some(differences));
            check.indices = worse(check.indices, indices);
            check.kernels = worse(check.kernels, kernels);
        }
    }
}

/// The larger of two errors; NaN is the largest.
fn worse(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b > a || b.is_nan() { b } else { a }),
        (a, b) => a.or(b),
    }
}
