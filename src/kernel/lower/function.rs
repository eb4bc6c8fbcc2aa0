//! Elementwise functions. Why inlined: a user's function is an expression over the built-in ones, and inside one fused
//! loop it costs no array.

use crate::expr::{FunctionDefinition, Id, Name, Op};
use crate::kernel::error::CompileError;
use crate::kernel::matrix::{Matrix, Scalar};
use crate::kernel::scalar::ScalarOp;

use super::{Lowering, number};

impl Lowering<'_> {
    /// The function at node `function` applied to every entry.
    pub(super) fn apply(
        &mut self,
        function: Id,
        argument: &Matrix,
    ) -> Result<Matrix, CompileError> {
        let graph = self.graph;
        let Op::Function(function) = &graph[function].op else {
            return Err(CompileError::Unsupported {
                operation: "a value as a function".into(),
            });
        };
        let name = function.name.to_string();
        if function.order > 0 {
            let primes = "'".repeat(function.order as usize);
            return Err(CompileError::Derivative {
                operation: format!("{name}{primes}"),
            });
        }
        match (
            graph.functions().get(&function.name),
            ScalarOp::named(&name),
        ) {
            (
                Some(FunctionDefinition::Defined {
                    argument: variable,
                    body,
                }),
                _,
            ) => {
                if self.inlining.contains(&name) {
                    return Err(CompileError::Recursive { name });
                }
                self.inlining.push(name);
                let value = self.inline(variable, *body, argument);
                self.inlining.pop();
                value
            }
            (Some(FunctionDefinition::Abstract), _) | (_, None) => {
                Err(CompileError::Abstract { name })
            }
            (_, Some(op)) => Ok(self.applied(op, argument)),
        }
    }

    /// The scalar expression `body` of `variable` at every entry of `argument`.
    fn inline(
        &mut self,
        variable: &Name,
        body: Id,
        argument: &Matrix,
    ) -> Result<Matrix, CompileError> {
        let graph = self.graph;
        let (rows, cols) = (argument.rows, argument.cols);
        let constant = |value: f64| Matrix {
            scale: Scalar::number(value),
            ..Matrix::ones(rows, cols)
        };
        let mut values: std::collections::BTreeMap<Id, Matrix> = std::collections::BTreeMap::new();
        for id in graph.topological(&[body]) {
            let node = &graph[id];
            let child = |k: usize| {
                values
                    .get(&node.children[k])
                    .cloned()
                    .unwrap_or_else(|| constant(0.0))
            };
            let value = match &node.op {
                Op::Variable(name) if name == variable => argument.clone(),
                Op::Number(value) if num_traits::Zero::is_zero(value) => Matrix::zero(rows, cols),
                Op::Number(value) => constant(number(value)),
                Op::Dimension(dimension) => constant(self.dimension(dimension)? as f64),
                Op::Function(_) => continue,
                Op::Add => {
                    let terms: Vec<Matrix> = (0..node.children.len()).map(child).collect();
                    self.add(&terms)
                }
                // All operands are scalars, so every product is the entrywise one.
                Op::Scale | Op::Multiply | Op::Hadamard => self.hadamard(&child(0), &child(1)),
                Op::Power => self.power(&child(0), &child(1)),
                Op::Transpose
                | Op::Vec
                | Op::Diag
                | Op::DiagVec
                | Op::Trace
                | Op::Sum
                | Op::Mean => child(0),
                Op::Apply => self.apply(node.children[0], &child(1))?,
                op => {
                    let operation = op
                        .head()
                        .map_or_else(|| format!("{op:?}"), |(name, _)| name.to_owned());
                    return Err(CompileError::Unsupported { operation });
                }
            };
            values.insert(id, value);
        }
        let value = values.remove(&body).unwrap_or_else(|| constant(0.0));
        Ok(value)
    }
}
