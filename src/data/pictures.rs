//! Images as bytes, on their way to samples. Why bytes until the end: two forms of files share one way from grey to number.

use super::{DataError, Dataset, Samples, Targets};
use crate::backend::Element;

/// Images as they are in files.
#[derive(Default)]
pub(super) struct Pictures {
    /// One image after the other.
    pub(super) pixels: Vec<u8>,
    /// What each image shows.
    pub(super) labels: Vec<u8>,
    /// Where the labels are from.
    pub(super) file: String,
}

/// Two sets of images of one shape.
pub(super) struct Parts {
    pub(super) train: Pictures,
    pub(super) test: Pictures,
    pub(super) shape: Vec<usize>,
}

impl Parts {
    /// The samples; `classes` is how many there are if that is known.
    pub(super) fn dataset<T: Element>(
        self,
        name: String,
        classes: Option<usize>,
    ) -> Result<Dataset<T>, DataError> {
        let n_features = self.shape.iter().product();
        if let Some(classes) = classes {
            for part in [&self.train, &self.test] {
                if let Some(k) = part.labels.iter().position(|l| usize::from(*l) >= classes) {
                    return Err(DataError::new(
                        format!(
                            "label {k} (from 0) in `{}` is {}; {name} has the classes 0…{}",
                            part.file,
                            part.labels[k],
                            classes - 1
                        ),
                        "for a data set of other classes, give its folder: --data DIR",
                    ));
                }
            }
        }
        let train = self.train.samples(n_features)?;
        let test = self.test.samples(n_features)?;
        let largest = train.targets().classes().max(test.targets().classes());
        Ok(Dataset {
            name,
            train,
            test,
            n_classes: classes.or(largest),
            sample_shape: self.shape,
        })
    }
}

impl Pictures {
    fn samples<T: Element>(self, n_features: usize) -> Result<Samples<T>, DataError> {
        let grey: Vec<T> = (0..=255_u8)
            .map(|byte| T::number(f64::from(byte) / 255.0))
            .collect();
        let pixels = self.pixels.iter().map(|byte| grey[usize::from(*byte)]);
        let labels = self.labels.iter().map(|label| u32::from(*label));
        Samples::new(
            n_features,
            pixels.collect(),
            Targets::Classes(labels.collect()),
        )
    }
}
