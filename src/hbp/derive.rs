//! The Hessian backpropagation equations of one module. Why so short: the rules do the work; this says only
//! which expressions are asked for: δv = D z(v)' δz, `R_v` = D(δv)(v), ℋv = J'ℋz J + `R_v`.

use std::collections::{HashMap, HashSet};

use super::forward::{Map, simpler_map, tidy};
use super::naming::name_common_parts;
use super::steps::Steps;
use super::structure::{detect, structure_of};
use super::{Batch, Curvature, Equation, Equations, ExpectationError, Loss, Structure};
use crate::expr::{
    Facts, Graph, Id, Module, Name, Names, Op, Role, Shape, Variable, print_definition,
};
use crate::rewrite::{Report, RewriteError, Rewriter, Style, pair_transposes};

/// What to derive.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The inputs and parameters asked for; all when `None`.
    pub wrt: Option<Vec<Name>>,
    /// How scaled congruences are written.
    pub style: Style,
}

/// Why equations could not be derived.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeriveError {
    /// A name that is neither an input nor a parameter of the module.
    #[error("`{name}` is neither an input nor a parameter of `{module}`; there are {known}")]
    UnknownVariable {
        /// The name.
        name: Name,
        /// The module.
        module: Name,
        /// The inputs and parameters.
        known: String,
    },
    /// A Fisher matrix of a loss without a model, or of one that its moments do not decide.
    #[error(transparent)]
    Expectation(#[from] ExpectationError),
    /// The rules could not derive it.
    #[error("{}{source}{place}", with_respect_to(.variable.as_ref()))]
    Rewrite {
        /// The module.
        module: Name,
        /// The input or parameter; none where it is the forward map that is too large.
        variable: Option<Name>,
        /// The definition that contains the operation, as in ", in `z = eigabs(A)`"; empty when unknown.
        place: String,
        /// Why.
        source: RewriteError,
    },
}

impl Equations {
    /// The node of δz, `grad(z)`.
    pub fn output_gradient(&self) -> Option<Id> {
        self.module
            .graph
            .variable(&format!("grad({})", self.module.output.0))
    }

    /// The node of ℋz, `hess(z)`.
    pub fn output_hessian(&self) -> Option<Id> {
        self.module
            .graph
            .variable(&format!("hess({})", self.module.output.0))
    }
}

/// Derives the equations of a module by the rules of a book.
///
/// # Errors
/// When a variable is unknown, or an operation has no derivative rule.
pub fn derive(
    module: &Module,
    request: &Request,
    rewriter: &Rewriter,
    report: &mut Report,
) -> Result<Equations, DeriveError> {
    let mut module = module.clone();
    let wanted = wanted(&module, request)?;
    let (gradient, hessian) = upstream(&mut module);
    let mut definitions = module.locals.clone();
    definitions.push(module.output.clone());
    tidy(&mut module).map_err(|e| failed(&module, None, e.into()))?;
    let map = simpler_map(&mut module.graph, module.output.1, rewriter, report.explain)
        .map_err(|e| failed(&module, None, e))?;
    let mut equations = Vec::new();
    for name in wanted {
        let at = Problem {
            module: &mut module,
            map: &map,
            rewriter,
            style: request.style,
            gradient,
            hessian,
        };
        let equation = at.solve(&name, report);
        equations.push(equation.map_err(|e| failed(&module, Some(&name), e))?);
    }
    Ok(Equations {
        module,
        definitions,
        curvature: Curvature::default(),
        batch: Batch::default(),
        equations,
    })
}

fn with_respect_to(variable: Option<&Name>) -> String {
    variable.map_or_else(String::new, |v| format!("with respect to `{v}`: "))
}

pub(super) fn failed(
    module: &Module,
    variable: Option<&Name>,
    source: RewriteError,
) -> DeriveError {
    let place = match &source {
        RewriteError::NoRule { node, .. } => place(module, *node).unwrap_or_default(),
        _ => String::new(),
    };
    DeriveError::Rewrite {
        module: module.name.clone(),
        variable: variable.cloned(),
        place,
        source,
    }
}

