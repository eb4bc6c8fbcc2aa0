//! One module made ready to run: derived, unfolded, compiled. Why apart from running: a module that occurs many times
//! in a network is derived and compiled once.

use std::collections::BTreeSet;

use super::RunError;
use super::error::definition;
use super::programs::Wanted;
use crate::expr::{FunctionDefinition, Graph, Id, Module, Name, Op, written_function};
use crate::hbp::{
    Batch, Curvature, DeriveError, Equations, ExpectationError, Message, Over, Request,
    UnfoldError, approximate, cross_residual, derive, fisher, mean_carried, take_means, unfold,
};
use crate::rewrite::{Report, RewriteError, Rewriter, Style};

/// What is computed for one module, as expressions that kernels can be made of.
#[derive(Clone, Debug)]
pub(crate) struct Derived {
    pub(crate) graph: Graph,
    /// The variables that differ from sample to sample.
    pub(crate) varying: Vec<Name>,
    /// What arrives at the output.
    pub(crate) upstream: Upstream,
    /// The output's value.
    pub(crate) output: Id,
    /// `grad.v` for every variable asked for, and what is averaged.
    pub(crate) backward: Vec<Wanted>,
    /// Where every sample has a Hessian of its own: `hess.v`, and what crosses the frontier.
    pub(crate) each: Vec<Wanted>,
    /// `hess.v` in terms of the means; empty where every sample has its own.
    pub(crate) combine: Vec<(String, Id)>,
    /// What a column of a root becomes at every variable; at the loss, what the root is made of.
    pub(crate) root: Vec<Wanted>,
    /// What is averaged once the mean of SS' is known.
    pub(crate) factors: Vec<Wanted>,
    /// The parameters of the model that targets are drawn from.
    pub(crate) model: Vec<Wanted>,
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
    pub(crate) message: Message,
    /// True when the loss Hessian is estimated by targets drawn from its model.
    pub(crate) is_drawn: bool,
}

impl Mode {
    /// The exact Hessian, as a module alone sends it.
    pub(crate) fn exact(upstream: Upstream, curvature: Curvature) -> Self {
        Self {
            upstream,
            curvature,
            batch: Batch::Exact,
            message: Message::Hessian,
            is_drawn: false,
        }
    }

    /// True when second-order terms are dropped at this module.
    fn drops_residuals(self) -> bool {
        self.upstream == Upstream::Given && self.curvature.of_module() == Some("ggn")
    }
}

/// Which of a module's variables are asked for what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// All that something is asked of: their gradients.
    pub(crate) gradients: Vec<Name>,
    /// Those whose block is made of ℋz alone.
    pub(crate) blocks: Vec<Name>,
    /// Those that stay in a frontier with others: their Jacobians, and the second-order terms between them.
    pub(crate) joint: Vec<Name>,
    /// Those that a root reaches.
    pub(crate) rooted: Vec<Name>,
}

/// What is asked of a module, and how.
#[derive(Clone, Copy)]
struct Order<'a> {
    asked: &'a Asked,
    mode: Mode,
    rewriter: &'a Rewriter,
}

/// Derives what a module sends back.
pub(crate) fn derived(
    module: &Module,
    asked: &Asked,
    mode: Mode,
    rewriter: &Rewriter,
) -> Result<Derived, RunError> {
    concrete(module)?;
    let order = Order {
        asked,
        mode,
        rewriter,
    };
    let request = Request {
        wrt: Some(asked.gradients.clone()),
        style: Style::Hadamard,
    };
    let mut equations = derive(module, &request, rewriter, &mut Report::default())?;
    if mode.upstream == Upstream::Loss
        && mode.curvature == Curvature::Fisher
        && module.model.is_none()
    {
        let module = module.name.clone();
        return Err(DeriveError::from(ExpectationError::NoModel { module }).into());
    }
    let (mut crossing, mut combined) = (Vec::new(), Vec::new());
    joint(&mut equations, order, &mut crossing, &mut combined)?;
    let (mut results, mut each) = if mode.batch.is_average() {
        (crossing, Vec::new())
    } else {
        (Vec::new(), crossing)
    };
    let root = root(&mut equations, order)?;
    let mut equations = approximate(
        equations,
        mode.curvature,
        mode.batch,
        request.style,
        rewriter,
    )?;
    let hessian = equations.output_hessian();
    for equation in &equations.equations {
        let (gradient, block) = match (&equation.loss, mode.upstream) {
            (Some(loss), Upstream::Loss) => (loss.gradient, loss.hessian),
            _ => (equation.gradient, equation.hessian),
        };
        let v = &equation.variable;
        let over = if module.parameters.contains(v) {
            Over::Mean
        } else {
            Over::Columns
        };
        results.push(Wanted::new(format!("grad.{v}"), gradient, over));
        if !asked.blocks.contains(v) {
            continue;
        }
        let name = format!("hess.{v}");
        if mode.batch.is_average() {
            combined.push((name, block));
        } else {
            each.push(Wanted::new(name, block, Over::Columns));
        }
    }
    let output = equations.module.output.1;
    let model = model(&equations.module, mode);
    let mut graph = std::mem::take(&mut equations.module.graph);
    let (mut combine, mut factors) = (Vec::new(), Vec::new());
    if let Some(hessian) = hessian {
        let roots: Vec<Id> = combined.iter().map(|(_, id)| *id).collect();
        let means = take_means(&mut graph, &roots, hessian).map_err(RewriteError::from);
        let means = means.map_err(UnfoldError::from)?;
        let samples = means.samples.into_iter();
        let samples = samples.map(|(name, id)| Wanted::new(&*name, id, Over::Mean));
        match mode.message {
            Message::Hessian => results.extend(samples),
            Message::Root => factors.extend(samples),
        }
        let names = combined.into_iter().map(|(name, _)| name);
        combine.extend(names.zip(means.roots));
    }
    let (z, _) = &module.output;
    let mut varying = module.inputs.clone();
    varying.push(format!("grad({z})").into());
    let mut derived = Derived {
        graph,
        varying,
        upstream: mode.upstream,
        output,
        backward: results,
        each,
        combine,
        root,
        factors,
        model,
    };
    derived.unfold(rewriter)?;
    Ok(derived)
}

