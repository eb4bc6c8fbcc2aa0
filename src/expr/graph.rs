//! The hash-consed expression graph. Why hash-consing: equal subexpressions are one node, so sharing is free
//! to see and a derived equation stays small however often a factor occurs in it.

use std::collections::HashMap;

use indexmap::IndexMap;
use num_traits::{One, Zero};
use smallvec::SmallVec;

use super::infer::{ShapeError, Sort, infer};
use super::{Dimension, Name, Op, Rational, Shape};

/// A node of one graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub u32);

/// An operation on children.
#[derive(Clone, Debug)]
pub struct Node {
    /// The operation.
    pub op: Op,
    /// Its operands.
    pub children: SmallVec<[Id; 3]>,
    /// What it is.
    pub sort: Sort,
}

/// Where a variable comes from. It decides what depends on the sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// An input of a module: one value a sample.
    Input,
    /// A parameter: the same for every sample.
    Parameter,
    /// A target of a loss: one value a sample, never differentiated.
    Target,
    /// The loss gradient or Hessian at the output, `grad(z)` or `hess(z)`: one value a sample.
    Upstream,
    /// The argument of an elementwise function's definition.
    Argument,
}

impl Role {
    /// True when the value differs from sample to sample.
    pub fn depends_on_sample(self) -> bool {
        matches!(self, Self::Input | Self::Target | Self::Upstream)
    }
}

/// True for the name of ℋz, the Hessian at the output: `hess(z)`. It is symmetric, and no name in a file has a bracket.
pub(crate) fn is_output_hessian(name: &str) -> bool {
    name.starts_with("hess(")
}

/// Declared properties of a variable's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent declared facts, as in the language"
)]
pub struct Facts {
    /// A = A'.
    pub symmetric: bool,
    /// Zero off the diagonal.
    pub diagonal: bool,
    /// Symmetric with positive eigenvalues.
    pub positive_definite: bool,
    /// Entries ≥ 0 that sum to 1.
    pub distribution: bool,
}

impl Facts {
    /// True when A = A' follows.
    pub fn imply_symmetric(self) -> bool {
        self.symmetric || self.positive_definite || self.diagonal
    }

    /// What is known when both are.
    pub fn and(self, other: Self) -> Self {
        Self {
            symmetric: self.symmetric || other.symmetric,
            diagonal: self.diagonal || other.diagonal,
            positive_definite: self.positive_definite || other.positive_definite,
            distribution: self.distribution || other.distribution,
        }
    }
}

/// A declared variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its shape.
    pub shape: Shape,
    /// Where it comes from.
    pub role: Role,
    /// What is known of its value.
    pub facts: Facts,
}

/// What an elementwise function is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Function {
    /// Twice differentiable, otherwise unknown.
    Abstract,
    /// One of the language's own (see `expr::builtins`).
    Builtin,
    /// Defined by a scalar expression `body` of the variable `argument` (role [`Role::Argument`]) in the same graph.
    Defined {
        /// The variable's name in the graph.
        argument: Name,
        /// The value.
        body: Id,
    },
}

/// A hash-consed graph of expressions with its variables and elementwise functions.
///
/// ```
/// use hbp::expr::{Dimension, Facts, Graph, Op, Role, Shape, Variable};
/// let mut graph = Graph::default();
/// let (m, n) = (Dimension::named("m"), Dimension::named("n"));
/// let w = graph.declare("W", Variable { shape: Shape::matrix(m, n.clone()), role: Role::Parameter, facts: Facts::default() });
/// let x = graph.declare("x", Variable { shape: Shape::vector(n), role: Role::Input, facts: Facts::default() });
/// let z = graph.node(Op::Multiply, &[w, x]).expect("conformable");
/// assert_eq!(graph.shape(z).to_string(), "R[m]");
/// assert!(graph.node(Op::Multiply, &[x, w]).is_err());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    index: HashMap<(Op, SmallVec<[Id; 3]>), Id>,
    variables: IndexMap<Name, Variable>,
    functions: IndexMap<Name, Function>,
}

impl Graph {
    /// Declares a variable and returns its node. A second declaration of a name must be the same.
    ///
    /// # Panics
    /// When the name is declared already and differently.
    pub fn declare(&mut self, name: impl Into<Name>, variable: Variable) -> Id {
        let name = name.into();
        let sort = Sort::Value(variable.shape.clone());
        if let Some(known) = self.variables.get(&name) {
            assert_eq!(*known, variable, "`{name}` is declared twice");
        }
        self.variables.insert(name.clone(), variable);
        self.intern(Op::Variable(name), SmallVec::new(), sort)
    }

    /// Replaces the declared facts of a variable and returns those before; nothing happens to a name not declared.
    pub fn replace_facts(&mut self, name: &str, facts: Facts) -> Facts {
        self.variables
            .get_mut(name)
            .map_or(facts, |v| std::mem::replace(&mut v.facts, facts))
    }

    /// The declared variables in order of declaration.
    pub fn variables(&self) -> &IndexMap<Name, Variable> {
        &self.variables
    }

    /// Adds an elementwise function to the table.
    pub fn define(&mut self, name: impl Into<Name>, function: Function) {
        self.functions.insert(name.into(), function);
    }

    /// The elementwise functions in use.
    pub fn functions(&self) -> &IndexMap<Name, Function> {
        &self.functions
    }

    /// The node of a declared variable.
    pub fn variable(&self, name: &str) -> Option<Id> {
        self.index
            .get(&(Op::Variable(name.into()), SmallVec::new()))
            .copied()
    }

