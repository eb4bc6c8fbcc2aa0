//! Approximations of finished equations. Why after the derivation: they are no equalities, so each is applied once, by its
//! name in the rule book, to the exact expression, and the result is simplified in a graph of its own.

use super::derive::DeriveError;
use super::naming::name_common_parts;
use super::structure::structure_of;
use super::{Batch, Curvature, Equations, ExpectationError, expectation};
use crate::expr::{Graph, Id, Model, Name, Op};
use crate::rewrite::{Approximation, Report, RewriteError, Rewriter, Style};

/// An equality that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// The approximation in the rule book.
    pub name: String,
    /// Where it comes from.
    pub cites: String,
    /// What it says, in words.
    pub words: String,
    /// The expression before.
    pub before: Id,
    /// The expression after, which is another value.
    pub after: Id,
}

/// The equations of a module under a curvature and a batch mode: `hessian` is what is sent to the parent, or kept for a
/// parameter. With averages, `E` is the mean over the samples.
///
/// # Errors
/// When the rule book lacks an approximation, a module has too many variables, or a Fisher matrix has no expectation.
///
/// ```
/// use hbp::expr::{Names, print};
/// use hbp::hbp::{Batch, Curvature, Request, approximate, derive};
/// use hbp::rewrite::{Report, Rewriter, Style};
/// let file = hbp::parse("a.hbp", "module affine[m](x: R[n]) -> z: R[m] { param W: R[m, n]; z = W*x }").expect("well formed");
/// let (module, rewriter) = (file.module("affine").expect("defined"), Rewriter::embedded());
/// let exact = derive(&module, &Request::default(), rewriter, &mut Report::default()).expect("derivable");
/// let (ggn, mean) = (Curvature::GaussNewton, Batch::AverageHessian);
/// let kfra = approximate(exact, ggn, mean, Style::Hadamard, rewriter).expect("small");
/// let weight = kfra.equations.last().expect("W");
/// assert_eq!(print(&kfra.module.graph, weight.hessian, &Names::default()), "E(x*x') ⊗ E(hess(z))");
/// assert_eq!(weight.given_up[0].name, "average-hessian");
/// ```
pub fn approximate(
    mut equations: Equations,
    curvature: Curvature,
    batch: Batch,
    style: Style,
    rewriter: &Rewriter,
) -> Result<Equations, DeriveError> {
    if (curvature, batch) == (Curvature::Hessian, Batch::Exact) {
        return Ok(equations);
    }
    (equations.curvature, equations.batch) = (curvature, batch);
    let upstream = equations.output_hessian();
    let module = &mut equations.module;
    let name = module.name.clone();
    for equation in &mut equations.equations {
        let fail = |source: RewriteError| DeriveError::Rewrite {
            module: name.clone(),
            variable: Some(equation.variable.clone()),
            place: String::new(),
            source,
        };
        let mut press = Press {
            graph: &mut module.graph,
            locals: &module.locals,
            style,
            rewriter,
            given_up: Vec::new(),
        };
        if let Some(upstream) = upstream {
            let carried = (press.graph)
                .node(Op::Congruence, &[equation.jacobian, upstream])
                .map_err(|e| fail(e.into()))?;
            let carried = press.carried(carried, batch).map_err(fail)?;
            let residual = press
                .residual(equation.residual, curvature.of_module(), batch)
                .map_err(fail)?;
            equation.hessian = press.sum(carried, residual, batch).map_err(fail)?;
        }
        equation.given_up = std::mem::take(&mut press.given_up);
        if curvature == Curvature::Fisher && module.model.is_none() {
            // Whoever takes it for the loss is told that it has no model.
            equation.loss = None;
        }
        if let Some(loss) = &mut equation.loss {
            let mut own = loss.hessian;
            if curvature == Curvature::Fisher {
                own = fisher(press.graph, own, &name, module.model.as_ref())?;
                let before = press.simple(loss.hessian, batch).map_err(fail)?;
                let after = press.simple(own, batch).map_err(fail)?;
                press.expected(before, after);
            }
            let hessian = press
                .residual(own, curvature.of_loss(), batch)
                .map_err(fail)?;
            loss.hessian = press.simple(hessian, batch).map_err(fail)?;
            loss.given_up = press.given_up;
        }
        equation.lets = name_common_parts(module, equation.hessian, None);
        equation.structure = structure_of(&module.graph, equation.hessian);
        if let Some(loss) = &mut equation.loss {
            loss.lets = name_common_parts(module, loss.hessian, None);
            loss.structure = structure_of(&module.graph, loss.hessian);
        }
    }
    Ok(equations)
}

