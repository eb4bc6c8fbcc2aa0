//! Fixed sizes as names. Why: what holds for `R[784]` holds for every size, so that layers that differ in their sizes
//! alone are derived once, and equations can be checked at small sizes. The same operations must be well shaped with
//! names in place of numbers, or else the module is left as it is.

use std::collections::{BTreeMap, HashMap};

use crate::expr::{
    Dimension, FunctionDefinition, Graph, Id, Model, Module, Name, Op, Role, Shape, Sizes, Variable,
};

/// Names for numbers, in order of appearance.
struct Numbers {
    names: BTreeMap<u64, Name>,
    free: Box<dyn Iterator<Item = Name>>,
}

impl Numbers {
    fn named(&mut self, dimension: &Dimension) -> Option<Dimension> {
        let Some(number) = dimension.as_constant().filter(|n| *n > 1) else {
            return Some(dimension.clone());
        };
        if let Some(name) = self.names.get(&number) {
            return Some(Dimension::named(name.clone()));
        }
        let name = self.free.next()?;
        self.names.insert(number, name.clone());
        Some(Dimension::named(name))
    }
}

/// The module with a name for every fixed size above 1, one name for each number, and the numbers; nothing when there
/// is none, or the module needs the numbers.
pub(crate) fn generic(module: &Module) -> Option<(Module, Sizes)> {
    let taken = module.dimensions();
    let names = (1..).map(|k| Name::from(format!("d{k}")));
    let mut numbers = Numbers {
        names: BTreeMap::new(),
        free: Box::new(names.filter(move |name| !taken.contains(name))),
    };
    let generic = with_names(module, &mut numbers)?;
    if numbers.names.is_empty() {
        return None;
    }
    let sizes = numbers.names.into_iter();
    let sizes = sizes.map(|(number, name)| Some((name, usize::try_from(number).ok()?)));
    Some((generic, sizes.collect::<Option<Sizes>>()?))
}

/// The module with the names that another one's fixed sizes have; nothing when it has more of them.
pub(crate) fn generic_like(module: &Module, sizes: &Sizes) -> Option<Module> {
    let names = sizes.iter();
    let names = names.map(|(name, size)| Some((u64::try_from(*size).ok()?, name.clone())));
    let mut numbers = Numbers {
        names: names.collect::<Option<_>>()?,
        free: Box::new(std::iter::empty()),
    };
    with_names(module, &mut numbers)
}

fn with_names(module: &Module, numbers: &mut Numbers) -> Option<Module> {
    let from = &module.graph;
    let mut graph = Graph::default();
    let mut done: HashMap<Id, Id> = HashMap::new();
    for (name, variable) in from.variables() {
        let Shape { rows, cols } = &variable.shape;
        let shape = match variable.role {
            Role::Argument => variable.shape.clone(),
            _ => Shape::matrix(numbers.named(rows)?, numbers.named(cols)?),
        };
        let id = graph.declare(
            name.clone(),
            Variable {
                shape,
                ..variable.clone()
            },
        );
        done.insert(from.variable(name)?, id);
    }
    let mut roots: Vec<Id> = module.locals.iter().map(|(_, id)| *id).collect();
    roots.push(module.output.1);
    roots.extend(module.model.iter().flat_map(|model| &model.parameters));
    for function in from.functions().values() {
        if let FunctionDefinition::Defined { body, .. } = function {
            roots.push(*body);
        }
    }
    for id in from.topological(&roots) {
        if done.contains_key(&id) {
            continue;
        }
        let node = &from[id];
        let new = match &node.op {
            Op::Dimension(d) => graph.dimension(numbers.named(d)?),
            op => {
                let children: Vec<Id> = node.children.iter().map(|c| done[c]).collect();
                graph.node(op.clone(), &children).ok()?
            }
        };
        done.insert(id, new);
    }
    for (name, function) in from.functions() {
        let function = match function {
            FunctionDefinition::Defined { argument, body } => FunctionDefinition::Defined {
                argument: argument.clone(),
                body: done[body],
            },
            other => other.clone(),
        };
        graph.define(name.clone(), function);
    }
    let locals = module.locals.iter();
    Some(Module {
        name: module.name.clone(),
        inputs: module.inputs.clone(),
        parameters: module.parameters.clone(),
        locals: locals.map(|(name, id)| (name.clone(), done[id])).collect(),
        output: (module.output.0.clone(), done[&module.output.1]),
        graph,
        model: module.model.as_ref().map(|model| Model {
            parameters: model.parameters.iter().map(|id| done[id]).collect(),
            ..model.clone()
        }),
    })
}