    /// Adds `op` on `children`, or finds the same node again. Shapes are checked and inferred.
    /// The rule-only operations on dimensions and functions fold at once.
    ///
    /// # Errors
    /// When the operands' shapes contradict each other, or a variable is not declared.
    pub fn node(&mut self, op: Op, children: &[Id]) -> Result<Id, ShapeError> {
        let key = (op, SmallVec::from_slice(children));
        if let Some(id) = self.index.get(&key) {
            return Ok(*id);
        }
        let (op, children) = key;
        let sorts: Vec<Sort> = children.iter().map(|c| self[*c].sort.clone()).collect();
        let sort = infer(&op, &sorts)?;
        if let (Op::Rows | Op::Cols | Op::Size | Op::DimensionProduct, Sort::Dimension(d)) =
            (&op, &sort)
        {
            return Ok(self.dimension(d.clone()));
        }
        if op == Op::Prime
            && let Op::Function(f) = self[children[0]].op.clone()
        {
            return Ok(self.function(f.name, f.order + 1));
        }
        Ok(self.intern(op, children, sort))
    }

    fn intern(&mut self, op: Op, children: SmallVec<[Id; 3]>, sort: Sort) -> Id {
        let next = Id(u32::try_from(self.nodes.len()).expect("fewer than 2^32 nodes"));
        let id = *self
            .index
            .entry((op.clone(), children.clone()))
            .or_insert(next);
        if id == next {
            self.nodes.push(Node { op, children, sort });
        }
        id
    }

    /// An exact number.
    pub fn number(&mut self, value: Rational) -> Id {
        self.intern(
            Op::Number(value),
            SmallVec::new(),
            Sort::Value(Shape::scalar()),
        )
    }

    /// A whole number.
    pub fn integer(&mut self, value: i64) -> Id {
        self.number(Rational::from_integer(value.into()))
    }

    /// A dimension.
    pub fn dimension(&mut self, d: Dimension) -> Id {
        self.intern(
            Op::Dimension(d.clone()),
            SmallVec::new(),
            Sort::Dimension(d),
        )
    }

    /// An elementwise function symbol.
    pub fn function(&mut self, name: impl Into<Name>, order: u32) -> Id {
        let function = super::op::Function {
            name: name.into(),
            order,
        };
        self.intern(Op::Function(function), SmallVec::new(), Sort::Function)
    }

    /// `zeros` of a shape.
    pub fn zeros(&mut self, shape: &Shape) -> Id {
        let (rows, cols) = (
            self.dimension(shape.rows.clone()),
            self.dimension(shape.cols.clone()),
        );
        self.intern(
            Op::Zeros,
            SmallVec::from_slice(&[rows, cols]),
            Sort::Value(shape.clone()),
        )
    }

    /// `ones` of a shape.
    pub fn ones(&mut self, shape: &Shape) -> Id {
        let (rows, cols) = (
            self.dimension(shape.rows.clone()),
            self.dimension(shape.cols.clone()),
        );
        self.intern(
            Op::Ones,
            SmallVec::from_slice(&[rows, cols]),
            Sort::Value(shape.clone()),
        )
    }

    /// The shape of a value.
    ///
    /// # Panics
    /// When `id` is an elementwise function, which has no shape.
    pub fn shape(&self, id: Id) -> Shape {
        self[id].sort.shape().expect("a value has a shape")
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True when there is no node.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The nodes below `roots`, each once, children before parents.
    pub fn topological(&self, roots: &[Id]) -> Vec<Id> {
        // Children always have smaller ids than their parents, so order by id is topological.
        let mut seen = std::collections::BTreeSet::new();
        let mut stack: Vec<Id> = roots.to_vec();
        while let Some(id) = stack.pop() {
            if seen.insert(id) {
                stack.extend(self[id].children.iter().copied());
            }
        }
        seen.into_iter().collect()
    }

    /// The names of the variables below `root`, through the definitions of elementwise functions not at all.
    pub fn free_variables(&self, root: Id) -> Vec<Name> {
        self.topological(&[root])
            .into_iter()
            .filter_map(|id| match &self[id].op {
                Op::Variable(name) => Some(name.clone()),
                _ => None,
            })
            .collect()
    }

    /// Copies the expression `root` of another graph into this one, replacing variables named in `map`
    /// and dimensions by `sizes`. Variables not in `map` must be declared here.
    ///
    /// # Errors
    /// When the replaced expression is not well shaped.
    pub fn import(
        &mut self,
        from: &Graph,
        root: Id,
        map: &HashMap<Name, Id>,
        sizes: &std::collections::BTreeMap<Name, Dimension>,
    ) -> Result<Id, ShapeError> {
        let mut done: HashMap<Id, Id> = HashMap::new();
        for id in from.topological(&[root]) {
            let node = &from[id];
            let children: Vec<Id> = node.children.iter().map(|c| done[c]).collect();
            let new = match &node.op {
                Op::Variable(name) => match map.get(name) {
                    Some(new) => *new,
                    None => self.node(node.op.clone(), &[])?,
                },
                Op::Dimension(d) => self.dimension(d.substitute(sizes)),
                op => self.node(op.clone(), &children)?,
            };
            done.insert(id, new);
        }
        Ok(done[&root])
    }

    /// The value of a number node.
    pub fn as_number(&self, id: Id) -> Option<&Rational> {
        match &self[id].op {
            Op::Number(value) => Some(value),
            _ => None,
        }
    }

    /// True for the number 1.
    pub fn is_unit(&self, id: Id) -> bool {
        self.as_number(id).is_some_and(One::is_one)
    }

    /// True for the number 0 and for `zeros`.
    pub fn is_zero(&self, id: Id) -> bool {
        self[id].op == Op::Zeros || self.as_number(id).is_some_and(Zero::is_zero)
    }
}

impl std::ops::Index<Id> for Graph {
    type Output = Node;
    fn index(&self, id: Id) -> &Node {
        &self.nodes[id.0 as usize]
    }
}
