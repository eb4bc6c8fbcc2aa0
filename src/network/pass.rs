//! One module made ready to run: derived, unfolded, compiled. Why apart from running: a module that occurs many times
//! in a network is derived and compiled once.

use std::collections::BTreeSet;
use std::time::Duration;

use super::RunError;
use super::error::definition;
use crate::expr::{FunctionDefinition, Graph, Id, Module, Name, Op, Sizes, written_function};
use crate::hbp::{Request, derive, unfold};
use crate::kernel::{Program, compile_within};
use crate::rewrite::{Report, Rewriter, Style};

/// What is computed for one module, as expressions that kernels can be made of.
#[derive(Clone, Debug)]
pub(crate) struct Derived {
    pub(crate) graph: Graph,
    /// The output's value.
    pub(crate) output: Id,
    /// `grad.v` and `hess.v` for every variable asked for.
    pub(crate) backward: Vec<(String, Id)>,
}

/// What arrives at the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upstream {
    /// `grad(z)` and `hess(z)` are given with the data.
    Given,
    /// The output is the loss itself: δ = 1, ℋ = 0.
    Loss,
}

/// Derives what a module sends back to `wrt`.
pub(crate) fn derived(
    module: &Module,
    wrt: &[Name],
    upstream: Upstream,
    rewriter: &Rewriter,
) -> Result<Derived, RunError> {
    concrete(module)?;
    let request = Request {
        wrt: Some(wrt.to_vec()),
        style: Style::Hadamard,
    };
    let mut report = Report::default();
    let equations = derive(module, &request, rewriter, &mut report)?;
    let mut roots = vec![equations.module.output.1];
    let mut names = Vec::new();
    for equation in &equations.equations {
        roots.extend(match (&equation.loss, upstream) {
            (Some(loss), Upstream::Loss) => [loss.gradient, loss.hessian],
            _ => [equation.gradient, equation.hessian],
        });
        let v = &equation.variable;
        names.extend([format!("grad.{v}"), format!("hess.{v}")]);
    }
    let mut graph = equations.module.graph;
    let unfolded = unfold(&mut graph, &roots, rewriter)?;
    let (output, backward) = (unfolded[0], names.into_iter().zip(unfolded[1..].to_vec()));
    Ok(Derived {
        backward: backward.collect(),
        graph,
        output,
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
    /// Gradients and Hessians. For the loss the output, too, since nothing has to be waited for.
    pub(crate) backward: Program,
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
    })
}
