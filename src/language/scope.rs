//! What a called name means. Why one lookup: a definition in the file hides a built-in of its name, everywhere
//! in the file and nowhere in the prelude.

use std::collections::{BTreeSet, HashMap};

use indexmap::IndexMap;

use super::builtin::{self, Builtin};
use crate::diagnostic::Span;
use crate::expr::{BUILTIN, Graph, Id, Module, Name, Shape};

/// A module that has been checked, ready to be inlined.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// The dimensions in the header's brackets.
    pub(super) dims: Vec<Name>,
    pub(super) module: Module,
    /// Where its operations are written.
    pub(super) places: HashMap<Id, Span>,
    /// How many calls deep it is.
    pub(super) depth: usize,
    /// The names of all its dimensions.
    pub(super) free: BTreeSet<Name>,
    /// Every shape in it once.
    pub(super) shapes: BTreeSet<Shape>,
}

impl Template {
    pub(super) fn new(
        dims: Vec<Name>,
        module: Module,
        places: HashMap<Id, Span>,
        depth: usize,
    ) -> Self {
        let graph = &module.graph;
        let nodes = graph.topological(&[module.output.1]).into_iter();
        let shapes = nodes.filter_map(|id| graph[id].sort.shape()).collect();
        Self {
            dims,
            depth,
            places,
            free: module.dimensions(),
            shapes,
            module,
        }
    }

    /// The header in the language, for messages: `linear[m](x: R[n])`.
    pub(super) fn signature(&self) -> String {
        let Module {
            name,
            inputs,
            graph,
            ..
        } = &self.module;
        let dims = if self.dims.is_empty() {
            String::new()
        } else {
            format!("[{}]", self.dims.join(", "))
        };
        let inputs: Vec<String> = inputs
            .iter()
            .filter_map(|input| {
                graph
                    .variables()
                    .get(input)
                    .map(|v| format!("{input}: {}", v.shape))
            })
            .collect();
        format!("{name}{dims}({})", inputs.join(", "))
    }
}

/// The definitions of one file, checked. Those that failed are `None`: they are reported already.
#[derive(Clone, Debug, Default)]
pub(super) struct Definitions {
    /// The name of each elementwise function in expressions, and the number of its calls inside each other.
    pub(super) functions: IndexMap<Name, Option<Name>>,
    /// Holds the definitions of the elementwise functions.
    pub(super) graph: Graph,
    pub(super) modules: IndexMap<Name, Option<Template>>,
    pub(super) networks: Vec<Name>,
}

/// What a called name means.
pub(super) enum Callable<'a> {
    /// An elementwise function by its name in expressions; its definition stands in the graph, if it has one.
    Elementwise(Name, Option<&'a Graph>),
    /// Another function, and how its operands are written.
    Builtin(&'static Builtin, &'static str),
    Module(&'a Template),
    /// Something that is reported already.
    Failed,
}

/// The definitions that a piece of text can see.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) file: &'a Definitions,
    /// The built-in modules; none while they are read themselves.
    pub(super) prelude: Option<&'a Definitions>,
}

impl<'a> Scope<'a> {
    /// What `name` means when it is called. `builtin.diag` is the built-in, whatever the file defines.
    pub(super) fn find(&self, name: &str) -> Option<Callable<'a>> {
        let builtin = name.strip_prefix(BUILTIN);
        let own = Some(self.file).filter(|_| builtin.is_none());
        let name = builtin.unwrap_or(name);
        own.into_iter()
            .chain(self.prelude)
            .find_map(|d| find(d, name))
            .or_else(|| {
                if builtin::ELEMENTWISE.contains(&name) {
                    return Some(Callable::Elementwise(name.into(), None));
                }
                builtin::find(name).map(|(builtin, operands)| Callable::Builtin(builtin, operands))
            })
    }

    /// Every name that can be called.
    pub(super) fn names(&self) -> Vec<&'a str> {
        let mut names: Vec<&'a str> = Vec::new();
        let scopes: [Option<&'a Definitions>; 2] = [Some(self.file), self.prelude];
        for definitions in scopes.into_iter().flatten() {
            for name in definitions
                .functions
                .keys()
                .chain(definitions.modules.keys())
            {
                names.push(name);
            }
        }
        for name in builtin::names() {
            names.push(name);
        }
        names
    }
}

fn find<'a>(definitions: &'a Definitions, name: &str) -> Option<Callable<'a>> {
    if let Some(function) = definitions.functions.get(name) {
        return Some(match function {
            Some(name) => Callable::Elementwise(name.clone(), Some(&definitions.graph)),
            None => Callable::Failed,
        });
    }
    let module = definitions.modules.get(name)?;
    Some(module.as_ref().map_or(Callable::Failed, Callable::Module))
}
