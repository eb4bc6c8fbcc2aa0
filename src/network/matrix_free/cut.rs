//! What of a product does not depend on the direction. Why cut off: conjugate gradients take many products at one point, and values,
//! gradients and Hessians are the same for all of them.

use std::collections::{BTreeSet, HashMap};

use crate::expr::{Facts, Graph, Id, Name, Op, Role, ShapeError, Sort, Variable};
use crate::network::linked::Product;

/// Values that products read, with their names.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    names: HashMap<Id, Id>,
    /// In the order in which they were met.
    pub(super) values: Vec<(Name, Id)>,
    done: HashMap<Id, Id>,
}

impl Kept {
    /// The image with names in the place of what does not depend on the direction.
    pub(super) fn cut(&mut self, graph: &mut Graph, product: &Product) -> Result<Id, ShapeError> {
        let order = graph.topological(&[product.image]);
        let mut depends: BTreeSet<Id> = BTreeSet::new();
        for id in &order {
            let mut children = graph[*id].children.iter();
            if *id == product.direction || children.any(|child| depends.contains(child)) {
                depends.insert(*id);
            }
        }
        let mut moving: HashMap<Id, Id> = HashMap::new();
        for id in order {
            if !depends.contains(&id) {
                continue;
            }
            if id == product.direction {
                moving.insert(id, id);
                continue;
            }
            let node = graph[id].clone();
            let mut children = Vec::with_capacity(node.children.len());
            for child in &node.children {
                children.push(match moving.get(child) {
                    Some(known) => *known,
                    None => self.keep(graph, *child)?,
                });
            }
            moving.insert(id, graph.node(node.op, &children)?);
        }
        match moving.get(&product.image) {
            Some(image) => Ok(*image),
            None => self.keep(graph, product.image),
        }
    }

    /// A name for a value; what is only another way to look at values keeps its form.
    fn keep(&mut self, graph: &mut Graph, id: Id) -> Result<Id, ShapeError> {
        if let Some(known) = self.done.get(&id) {
            return Ok(*known);
        }
        let node = graph[id].clone();
        let Sort::Value(shape) = node.sort.clone() else {
            return Ok(id);
        };
        let kept = if graph.free_variables(id).is_empty() {
            id
        } else if is_view(&node.op) {
            let mut children = Vec::with_capacity(node.children.len());
            for child in &node.children {
                children.push(self.keep(graph, *child)?);
            }
            graph.node(node.op, &children)?
        } else if let Some(known) = self.names.get(&id) {
            *known
        } else {
            let name = Name::from(format!("|kept.{}", self.values.len()));
            let variable = Variable {
                shape,
                role: Role::Parameter,
                facts: Facts::default(),
            };
            let variable = graph.declare(name.clone(), variable);
            self.values.push((name, id));
            self.names.insert(id, variable);
            variable
        };
        self.done.insert(id, kept);
        Ok(kept)
    }
}

/// True for what would take more entries than it is made of, or costs nothing inside of a product.
fn is_view(op: &Op) -> bool {
    matches!(
        op,
        Op::Transpose | Op::Diag | Op::Scale | Op::Reshape | Op::Vec | Op::Kronecker
    )
}
