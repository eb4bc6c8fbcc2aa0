//! Random symmetric blocks of random structure.

use hbp::backend::{Element, OutputBlock};
use nalgebra::{DMatrix, DVector};
use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0.random_range(0..bound)
    }

    /// Whole numbers and halves: products of few of them are exact in single precision, too.
    pub(crate) fn number(&mut self) -> f64 {
        f64::from(self.0.random_range(-4i32..=4)) / 2.0
    }

    pub(crate) fn matrix<T: Element>(&mut self, rows: usize, cols: usize) -> DMatrix<T> {
        DMatrix::from_fn(rows, cols, |_, _| T::number(self.number()))
    }

    pub(crate) fn symmetric<T: Element>(&mut self, size: usize) -> DMatrix<T> {
        let half = self.matrix::<T>(size, size);
        &half + half.transpose()
    }

    /// A symmetric block: zero, indefinite, rank-deficient and definite ones, nested up to `depth`.
    pub(crate) fn block<T: Element>(&mut self, size: usize, depth: usize) -> OutputBlock<T> {
        let kinds = if depth == 0 { 7 } else { 11 };
        match self.below(kinds) {
            0 => OutputBlock::Zero {
                rows: size,
                cols: size,
            },
            1 => OutputBlock::Diagonal(DVector::from_fn(size, |_, _| T::number(self.number()))),
            2 => OutputBlock::ScaledIdentity {
                size,
                scale: T::number(self.number()),
            },
            3 => {
                let columns = 1 + self.below(size + 2);
                OutputBlock::Root(self.matrix(size, columns))
            }
            4 => {
                // Rank-deficient more often than not.
                let columns = 1 + self.below(size);
                let root = self.matrix::<T>(size, columns);
                OutputBlock::Dense(&root * root.transpose())
            }
            5 => OutputBlock::Dense(self.symmetric(size)),
            6 => {
                let divisors: Vec<usize> = (1..=size).filter(|d| size.is_multiple_of(*d)).collect();
                let outer = divisors[self.below(divisors.len())];
                let columns = 1 + self.below(size + 2);
                OutputBlock::KhatriRao {
                    left: self.matrix(outer, columns),
                    right: self.matrix(size / outer, columns),
                }
            }
            7 => {
                let terms = 1 + self.below(3);
                let terms = (0..terms).map(|_| self.block(size, depth - 1));
                OutputBlock::Sum(terms.collect())
            }
            _ => {
                let divisors: Vec<usize> = (1..=size).filter(|d| size.is_multiple_of(*d)).collect();
                let outer = divisors[self.below(divisors.len())];
                OutputBlock::Kronecker {
                    left: Box::new(self.block(outer, depth - 1)),
                    right: Box::new(self.block(size / outer, depth - 1)),
                }
            }
        }
    }
}

/// All entries in double precision, from the definitions and without any function of the program.
pub(crate) fn twin<T: Element>(block: &OutputBlock<T>) -> DMatrix<f64> {
    let wide = |matrix: &DMatrix<T>| matrix.map(Element::double);
    match block {
        OutputBlock::Zero { rows, cols } => DMatrix::zeros(*rows, *cols),
        OutputBlock::Dense(matrix) => wide(matrix),
        OutputBlock::Diagonal(diagonal) => {
            DMatrix::from_diagonal(&DVector::from_fn(diagonal.len(), |i, _| {
                diagonal[i].double()
            }))
        }
        OutputBlock::ScaledIdentity { size, scale } => {
            DMatrix::identity(*size, *size) * scale.double()
        }
        OutputBlock::Kronecker { left, right } => {
            let (a, b) = (twin(left), twin(right));
            let (p, q) = b.shape();
            DMatrix::from_fn(a.nrows() * p, a.ncols() * q, |i, j| {
                a[(i / p, j / q)] * b[(i % p, j % q)]
            })
        }
        OutputBlock::Root(root) => wide(root) * wide(root).transpose(),
        OutputBlock::KhatriRao { left, right } => {
            let (a, b) = (wide(left), wide(right));
            let column = |k: usize| a.column(k).kronecker(&b.column(k));
            let squares = (0..a.ncols()).map(|k| column(k) * column(k).transpose());
            squares.reduce(|a, b| a + b).unwrap()
        }
        OutputBlock::Sum(terms) => {
            let terms = terms.iter().map(twin);
            terms.reduce(|a, b| a + b).unwrap()
        }
    }
}

/// Every structure in one line, for messages.
pub(crate) fn outline<T: Element>(block: &OutputBlock<T>) -> String {
    let (rows, _) = block.shape();
    match block {
        OutputBlock::Zero { .. } => format!("0[{rows}]"),
        OutputBlock::Dense(_) => format!("dense[{rows}]"),
        OutputBlock::Diagonal(_) => format!("diag[{rows}]"),
        OutputBlock::ScaledIdentity { .. } => format!("scaled[{rows}]"),
        OutputBlock::Kronecker { left, right } => {
            format!("({} ⊗ {})", outline(left), outline(right))
        }
        OutputBlock::Root(root) => format!("root[{rows}, {}]", root.ncols()),
        OutputBlock::KhatriRao { left, .. } => format!("khatri-rao[{rows}, {}]", left.ncols()),
        OutputBlock::Sum(terms) => {
            let terms: Vec<String> = terms.iter().map(outline).collect();
            format!("({})", terms.join(" + "))
        }
    }
}

/// The largest absolute value.
pub(crate) fn top(matrix: &DMatrix<f64>) -> f64 {
    matrix.iter().fold(0.0f64, |top, v| top.max(v.abs()))
}

/// Equal to `tolerance` relative to `scale`; NaN is never equal.
pub(crate) fn close(what: &str, found: &DMatrix<f64>, expected: &DMatrix<f64>, tolerance: f64) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    for (a, b) in found.iter().zip(expected.iter()) {
        assert!(
            (a - b).abs() <= tolerance,
            "{what}: {a} is not {b} to {tolerance:e}\nfound{found}expected{expected}"
        );
    }
}

/// How many digits a type leaves for a comparison.
pub(crate) fn tolerance<T: Element>() -> f64 {
    if T::BYTES == 4 { 1e-4 } else { 1e-11 }
}
