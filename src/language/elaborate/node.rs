//! One node of a network. Why two ways: a plain call keeps the callee's own names, so that its equations read
//! like the callee's; any other expression is composed into one module.

use std::collections::HashMap;

use super::copy::Copy;
use super::naming::{Dotting, Names};
use super::network::{Kind, Slot, State};
use super::{Builder, Value};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expr::{Graph, Id, Model, Module, Name, Role, Variable};
use crate::language::builtin::Builtin;
use crate::language::network::{NetworkNode, NetworkValue};
use crate::language::scope::{Callable, Template};
use crate::language::syntax::{Call, Expr, ExprKind};

/// The node `name = value`.
pub(super) fn node(
    state: &mut State<'_>,
    name: &Name,
    value: &Expr,
    is_loss: bool,
) -> Option<NetworkNode> {
    let mut builder = state.builder();
    let place = state.places.get(name).filter(|_| !is_loss);
    builder.start = place.unwrap_or(&value.span).start;
    if let ExprKind::Call(call) = &value.ungrouped().kind
        && is_plain(state, call)
    {
        match state.scope.find(&call.callee.name) {
            Some(Callable::Module(template)) => {
                return module_call(state, builder, name, template, call, value.span, is_loss);
            }
            Some(Callable::Elementwise(..) | Callable::Builtin(Builtin::Unary(_), _))
                if call.shares.is_empty() && call.arguments.len() == 1 =>
            {
                // The textbook's names: an activation maps x to z.
                let names = Some(("x".into(), call.callee.name.clone(), "z".into()));
                return composite(state, builder, name, value, is_loss, names);
            }
            _ => {}
        }
    }
    builder.names = Names::plan(
        state.scope,
        |name| state.parameters.contains_key(name) || state.places.contains_key(name),
        &[(name.clone(), value)],
        Dotting::Always,
    );
    composite(state, builder, name, value, is_loss, None)
}

/// True when every argument is a value of the network and every shared parameter a parameter of it.
fn is_plain(state: &State<'_>, call: &Call) -> bool {
    let names =
        |e: &Expr, known: &dyn Fn(&Name) -> bool| matches!(&e.kind, ExprKind::Name(n) if known(n));
    call.arguments
        .iter()
        .all(|e| names(e, &|n| state.values.contains_key(n)))
        && call
            .shares
            .iter()
            .all(|(_, e)| names(e, &|n| state.parameters.contains_key(n)))
}

/// A call of a module on values of the network.
fn module_call(
    state: &mut State<'_>,
    mut builder: Builder<'_>,
    name: &Name,
    template: &Template,
    call: &Call,
    span: Span,
    is_loss: bool,
) -> Option<NetworkNode> {
    let mut arguments = Vec::new();
    for argument in &call.arguments {
        if let ExprKind::Name(value) = &argument.kind {
            state.read(&mut builder, value, value.clone(), argument.span, is_loss);
            arguments.push(value.clone());
        }
    }
    let mut shares: HashMap<&Name, Name> = HashMap::new();
    for (ident, value) in &call.shares {
        if let ExprKind::Name(parameter) = &value.kind {
            state.read_parameter(&mut builder, parameter);
            shares.insert(&ident.name, parameter.clone());
        }
    }
    let sizes = builder.call_sizes(template, call, span);
    state.absorb(&mut builder);
    let sizes = sizes.or_else(|| state.fail())?;
    let from = &template.module;
    let mut graph = Graph::default();
    for (formal, argument) in from.inputs.iter().zip(&arguments) {
        let slot = &state.values[argument];
        let role = role(slot.kind);
        let shape = from.graph.variables()[formal].shape.substitute(&sizes);
        graph.declare(
            formal.clone(),
            Variable {
                shape,
                role,
                facts: slot.facts,
            },
        );
    }
    let mut parameters = Vec::new();
    for parameter in &from.parameters {
        let variable = &from.graph.variables()[parameter];
        let shape = variable.shape.substitute(&sizes);
        let full = shares.get(parameter).cloned();
        let full = full.unwrap_or_else(|| Name::from(format!("{name}.{parameter}")));
        let value = NetworkValue {
            name: full.clone(),
            shape: shape.clone(),
            facts: variable.facts,
        };
        let known = state.parameters.entry(full.clone()).or_insert(value);
        known.facts = known.facts.and(variable.facts);
        let variable = Variable {
            shape,
            role: Role::Parameter,
            facts: known.facts,
        };
        graph.declare(parameter.clone(), variable);
        parameters.push((parameter.clone(), full));
    }
    let mut copy = Copy::new(&from.graph, HashMap::new(), &sizes);
    let mut copied = |id: Id| copy.copy(&mut graph, id).ok();
    let locals: Option<Vec<(Name, Id)>> = from
        .locals
        .iter()
        .map(|(local, id)| Some((local.clone(), copied(*id)?)))
        .collect();
    let output = copied(from.output.1);
    let model = from.model.as_ref().map(|model| {
        let parameters = model.parameters.iter().map(|id| copied(*id));
        Some(Model {
            parameters: parameters.collect::<Option<_>>()?,
            ..model.clone()
        })
    });
    let (Some(locals), Some(output)) = (locals, output) else {
        return state.fail();
    };
    let module = Module {
        name: from.name.clone(),
        graph,
        inputs: from.inputs.clone(),
        parameters: from.parameters.clone(),
        locals,
        output: (from.output.0.clone(), output),
        model: model.flatten(),
    };
    Some(NetworkNode {
        name: name.clone(),
        module,
        arguments,
        parameters,
        span,
    })
}

