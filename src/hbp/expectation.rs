//! The expectation of a loss Hessian under the model of the loss: the Fisher matrix. Why by moments: loss Hessians are
//! constant, linear or quadratic in the target, so its mean and variance are all that is needed, and anything else is
//! refused.

use crate::expr::{Distribution, Graph, Id, Model, Name, Op, Rational, ShapeError};

/// Why there is no expectation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpectationError {
    /// The module declares no model.
    #[error("the loss `{module}` has no model, so its expectation is not defined")]
    NoModel {
        /// The module.
        module: Name,
    },
    /// The expression depends on the target in a way that two moments do not decide.
    #[error(
        "the Hessian of the loss is not of the first or second degree in `{target}`, entry by entry"
    )]
    NotQuadratic {
        /// The target.
        target: Name,
    },
    /// An expression was ill shaped.
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

/// Mean and variance of a target.
struct Moments<'a> {
    target: &'a Name,
    mean: Id,
    variance: Id,
}

/// The expectation of an expression over the target of a model.
///
/// # Errors
/// When the expression is not quadratic in the entries of the target.
pub fn expectation(graph: &mut Graph, value: Id, model: &Model) -> Result<Id, ExpectationError> {
    let moments = moments(graph, model)?;
    moments.of(graph, value)
}

fn moments<'a>(graph: &mut Graph, model: &'a Model) -> Result<Moments<'a>, ShapeError> {
    let mean = model.parameters[0];
    let variance = match model.distribution {
        Distribution::Normal => model.parameters[1],
        Distribution::Poisson => mean,
        // p (1 − p)
        Distribution::Bernoulli | Distribution::Categorical => {
            let shape = graph.shape(mean);
            let (ones, minus) = (graph.ones(&shape), graph.integer(-1));
            let negative = graph.node(Op::Scale, &[minus, mean])?;
            let other = graph.node(Op::Add, &[ones, negative])?;
            product(graph, mean, other)?
        }
    };
    Ok(Moments {
        target: &model.target,
        mean,
        variance,
    })
}

/// The entrywise product; of scalars, the product.
fn product(graph: &mut Graph, a: Id, b: Id) -> Result<Id, ShapeError> {
    let op = if graph.shape(a).is_scalar() {
        Op::Scale
    } else {
        Op::Hadamard
    };
    graph.node(op, &[a, b])
}

impl Moments<'_> {
    fn depends(&self, graph: &Graph, id: Id) -> bool {
        graph
            .free_variables(id)
            .iter()
            .any(|name| name == self.target)
    }

    fn of(&self, graph: &mut Graph, id: Id) -> Result<Id, ExpectationError> {
        if !self.depends(graph, id) {
            return Ok(id);
        }
        let node = graph[id].clone();
        let dependent = node
            .children
            .iter()
            .filter(|c| self.depends(graph, **c))
            .count();
        let is_square = node.op == Op::Power
            && graph.as_number(node.children[1]) == Some(&Rational::from_integer(2.into()));
        match node.op {
            Op::Variable(_) => Ok(self.mean),
            Op::Add
            | Op::Transpose
            | Op::Diag
            | Op::DiagVec
            | Op::Vec
            | Op::Reshape
            | Op::Sum
            | Op::Mean
            | Op::Trace => self.inside(graph, id),
            // Linear in the one factor that depends on the target.
            Op::Scale | Op::Multiply | Op::Hadamard | Op::Kronecker if dependent == 1 => {
                self.inside(graph, id)
            }
            Op::Power if is_square => self.square(graph, node.children[0]),
            Op::Hadamard | Op::Scale if node.children[0] == node.children[1] => {
                self.square(graph, node.children[0])
            }
            _ => Err(self.refused()),
        }
    }

    fn refused(&self) -> ExpectationError {
        ExpectationError::NotQuadratic {
            target: self.target.clone(),
        }
    }

    /// The operation on the expectations of its operands.
    fn inside(&self, graph: &mut Graph, id: Id) -> Result<Id, ExpectationError> {
        let node = graph[id].clone();
        let mut children = Vec::with_capacity(node.children.len());
        for child in &node.children {
            children.push(self.of(graph, *child)?);
        }
        Ok(graph.node(node.op, &children)?)
    }

    /// E(b.^2) = E(b).^2 + c² Var y for b = a + c y entry by entry.
    fn square(&self, graph: &mut Graph, base: Id) -> Result<Id, ExpectationError> {
        let slope = self.slope(graph, base)?;
        let mean = self.of(graph, base)?;
        let mean_square = product(graph, mean, mean)?;
        let factor = graph.number(&slope * &slope);
        let spread = graph.node(Op::Scale, &[factor, self.variance])?;
        Ok(graph.node(Op::Add, &[mean_square, spread])?)
    }

    /// The number c where an expression is a + c y entry by entry.
    fn slope(&self, graph: &Graph, id: Id) -> Result<Rational, ExpectationError> {
        if !self.depends(graph, id) {
            return Ok(Rational::from_integer(0.into()));
        }
        let node = &graph[id];
        match node.op {
            Op::Variable(_) => Ok(Rational::from_integer(1.into())),
            Op::Add => {
                let mut sum = Rational::from_integer(0.into());
                for child in &node.children {
                    sum += self.slope(graph, *child)?;
                }
                Ok(sum)
            }
            Op::Scale => {
                let number = graph
                    .as_number(node.children[0])
                    .ok_or_else(|| self.refused())?;
                Ok(number * self.slope(graph, node.children[1])?)
            }
            _ => Err(self.refused()),
        }
    }
}
