//! Samples side by side, and what is to be learned of each. Why one long vector: a batch is a piece of it, and a column of
//! the matrix that passes run on is a sample.

use crate::backend::Element;

use super::DataError;

/// What is to be learned of each sample.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// One of several classes, counted from 0.
    Classes(Vec<u32>),
    /// Numbers.
    Values {
        /// How many numbers a sample has.
        width: usize,
        /// One sample after the other.
        values: Vec<f64>,
    },
}

impl Targets {
    /// The number of samples.
    pub fn len(&self) -> usize {
        match self {
            Self::Classes(labels) => labels.len(),
            Self::Values { width, values } => values.len().checked_div(*width).unwrap_or(0),
        }
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One more than the largest class; nothing for numbers.
    pub(super) fn classes(&self) -> Option<usize> {
        match self {
            Self::Classes(labels) => labels.iter().max().map(|label| *label as usize + 1),
            Self::Values { .. } => None,
        }
    }

    fn pick(&self, places: &[usize]) -> Self {
        match self {
            Self::Classes(labels) => Self::Classes(places.iter().map(|k| labels[*k]).collect()),
            Self::Values { width, values } => Self::Values {
                width: *width,
                values: pieces(values, *width, places),
            },
        }
    }
}

/// Samples with their targets: at least one, every feature finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples<T = f32> {
    n_features: usize,
    features: Vec<T>,
    targets: Targets,
}

impl<T: Element> Samples<T> {
    /// Samples from their features, one sample after the other, and their targets.
    ///
    /// ```
    /// use hbp::data::{Samples, Targets};
    ///
    /// let samples = Samples::new(2, vec![0.0, 0.5, 1.0, 0.25], Targets::Classes(vec![1, 0]))?;
    /// assert_eq!((samples.len(), samples.sample(1)), (2, &[1.0_f32, 0.25][..]));
    /// assert!(Samples::new(2, vec![0.0_f32; 3], Targets::Classes(vec![1, 0])).is_err());
    /// # Ok::<(), hbp::data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// When there is no sample or no feature, the numbers of features and targets do not fit together, or one is NaN or
    /// infinite.
    pub fn new(n_features: usize, features: Vec<T>, targets: Targets) -> Result<Self, DataError> {
        if n_features == 0 || features.is_empty() {
            return Err(DataError::new(
                "there is no sample, or samples have no features",
                "give at least one sample with at least one feature",
            ));
        }
        if let Targets::Values { width, values } = &targets {
            if *width == 0 || values.len() % width != 0 {
                return Err(DataError::new(
                    format!(
                        "{} numbers are no targets of {width} numbers each",
                        values.len()
                    ),
                    "give every sample the same number of targets, at least one",
                ));
            }
            finite("targets", *width, values)?;
        }
        if n_features.checked_mul(targets.len()) != Some(features.len()) {
            return Err(DataError::new(
                format!(
                    "{} numbers are no {} samples of {n_features} features",
                    features.len(),
                    targets.len()
                ),
                "give every target a sample, and every sample all its features",
            ));
        }
        finite("features", n_features, &features)?;
        Ok(Self {
            n_features,
            features,
            targets,
        })
    }

    /// The number of samples.
    #[expect(clippy::len_without_is_empty, reason = "there is at least one")]
    pub fn len(&self) -> usize {
        self.features.len() / self.n_features
    }

    /// The number of features of a sample.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// All features, one sample after the other: in column order the matrix of `n_features` × samples.
    pub fn features(&self) -> &[T] {
        &self.features
    }

    /// The features of sample `index`.
    ///
    /// # Panics
    /// When there are not so many samples.
    pub fn sample(&self, index: usize) -> &[T] {
        &self.features[index * self.n_features..(index + 1) * self.n_features]
    }

    /// What is to be learned.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// The samples at these places, in this order.
    pub(super) fn pick(&self, places: &[usize]) -> Self {
        Self {
            n_features: self.n_features,
            features: pieces(&self.features, self.n_features, places),
            targets: self.targets.pick(places),
        }
    }
}

/// Samples to learn from, and others to judge by.
///
/// Features and targets of both are alike: [`super::load_dataset`] refuses others.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset<T = f32> {
    /// Where it is from, as [`super::DataSource`] writes it.
    pub name: String,
    /// To learn from.
    pub train: Samples<T>,
    /// To judge by.
    pub test: Samples<T>,
    /// The number of classes, if targets are classes: those of a known data set, else one more than the largest label.
    pub n_classes: Option<usize>,
    /// The axes of a sample: `[28, 28]` for rows and columns, `[3, 32, 32]` with colours first. Features are in C order.
    pub sample_shape: Vec<usize>,
}

impl<T: Element> Dataset<T> {
    /// The number of features of a sample: the product of its axes.
    pub fn n_features(&self) -> usize {
        self.train.n_features
    }
}

/// Refuses NaN and infinities; `pieces` of `width` numbers are samples.
fn finite<T: Element>(what: &str, width: usize, values: &[T]) -> Result<(), DataError> {
    let Some(place) = values.iter().position(|v| !v.is_finite()) else {
        return Ok(());
    };
    Err(DataError::new(
        format!(
            "the {what} hold {} at sample {}, place {} (both from 0)",
            values[place],
            place / width,
            place % width
        ),
        "drop such samples or fill in their gaps; numbers must also fit the precision asked for",
    ))
}

fn pieces<T: Copy>(values: &[T], width: usize, places: &[usize]) -> Vec<T> {
    let pieces = places
        .iter()
        .map(|k| &values[k * width..(k + 1) * width])
        .collect::<Vec<_>>();
    pieces.concat()
}
