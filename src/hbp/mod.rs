//! The equations of Hessian backpropagation: what one module sends its parent, variable by variable.
//!
//! This floor knows no numbers: it holds expressions, their names and how they were derived.

mod approximate;
mod batched;
mod cross;
mod derive;
mod expectation;
mod forward;
mod means;
mod mode;
mod naming;
mod products;
mod roots;
mod row_major;
mod step;
mod steps;
mod structure;
mod unfold;

pub use approximate::{GivenUp, approximate, fisher, mean_block};
pub use batched::{
    Batched, Expansion, Over, Terms, batched, batched_expanding, columns_of, mean_image,
    row_factors, terms_of,
};
pub use cross::{cross_hessian, cross_residual, jacobian_of, mean_carried};
pub use derive::{DeriveError, Request, derive, upstream};
pub use expectation::{ExpectationError, expectation};
pub use means::{Means, take_means};
pub use mode::{Batch, Curvature, Message, Scheme, SchemeModes, UnknownMode};
pub use products::{Products, VariableProducts, products, tangent_name};
pub use roots::rooted;
pub use row_major::row_major;
pub use step::{Solver, StepError, StepForm, step, steps};
pub use steps::print_steps;
pub use unfold::{UnfoldError, unfold};

use crate::expr::{Id, Module, Name};

/// The equations of one module. All ids are nodes of `module.graph`.
#[derive(Clone, Debug)]
pub struct Equations {
    /// The forward map; its graph also holds every derived expression, and the variables `grad(z)` and
    /// `hess(z)` (role [`crate::expr::Role::Upstream`]) for the loss gradient and Hessian at the output.
    pub module: Module,
    /// The locals, then the output, as they were before the forward map was brought into normal form.
    pub definitions: Vec<(Name, Id)>,
    /// What became of the second-order terms in `hessian`.
    pub curvature: Curvature,
    /// What became of the samples in `hessian`.
    pub batch: Batch,
    /// One entry for every input and parameter asked for, in the module's order.
    pub equations: Vec<Equation>,
}

/// What is derived for one input or parameter `v` of a module with output `z`. Names are a matter of printing:
/// the expressions are complete, and where a node is a local of the module or stands in `lets`, its name may
/// be written in its place.
#[derive(Clone, Debug)]
pub struct Equation {
    /// The variable.
    pub variable: Name,
    /// δv = D z(v)' δz, of the shape of v.
    pub gradient: Id,
    /// D z(v) = ∂ vec z / ∂ (vec v)'.
    pub jacobian: Id,
    /// `R_v`, the Jacobian of v ↦ D z(v)' δz with δz held constant.
    pub residual: Id,
    /// ℋv = D z(v)' ℋz D z(v) + `R_v`.
    pub hessian: Id,
    /// `D z(v)' root(z)`, a root of `hessian`, where roots travel.
    pub root: Option<Id>,
    /// Names for subexpressions that `hessian` uses more than once, each value using earlier names only.
    pub lets: Vec<(Name, Id)>,
    /// The form of `hessian`.
    pub structure: Structure,
    /// The same for a module with a scalar output that is the loss itself: δz = 1, ℋz = 0.
    pub loss: Option<Loss>,
    /// How it was derived, one rule a line.
    pub steps: Vec<Step>,
    /// What was given up of `hessian`; nothing in the exact equations.
    pub given_up: Vec<GivenUp>,
}

/// Gradient and Hessian of a loss with respect to one of its arguments.
#[derive(Clone, Debug)]
pub struct Loss {
    /// The gradient.
    pub gradient: Id,
    /// The Hessian: the residual alone, as nothing is carried back.
    pub hessian: Id,
    /// Names for subexpressions that `hessian` uses more than once.
    pub lets: Vec<(Name, Id)>,
    /// The form of `hessian`.
    pub structure: Structure,
    /// What was given up of `hessian`; nothing in the exact equations.
    pub given_up: Vec<GivenUp>,
}

/// The form of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    /// Identically zero.
    Zero,
    /// A diagonal matrix.
    Diagonal,
    /// A ⊗ B.
    Kronecker,
    /// A sum of Kronecker products.
    KroneckerSum,
    /// J'HJ + R with neither a diagonal nor a Kronecker form.
    Dense,
}

/// One step of a derivation: `before` is rewritten to `after`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is being derived: gradient, jacobian, residual or hessian.
    pub of: String,
    /// The phase, as in "differentiate".
    pub phase: String,
    /// The rule's name.
    pub rule: String,
    /// Its citation.
    pub cites: String,
    /// The whole expression before, in the language.
    pub before: String,
    /// The whole expression after, in the language.
    pub after: String,
}