/// The expectation of a loss Hessian under the model of the loss.
///
/// # Errors
/// When the loss has no model, or its Hessian is not quadratic in the target.
pub fn fisher(
    graph: &mut Graph,
    hessian: Id,
    module: &Name,
    model: Option<&Model>,
) -> Result<Id, ExpectationError> {
    let model = model.ok_or_else(|| ExpectationError::NoModel {
        module: module.clone(),
    })?;
    expectation(graph, hessian, model)
}

/// Applies approximations and keeps account of them.
struct Press<'a> {
    graph: &'a mut Graph,
    locals: &'a [(Name, Id)],
    style: Style,
    rewriter: &'a Rewriter,
    given_up: Vec<GivenUp>,
}

impl Press<'_> {
    /// The congruence `J'ℋzJ`, or what stands for its mean.
    fn carried(&mut self, congruence: Id, batch: Batch) -> Result<Id, RewriteError> {
        if batch == Batch::Exact {
            return Ok(congruence);
        }
        let mut value = self.graph.node(Op::Expectation, &[congruence])?;
        for name in batch.of_congruence() {
            value = self.apply(name, value, batch)?;
        }
        Ok(value)
    }

    /// The second-order term, or its mean, treated as the curvature asks.
    fn residual(
        &mut self,
        residual: Id,
        treatment: Option<&str>,
        batch: Batch,
    ) -> Result<Id, RewriteError> {
        let value = match batch {
            Batch::Exact => residual,
            _ => self.graph.node(Op::Expectation, &[residual])?,
        };
        match treatment {
            Some(name) => self.apply(name, value, batch),
            None => Ok(value),
        }
    }

    /// Applies an approximation by its name. It is accounted for where the value changes.
    fn apply(&mut self, name: &str, value: Id, batch: Batch) -> Result<Id, RewriteError> {
        let missing = || RewriteError::NoApproximation { name: name.into() };
        let approximation: &Approximation =
            (self.rewriter.book().approximation(name)).ok_or_else(missing)?;
        let (stated, after) = (
            &approximation.stated,
            approximation
                .apply(self.graph, value)?
                .ok_or_else(missing)?,
        );
        let before = self.simple(value, batch)?;
        let simple = self.simple(after, batch)?;
        if before != simple {
            self.given_up.push(GivenUp {
                name: stated.name.clone(),
                cites: stated.cites.clone(),
                words: stated.words.clone(),
                before,
                after: simple,
            });
        }
        Ok(after)
    }

    /// Accounts for the expectation under the model.
    fn expected(&mut self, before: Id, after: Id) {
        if before != after {
            self.given_up.push(GivenUp {
                name: "fisher".into(),
                cites: "Martens & Grosse 2015".into(),
                words: "The loss Hessian becomes its expectation under the model of the loss."
                    .into(),
                before,
                after,
            });
        }
    }

    fn sum(&mut self, carried: Id, residual: Id, batch: Batch) -> Result<Id, RewriteError> {
        let sum = self.graph.node(Op::Add, &[carried, residual])?;
        self.simple(sum, batch)
    }

    fn simple(&mut self, value: Id, batch: Batch) -> Result<Id, RewriteError> {
        let (graph, locals, style) = (&mut *self.graph, self.locals, self.style);
        let report = &mut Report::default();
        let simple = match batch {
            Batch::Exact => self
                .rewriter
                .simplify(graph, &[value], locals, style, report),
            _ => self
                .rewriter
                .average(graph, &[value], locals, style, report),
        };
        Ok(simple?[0])
    }
}

/// What takes the place of the mean over the samples of `J'HJ + R`, as the rule book leaves it and not simplified.
/// `treatment` is the approximation that R undergoes.
///
/// # Errors
/// When the rule book lacks an approximation.
pub fn mean_block(
    graph: &mut Graph,
    (jacobian, hessian): (Id, Id),
    residual: Id,
    treatment: Option<&str>,
    batch: Batch,
    rewriter: &Rewriter,
) -> Result<Id, RewriteError> {
    let apply = |graph: &mut Graph, name: &str, value: Id| {
        let missing = || RewriteError::NoApproximation { name: name.into() };
        let approximation = rewriter.book().approximation(name).ok_or_else(missing)?;
        approximation.apply(graph, value)?.ok_or_else(missing)
    };
    let congruence = graph.node(Op::Congruence, &[jacobian, hessian])?;
    let mut carried = graph.node(Op::Expectation, &[congruence])?;
    for name in batch.of_congruence() {
        carried = apply(graph, name, carried)?;
    }
    let mut second = graph.node(Op::Expectation, &[residual])?;
    if let Some(name) = treatment {
        second = apply(graph, name, second)?;
    }
    Ok(graph.node(Op::Add, &[carried, second])?)
}
