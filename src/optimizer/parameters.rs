//! Parameters by name. Why outside of any pass: several passes read them, a checkpoint holds them, and each stands alone.

use nalgebra::DMatrix;

use crate::backend::Element;
use crate::expr::Name;

/// A parameter's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter<T> {
    /// Its name in the network, as `h1.W`.
    pub name: Name,
    /// Rows; the length of a vector.
    pub rows: usize,
    /// Columns; 1 for a vector.
    pub cols: usize,
    /// Its entries, column by column.
    pub values: Vec<T>,
}

/// All parameters of a network, in its order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters<T>(pub Vec<Parameter<T>>);

impl<T: Element> Parameters<T> {
    /// The entries of a parameter.
    pub fn get(&self, name: &str) -> Option<&[T]> {
        let found = self.0.iter().find(|p| *p.name == *name);
        found.map(|p| p.values.as_slice())
    }

    /// The number of all entries.
    pub fn len(&self) -> usize {
        self.0.iter().map(|p| p.values.len()).sum()
    }

    /// True when there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True when all entries are numbers.
    pub fn is_finite(&self) -> bool {
        let mut all = self.0.iter().flat_map(|p| &p.values);
        all.all(nalgebra::ComplexField::is_finite)
    }

    /// Zeros of the same shapes.
    pub fn zeros(&self) -> Self {
        let zero = |p: &Parameter<T>| Parameter {
            values: vec![T::zero(); p.values.len()],
            ..p.clone()
        };
        Self(self.0.iter().map(zero).collect())
    }
}

impl<T: Element> Parameter<T> {
    /// θ + γΔ.
    pub(super) fn add(&mut self, rate: T, step: &DMatrix<T>) {
        for (value, step) in self.values.iter_mut().zip(step.iter()) {
            *value += rate * *step;
        }
    }
}
