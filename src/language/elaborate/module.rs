//! A module from its syntax. Why declarations are read first: a dimension may be named by a parameter below
//! the statement that uses its size.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::circle::circles;
use super::naming::{Dotting, Names};
use super::{Builder, Seen, Value, check_names, facts};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::expr::{Id, Model, Module, Name, Role, Shape, Variable};
use crate::language::scope::{Scope, Template};
use crate::language::syntax::{Declaration, Expr, ExprKind, Ident, ModuleItem, Statement};

/// Checks a module. Returns nothing when something is wrong; all of it is in `errors`.
pub(crate) fn module(
    item: &ModuleItem,
    scope: Scope<'_>,
    budget: &Cell<usize>,
    errors: &mut Diagnostics,
    warnings: &mut Diagnostics,
) -> Option<Template> {
    let mut builder = Builder::new(scope, budget);
    let before = errors.len();
    let seen = declared_names(item, &mut builder.errors);
    builder.names = names(item, scope, seen.places());
    builder.places = Rc::new(seen.into_places());
    builder.circular = Rc::new(circles(&item.body, &builder.places, &mut builder.errors));
    builder.dims = dimensions(item);
    let inputs: Vec<Name> = item
        .inputs
        .iter()
        .map(|input| input.ident.name.clone())
        .collect();
    for input in &item.inputs {
        builder.declare(input, Role::Input);
    }
    let output_shape = builder.shape(&item.output.shape);
    if let Some(fact) = item.output.facts.first() {
        let message = format!(
            "`{}` is computed, its facts are not declared",
            item.output.ident.name
        );
        let help = "facts are declared on inputs, targets and parameters";
        builder.error(Diagnostic::new(Code::Facts, message, help).at(fact.span, "remove it"));
    }
    let mut locals: Vec<(Name, Id)> = Vec::new();
    let mut output: Option<(Option<Id>, &Expr)> = None;
    let mut model: Option<Model> = None;
    for statement in &item.body {
        match statement {
            Statement::Param(_, declaration) => {
                builder.declare(declaration, Role::Parameter);
            }
            Statement::Define(ident, value) => {
                let id = builder.expression(value);
                if ident.name == item.output.ident.name {
                    output = output.or(Some((id, value)));
                } else if let Some(id) = id {
                    locals.push((ident.name.clone(), id));
                }
                // A name that is defined twice keeps its first value.
                builder
                    .values
                    .entry(ident.name.clone())
                    .or_insert(Value { id, used: false });
            }
            Statement::Input(place, d) | Statement::Target(place, d) => {
                let help = format!(
                    "inputs of a module stand in its header; write `param {}: …`",
                    d.ident.name
                );
                builder.misplaced("`input` and `target` belong to networks", &help, *place);
            }
            Statement::Loss(place, _) => {
                builder.misplaced(
                    "`loss` belongs to networks",
                    "define the output by its name",
                    *place,
                );
            }
            Statement::Model(ident, value) => {
                if let Some(found) = builder.model(item, ident, value) {
                    model = Some(found);
                }
            }
            Statement::Error => {}
        }
    }
    let broken = item.body.contains(&Statement::Error);
    let output = builder.output(item, output, output_shape, broken);
    if builder.errors.is_empty() && !broken {
        builder.unused(item, warnings);
    }
    errors.append(std::mem::take(&mut builder.errors));
    if errors.len() > before || broken {
        return None;
    }
    let module = Module {
        name: item.ident.name.clone(),
        graph: builder.graph,
        inputs,
        parameters: builder.parameters,
        locals,
        output: (item.output.ident.name.clone(), output?),
        model,
    };
    let dims = item.dims.iter().map(|d| d.name.clone()).collect();
    Some(Template::new(dims, module, builder.written, builder.depth))
}

/// All values a module defines, each once.
fn declared_names(item: &ModuleItem, errors: &mut Diagnostics) -> Seen {
    let mut dims = Seen::default();
    for ident in &item.dims {
        dims.define(ident, errors);
    }
    let mut seen = Seen::default();
    for input in &item.inputs {
        seen.define(&input.ident, errors);
    }
    let inputs = seen.clone();
    let mut idents: Vec<&Ident> = item.inputs.iter().map(|input| &input.ident).collect();
    idents.extend(&item.dims);
    idents.extend([&item.ident, &item.output.ident]);
    for statement in &item.body {
        if let Statement::Param(_, Declaration { ident, .. }) | Statement::Define(ident, _) =
            statement
        {
            seen.define(ident, errors);
            idents.push(ident);
        }
    }
    if inputs.places().contains_key(&item.output.ident.name) {
        let mut output = inputs;
        output.define(&item.output.ident, errors);
    }
    check_names(idents.into_iter(), errors);
    seen
}

