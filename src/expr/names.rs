//! Names for nodes. Why apart from the graph: what is called by a name is a matter of the report, not of the value.

use std::collections::BTreeMap;

use super::{Id, Name};

/// Names for nodes: where a named node occurs, its name is written in its place. Variables, numbers and
/// dimensions are written as they are.
#[derive(Clone, Debug, Default)]
pub struct Names(BTreeMap<Id, Name>);

impl Names {
    /// Names a node; a node that has a name keeps it.
    pub fn insert(&mut self, id: Id, name: impl Into<Name>) {
        self.0.entry(id).or_insert_with(|| name.into());
    }

    /// The name of a node.
    pub fn get(&self, id: Id) -> Option<&Name> {
        self.0.get(&id)
    }

    /// True when some node is called `name`.
    pub(crate) fn bear(&self, name: &Name) -> bool {
        self.0.values().any(|known| known == name)
    }

    /// The names with the one of `id` left out, to write its definition.
    pub fn without(&self, id: Id) -> Self {
        let mut names = self.clone();
        names.0.remove(&id);
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
