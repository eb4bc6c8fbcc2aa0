//! First values of parameters. Why by rows and columns alone: a weight of any module is initialised, without its name or layer being known.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::{Parameters, Problem};
use crate::backend::Element;

/// How weights begin; parameters of one column are zero in all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Initialisation {
    /// Normal with variance 2 / (rows + columns) (Glorot & Bengio 2010).
    #[default]
    XavierNormal,
    /// Uniform of that variance.
    XavierUniform,
    /// Normal with variance 2 / columns (He et al. 2015).
    He,
    /// Zero.
    Zeros,
}

impl Initialisation {
    /// All of them, with their words on the command line.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::XavierNormal, "xavier-normal"),
        (Self::XavierUniform, "xavier-uniform"),
        (Self::He, "he"),
        (Self::Zeros, "zeros"),
    ];

    /// Parameters by a seed; each is drawn by itself, so that a layer more does not change the others.
    pub fn parameters<T: Element>(self, problem: &Problem, seed: u64) -> Parameters<T> {
        let mut parameters = problem.zeros();
        for (place, parameter) in parameters.0.iter_mut().enumerate() {
            if parameter.cols == 1 {
                continue;
            }
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(place as u64);
            let (rows, cols) = (parameter.rows as f64, parameter.cols as f64);
            for value in &mut parameter.values {
                let drawn = match self {
                    Self::XavierNormal => (2.0 / (rows + cols)).sqrt() * normal(&mut rng),
                    Self::XavierUniform => {
                        (6.0 / (rows + cols)).sqrt() * (2.0 * rng.random::<f64>() - 1.0)
                    }
                    Self::He => (2.0 / cols).sqrt() * normal(&mut rng),
                    Self::Zeros => 0.0,
                };
                *value = T::number(drawn);
            }
        }
        parameters
    }
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    rng.sample(StandardNormal)
}