/// An expression as one module. `names` are those of its only input, of the module and of its output, where
/// they are not the network's.
fn composite(
    state: &mut State<'_>,
    mut builder: Builder<'_>,
    name: &Name,
    value: &Expr,
    is_loss: bool,
    names: Option<(Name, Name, Name)>,
) -> Option<NetworkNode> {
    let mut used: Vec<(Name, Span)> = Vec::new();
    value.visit(&mut |e| {
        if let ExprKind::Name(name) = &e.kind
            && !used.iter().any(|(n, _)| n == name)
        {
            used.push((name.clone(), e.span));
        }
    });
    let mut arguments = Vec::new();
    let mut inputs = Vec::new();
    for (argument, span) in used {
        if state.values.contains_key(&argument) {
            let input = names
                .as_ref()
                .map_or_else(|| argument.clone(), |(input, ..)| input.clone());
            state.read(&mut builder, &argument, input.clone(), span, is_loss);
            inputs.push(input);
            arguments.push(argument);
        } else if state.parameters.contains_key(&argument) {
            state.read_parameter(&mut builder, &argument);
            builder.parameters.push(argument);
        }
    }
    let output = builder.expression(value);
    state.absorb(&mut builder);
    let output = output.or_else(|| state.fail())?;
    for parameter in &builder.parameters {
        let Variable { shape, facts, .. } = builder.graph.variables()[parameter].clone();
        let value = NetworkValue {
            name: parameter.clone(),
            shape,
            facts,
        };
        state.parameters.entry(parameter.clone()).or_insert(value);
    }
    let (module_name, output_name) = names.map_or_else(
        || (name.clone(), name.clone()),
        |(_, module, output)| (module, output),
    );
    let parameters = builder
        .parameters
        .iter()
        .map(|p| (p.clone(), p.clone()))
        .collect();
    let module = Module {
        name: module_name,
        graph: builder.graph,
        inputs,
        parameters: builder.parameters,
        locals: Vec::new(),
        output: (output_name, output),
        model: None,
    };
    Some(NetworkNode {
        name: name.clone(),
        module,
        arguments,
        parameters,
        span: value.span,
    })
}

fn role(kind: Kind) -> Role {
    match kind {
        Kind::Target => Role::Target,
        Kind::Input | Kind::Node => Role::Input,
    }
}

impl State<'_> {
    /// Makes a value of the network known to a node's builder, as a variable named `variable`.
    fn read(
        &mut self,
        builder: &mut Builder<'_>,
        name: &Name,
        variable: Name,
        span: Span,
        is_loss: bool,
    ) {
        let Some(slot) = self.values.get_mut(name) else {
            return;
        };
        slot.used = true;
        let Slot {
            kind, shape, facts, ..
        } = slot.clone();
        if kind == Kind::Target && !is_loss {
            let message = format!("the target `{name}` is read by a node");
            let help =
                "targets are constants of the loss: declare it `input`, or use it in the loss only";
            let diagnostic = Diagnostic::new(Code::Misplaced, message, help);
            self.errors.push(diagnostic.at(span, "not in the loss"));
        }
        let id = shape.map(|shape| {
            builder.graph.declare(
                variable,
                Variable {
                    shape,
                    role: role(kind),
                    facts,
                },
            )
        });
        builder
            .values
            .insert(name.clone(), Value { id, used: true });
    }

    fn read_parameter(&mut self, builder: &mut Builder<'_>, name: &Name) {
        let Some(NetworkValue { shape, facts, .. }) = self.parameters.get(name).cloned() else {
            return;
        };
        let variable = Variable {
            shape,
            role: Role::Parameter,
            facts,
        };
        let id = builder.graph.declare(name.clone(), variable);
        builder.values.insert(
            name.clone(),
            Value {
                id: Some(id),
                used: true,
            },
        );
    }

    /// Takes over what a node's builder found.
    pub(super) fn absorb(&mut self, builder: &mut Builder<'_>) {
        self.errors.append(std::mem::take(&mut builder.errors));
        self.dims = std::mem::take(&mut builder.dims);
    }

    fn fail<T>(&mut self) -> Option<T> {
        self.failed = true;
        None
    }
}
