//! Names for nodes. Why apart from the graph: what is called by a name is a matter of the report, not of the value.

use std::collections::BTreeMap;

use super::{Id, Name};

/// Names for nodes: where a named node occurs, its name is written in its place. Numbers and dimensions are
/// written as they are; variables, too, unless they are renamed.
#[derive(Clone, Debug, Default)]
pub struct Names {
    nodes: BTreeMap<Id, Name>,
    variables: BTreeMap<Name, Name>,
}

impl Names {
    /// Names a node; a node that has a name keeps it.
    pub fn insert(&mut self, id: Id, name: impl Into<Name>) {
        self.nodes.entry(id).or_insert_with(|| name.into());
    }

    /// The name of a node.
    pub fn get(&self, id: Id) -> Option<&Name> {
        self.nodes.get(&id)
    }

    /// Writes a variable under another name, as the argument of a function's definition.
    pub fn rename(&mut self, variable: impl Into<Name>, name: impl Into<Name>) {
        self.variables.insert(variable.into(), name.into());
    }

    /// The name a variable is written under.
    pub(crate) fn of_variable<'a>(&'a self, variable: &'a Name) -> &'a Name {
        self.variables.get(variable).unwrap_or(variable)
    }

    /// True when some node is called `name`.
    pub(crate) fn bear(&self, name: &Name) -> bool {
        self.nodes.values().any(|known| known == name)
    }

    /// The names with the one of `id` left out, to write its definition.
    pub fn without(&self, id: Id) -> Self {
        let mut names = self.clone();
        names.nodes.remove(&id);
        names
    }
}

impl<N: Into<Name>> FromIterator<(Id, N)> for Names {
    fn from_iter<T: IntoIterator<Item = (Id, N)>>(pairs: T) -> Self {
        let mut names = Self::default();
        for (id, name) in pairs {
            names.insert(id, name);
        }
        names
    }
}
