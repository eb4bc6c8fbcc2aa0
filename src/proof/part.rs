//! One of the modules that are compared, and how its equations are written in the names of another.

use std::collections::{BTreeMap, HashMap};

use crate::expr::{Graph, Id, Module, Name, ShapeError};
use crate::hbp::{DeriveError, Equation, Equations, Request, UnfoldError, derive};
use crate::network::RunError;
use crate::rewrite::{Report, RewriteError, Rewriter};

/// Why two neighbours could not be compared.
#[derive(Debug, thiserror::Error)]
pub(super) enum TogetherError {
    #[error(transparent)]
    Derive(#[from] DeriveError),
    #[error(transparent)]
    Rewrite(#[from] RewriteError),
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

impl From<TogetherError> for RunError {
    fn from(error: TogetherError) -> Self {
        match error {
            TogetherError::Derive(error) => error.into(),
            TogetherError::Rewrite(error) => UnfoldError::from(error).into(),
            TogetherError::Shape(error) => UnfoldError::from(error).into(),
        }
    }
}

impl From<RewriteError> for RunError {
    fn from(error: RewriteError) -> Self {
        UnfoldError::from(error).into()
    }
}

/// The equations of one module, ready to be written in the names of the composite.
pub(super) struct Part {
    pub(super) equations: Equations,
    /// What stands for its variables there, `grad(z)` and `hess(z)` included.
    pub(super) names: HashMap<Name, Id>,
    pub(super) is_loss: bool,
}

impl Part {
    pub(super) fn new(
        module: &Module,
        wanted: impl Fn(&Name) -> bool,
        is_loss: bool,
        rewriter: &Rewriter,
    ) -> Result<Self, DeriveError> {
        let request = Request {
            wrt: Some(module.variables().filter(|v| wanted(v)).cloned().collect()),
            ..Request::default()
        };
        Ok(Self {
            equations: derive(module, &request, rewriter, &mut Report::default())?,
            names: HashMap::new(),
            is_loss,
        })
    }

    pub(super) fn has(&self, v: &Name) -> bool {
        self.equations.equations.iter().any(|e| e.variable == *v)
    }

    /// Copies one of its expressions into the composite's graph.
    pub(super) fn import(&self, to: &mut Graph, id: Id) -> Result<Id, ShapeError> {
        to.import(
            &self.equations.module.graph,
            id,
            &self.names,
            &BTreeMap::new(),
        )
    }

    pub(super) fn jacobian(&self, to: &mut Graph, v: &Name) -> Result<Id, ShapeError> {
        self.import(to, self.found(v).jacobian)
    }

    pub(super) fn gradient(&self, to: &mut Graph, v: &Name) -> Result<Id, ShapeError> {
        let equation = self.found(v);
        let as_loss = equation.loss.as_ref().filter(|_| self.is_loss);
        self.import(to, as_loss.map_or(equation.gradient, |loss| loss.gradient))
    }

    pub(super) fn found(&self, v: &Name) -> &Equation {
        let found = self.equations.equations.iter().find(|e| e.variable == *v);
        found.unwrap_or_else(|| unreachable!("`{v}` is asked for when it is derived"))
    }
}
