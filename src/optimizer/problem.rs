//! A network to be trained on one input and one target. Why checked at once: shapes that do not fit the data are said before anything is derived.

use super::{OptimizerError, Parameter, Parameters};
use crate::backend::Element;
use crate::expr::{Dimension, Distribution, Facts, Name};
use crate::language::{File, Network, NetworkValue};
use crate::network::{RunError, RunOptions, declared};

/// A network with what its passes are made of.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The file that it stands in.
    pub file: File,
    /// Its name.
    pub name: String,
    /// Sizes, rules, limits; what derivations are kept.
    pub options: RunOptions,
    /// Its input.
    pub input: Value,
    /// Its target.
    pub target: Value,
    /// True where whole numbers of the data are numbers to the target, which is a scalar, and no classes.
    pub has_numbers: bool,
    /// How the target is distributed, where the loss declares it.
    pub distribution: Option<Distribution>,
    /// Names and shapes of its parameters.
    shapes: Vec<(Name, usize, usize)>,
}

/// An input or a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Its name.
    pub name: Name,
    /// Rows of a sample's value.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// What is declared of it.
    pub facts: Facts,
}

impl Value {
    /// Entries of a sample.
    pub fn size(&self) -> usize {
        self.rows * self.cols
    }
}

/// The numbers of a batch, sample by sample.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a, T> {
    /// Inputs.
    pub x: &'a [T],
    /// Targets.
    pub y: &'a [T],
    /// How many samples these are.
    pub samples: usize,
}

impl<'a, T: Element> Batch<'a, T> {
    /// The entries of an array of the network, where input and target have these names.
    pub(crate) fn find(
        &self,
        (input, target): (&str, &str),
        parameters: &'a Parameters<T>,
        name: &str,
    ) -> Option<&'a [T]> {
        if name == input {
            Some(self.x)
        } else if name == target {
            Some(self.y)
        } else {
            parameters.get(name)
        }
    }
}

/// What a sample of data has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample<'a> {
    /// The axes of its features, which are in C order.
    pub axes: &'a [usize],
    /// Entries of its target.
    pub outputs: usize,
    /// True where the target is a class, of as many as there are entries.
    pub is_class: bool,
}

impl Problem {
    /// A network of a file.
    ///
    /// # Errors
    /// When it is not defined, a dimension has no size, or it has not one input, one target and a parameter.
    pub fn new(file: &File, name: &str, options: &RunOptions) -> Result<Self, OptimizerError> {
        let (network, shapes) = declared(file, name, options)?;
        let value = |of: &NetworkValue| {
            let found = shapes.iter().find(|(known, ..)| *known == of.name);
            let (rows, cols) = found.map_or((0, 0), |(_, rows, cols)| (*rows, *cols));
            Value {
                name: of.name.clone(),
                rows,
                cols,
                facts: of.facts,
            }
        };
        let [input] = network.inputs.as_slice() else {
            return Err(several(&network, "input", network.inputs.len()));
        };
        let [target] = network.targets.as_slice() else {
            return Err(several(&network, "target", network.targets.len()));
        };
        let of = |name: &Name| shapes.iter().find(|(known, ..)| known == name).cloned();
        let parameters: Vec<_> = network
            .parameters
            .iter()
            .filter_map(|p| of(&p.name))
            .collect();
        if parameters.is_empty() {
            return Err(OptimizerError::Misfit {
                message: format!("the network `{name}` has no parameters"),
                help: "give it a module with parameters, as linear[10]".to_owned(),
            });
        }
        let with_facts = |p: &&NetworkValue| p.facts != Facts::default();
        if let Some(parameter) = network.parameters.iter().find(with_facts) {
            return Err(OptimizerError::Misfit {
                message: format!(
                    "the parameter `{}` has a declared fact, which no step would keep: all its entries move",
                    parameter.name
                ),
                help: "write what it is made of, as `A = (B + B') / 2` for a symmetric one, and remove the fact".to_owned(),
            });
        }
        Ok(Self {
            file: file.clone(),
            name: name.to_owned(),
            options: options.clone(),
            input: value(input),
            target: value(target),
            has_numbers: takes_numbers(target),
            distribution: (network.loss.module.model.as_ref()).map(|model| model.distribution),
            shapes: parameters,
        })
    }