/// The dimensions that types, brackets and the header introduce.
fn dimensions(item: &ModuleItem) -> BTreeSet<Name> {
    let mut dims: BTreeSet<Name> = item.dims.iter().map(|d| d.name.clone()).collect();
    let mut types = vec![&item.output.shape];
    types.extend(item.inputs.iter().map(|input| &input.shape));
    for statement in &item.body {
        match statement {
            Statement::Param(_, declaration) => types.push(&declaration.shape),
            Statement::Define(_, value) => collect_brackets(value, &mut dims),
            _ => {}
        }
    }
    for dim in types.into_iter().flat_map(|t| &t.dims) {
        collect(dim, &mut dims);
    }
    dims
}

/// Names in a dimension.
pub(crate) fn collect(dim: &Expr, dims: &mut BTreeSet<Name>) {
    dim.visit(&mut |e| {
        if let ExprKind::Name(name) = &e.kind {
            dims.insert(name.clone());
        }
    });
}

/// Names in the brackets of calls.
pub(crate) fn collect_brackets(value: &Expr, dims: &mut BTreeSet<Name>) {
    value.visit(&mut |e| {
        if let ExprKind::Call(call) = &e.kind {
            for dim in &call.dims {
                collect(dim, dims);
            }
        }
    });
}

fn names(item: &ModuleItem, scope: Scope<'_>, own: &BTreeMap<Name, Span>) -> Names {
    let statements: Vec<(Name, &Expr)> = item
        .body
        .iter()
        .filter_map(|statement| match statement {
            Statement::Define(ident, value) => Some((ident.name.clone(), value)),
            _ => None,
        })
        .collect();
    Names::plan(
        scope,
        |name| own.contains_key(name),
        &statements,
        Dotting::WhenRepeated,
    )
}

impl Builder<'_> {
    /// Declares an input, target or parameter and returns its shape.
    pub(crate) fn declare(&mut self, declaration: &Declaration, role: Role) -> Option<Shape> {
        let name = &declaration.ident.name;
        let shape = self.shape(&declaration.shape);
        if self.values.contains_key(name) {
            return None;
        }
        let id = shape.clone().map(|shape| {
            let facts = facts(self, &declaration.facts, &shape);
            self.graph
                .declare(name.clone(), Variable { shape, role, facts })
        });
        self.values.insert(name.clone(), Value { id, used: false });
        if role == Role::Parameter {
            self.parameters.push(name.clone());
        }
        shape
    }

    fn misplaced(&mut self, message: &str, help: &str, place: Span) {
        self.error(Diagnostic::new(Code::Misplaced, message, help).at(place, "not in a module"));
    }

    /// Checks the output against the header.
    fn output(
        &mut self,
        item: &ModuleItem,
        output: Option<(Option<Id>, &Expr)>,
        declared: Option<Shape>,
        broken: bool,
    ) -> Option<Id> {
        let ident = &item.output.ident;
        let Some((id, value)) = output else {
            if !broken {
                let message = format!("the output `{}` is never defined", ident.name);
                let help = format!("add a statement `{} = …`", ident.name);
                self.error(
                    Diagnostic::new(Code::NoOutput, message, help).at(ident.span, "declared here"),
                );
            }
            return None;
        };
        let (id, declared) = (id?, declared?);
        let shape = self.graph.shape(id);
        if shape != declared {
            let message = format!("`{}` is declared {declared:?} but is {shape:?}", ident.name);
            let help = if shape == declared.transposed() {
                "transpose the value: `(…)'`".to_owned()
            } else {
                format!(
                    "declare it `{}: {shape}`, or change the expression",
                    ident.name
                )
            };
            let diagnostic = Diagnostic::new(Code::Shape, message, help)
                .at(value.span, format!("{shape:?}"))
                .at(item.output.shape.span, format!("{declared:?}"));
            self.error(diagnostic);
        }
        Some(id)
    }

    /// Warns about names that nothing reads.
    fn unused(&self, item: &ModuleItem, warnings: &mut Diagnostics) {
        let mut idents: Vec<(&Ident, &str)> =
            item.inputs.iter().map(|i| (&i.ident, "input")).collect();
        for statement in &item.body {
            match statement {
                Statement::Param(_, declaration) => idents.push((&declaration.ident, "parameter")),
                Statement::Define(ident, _) if ident.name != item.output.ident.name => {
                    idents.push((ident, "local name"));
                }
                _ => {}
            }
        }
        for (ident, kind) in idents {
            if self
                .values
                .get(&ident.name)
                .is_some_and(|value| !value.used)
            {
                let message = format!("the {kind} `{}` is never used", ident.name);
                let help = format!("remove it, or use it in `{}`", item.output.ident.name);
                warnings
                    .push(Diagnostic::new(Code::Unused, message, help).at(ident.span, "unused"));
            }
        }
    }
}
