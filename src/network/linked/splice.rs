//! A module's equations written into the graph of the whole network. Why: with what a neighbour computes in the place of a
//! variable, the kernels of all nodes are chosen, fused and laid out together.

use std::collections::{BTreeMap, HashMap};

use crate::expr::{
    Dimension, Function, FunctionDefinition, Graph, Id, Name, Op, Shape, ShapeError, Sort, Variable,
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

    /// The same module with the same in the place of its variables, of which some may be put anew.
    pub(super) fn fork(&self) -> Self {
        let sizes = self.sizes.clone();
        Self {
            map: self.map.clone(),
            ..Self::new(self.from, sizes, self.mark)
        }
    }

    /// What stands in the place of a variable.
    pub(super) fn read(&self, variable: &str) -> Option<Id> {
        self.map.get(variable).copied()
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

    /// As [`Self::write`], where what stands in the place of `varying` has `columns` columns for every sample of `samples`: all that does not
    /// depend on it is computed once a sample and repeated.
    pub(super) fn write_repeated(
        &mut self,
        graph: &mut Graph,
        root: Id,
        (varying, by): (&Name, Id),
        (samples, columns): (&Name, &Dimension),
    ) -> Result<Id, ShapeError> {
        let order = self.from.topological(&[root]);
        let mut depends: HashMap<Id, bool> = HashMap::new();
        for id in &order {
            let node = &self.from[*id];
            let own = matches!(&node.op, Op::Variable(name) if name == varying);
            depends.insert(*id, own || node.children.iter().any(|child| depends[child]));
        }
        let mut done: HashMap<Id, Id> = HashMap::new();
        for id in order {
            let node = &self.from[id];
            if !depends[&id] {
                continue;
            }
            if matches!(node.op, Op::Variable(_)) {
                done.insert(id, by);
                continue;
            }
            let mut children = Vec::with_capacity(node.children.len());
            for child in &node.children {
                children.push(match done.get(child) {
                    Some(known) => *known,
                    None => self.repeated(graph, *child, samples, columns)?,
                });
            }
            done.insert(id, graph.node(node.op.clone(), &children)?);
        }
        match done.get(&root) {
            Some(known) => Ok(*known),
            None => self.repeated(graph, root, samples, columns),
        }
    }

    /// What has a column or row for every sample so many times side by side; anything else as it is.
    fn repeated(
        &mut self,
        graph: &mut Graph,
        id: Id,
        samples: &Name,
        columns: &Dimension,
    ) -> Result<Id, ShapeError> {
        let node = &self.from[id];
        if let (Op::Diag, [entries]) = (&node.op, node.children.as_slice()) {
            let entries = self.repeated(graph, *entries, samples, columns)?;
            return graph.node(Op::Diag, &[entries]);
        }
        let once = self.write(graph, id)?;
        // By the names of dimensions: in numbers another one may be as large.
        let Sort::Value(shape) = &self.from[id].sort else {
            return Ok(once);
        };
        let (one, samples) = (Dimension::one(), Dimension::named(samples.clone()));
        let ones = if shape.cols == samples {
            Shape::matrix(one, columns.clone())
        } else if shape.rows == samples {
            Shape::matrix(columns.clone(), one)
        } else {
            return Ok(once);
        };
        let ones = graph.ones(&ones);
        graph.node(Op::Kronecker, &[ones, once])
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
