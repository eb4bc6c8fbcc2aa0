//! Parameters of a run for other programs. Why by names of PyTorch's: that is what they are loaded by.

use std::path::Path;

use indexmap::IndexMap;

use super::checkpoint::Checkpoint;
use super::start::problem;
use super::{RunDirectory, Settings, TrainingError};
use crate::backend::Element;
use crate::data::{Array, Dataset, Metadata, export_parameters, load_dataset};
use crate::network::{Precision, RunOptions};
use crate::optimizer::Parameters;

/// Writes the parameters of a run's last checkpoint to a `.safetensors` or an `.npz` file, and says of which epoch they are.
///
/// # Errors
/// When the run has no checkpoint, or a file cannot be read or written.
pub fn export(run: &RunDirectory, settings: &Settings, to: &Path) -> Result<u64, TrainingError> {
    match settings.precision()? {
        Precision::Double => exported::<f64>(run, settings, to),
        Precision::Single => exported::<f32>(run, settings, to),
    }
}

fn exported<T: Element>(
    run: &RunDirectory,
    settings: &Settings,
    to: &Path,
) -> Result<u64, TrainingError> {
    let source = settings.data.parse().unwrap_or_else(|never| match never {});
    let data: Dataset<T> = load_dataset(&source)?;
    let problem = problem(settings, &data, &RunOptions::default())?;
    let like: Parameters<T> = problem.zeros();
    let checkpoint = Checkpoint::read(&run.checkpoint(), &like, 0)?;
    let mut arrays: IndexMap<String, Array> = IndexMap::new();
    for parameter in &checkpoint.parameters.0 {
        arrays.insert(
            parameter.name.to_string(),
            super::checkpoint::array(parameter)?,
        );
    }
    let epoch = checkpoint.position.epoch;
    let metadata = Metadata::from([("epoch".to_owned(), epoch.to_string())]);
    export_parameters(to, &arrays, &metadata)?;
    Ok(epoch)
}
