//! Parameters of a run for other programs. Why by names of PyTorch's: that is what they are loaded by.

use std::path::Path;

use super::checkpoint::read_parameters;
use super::{RunDirectory, TrainingError};
use crate::data::{Metadata, export_parameters};

/// Writes the parameters of a run's last checkpoint to a `.safetensors` or an `.npz` file, and says of which epoch they are.
///
/// # Errors
/// When the run has no checkpoint, or a file cannot be read or written.
pub fn export(run: &RunDirectory, to: &Path) -> Result<u64, TrainingError> {
    let (arrays, epoch) = read_parameters(&run.checkpoint())?;
    let metadata = Metadata::from([("epoch".to_owned(), epoch.to_string())]);
    export_parameters(to, &arrays, &metadata)?;
    Ok(epoch)
}
