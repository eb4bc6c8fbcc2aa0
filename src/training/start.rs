//! What a run begins with: its network at the sizes of the data, and its first parameters. Why apart from the loop: an export needs the one, too.

use std::path::Path;

use super::checkpoint::entries;
use super::{Settings, TrainingError};
use crate::backend::Element;
use crate::data::{Dataset, Targets, import_parameters};
use crate::language;
use crate::network::RunOptions;
use crate::optimizer::{Parameters, Problem, Sample};

/// The network of the settings, with sizes that the data give.
pub(super) fn problem<T: Element>(
    settings: &Settings,
    data: &Dataset<T>,
    options: &RunOptions,
) -> Result<Problem, TrainingError> {
    let file = language::parse(&settings.file, &settings.text).map_err(|_| {
        TrainingError::setting(
            "the network of the run is not well formed",
            "its text stands in config.json: `hbp check` shows where it is wrong",
        )
    })?;
    let mut options = RunOptions {
        precision: settings.precision()?,
        ..options.clone()
    };
    options.sizes = settings
        .dims
        .iter()
        .map(|(name, size)| (name.as_str().into(), *size))
        .collect();
    let (outputs, is_class) = match (data.n_classes, data.train.targets()) {
        (Some(classes), _) => (classes, true),
        (None, Targets::Values { width, .. }) => (*width, false),
        (None, Targets::Classes(_)) => (0, true),
    };
    let sample = Sample {
        axes: &data.sample_shape,
        outputs,
        is_class,
    };
    let problem = Problem::for_data(&file, &settings.network, &options, sample);
    Ok(problem?)
}

/// The first parameters.
pub(super) fn first_parameters<T: Element>(
    settings: &Settings,
    problem: &Problem,
) -> Result<Parameters<T>, TrainingError> {
    if settings.parameters.is_empty() {
        return Ok(settings.initial()?.parameters(problem, settings.seed));
    }
    let shapes = problem.shapes().iter();
    let shapes: Vec<(String, Vec<usize>)> = shapes
        .map(|(name, rows, cols)| {
            let shape = if *cols == 1 {
                vec![*rows]
            } else {
                vec![*rows, *cols]
            };
            (name.to_string(), shape)
        })
        .collect();
    let expected: Vec<(&str, &[usize])> = shapes
        .iter()
        .map(|(name, shape)| (name.as_str(), shape.as_slice()))
        .collect();
    let arrays = import_parameters(Path::new(&settings.parameters), &expected)?;
    let mut parameters: Parameters<T> = problem.zeros();
    for parameter in &mut parameters.0 {
        if let Some(values) = arrays
            .get(&*parameter.name)
            .and_then(|array| entries(array, parameter.rows, parameter.cols))
        {
            parameter.values = values;
        }
    }
    if !parameters.is_finite() {
        return Err(TrainingError::setting(
            format!(
                "`{}` holds a number too large for {}",
                settings.parameters, settings.dtype
            ),
            "compute with --dtype f64",
        ));
    }
    Ok(parameters)
}