/// The first definition of the module that contains a node.
fn place(module: &Module, node: Id) -> Option<String> {
    let names: Names = module
        .locals
        .iter()
        .map(|(n, id)| (*id, n.clone()))
        .collect();
    let definitions = module.locals.iter().chain(std::iter::once(&module.output));
    let (name, value) = definitions
        .into_iter()
        .find(|(_, value)| module.graph.topological(&[*value]).contains(&node))?;
    let text = print_definition(&module.graph, *value, &names);
    (text.len() < 500).then(|| format!(", in `{name} = {text}`"))
}

fn wanted(module: &Module, request: &Request) -> Result<Vec<Name>, DeriveError> {
    let all: Vec<Name> = module.variables().cloned().collect();
    let Some(names) = &request.wrt else {
        return Ok(all);
    };
    for name in names {
        if !all.contains(name) {
            return Err(DeriveError::UnknownVariable {
                name: name.clone(),
                module: module.name.clone(),
                known: all
                    .iter()
                    .map(|n| format!("`{n}`"))
                    .collect::<Vec<_>>()
                    .join(", "),
            });
        }
    }
    Ok(all.into_iter().filter(|n| names.contains(n)).collect())
}

/// The nodes of `grad(z)` and `hess(z)`, what the child sends back; declared when they are not there yet.
pub fn upstream(module: &mut Module) -> (Id, Id) {
    let (name, value) = &module.output;
    let shape = module.graph.shape(*value);
    let size = shape.size();
    let upstream = |shape| Variable {
        shape,
        role: Role::Upstream,
        facts: Facts::default(),
    };
    let gradient = module
        .graph
        .declare(format!("grad({name})"), upstream(shape));
    let square = Shape::matrix(size.clone(), size);
    let hessian = module
        .graph
        .declare(format!("hess({name})"), upstream(square));
    (gradient, hessian)
}

struct Problem<'a> {
    module: &'a mut Module,
    map: &'a Map,
    rewriter: &'a Rewriter,
    style: Style,
    gradient: Id,
    hessian: Id,
}

impl Problem<'_> {
    fn solve(self, name: &Name, report: &mut Report) -> Result<Equation, RewriteError> {
        let Self {
            module,
            map,
            rewriter,
            style,
            gradient,
            hessian,
        } = self;
        let locals = module.locals.clone();
        let (graph, z) = (&mut module.graph, map.value);
        let v = variable(graph, name);
        // A fact holds for the value, not for how it varies: until all derivatives are taken, none is used of v.
        let facts = graph.replace_facts(name, Facts::default());
        // δv = D z(v)' δz, and D z(v)
        let backward = graph.node(Op::Backpropagate, &[z, gradient, v])?;
        let jacobian = graph.node(Op::Jacobian, &[z, v])?;
        let first = rewriter.differentiate(graph, &[backward, jacobian], report)?;
        let first = rewriter.simplify(graph, &first, &locals, style, report)?;
        let (mut gradient, mut jacobian) = (first[0], first[1]);
        let mut steps = Steps::new("map", &map.steps);
        steps.take(report, &["gradient", "jacobian"]);
        // R_v = D(δv)(v) with δz constant
        let residual = graph.node(Op::Jacobian, &[gradient, v])?;
        let residual = rewriter.differentiate(graph, &[residual], report)?[0];
        steps.take(report, &["residual"]);
        graph.replace_facts(name, facts);
        if facts != Facts::default() {
            let first = [gradient, jacobian];
            let first = rewriter.simplify(graph, &first, &locals, style, report)?;
            (gradient, jacobian) = (first[0], first[1]);
            steps.take(report, &["gradient", "jacobian"]);
        }
        // ℋv = J'ℋz J + R_v
        let congruence = graph.node(Op::Congruence, &[jacobian, hessian])?;
        let sum = graph.node(Op::Add, &[congruence, residual])?;
        let second = rewriter.simplify(graph, &[residual, sum], &locals, style, report)?;
        let (residual, mut hessian) = (second[0], second[1]);
        steps.take(report, &["residual", "hessian"]);
        // Only the block of a matrix can be a Kronecker product.
        let shape = graph.shape(v);
        let is_matrix = !shape.is_column() && !shape.is_row();
        if is_matrix && let Some(found) = detect(graph, hessian)? {
            let found = rewriter.simplify(graph, &[found], &locals, style, report)?[0];
            report.steps.clear();
            if structure_of(graph, found) != Structure::Dense {
                steps.push_index_form(hessian, found);
                hessian = found;
            }
        }
        let atoms: Vec<Id> = locals.iter().map(|(_, value)| *value).collect();
        let paired = [
            pair_transposes(graph, residual, &atoms)?,
            pair_transposes(graph, hessian, &atoms)?,
        ];
        steps.push_pairs(&[("residual", residual), ("hessian", hessian)], &paired);
        let [residual, hessian] = paired;
        let loss = if graph.shape(z).is_scalar() {
            Some(as_loss(
                module,
                (gradient, hessian),
                rewriter,
                style,
                report,
            )?)
        } else {
            None
        };
        Ok(Equation {
            variable: name.clone(),
            gradient,
            jacobian,
            residual,
            hessian,
            root: None,
            lets: name_common_parts(module, hessian, Some(jacobian)),
            structure: structure_of(&module.graph, hessian),
            loss,
            steps: steps.print(module, rewriter),
            given_up: Vec::new(),
        })
    }
}

