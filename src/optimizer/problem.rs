//! A network to be trained on one input and one target. Why checked at once: shapes that do not fit the data are said before anything is derived.

use super::{OptimizerError, Parameter, Parameters};
use crate::backend::Element;
use crate::expr::Name;
use crate::language::{File, Network};
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
    /// Its input, and entries of a sample.
    pub input: (Name, usize),
    /// Its target, and entries of a sample.
    pub target: (Name, usize),
    /// Names and shapes of its parameters.
    shapes: Vec<(Name, usize, usize)>,
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

impl Problem {
    /// A network of a file.
    ///
    /// # Errors
    /// When it is not defined, a dimension has no size, or it has not one input, one target and a parameter.
    pub fn new(file: &File, name: &str, options: &RunOptions) -> Result<Self, OptimizerError> {
        let (network, shapes) = declared(file, name, options)?;
        let size = |name: &Name| {
            let found = shapes.iter().find(|(known, ..)| known == name);
            found.map_or(0, |(_, rows, cols)| rows * cols)
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
        Ok(Self {
            file: file.clone(),
            name: name.to_owned(),
            options: options.clone(),
            input: (input.name.clone(), size(&input.name)),
            target: (target.name.clone(), size(&target.name)),
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
        sample: &[usize],
        outputs: usize,
    ) -> Result<Self, OptimizerError> {
        let features: usize = sample.iter().product();
        let network = file.network_at(name, &options.sizes);
        let network = network.map_err(|error| OptimizerError::Run(error.into()))?;
        let mut options = options.clone();
        for (value, size) in [
            (network.inputs.first(), features),
            (network.targets.first(), outputs),
        ] {
            let rows = value.filter(|value| value.shape.is_column());
            let rows = rows.and_then(|value| value.shape.rows.as_name());
            if let Some(rows) = rows {
                options.sizes.entry(rows.clone()).or_insert(size);
            }
        }
        let problem = Self::new(file, name, &options)?;
        for ((what, (value, found)), expected) in
            [("input", &problem.input), ("target", &problem.target)]
                .into_iter()
                .zip([features, outputs])
        {
            if *found != expected {
                return Err(OptimizerError::Misfit {
                    message: format!(
                        "the {what} `{value}` of the network `{name}` has {found} entries, a sample of the data has {expected}"
                    ),
                    help: "change its declared size, or leave it open as R[n]".to_owned(),
                });
            }
        }
        Ok(problem)
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

fn several(network: &Network, what: &str, count: usize) -> OptimizerError {
    let name = &network.name;
    OptimizerError::Misfit {
        message: format!("the network `{name}` has {count} {what}s; data have one"),
        help: format!("declare one {what}"),
    }
}
