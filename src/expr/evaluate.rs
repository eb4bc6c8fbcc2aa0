//! The reference evaluator: the value of any expression, operation by operation as its definition says. Why
//! slow: it is the twin every fast path is tested against, so it must be right at a glance.

use std::collections::{BTreeMap, BTreeSet};

use super::elementwise::apply;
use super::operation::operate;
use super::{Environment, Graph, Id, Matrix, Name, Op, Scalar, Sort};

/// The largest number of entries a value may have; beyond, memory would be at stake.
pub const ENTRY_LIMIT: usize = 1 << 26;

/// Why an expression has no value in an environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// A dimension without a size, or with one that does not fit.
    #[error("the size of `{0}` is not known")]
    Size(String),
    /// A variable without a value.
    #[error("`{0}` has no value")]
    Variable(Name),
    /// A value that does not have the declared shape.
    #[error("`{name}` is declared as {} × {}, its value is {} × {}", expected.0, expected.1, found.0, found.1)]
    Shape {
        /// The variable.
        name: Name,
        /// Rows and columns by its declaration.
        expected: (usize, usize),
        /// Rows and columns of its value.
        found: (usize, usize),
    },
    /// Operands that do not fit.
    #[error("{operation} of {} × {} and {} × {} has no meaning", left.0, left.1, right.0, right.1)]
    Operands {
        /// The operation.
        operation: &'static str,
        /// Rows and columns of the first operand.
        left: (usize, usize),
        /// Rows and columns of the second operand.
        right: (usize, usize),
    },
    /// An elementwise function without a definition.
    #[error("the elementwise function `{0}` has no definition")]
    Function(Name),
    /// An elementwise function that is defined by itself.
    #[error("the elementwise function `{0}` is defined by itself")]
    Recursive(Name),
    /// A matrix without an inverse.
    #[error("a singular matrix has no inverse")]
    Singular,
    /// A matrix that should be symmetric.
    #[error("`{0}` takes a symmetric matrix")]
    Asymmetric(&'static str),
    /// A derivative the evaluator does not take.
    #[error("the evaluator does not differentiate {0}")]
    Derivative(String),
    /// An operation that is no value: an elementwise function by itself.
    #[error("an elementwise function by itself has no value")]
    NotAValue,
    /// A value with too many entries.
    #[error("a value of {0} × {1} is too large for the reference evaluator")]
    Large(usize, usize),
}

/// The value of `root` in `environment`.
///
/// Under [`Op::Expectation`] the mean over all samples is taken; elsewhere the current sample is read.
/// [`Op::Jacobian`] and [`Op::Backpropagate`] are evaluated by dual numbers, with respect to the variable's
/// value in all samples at once.
///
/// # Errors
/// When a size, value or function is missing or does not fit; see [`EvaluateError`]. Arithmetic never fails:
/// what has no value is NaN, but for the inverse of a singular matrix.
///
/// ```
/// use hbp::expr::{evaluate, Dimension, Environment, Facts, Graph, Matrix, Op, Role, Shape, Variable};
/// let mut graph = Graph::default();
/// let shape = Shape::vector(Dimension::named("n"));
/// let x = graph.declare("x", Variable { shape, role: Role::Input, facts: Facts::default() });
/// let t = graph.node(Op::Transpose, &[x])?;
/// let square = graph.node(Op::Multiply, &[t, x])?;
/// let jacobian = graph.node(Op::Jacobian, &[square, x])?;
///
/// let mut environment = Environment::single([("n".into(), 2)].into(), Default::default());
/// environment.set("x", &Matrix::vector(vec![3.0, 4.0]));
/// assert_eq!(evaluate(&graph, square, &environment)?.values(), [25.0]);
/// assert_eq!(evaluate(&graph, jacobian, &environment)?.values(), [6.0, 8.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn evaluate<S: Scalar>(
    graph: &Graph,
    root: Id,
    environment: &Environment<S>,
) -> Result<Matrix<S>, EvaluateError> {
    Evaluator {
        graph,
        environment,
        sample: environment.sample,
    }
    .value(root)
}

/// An evaluation with one sample in view.
struct Evaluator<'a, S> {
    graph: &'a Graph,
    environment: &'a Environment<S>,
    sample: usize,
}

