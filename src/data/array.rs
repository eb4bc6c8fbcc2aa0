//! An array as it travels in a file: a shape of any length and the entries in C order. Why C order: the first
//! axis counts the samples, and so each sample is one piece.

use indexmap::IndexMap;

use crate::expr::{Matrix, Shape};

use super::DataError;

/// How the entries are stored in a file. In memory they are f64, which holds each of them exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Double precision.
    Float64,
    /// Single precision.
    Float32,
    /// Whole numbers; written as int64.
    Integer,
}

/// An n-dimensional array. A scalar has the shape `[]`, a vector `[n]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// The length of each axis.
    pub shape: Vec<usize>,
    /// The entries in C order: the last index moves fastest. As many as the product of `shape`.
    pub values: Vec<f64>,
    /// How the entries are stored in a file.
    pub kind: Kind,
}

impl Array {
    /// A double-precision array.
    ///
    /// # Errors
    /// When the number of values is not the product of the shape.
    pub fn new(shape: Vec<usize>, values: Vec<f64>) -> Result<Self, DataError> {
        let array = Self {
            shape,
            values,
            kind: Kind::Float64,
        };
        array.check()?;
        Ok(array)
    }

    /// Refuses an array whose shape and values do not agree.
    pub(super) fn check(&self) -> Result<(), DataError> {
        let entries = self
            .shape
            .iter()
            .try_fold(1_usize, |product, n| product.checked_mul(*n));
        if entries == Some(self.values.len()) {
            return Ok(());
        }
        Err(DataError::new(
            format!(
                "{} values do not fill the shape {}",
                self.values.len(),
                tuple(&self.shape)
            ),
            "give as many values as the product of the shape",
        ))
    }

    /// A scalar.
    pub fn scalar(value: f64) -> Self {
        Self {
            shape: Vec::new(),
            values: vec![value],
            kind: Kind::Float64,
        }
    }

    /// The array of a matrix: two axes.
    pub fn from_matrix(matrix: &Matrix<f64>) -> Self {
        let values = matrix.transpose().into_values();
        Self {
            shape: vec![matrix.rows(), matrix.cols()],
            values,
            kind: Kind::Float64,
        }
    }

    /// The array of a matrix by its declared shape: no axis for a scalar, one for a column, else two.
    pub fn from_value(matrix: &Matrix<f64>, declared: &Shape) -> Self {
        let mut array = Self::from_matrix(matrix);
        if declared.is_scalar() {
            array.shape.clear();
        } else if declared.is_column() {
            array.shape.truncate(1);
        }
        array
    }

    /// The same array, to be stored as `kind`.
    pub fn with_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// The array as a matrix of `rows × cols`: a matrix of that shape, for a column also a vector, and for a
    /// scalar whatever has one entry. `None` for any other shape.
    pub fn to_matrix(&self, rows: usize, cols: usize) -> Option<Matrix<f64>> {
        let fits = match self.shape.as_slice() {
            [r, c] => (*r, *c) == (rows, cols),
            [n] => (*n, 1) == (rows, cols),
            _ => (rows, cols) == (1, 1),
        };
        if !fits || self.values.len() != rows * cols {
            return None;
        }
        Some(Matrix::from_fn(rows, cols, |i, j| {
            self.values[i * cols + j]
        }))
    }

    /// Piece `index` along the first axis: one sample of a batch.
    pub fn sample(&self, index: usize) -> Option<Self> {
        let (first, rest) = self.shape.split_first()?;
        if index >= *first {
            return None;
        }
        let size = self.values.len() / first;
        let values = self.values[index * size..(index + 1) * size].to_vec();
        Some(Self {
            shape: rest.to_vec(),
            values,
            kind: self.kind,
        })
    }
}

/// What stands under a name in an archive.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// Numbers.
    Array(Array),
    /// A word, as in `hess.W.structure`: a 0-dimensional unicode string.
    Text(String),
}

impl Item {
    /// The numbers, if they are numbers.
    pub fn array(&self) -> Option<&Array> {
        match self {
            Self::Array(array) => Some(array),
            Self::Text(_) => None,
        }
    }
}

/// What the header of an array says: enough to refuse it before its entries are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The length of each axis.
    pub shape: Vec<usize>,
    /// How the entries are stored; nothing for a word.
    pub kind: Option<Kind>,
}

/// The outlines of the arrays of a file.
pub type Outlines = IndexMap<String, Outline>;

impl From<&Item> for Outline {
    fn from(item: &Item) -> Self {
        let array = item.array();
        Self {
            shape: array.map(|array| array.shape.clone()).unwrap_or_default(),
            kind: array.map(|array| array.kind),
        }
    }
}

impl From<Array> for Item {
    fn from(array: Array) -> Self {
        Self::Array(array)
    }
}

impl From<&str> for Item {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A shape as Python writes it.
pub(super) fn tuple(shape: &[usize]) -> String {
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!(
        "({}{})",
        sizes.join(", "),
        if sizes.len() == 1 { "," } else { "" }
    )
}
