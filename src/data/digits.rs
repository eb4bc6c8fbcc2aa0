//! Handwritten digits inside the program. Why: the tour and the tests of training need real data, without
//! a download. Source and licence: `DIGITS.md`, beside this file.

use std::io::Read;

use flate2::read::GzDecoder;

use crate::expr::Matrix;

/// 65 columns of [`COUNT`] bytes each: 64 pixels from 0 to 16, then the label.
const PACKED: &[u8] = include_bytes!("digits.bin.gz");

/// The number of images.
const COUNT: usize = 1797;

/// The number of pixels of an image, 8 rows of 8.
const PIXELS: usize = 64;

/// The digits data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Digits {
    /// One image a row (1797 × 64), its pixels row by row, from 0 (white) to 1 (black).
    pub images: Matrix<f64>,
    /// What each image shows, 0 to 9.
    pub labels: Vec<usize>,
}

/// The 1,797 handwritten digits of 8 × 8 pixels.
///
/// ```
/// let digits = hbp::data::digits();
/// assert_eq!(digits.images.shape(), (1797, 64));
/// assert_eq!(digits.labels[..4], [0, 1, 2, 3]);
/// ```
///
/// # Panics
/// Never, unless the program file itself is damaged.
pub fn digits() -> Digits {
    let mut bytes = Vec::new();
    GzDecoder::new(PACKED)
        .read_to_end(&mut bytes)
        .expect("the embedded digits are intact");
    assert_eq!(
        bytes.len(),
        COUNT * (PIXELS + 1),
        "the embedded digits are complete"
    );
    let (pixels, labels) = bytes.split_at(COUNT * PIXELS);
    Digits {
        images: Matrix::from_fn(COUNT, PIXELS, |i, j| {
            f64::from(pixels[i + j * COUNT]) / 16.0
        }),
        labels: labels.iter().map(|label| usize::from(*label)).collect(),
    }
}