impl<S: Scalar> Evaluator<'_, S> {
    fn value(&self, root: Id) -> Result<Matrix<S>, EvaluateError> {
        let mut values: BTreeMap<Id, Matrix<S>> = BTreeMap::new();
        for id in self.schedule(root) {
            let value = self.node(id, &values)?;
            values.insert(id, value);
        }
        values.remove(&root).ok_or(EvaluateError::NotAValue)
    }

    /// What has to be evaluated here, children before parents. What stands under an operator is evaluated by
    /// the operator, in an environment of its own.
    fn schedule(&self, root: Id) -> BTreeSet<Id> {
        let mut seen = BTreeSet::new();
        let mut stack = vec![root];
        while let Some(id) = stack.pop() {
            if seen.insert(id) {
                stack.extend(self.operands(id));
            }
        }
        seen
    }

    fn operands(&self, id: Id) -> Vec<Id> {
        let node = &self.graph[id];
        let children = &node.children;
        match (&node.op, &node.sort) {
            (
                Op::Eye | Op::Ones | Op::Zeros | Op::Commutation | Op::Jacobian | Op::Expectation,
                _,
            )
            | (_, Sort::Dimension(_)) => Vec::new(),
            (Op::Reshape, _) => vec![children[0]],
            (Op::Apply | Op::Backpropagate, _) => vec![children[1]],
            _ => children.to_vec(),
        }
    }

    fn node(&self, id: Id, values: &BTreeMap<Id, Matrix<S>>) -> Result<Matrix<S>, EvaluateError> {
        let node = &self.graph[id];
        if let Sort::Dimension(d) = &node.sort {
            let size = d
                .evaluate(&self.environment.sizes)
                .ok_or_else(|| EvaluateError::Size(d.to_string()))?;
            return Ok(Matrix::scalar(S::from_f64(size as f64)));
        }
        let (rows, cols) = self.shape(id)?;
        match &node.op {
            Op::Variable(name) => self.variable(name, (rows, cols)),
            Op::Apply => {
                let Op::Function(function) = &self.graph[node.children[0]].op else {
                    return Err(EvaluateError::NotAValue);
                };
                apply(
                    self.graph,
                    self.environment,
                    function,
                    &values[&node.children[1]],
                )
            }
            Op::Expectation => self.mean(node.children[0]),
            Op::Jacobian => {
                let columns = self.columns(node.children[0], node.children[1])?;
                Matrix::new(
                    rows,
                    cols,
                    columns.into_iter().flat_map(Matrix::into_values).collect(),
                )
            }
            Op::Backpropagate => {
                // D e(x)' vec g, in the shape of x
                let gradient = &values[&node.children[1]];
                let columns = self.columns(node.children[0], node.children[2])?;
                let entries = columns
                    .iter()
                    .map(|column| Ok(column.hadamard(gradient)?.sum()));
                Matrix::new(rows, cols, entries.collect::<Result<_, EvaluateError>>()?)
            }
            Op::Commutation => {
                let sizes = node
                    .children
                    .iter()
                    .map(|c| self.size(*c))
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(Matrix::commutation(sizes[0], sizes[1]))
            }
            op => {
                let operands: Vec<&Matrix<S>> = self
                    .operands(id)
                    .iter()
                    .map(|child| &values[child])
                    .collect();
                operate(op, &operands, (rows, cols))
            }
        }
    }

    /// The concrete shape of a value, which decides how much memory it takes.
    fn shape(&self, id: Id) -> Result<(usize, usize), EvaluateError> {
        let shape = self.graph[id]
            .sort
            .shape()
            .ok_or(EvaluateError::NotAValue)?;
        let sizes = &self.environment.sizes;
        let (rows, cols) = shape
            .evaluate(sizes)
            .ok_or_else(|| EvaluateError::Size(shape.to_string()))?;
        match rows.checked_mul(cols) {
            Some(entries) if entries <= ENTRY_LIMIT => Ok((rows, cols)),
            _ => Err(EvaluateError::Large(rows, cols)),
        }
    }

    fn size(&self, dimension: Id) -> Result<usize, EvaluateError> {
        match &self.graph[dimension].sort {
            Sort::Dimension(d) => d
                .evaluate(&self.environment.sizes)
                .ok_or_else(|| EvaluateError::Size(d.to_string())),
            _ => Err(EvaluateError::NotAValue),
        }
    }

    fn variable(&self, name: &Name, expected: (usize, usize)) -> Result<Matrix<S>, EvaluateError> {
        let samples = &self.environment.samples;
        let value = samples
            .get(self.sample)
            .and_then(|values| values.get(name))
            .ok_or_else(|| EvaluateError::Variable(name.clone()))?;
        if value.shape() == expected {
            Ok(value.clone())
        } else {
            Err(EvaluateError::Shape {
                name: name.clone(),
                expected,
                found: value.shape(),
            })
        }
    }

    /// The mean over the samples.
    fn mean(&self, e: Id) -> Result<Matrix<S>, EvaluateError> {
        let (rows, cols) = self.shape(e)?;
        let mut total = Matrix::filled(rows, cols, 0.0);
        for sample in 0..self.environment.samples.len() {
            total = total.plus(&Evaluator { sample, ..*self }.value(e)?)?;
        }
        let n = S::from_f64(self.environment.samples.len() as f64);
        Ok(total.map(|sum| sum.clone() / n.clone()))
    }

    /// ∂e/∂xⱼ for every entry j of the variable x, one pass with a dual number each.
    fn columns(&self, e: Id, x: Id) -> Result<Vec<Matrix<S>>, EvaluateError> {
        let Op::Variable(name) = &self.graph[x].op else {
            return Err(EvaluateError::Derivative(
                "with respect to what is no variable".into(),
            ));
        };
        let (rows, cols) = self.shape(x)?;
        self.variable(name, (rows, cols))?;
        let too_deep = || EvaluateError::Derivative("operators nested this deep".into());
        let mut lifted = self
            .environment
            .convert(|s| s.lift(0.0))
            .ok_or_else(too_deep)?;
        let mut columns = Vec::with_capacity(rows * cols);
        for j in 0..rows * cols {
            let at_rest = lifted.samples.clone();
            for (sample, original) in lifted.samples.iter_mut().zip(&self.environment.samples) {
                let (Some(moved), Some(value)) = (sample.get_mut(name), original.get(name)) else {
                    continue;
                };
                let (Some(entry), Some(real)) =
                    (moved.values_mut().get_mut(j), value.values().get(j))
                else {
                    continue;
                };
                *entry = real.lift(1.0).ok_or_else(too_deep)?;
            }
            let value = Evaluator {
                graph: self.graph,
                environment: &lifted,
                sample: self.sample,
            }
            .value(e)?;
            columns.push(value.map(S::derivative));
            lifted.samples = at_rest;
        }
        Ok(columns)
    }
}
