//! A module's equations written into the graph of the whole network. Why: with what a neighbour computes in the place of a
//! variable, the kernels of all nodes are chosen, fused and laid out together.

use std::collections::{BTreeMap, HashMap};

use crate::expr::{
    Dimension, Function, FunctionDefinition, Graph, Id, Name, Op, ShapeError, Variable,
};

/// The expressions of one node's module in the graph of the network.
#[derive(Debug)]
pub(super) struct Splice<'a> {
    from: &'a Graph,
    /// Numbers for the module's dimensions.
    sizes: BTreeMap<Name, Dimension>,
    /// What stands in the place of each variable.
    map: HashMap<Name, Id>,
    done: HashMap<Id, Id>,
    /// Marks the functions of this module: another one's of the same name may be defined differently.
    mark: usize,
}

impl<'a> Splice<'a> {
    pub(super) fn new(from: &'a Graph, sizes: BTreeMap<Name, Dimension>, mark: usize) -> Self {
        Self {
            from,
            sizes,
            map: HashMap::new(),
            done: HashMap::new(),
            mark,
        }
    }

    /// Puts an expression of the network in the place of a variable.
    pub(super) fn put(&mut self, variable: Name, id: Id) {
        self.map.insert(variable, id);
    }

    /// The expression in the network's graph.
    pub(super) fn write(&mut self, graph: &mut Graph, root: Id) -> Result<Id, ShapeError> {
        for id in self.from.topological(&[root]) {
            if self.done.contains_key(&id) {
                continue;
            }
            let node = &self.from[id];
            let children: Vec<Id> = node.children.iter().map(|c| self.done[c]).collect();
            let new = match &node.op {
                Op::Variable(name) => match self.map.get(name) {
                    Some(known) => *known,
                    None => graph.node(node.op.clone(), &[])?,
                },
                Op::Dimension(d) => graph.dimension(d.substitute(&self.sizes)),
                Op::Function(function) => self.function(graph, function)?,
                op => graph.node(op.clone(), &children)?,
            };
            self.done.insert(id, new);
        }
        Ok(self.done[&root])
    }

    /// A function under a name of this module's own, if it is not one of the language's.
    fn function(&mut self, graph: &mut Graph, function: &Function) -> Result<Id, ShapeError> {
        let definition = self.from.functions().get(&function.name);
        let Some(FunctionDefinition::Defined { argument, body }) = definition else {
            return Ok(graph.function(function.name.clone(), function.order));
        };
        let marked = |name: &Name| Name::from(format!("{name}#{}", self.mark));
        let name = marked(&function.name);
        if !graph.functions().contains_key(&name) {
            let own = marked(argument);
            let variable: Option<&Variable> = self.from.variables().get(argument);
            if let Some(variable) = variable {
                let id = graph.declare(own.clone(), variable.clone());
                self.map.insert(argument.clone(), id);
            }
            let body = self.write(graph, *body)?;
            let argument = own;
            graph.define(name.clone(), FunctionDefinition::Defined { argument, body });
        }
        Ok(graph.function(name, function.order))
    }
}
