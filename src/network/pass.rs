//! One module made ready to run: derived, unfolded, compiled. Why apart from running: a module that occurs many times
//! in a network is derived and compiled once.

use std::collections::BTreeSet;
use std::time::Duration;

use super::RunError;
use super::error::definition;
use crate::expr::{FunctionDefinition, Graph, Id, Module, Name, Op, Sizes, written_function};
use crate::hbp::{
    Batch, Curvature, DeriveError, Equations, ExpectationError, Request, UnfoldError, approximate,
    cross_residual, derive, fisher, take_means, unfold,
};
use crate::kernel::{Program, compile_within};
use crate::rewrite::{Report, RewriteError, Rewriter, Style};

/// What is computed for one module, as expressions that kernels can be made of.
#[derive(Clone, Debug)]
pub(crate) struct Derived {
    pub(crate) graph: Graph,
    /// The output's value.
    pub(crate) output: Id,
    /// For each sample: `grad.v`, and `hess.v` or the values to be averaged, for every variable asked for.
    pub(crate) backward: Vec<(String, Id)>,
    /// `hess.v` in terms of the means; empty where every sample has its own.
    pub(crate) combine: Vec<(String, Id)>,
}

/// What arrives at the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upstream {
    /// `grad(z)` and `hess(z)` are given with the data.
    Given,
    /// The output is the loss itself: δ = 1, ℋ = 0.
    Loss,
}

/// What is derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode {
    pub(crate) upstream: Upstream,
    pub(crate) curvature: Curvature,
    pub(crate) batch: Batch,
}

/// Which of a module's variables are asked for what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// All that something is asked of: their gradients.
    pub(crate) gradients: Vec<Name>,
    /// Those whose block is made of ℋz alone.
    pub(crate) blocks: Vec<Name>,
    /// Those that stay in a frontier with others: their Jacobians, and the second-order terms between them.
    pub(crate) joint: Vec<Name>,
}

/// Expressions by name.
type Named = Vec<(String, Id)>;

/// `jac|u` and `resid|u|v` for what stays in a frontier, u not after v.
fn joint(
    equations: &Equations,
    wanted: &Wanted,
    mode: Mode,
    rewriter: &Rewriter,
) -> Result<(Equations, Named), RunError> {
    let mut equations = equations.clone();
    let mut named = Vec::new();
    let has_residual = mode.upstream == Upstream::Loss || mode.curvature.of_module() != Some("ggn");
    for (place, u) in wanted.joint.iter().enumerate() {
        let own = equations.equations.iter().find(|e| e.variable == *u);
        let Some((jacobian, residual)) = own.map(|e| (e.jacobian, e.residual)) else {
            continue;
        };
        if mode.upstream == Upstream::Given {
            named.push((format!("jac|{u}"), jacobian));
        }
        if !has_residual {
            continue;
        }
        let residual = expected(&mut equations.module, residual, mode)?;
        named.push((format!("resid|{u}|{u}"), residual));
        for v in &wanted.joint[place + 1..] {
            let cross = cross_residual(&mut equations.module, u, v, rewriter);
            let cross = cross.map_err(UnfoldError::from)?;
            let cross = expected(&mut equations.module, cross, mode)?;
            named.push((format!("resid|{u}|{v}"), cross));
        }
    }
    Ok((equations, named))
}

/// A part of the loss Hessian, as the curvature wants it.
fn expected(module: &mut Module, part: Id, mode: Mode) -> Result<Id, RunError> {
    if mode.upstream != Upstream::Loss || mode.curvature != Curvature::Fisher {
        return Ok(part);
    }
    let (name, model) = (&module.name, module.model.as_ref());
    let fisher = fisher(&mut module.graph, part, name, model);
    Ok(fisher.map_err(DeriveError::from)?)
}

