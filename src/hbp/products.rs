//! Products with the Jacobians and the second-order terms of one module, without any of the two. Why one scalar: with a
//! tangent for every variable, s = Σ ⟨D z(v)' δz, tangent(v)⟩ has as its gradients all that Pearlmutter's operator asks
//! for, so that no rule is needed beside those of the gradient.

use super::derive::{DeriveError, failed, upstream, variable};
use super::forward::{simpler_map, tidy};
use crate::expr::{Facts, Graph, Id, Module, Name, Op, Role, ShapeError, Variable};
use crate::rewrite::{Report, RewriteError, Rewriter, Style};

/// What products with the curvature of a loss ask of a module. All ids are nodes of `module.graph`.
#[derive(Clone, Debug)]
pub struct Products {
    /// The forward map; its graph also holds `grad(z)` and, for every variable v asked for, `tangent(v)` of the shape of v.
    pub module: Module,
    /// Σ D z(v) tangent(v), of the shape of z: how the output moves.
    pub tangent: Id,
    /// One entry for every variable, in the order asked for.
    pub variables: Vec<VariableProducts>,
}

/// Products at one input or parameter v.
#[derive(Clone, Debug)]
pub struct VariableProducts {
    /// The variable.
    pub variable: Name,
    /// D z(v)' grad(z), of the shape of v: linear in `grad(z)`, so that it takes back gradients and their tangents alike.
    pub back: Id,
    /// Σ `D_u` [D z(v)' grad(z)] tangent(u), of the shape of v: how the gradient moves while `grad(z)` stays.
    pub turn: Id,
}

/// The name of the tangent of a variable.
pub fn tangent_name(variable: &str) -> Name {
    format!("tangent({variable})").into()
}

/// Derives the products of a module with respect to some of its variables, at least one (Pearlmutter 1994;
/// Schraudolph 2002).
///
/// With s = Σ ⟨D z(v)' δz, tangent(v)⟩, the output moves by ∂s/∂δz, and the gradient at v by ∂s/∂v: second
/// derivatives are symmetric.
///
/// # Errors
/// When an operation has no derivative rule, or the module is too large for the rules.
///
/// ```
/// use hbp::expr::{Names, print};
/// use hbp::hbp::products;
/// use hbp::rewrite::Rewriter;
/// let file = hbp::parse("a.hbp", "module affine[m](x: R[n]) -> z: R[m] { param W: R[m, n]; z = W*x }").expect("well formed");
/// let module = file.module("affine").expect("defined");
/// let found = products(&module, &["x".into(), "W".into()], Rewriter::embedded()).expect("derivable");
/// let text = |id| print(&found.module.graph, id, &Names::default());
/// assert_eq!(text(found.tangent), "tangent(W)*x + W*tangent(x)");
/// assert_eq!(text(found.variables[1].turn), "grad(z)*tangent(x)'");
/// ```
pub fn products(
    module: &Module,
    wrt: &[Name],
    rewriter: &Rewriter,
) -> Result<Products, DeriveError> {
    let mut module = module.clone();
    let (gradient, _) = upstream(&mut module);
    tidy(&mut module).map_err(|e| failed(&module, None, e.into()))?;
    let map = simpler_map(&mut module.graph, module.output.1, rewriter, false);
    let map = map.map_err(|e| failed(&module, None, e))?.value;
    // A fact holds for the value, not for how it varies.
    let facts: Vec<Facts> = wrt
        .iter()
        .map(|name| module.graph.replace_facts(name, Facts::default()))
        .collect();
    let mut parts = Vec::new();
    for name in wrt {
        let part = backpropagated(&mut module, map, gradient, name, rewriter);
        parts.push(part.map_err(|e| failed(&module, Some(name), e))?);
    }
    let scalar = scalar(&mut module.graph, wrt, &parts);
    let scalar = scalar.map_err(|e| failed(&module, None, e.into()))?;
    let mut movements = Vec::new();
    for name in std::iter::once(None).chain(wrt.iter().map(Some)) {
        let graph = &mut module.graph;
        let v = name.map_or(gradient, |name| variable(graph, name));
        let one = graph.integer(1);
        let moved = graph
            .node(Op::Backpropagate, &[scalar, one, v])
            .map_err(RewriteError::from)
            .and_then(|moved| rewriter.differentiate(graph, &[moved], &mut Report::default()));
        movements.push(moved.map_err(|e| failed(&module, name, e))?[0]);
    }
    for (name, facts) in wrt.iter().zip(facts) {
        module.graph.replace_facts(name, facts);
    }
    let all: Vec<Id> = parts.iter().copied().chain(movements).collect();
    let (locals, style) = (module.locals.clone(), Style::Hadamard);
    let graph = &mut module.graph;
    let all = rewriter.simplify(graph, &all, &locals, style, &mut Report::default());
    let all = all.map_err(|e| failed(&module, None, e))?;
    let (back, moved) = all.split_at(wrt.len());
    let variables = wrt.iter().zip(back).zip(&moved[1..]);
    let variables = variables.map(|((variable, back), turn)| VariableProducts {
        variable: variable.clone(),
        back: *back,
        turn: *turn,
    });
    Ok(Products {
        tangent: moved[0],
        variables: variables.collect(),
        module,
    })
}

/// D z(v)' δz.
fn backpropagated(
    module: &mut Module,
    map: Id,
    gradient: Id,
    name: &Name,
    rewriter: &Rewriter,
) -> Result<Id, RewriteError> {
    let (locals, graph) = (module.locals.clone(), &mut module.graph);
    let v = variable(graph, name);
    let report = &mut Report::default();
    let back = graph.node(Op::Backpropagate, &[map, gradient, v])?;
    let back = rewriter.differentiate(graph, &[back], report)?;
    Ok(rewriter.simplify(graph, &back, &locals, Style::Hadamard, report)?[0])
}

/// Σ ⟨part, tangent(v)⟩, with the tangents declared.
fn scalar(graph: &mut Graph, wrt: &[Name], parts: &[Id]) -> Result<Id, ShapeError> {
    let mut terms = Vec::with_capacity(parts.len());
    for (name, part) in wrt.iter().zip(parts) {
        let shape = graph.shape(*part);
        let is_scalar = shape.is_scalar();
        let declared = Variable {
            shape,
            role: Role::Upstream,
            facts: Facts::default(),
        };
        let tangent = graph.declare(tangent_name(name), declared);
        terms.push(if is_scalar {
            graph.node(Op::Scale, &[*part, tangent])?
        } else {
            let product = graph.node(Op::Hadamard, &[*part, tangent])?;
            graph.node(Op::Sum, &[product])?
        });
    }
    match terms.as_slice() {
        [only] => Ok(*only),
        _ => graph.node(Op::Add, &terms),
    }
}