    /// A network for data: sizes that the network leaves open and its input or target names are those of the data.
    ///
    /// # Errors
    /// As [`Problem::new`]; when a sample of the data has another number of features or target entries than the network.
    pub fn for_data(
        file: &File,
        name: &str,
        options: &RunOptions,
        sample: Sample<'_>,
    ) -> Result<Self, OptimizerError> {
        let network = file.network_at(name, &options.sizes);
        let network = network.map_err(|error| OptimizerError::Run(error.into()))?;
        let mut options = options.clone();
        let mut bind = |dimension: &Dimension, size: usize| {
            if let Some(open) = dimension.as_name() {
                options.sizes.entry(open.clone()).or_insert(size);
            }
        };
        let (mut outputs, mut is_class) = (sample.outputs, sample.is_class);
        if let Some(input) = network.inputs.first() {
            match (input.shape.is_column(), sample.axes) {
                (true, axes) => bind(&input.shape.rows, axes.iter().product()),
                (false, [rows, cols]) => {
                    bind(&input.shape.rows, *rows);
                    bind(&input.shape.cols, *cols);
                }
                (false, _) => {}
            }
        }
        if let Some(target) = network.targets.first() {
            if takes_numbers(target) && is_class {
                (outputs, is_class) = (1, false);
            }
            if target.shape.is_column() {
                bind(&target.shape.rows, outputs);
            }
            // The last classes may have no sample.
            let declared = target.shape.rows.evaluate(&options.sizes);
            if let Some(classes) = declared.filter(|classes| is_class && *classes > outputs) {
                outputs = classes;
            }
        }
        let problem = Self::new(file, name, &options)?;
        problem.fits(Sample {
            outputs,
            is_class,
            ..sample
        })?;
        Ok(problem)
    }

    fn fits(&self, sample: Sample<'_>) -> Result<(), OptimizerError> {
        let (name, axes) = (&self.name, sample.axes);
        let features: usize = axes.iter().product();
        let entries = |count: usize| match count {
            1 => "1 entry".to_owned(),
            many => format!("{many} entries"),
        };
        let (input, has) = (&self.input.name, self.input.size());
        if has != features {
            return Err(OptimizerError::Misfit {
                message: format!(
                    "the input `{input}` of the network `{name}` has {}, a sample of the data has {features} features",
                    entries(has)
                ),
                help: "change its declared size, or leave it open as R[n]".to_owned(),
            });
        }
        // A vector takes all features in C order; a matrix is never filled from one of another shape.
        let (rows, cols) = (self.input.rows, self.input.cols);
        if rows > 1 && cols > 1 && axes != [rows, cols] {
            let axes: Vec<String> = axes.iter().map(ToString::to_string).collect();
            return Err(OptimizerError::Misfit {
                message: format!(
                    "the input `{input}` of the network `{name}` is a {rows} × {cols} matrix, a sample of the data has the shape ({})",
                    axes.join(", ")
                ),
                help: "give the data that shape, or declare the input as a vector, R[n]".to_owned(),
            });
        }
        let (target, has, outputs) = (&self.target.name, self.target.size(), sample.outputs);
        if has == outputs {
            return Ok(());
        }
        let target = format!(
            "the target `{target}` of the network `{name}` has {}",
            entries(has)
        );
        Err(if sample.is_class {
            OptimizerError::Misfit {
                message: format!(
                    "{target}, but the labels of the data go up to {}, which makes {outputs} classes",
                    outputs - 1
                ),
                help: format!(
                    "a target has an entry a class: declare R[{outputs}], leave it open as R[n], or look for a label that is too large; whole numbers that are no classes are taken by a target that is a scalar, R"
                ),
            }
        } else {
            OptimizerError::Misfit {
                message: format!("{target}, a sample of the data has {outputs} target values"),
                help: "change its declared size, or leave it open as R[n]".to_owned(),
            }
        })
    }

    /// Names, rows and columns of the parameters, in the network's order.
    pub fn shapes(&self) -> &[(Name, usize, usize)] {
        &self.shapes
    }

    /// Parameters that are zero.
    pub fn zeros<T: Element>(&self) -> Parameters<T> {
        let shapes = self.shapes.iter();
        let zero = |(name, rows, cols): &(Name, usize, usize)| Parameter {
            name: name.clone(),
            rows: *rows,
            cols: *cols,
            values: vec![T::zero(); rows * cols],
        };
        Parameters(shapes.map(zero).collect())
    }

    /// The options of a pass over so many samples.
    pub(super) fn options(&self, samples: usize) -> RunOptions {
        RunOptions {
            batch_size: samples,
            ..self.options.clone()
        }
    }

    /// An error of its passes, with the place in the file.
    pub(super) fn located(&self, error: RunError) -> OptimizerError {
        OptimizerError::Run(error.located(&self.file))
    }
}

/// True for a target to which whole numbers are numbers. A distribution of one entry is a class.
fn takes_numbers(target: &NetworkValue) -> bool {
    target.shape.is_scalar() && !target.facts.distribution
}

fn several(network: &Network, what: &str, count: usize) -> OptimizerError {
    let name = &network.name;
    OptimizerError::Misfit {
        message: format!("the network `{name}` has {count} {what}s; networks with one are trained"),
        help: format!("declare one {what}; `hbp run` takes any number"),
    }
}