/// A scalar output may be the loss itself: then δ = 1 and ℋ = 0.
fn as_loss(
    module: &mut Module,
    (gradient, hessian): (Id, Id),
    rewriter: &Rewriter,
    style: Style,
    report: &mut Report,
) -> Result<Loss, RewriteError> {
    let from = module.graph.clone();
    let (one, zero) = (module.graph.integer(1), module.graph.integer(0));
    let output = &module.output.0;
    let map = HashMap::from([
        (Name::from(format!("grad({output})")), one),
        (Name::from(format!("hess({output})")), zero),
    ]);
    let none = std::collections::BTreeMap::new();
    let gradient = module.graph.import(&from, gradient, &map, &none)?;
    let hessian = module.graph.import(&from, hessian, &map, &none)?;
    let locals = module.locals.clone();
    let explain = std::mem::replace(&mut report.explain, false);
    let both = rewriter.simplify(
        &mut module.graph,
        &[gradient, hessian],
        &locals,
        style,
        report,
    )?;
    report.explain = explain;
    let atoms: Vec<Id> = locals.iter().map(|(_, value)| *value).collect();
    let hessian = pair_transposes(&mut module.graph, both[1], &atoms)?;
    Ok(Loss {
        gradient: both[0],
        hessian,
        lets: name_common_parts(module, hessian, None),
        structure: structure_of(&module.graph, hessian),
        given_up: Vec::new(),
    })
}

/// The node of a declared variable, which may not occur in the forward map at all.
pub(super) fn variable(graph: &mut Graph, name: &Name) -> Id {
    let declared = graph.variables().get(name).cloned();
    let declared = declared.unwrap_or_else(|| unreachable!("`{name}` is declared"));
    graph.declare(name.clone(), declared)
}

/// The names that a new name must not hide.
pub(crate) fn taken_names(module: &Module) -> HashSet<Name> {
    let graph = &module.graph;
    let mut taken: HashSet<Name> = graph.variables().keys().cloned().collect();
    taken.extend(graph.functions().keys().cloned());
    taken.extend(module.locals.iter().map(|(name, _)| name.clone()));
    taken.insert(module.output.0.clone());
    for variable in graph.variables().values() {
        taken.extend(variable.shape.rows.names());
        taken.extend(variable.shape.cols.names());
    }
    taken
}
