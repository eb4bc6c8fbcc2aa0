//! Copies of expressions into another graph. Why not only `Graph::import`: elementwise functions come along,
//! and a product that becomes one with a scalar at the caller's sizes takes its canonical form.

use std::collections::{BTreeMap, HashMap};

use crate::expr::{Dimension, FunctionDefinition, Graph, Id, Name, Op, ShapeError};

/// A copy in progress.
pub(crate) struct Copy<'a> {
    from: &'a Graph,
    /// What stands for each variable.
    values: HashMap<Name, Id>,
    dims: &'a BTreeMap<Name, Dimension>,
    done: HashMap<Id, Id>,
}

impl<'a> Copy<'a> {
    /// A copy out of `from` with `values` for variables and `dims` for dimensions.
    pub(crate) fn new(
        from: &'a Graph,
        values: HashMap<Name, Id>,
        dims: &'a BTreeMap<Name, Dimension>,
    ) -> Self {
        Self {
            from,
            values,
            dims,
            done: HashMap::new(),
        }
    }

    /// The copy of `root`.
    pub(crate) fn copy(&mut self, to: &mut Graph, root: Id) -> Result<Id, ShapeError> {
        for id in self.from.topological(&[root]) {
            if self.done.contains_key(&id) {
                continue;
            }
            let node = &self.from[id];
            let children: Vec<Id> = node.children.iter().map(|c| self.done[c]).collect();
            let copied = match &node.op {
                Op::Variable(name) => match self.values.get(name) {
                    Some(value) => *value,
                    None => to.node(node.op.clone(), &[])?,
                },
                Op::Number(value) => to.number(value.clone()),
                Op::Dimension(d) => to.dimension(d.substitute(self.dims)),
                Op::Function(f) => {
                    define(self.from, to, &f.name)?;
                    to.function(f.name.clone(), f.order)
                }
                Op::Multiply | Op::Hadamard if to.shape(children[0]).is_scalar() => {
                    to.node(Op::Scale, &children)?
                }
                Op::Multiply | Op::Hadamard if to.shape(children[1]).is_scalar() => {
                    to.node(Op::Scale, &[children[1], children[0]])?
                }
                op => to.node(op.clone(), &children)?,
            };
            self.done.insert(id, copied);
        }
        Ok(self.done[&root])
    }
}

/// Makes the elementwise function `name` of one graph known to another, with those it is defined by.
pub(super) fn define(from: &Graph, to: &mut Graph, name: &Name) -> Result<(), ShapeError> {
    if to.functions().contains_key(name) {
        return Ok(());
    }
    let definition = match from.functions().get(name) {
        Some(FunctionDefinition::Defined { argument, body }) => {
            let variable = from.variables()[argument].clone();
            to.declare(argument.clone(), variable);
            let body = Copy::new(from, HashMap::new(), &BTreeMap::new()).copy(to, *body)?;
            FunctionDefinition::Defined {
                argument: argument.clone(),
                body,
            }
        }
        Some(other) => other.clone(),
        None => FunctionDefinition::Builtin,
    };
    to.define(name.clone(), definition);
    Ok(())
}
