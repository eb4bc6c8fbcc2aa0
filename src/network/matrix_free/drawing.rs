//! Targets drawn from the model of the loss. Why before all else: the model is made of predictions, and the gradients at what is drawn are the
//! root that goes back.

use nalgebra::DMatrix;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::backend::{Element, Executor};
use crate::expr::Distribution;
use crate::kernel::Program;
use crate::network::RunError;
use crate::network::loss::draw;

/// How targets are drawn.
#[derive(Clone, Debug)]
pub(super) struct Drawing {
    /// The parameters of the distribution, a column for every sample.
    pub(super) model: Program,
    pub(super) distribution: Distribution,
    /// How many are drawn for each sample.
    pub(super) targets: usize,
}

impl Drawing {
    /// Targets by the parameters of the last run: the first of all samples, then the next of all.
    pub(super) fn drawn<T: Element>(
        &self,
        executor: &Executor<'_, T>,
        (seed, limit): (u64, u64),
    ) -> Result<Vec<T>, RunError> {
        let model = self.model.outputs.iter();
        let model = model.map(|(_, block)| executor.block(block).to_dense(limit));
        let model: Vec<DMatrix<T>> = model.collect::<Result<_, _>>()?;
        let samples = model.first().map_or(0, DMatrix::ncols);
        let mut columns: Vec<Vec<T>> = vec![Vec::new(); self.targets];
        for sample in 0..samples {
            let of_sample = model.iter().map(|all| all.columns(sample, 1).into_owned());
            let parameters: Vec<DMatrix<T>> = of_sample.collect();
            // Every sample has a stream of its own, so that no draw depends on the others.
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(sample as u64);
            for column in &mut columns {
                let drawn = draw(self.distribution, &parameters, &mut rng);
                let drawn = drawn.map_err(|what| {
                    RunError::input(
                        format!("sample {sample}: no target can be drawn from the model of the loss: {what}"),
                        "its parameters must be finite, and probabilities and rates not negative",
                    )
                })?;
                column.extend_from_slice(drawn.as_slice());
            }
        }
        Ok(columns.concat())
    }
}