/// Derives what a module sends back.
pub(crate) fn derived(
    module: &Module,
    wanted: &Wanted,
    mode: Mode,
    rewriter: &Rewriter,
) -> Result<Derived, RunError> {
    concrete(module)?;
    let request = Request {
        wrt: Some(wanted.gradients.clone()),
        style: Style::Hadamard,
    };
    let mut report = Report::default();
    let equations = derive(module, &request, rewriter, &mut report)?;
    let Mode {
        upstream,
        curvature,
        batch,
    } = mode;
    if upstream == Upstream::Loss && curvature == Curvature::Fisher && module.model.is_none() {
        let module = module.name.clone();
        return Err(DeriveError::from(ExpectationError::NoModel { module }).into());
    }
    let joint = joint(&equations, wanted, mode, rewriter)?;
    let mut equations = approximate(joint.0, curvature, batch, request.style, rewriter)?;
    let joint = joint.1;
    let hessian = equations.output_hessian();
    let (mut backward, mut blocks) = (joint, Vec::new());
    for equation in &equations.equations {
        let (gradient, block) = match (&equation.loss, upstream) {
            (Some(loss), Upstream::Loss) => (loss.gradient, loss.hessian),
            _ => (equation.gradient, equation.hessian),
        };
        let v = &equation.variable;
        backward.push((format!("grad.{v}"), gradient));
        if !wanted.blocks.contains(v) {
            continue;
        }
        let block = (format!("hess.{v}"), block);
        if batch.is_average() {
            blocks.push(block);
        } else {
            backward.push(block);
        }
    }
    let output = equations.module.output.1;
    let mut graph = std::mem::take(&mut equations.module.graph);
    let mut combine = Vec::new();
    if let Some(hessian) = hessian {
        let roots: Vec<Id> = blocks.iter().map(|(_, id)| *id).collect();
        let means = take_means(&mut graph, &roots, hessian).map_err(RewriteError::from);
        let means = means.map_err(UnfoldError::from)?;
        let samples = means.samples.into_iter();
        backward.extend(samples.map(|(name, id)| (name.to_string(), id)));
        let names = blocks.into_iter().map(|(name, _)| name);
        combine.extend(names.zip(means.roots));
    }
    let named = backward.iter().chain(&combine);
    let roots: Vec<Id> = std::iter::once(output)
        .chain(named.map(|(_, id)| *id))
        .collect();
    let unfolded = unfold(&mut graph, &roots, rewriter)?;
    for ((_, id), new) in backward.iter_mut().chain(&mut combine).zip(&unfolded[1..]) {
        *id = *new;
    }
    Ok(Derived {
        graph,
        output: unfolded[0],
        backward,
        combine,
    })
}

/// Refuses a module with abstract functions, which have no values.
pub(crate) fn concrete(module: &Module) -> Result<(), RunError> {
    let graph = &module.graph;
    let mut seen: BTreeSet<&Name> = BTreeSet::new();
    let mut roots = vec![module.output.1];
    while let Some(root) = roots.pop() {
        for id in graph.topological(&[root]) {
            let Op::Function(function) = &graph[id].op else {
                continue;
            };
            match graph.functions().get(&function.name) {
                Some(FunctionDefinition::Abstract) => {
                    return Err(RunError::input(
                        format!(
                            "`{}` in the module `{}` is abstract: it has no values to compute with",
                            written_function(graph, &function.name),
                            module.name
                        ),
                        definition(&written_function(graph, &function.name)),
                    ));
                }
                Some(FunctionDefinition::Defined { body, .. }) if seen.insert(&function.name) => {
                    roots.push(*body);
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// The compiled passes of one module.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    /// The output alone.
    pub(crate) forward: Program,
    /// Gradients, and Hessians or what they are averaged from. For the loss the output, too, since nothing has to be
    /// waited for.
    pub(crate) backward: Program,
    /// Hessians from the means.
    pub(crate) combine: Option<Program>,
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
pub(crate) fn compiled(
    derived: &Derived,
    upstream: Upstream,
    sizes: &Sizes,
    limit: u64,
) -> Result<Pass, RunError> {
    let compile = |outputs: &[(String, Id)]| compile_within(&derived.graph, outputs, sizes, limit);
    let output = (OUTPUT.to_owned(), derived.output);
    let mut backward = derived.backward.clone();
    if upstream == Upstream::Loss {
        backward.insert(0, output.clone());
    }
    Ok(Pass {
        forward: compile(&[output])?,
        backward: compile(&backward)?,
        combine: (!derived.combine.is_empty())
            .then(|| compile(&derived.combine))
            .transpose()?,
    })
}