/// `jac|u` and `resid|u|v` for what stays in a frontier, u not after v; with mean Hessians also `carried|u|v`.
fn joint(
    equations: &mut Equations,
    order: Order,
    results: &mut Vec<Wanted>,
    combined: &mut Vec<(String, Id)>,
) -> Result<(), RunError> {
    let Order { asked, mode, .. } = order;
    for (place, u) in asked.joint.iter().enumerate() {
        let Some(jacobian) = jacobian_of(equations, u) else {
            continue;
        };
        if mode.upstream == Upstream::Given {
            results.push(Wanted::new(format!("jac|{u}"), jacobian, Over::Mean));
        }
        for v in &asked.joint[place..] {
            if !mode.drops_residuals() {
                let block = second_order(equations, u, v, order)?;
                results.push(Wanted::new(format!("resid|{u}|{v}"), block, Over::Mean));
            }
            let right = jacobian_of(equations, v);
            if let (Upstream::Given, Batch::AverageHessian, Some(right)) =
                (mode.upstream, mode.batch, right)
            {
                let carried = mean_carried(&mut equations.module, jacobian, right, order.rewriter);
                let carried = carried.map_err(UnfoldError::from)?;
                combined.push((format!("carried|{u}|{v}"), carried));
            }
        }
    }
    Ok(())
}

fn jacobian_of(equations: &Equations, v: &Name) -> Option<Id> {
    let own = equations.equations.iter().find(|e| e.variable == *v);
    own.map(|equation| equation.jacobian)
}

/// The second-order term between two variables, at the loss as the curvature wants it.
fn second_order(
    equations: &mut Equations,
    u: &Name,
    v: &Name,
    order: Order,
) -> Result<Id, RunError> {
    let own = equations.equations.iter().find(|e| e.variable == *u);
    let part = match own {
        Some(equation) if u == v => equation.residual,
        _ => {
            let cross = cross_residual(&mut equations.module, u, v, order.rewriter);
            cross.map_err(UnfoldError::from)?
        }
    };
    if order.mode.upstream != Upstream::Loss || order.mode.curvature != Curvature::Fisher {
        return Ok(part);
    }
    let module = &mut equations.module;
    let (name, model) = (&module.name, module.model.as_ref());
    let fisher = fisher(&mut module.graph, part, name, model);
    Ok(fisher.map_err(DeriveError::from)?)
}

/// What a root becomes: at a module `J'S`, which is the gradient with a column of S in the place of δz; at the loss the
/// Hessian between all that it reaches, or the gradients at drawn targets.
fn root(equations: &mut Equations, order: Order) -> Result<Vec<Wanted>, RunError> {
    let Order { asked, mode, .. } = order;
    let mut wanted = Vec::new();
    for (place, u) in asked.rooted.iter().enumerate() {
        if mode.upstream == Upstream::Loss && !mode.is_drawn {
            for v in &asked.rooted[place..] {
                let block = second_order(equations, u, v, order)?;
                wanted.push(Wanted::new(format!("resid|{u}|{v}"), block, Over::Columns));
            }
            continue;
        }
        let Some(own) = equations.equations.iter().find(|e| e.variable == *u) else {
            continue;
        };
        let gradient = match (&own.loss, mode.upstream) {
            (Some(loss), Upstream::Loss) => loss.gradient,
            _ => own.gradient,
        };
        let is_column = equations.module.graph.shape(gradient).is_column();
        let over = if is_column {
            Over::Columns
        } else {
            Over::Factors
        };
        wanted.push(Wanted::new(format!("grad.{u}"), gradient, over));
    }
    Ok(wanted)
}

/// The parameters of the loss's model where targets are drawn from it.
fn model(module: &Module, mode: Mode) -> Vec<Wanted> {
    let model = module.model.as_ref();
    let model = model.filter(|_| mode.is_drawn && mode.upstream == Upstream::Loss);
    let parameters = model.map_or(&[][..], |model| &model.parameters);
    let named = parameters.iter().enumerate();
    named
        .map(|(place, id)| Wanted::new(format!("model|{place}"), *id, Over::Columns))
        .collect()
}

impl Derived {
    /// Replaces derivatives of functions by what kernels know.
    fn unfold(&mut self, rewriter: &Rewriter) -> Result<(), UnfoldError> {
        let wanted = (self.backward.iter_mut())
            .chain(&mut self.each)
            .chain(&mut self.root)
            .chain(&mut self.factors)
            .chain(&mut self.model)
            .map(|wanted| &mut wanted.id);
        let combined = self.combine.iter_mut().map(|(_, id)| id);
        let ids: Vec<&mut Id> = std::iter::once(&mut self.output)
            .chain(wanted)
            .chain(combined)
            .collect();
        let roots: Vec<Id> = ids.iter().map(|id| **id).collect();
        let unfolded = unfold(&mut self.graph, &roots, rewriter)?;
        for (id, new) in ids.into_iter().zip(unfolded) {
            *id = new;
        }
        Ok(())
    }
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
