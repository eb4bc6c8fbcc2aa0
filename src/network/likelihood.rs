//! The model behind a loss at predictions: the probabilities that a target is judged by. Why by the model that the loss declares: what a
//! prediction says is a matter of the loss, and no name of a loss is known here.

use nalgebra::DMatrix;

use super::prepare::{Definition, sized};
use super::{RunError, RunOptions};
use crate::backend::{Element, Executor, Inputs};
use crate::expr::{Distribution, Name, Op};
use crate::hbp::unfold;
use crate::kernel::{Program, compile_within};
use crate::language::File;

/// The first parameter of the model of a network's loss, compiled: of classes their probabilities, of yes and no the probability of yes.
#[derive(Clone, Debug)]
pub struct Likelihood {
    distribution: Distribution,
    program: Program,
    /// Bytes that a result may take.
    limit: u64,
}

impl Likelihood {
    /// Compiles the model of a network's loss; nothing where the loss declares none, or the model reads other things than values of nodes.
    ///
    /// # Errors
    /// When the network is not defined, a dimension has no size, or the model cannot be compiled.
    pub fn compile(
        file: &File,
        name: &str,
        options: &RunOptions,
    ) -> Result<Option<Self>, RunError> {
        let (Definition { network, .. }, sizes, options) = sized(file, name, options)?;
        let loss = &network.loss.module;
        let Some(model) = &loss.model else {
            return Ok(None);
        };
        let mut graph = loss.graph.clone();
        let parameter = unfold(&mut graph, &model.parameters[..1], &options.rewriter)?[0];
        let is_node = |value: &Name| network.nodes.iter().any(|node| node.name == *value);
        let of_node = |variable: &Name| {
            let mut bound = loss.inputs.iter().zip(&network.loss.arguments);
            bound.any(|(own, value)| own == variable && is_node(value))
        };
        let order = graph.topological(&[parameter]);
        let reads_more = order
            .into_iter()
            .any(|id| matches!(&graph[id].op, Op::Variable(variable) if !of_node(variable)));
        if reads_more {
            return Ok(None);
        }
        let outputs = [("model".to_owned(), parameter)];
        Ok(Some(Self {
            distribution: model.distribution,
            program: compile_within(&graph, &outputs, &sizes, options.limit)?,
            limit: options.limit,
        }))
    }

    /// How the target is distributed.
    pub fn distribution(&self) -> Distribution {
        self.distribution
    }

    /// The parameter of each sample, column by column; nothing where a value is missing. `value` has what the loss reads of a sample, by
    /// the names of the loss.
    ///
    /// # Errors
    /// When the model cannot be evaluated.
    pub fn of_samples<'a, T: Element>(
        &self,
        samples: usize,
        value: impl Fn(usize, &str) -> Option<&'a [T]>,
    ) -> Result<Option<Vec<DMatrix<T>>>, RunError> {
        let mut executor = Executor::new(&self.program);
        let mut found = Vec::with_capacity(samples);
        for sample in 0..samples {
            let mut inputs: Inputs<T> = Inputs::new();
            for input in &self.program.inputs {
                let stored = &self.program.values[input.value.index()];
                let (rows, cols) = (stored.rows, stored.cols);
                let given = value(sample, &input.name).filter(|given| given.len() == rows * cols);
                let Some(given) = given else {
                    return Ok(None);
                };
                let array = DMatrix::from_column_slice(rows, cols, given);
                inputs.insert(input.name.clone(), array);
            }
            executor.run(&inputs)?;
            let outputs = executor.outputs();
            let Some(block) = outputs.get("model") else {
                return Ok(None);
            };
            found.push(block.to_dense(self.limit)?);
        }
        Ok(Some(found))
    }
}
