//! A system with names in the place of what is inside of its factors. Why: a factor may be an expression of thousands of nodes, and the
//! rules for steps look only at how the factors stand together.

use std::collections::HashMap;

use crate::expr::{Facts, Graph, Id, Name, Op, Role, ShapeError, Sort, Variable};

/// A factor of a product, and whether it is transposed there.
type Factor = (Id, bool);

/// Expressions of `graph` in outline.
pub(super) struct Outline<'a> {
    graph: &'a mut Graph,
    small: Graph,
    names: HashMap<Id, Id>,
    values: HashMap<Name, Id>,
    /// The factors of every S whose product with its transpose was met, and S in outline.
    roots: Vec<(Vec<Factor>, Id)>,
}

impl<'a> Outline<'a> {
    pub(super) fn new(graph: &'a mut Graph) -> Self {
        Self {
            graph,
            small: Graph::default(),
            names: HashMap::new(),
            values: HashMap::new(),
            roots: Vec::new(),
        }
    }

    /// The outlines, and what their variables stand for.
    pub(super) fn finish(self) -> (Graph, HashMap<Name, Id>) {
        (self.small, self.values)
    }

    /// A name for a value. What is symmetric once is so everywhere.
    fn named(&mut self, id: Id, facts: Facts) -> Id {
        if let Some(known) = self.names.get(&id) {
            if let Op::Variable(name) = self.small[*known].op.clone() {
                let before = self.small.replace_facts(&name, facts);
                let facts = Facts {
                    symmetric: facts.symmetric || before.symmetric,
                    positive_definite: facts.positive_definite || before.positive_definite,
                    ..before
                };
                self.small.replace_facts(&name, facts);
            }
            return *known;
        }
        let name = Name::from(format!("v{}", self.values.len()));
        let variable = Variable {
            shape: self.graph.shape(id),
            role: Role::Parameter,
            facts,
        };
        let new = self.small.declare(name.clone(), variable);
        self.names.insert(id, new);
        self.values.insert(name, id);
        new
    }

    /// A scalar. Numbers stay what they are; one declared positive definite is above zero.
    pub(super) fn scalar(&mut self, id: Id) -> Id {
        if let Some(value) = self.graph.as_number(id) {
            return self.small.number(value.clone());
        }
        let declared = match &self.graph[id].op {
            Op::Variable(name) => self.graph.variables().get(name).map(|v| v.facts),
            _ => None,
        };
        let facts = Facts {
            positive_definite: declared.is_some_and(|facts| facts.positive_definite)
                || matches!(&self.graph[id].sort, Sort::Dimension(_)),
            ..Facts::default()
        };
        self.named(id, facts)
    }

    /// A symmetric matrix: Kronecker products, multiples, diagonals, identities and products with the own transpose are seen.
    pub(super) fn block(&mut self, id: Id) -> Result<Id, ShapeError> {
        if self.graph.shape(id).is_scalar() {
            return Ok(self.scalar(id));
        }
        let node = self.graph[id].clone();
        let child = |k: usize| node.children[k];
        match node.op {
            Op::Kronecker => {
                let factors = [self.block(child(0))?, self.block(child(1))?];
                return self.small.node(Op::Kronecker, &factors);
            }
            Op::Scale => {
                let parts = [self.scalar(child(0)), self.block(child(1))?];
                return self.small.node(Op::Scale, &parts);
            }
            Op::Diag => {
                let entries = self.named(child(0), Facts::default());
                return self.small.node(Op::Diag, &[entries]);
            }
            Op::Eye => {
                let size = self.small.dimension(self.graph.shape(id).rows);
                return self.small.node(Op::Eye, &[size]);
            }
            Op::Zeros => {
                let shape = self.graph.shape(id);
                return Ok(self.small.zeros(&shape));
            }
            Op::Multiply => {
                if let Some(root) = self.root(id)? {
                    return Ok(root);
                }
            }
            _ => {}
        }
        let facts = Facts {
            symmetric: true,
            ..Facts::default()
        };
        Ok(self.named(id, facts))
    }

    /// `c S S'`, where a product is one.
    fn root(&mut self, id: Id) -> Result<Option<Id>, ShapeError> {
        let (scalars, factors) = self.factors(id);
        let (left, right) = factors.split_at(factors.len() / 2);
        if left.is_empty() || mirrored(left) != right {
            return Ok(None);
        }
        let known = self.roots.iter().find(|(of, _)| of == left);
        let root = if let Some((_, root)) = known {
            *root
        } else {
            let value = self.product(left)?;
            let root = self.named(value, Facts::default());
            self.roots.push((left.to_vec(), root));
            root
        };
        let transposed = self.small.node(Op::Transpose, &[root])?;
        let square = self.small.node(Op::Multiply, &[root, transposed])?;
        self.scaled(&scalars, square).map(Some)
    }

    /// Any matrix: multiples, and products that end in a transpose met in the block, are seen.
    pub(super) fn gradient(&mut self, id: Id) -> Result<Id, ShapeError> {
        let (scalars, factors) = self.factors(id);
        for (root, outline) in self.roots.clone() {
            let Some(rest) = factors.strip_suffix(mirrored(&root).as_slice()) else {
                continue;
            };
            if rest.is_empty() {
                continue;
            }
            let value = self.product(rest)?;
            let left = self.named(value, Facts::default());
            let transposed = self.small.node(Op::Transpose, &[outline])?;
            let product = self.small.node(Op::Multiply, &[left, transposed])?;
            return self.scaled(&scalars, product);
        }
        Ok(self.named(id, Facts::default()))
    }

    /// The factors of a product from left to right, transposes taken to them, and the scalars before it.
    fn factors(&self, id: Id) -> (Vec<Id>, Vec<Factor>) {
        let (mut scalars, mut factors) = (Vec::new(), Vec::new());
        let mut stack = vec![(id, false)];
        while let Some((id, is_transposed)) = stack.pop() {
            let node = &self.graph[id];
            let child = |k: usize| (node.children[k], is_transposed);
            match node.op {
                // What is pushed last comes first.
                Op::Multiply if is_transposed => stack.extend([child(0), child(1)]),
                Op::Multiply => stack.extend([child(1), child(0)]),
                Op::Scale => {
                    scalars.push(node.children[0]);
                    stack.push(child(1));
                }
                Op::Transpose => stack.push((node.children[0], !is_transposed)),
                _ => factors.push((id, is_transposed)),
            }
        }
        (scalars, factors)
    }

    /// Factors as a product of the graph.
    fn product(&mut self, factors: &[Factor]) -> Result<Id, ShapeError> {
        let mut product: Option<Id> = None;
        for (id, is_transposed) in factors {
            let factor = if *is_transposed {
                self.graph.node(Op::Transpose, &[*id])?
            } else {
                *id
            };
            product = Some(match product {
                Some(left) => self.graph.node(Op::Multiply, &[left, factor])?,
                None => factor,
            });
        }
        Ok(product.unwrap_or_else(|| unreachable!("a product has factors")))
    }

    fn scaled(&mut self, scalars: &[Id], value: Id) -> Result<Id, ShapeError> {
        let mut scaled = value;
        for scalar in scalars {
            let scalar = self.scalar(*scalar);
            if !self.small.is_unit(scalar) {
                scaled = self.small.node(Op::Scale, &[scalar, scaled])?;
            }
        }
        Ok(scaled)
    }
}

/// The factors of the transpose.
fn mirrored(factors: &[Factor]) -> Vec<Factor> {
    let mirrored = factors.iter().rev();
    mirrored
        .map(|(id, transposed)| (*id, !transposed))
        .collect()
}
