//! What expressions are evaluated in: sizes, values by sample, and functions for the abstract ones.

use std::collections::BTreeMap;

use super::builtins;
use super::{Matrix, Name, Scalar, Sizes};

/// Concrete sizes, values and functions.
#[derive(Clone, Debug, Default)]
pub struct Environment<S> {
    /// The size of every named dimension.
    pub sizes: Sizes,
    /// The variables' values, sample by sample. A parameter stands in every sample with the same value.
    pub samples: Vec<BTreeMap<Name, Matrix<S>>>,
    /// The sample that is read outside of an expectation.
    pub sample: usize,
    /// What the abstract elementwise functions are.
    pub functions: BTreeMap<Name, SmoothFunction>,
}

impl<S: Scalar> Environment<S> {
    /// An environment of one sample.
    pub fn single(sizes: Sizes, values: BTreeMap<Name, Matrix<S>>) -> Self {
        Self {
            sizes,
            samples: vec![values],
            sample: 0,
            functions: BTreeMap::new(),
        }
    }

    /// Gives a variable one value in all samples.
    pub fn set(&mut self, name: impl Into<Name>, value: &Matrix<S>) {
        let name = name.into();
        for sample in &mut self.samples {
            sample.insert(name.clone(), value.clone());
        }
    }

    /// The value of a variable in the current sample.
    pub fn get(&self, name: &str) -> Option<&Matrix<S>> {
        self.samples.get(self.sample)?.get(name)
    }

    /// The same environment over other numbers, or `None` when one of them has no counterpart.
    pub fn convert<T: Scalar>(&self, f: impl Fn(&S) -> Option<T>) -> Option<Environment<T>> {
        let convert_matrix = |matrix: &Matrix<S>| {
            let values = matrix.values().iter().map(&f).collect::<Option<Vec<T>>>()?;
            Matrix::new(matrix.rows(), matrix.cols(), values).ok()
        };
        let convert_sample = |sample: &BTreeMap<Name, Matrix<S>>| {
            sample
                .iter()
                .map(|(name, m)| Some((name.clone(), convert_matrix(m)?)))
                .collect()
        };
        Some(Environment {
            sizes: self.sizes.clone(),
            samples: self
                .samples
                .iter()
                .map(convert_sample)
                .collect::<Option<_>>()?,
            sample: self.sample,
            functions: self.functions.clone(),
        })
    }
}

/// A smooth elementwise function to stand for an abstract one:
/// t ↦ a sin(b t + c) + d t + e tanh(t).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SmoothFunction {
    /// The five coefficients a, b, c, d, e.
    pub coefficients: [f64; 5],
}

impl SmoothFunction {
    /// The Taylor coefficients at `x0`.
    pub fn taylor(&self, x0: f64, order: usize) -> Vec<f64> {
        let [a, b, c, d, e] = self.coefficients;
        let wave = builtins::taylor("sin", b * x0 + c, order).unwrap_or_default();
        let step = builtins::taylor("tanh", x0, order).unwrap_or_default();
        let mut scale = a;
        let mut coefficients = Vec::with_capacity(order + 1);
        for (k, (w, s)) in wave.into_iter().zip(step).enumerate() {
            let line = [d * x0, d].get(k).copied().unwrap_or(0.0);
            coefficients.push(scale * w + line + e * s);
            scale *= b;
        }
        coefficients
    }
}
