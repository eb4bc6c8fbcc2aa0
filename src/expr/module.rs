//! A module: a forward map with named inputs, parameters and locals. Why here: the language makes it, the
//! derivation reads it, and neither should know the other.

use std::collections::BTreeSet;

use super::{Graph, Id, Model, Name, Sort};

/// A forward map `z = f(x, θ)` with everything named. Inputs and parameters are declared in `graph`.
#[derive(Clone, Debug)]
pub struct Module {
    /// The module's name.
    pub name: Name,
    /// The graph that holds the forward map.
    pub graph: Graph,
    /// Inputs in the header's order.
    pub inputs: Vec<Name>,
    /// Parameters in order of declaration, those of inlined calls included (`W`, or `y.W` where names repeat).
    pub parameters: Vec<Name>,
    /// Local names in order of definition with their values. The output is not among them.
    pub locals: Vec<(Name, Id)>,
    /// The output's name and value.
    pub output: (Name, Id),
    /// Where the output is a negative log-likelihood: of what.
    pub model: Option<Model>,
}

impl Module {
    /// Inputs, then parameters: everything a derivative can be taken with respect to.
    pub fn variables(&self) -> impl Iterator<Item = &Name> {
        self.inputs.iter().chain(&self.parameters)
    }
    /// The names of all dimensions in the forward map and its variables, sorted.
    pub fn dimensions(&self) -> BTreeSet<Name> {
        let variables = self.variables().filter_map(|v| self.graph.variable(v));
        let locals = self.locals.iter().map(|(_, id)| *id);
        let roots: Vec<Id> = variables.chain(locals).chain([self.output.1]).collect();
        let mut names = BTreeSet::new();
        for id in self.graph.topological(&roots) {
            match &self.graph[id].sort {
                Sort::Value(shape) => {
                    names.extend(shape.rows.names());
                    names.extend(shape.cols.names());
                }
                Sort::Dimension(d) => names.extend(d.names()),
                Sort::Function => {}
            }
        }
        names
    }
}
