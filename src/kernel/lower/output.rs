//! The form of each output. Why structured: the block of a weight has (mn)² entries as a matrix and n² + m² as a
//! Kronecker product, so what has structure is handed out with it.

use crate::kernel::ir::Block;
use crate::kernel::matrix::{Form, Matrix};

use super::Lowering;

impl Lowering<'_> {
    /// The output in the form that stores the fewest numbers; vectors and unstructured matrices are dense.
    pub(super) fn block(&mut self, matrix: &Matrix) -> Block {
        let (rows, cols) = (matrix.rows, matrix.cols);
        if matrix.is_vector() {
            return self.dense_block(matrix);
        }
        match &matrix.form {
            Form::Zero => Block::Zero { rows, cols },
            Form::Identity => {
                let value = self.output_array(&Matrix::scalar(matrix.scale));
                Block::ScaledIdentity { value, size: rows }
            }
            Form::Diagonal(_) => {
                let diagonal = self.diagonal_of(matrix);
                Block::Diagonal {
                    value: self.output_array(&diagonal),
                    size: rows,
                }
            }
            Form::Kronecker(_) => self.kronecker_block(matrix),
            Form::Product(_) => self.product_block(matrix),
            Form::Sum(terms) => {
                let terms = terms.clone();
                self.sum_block(&terms, matrix)
            }
            _ => self.dense_block(matrix),
        }
    }

    fn dense_block(&mut self, matrix: &Matrix) -> Block {
        Block::Dense {
            value: self.output_array(matrix),
            rows: matrix.rows,
            cols: matrix.cols,
        }
    }

    fn kronecker_block(&mut self, matrix: &Matrix) -> Block {
        let Some(factors) = Self::kronecker_parts(matrix) else {
            return self.dense_block(matrix);
        };
        // The scale goes to a root, which carries it for nothing, or to the smaller factor.
        let (mut left, mut right) = (factors.0.clone(), factors.1.clone());
        let carries = |m: &Matrix| matrix.scale.is_positive() && root_factors(m).is_some();
        let smaller = if carries(&left) {
            &mut left
        } else if carries(&right) || left.entries() >= right.entries() {
            &mut right
        } else {
            &mut left
        };
        *smaller = self.scaled(smaller, matrix.scale);
        Block::Kronecker {
            left: Box::new(self.block(&left)),
            right: Box::new(self.block(&right)),
        }
    }

    fn product_block(&mut self, matrix: &Matrix) -> Block {
        if let Some(root) = self.root(matrix) {
            let (rows, cols) = (root.rows, root.cols);
            return Block::Root {
                value: self.output_array(&root),
                rows,
                cols,
                scale: matrix.scale.number,
            };
        }
        let Form::Product(factors) = matrix.form.clone() else {
            return self.dense_block(matrix);
        };
        let product = self.multiplied(&factors);
        let product = self.scaled(&product, matrix.scale).marked(matrix.symmetric);
        // Now a diagonal, a Kronecker product or a stored matrix.
        self.block(&product)
    }

    /// S with S S' the matrix but for its scale, if its form shows one that is smaller than the matrix.
    pub(super) fn root(&mut self, matrix: &Matrix) -> Option<Matrix> {
        let factors = root_factors(matrix).filter(|_| matrix.scale.is_positive())?;
        Some(self.multiplied(&factors))
    }

    fn sum_block(&mut self, terms: &[Matrix], matrix: &Matrix) -> Block {
        let scaled: Vec<Matrix> = terms
            .iter()
            .map(|term| self.scaled(term, matrix.scale))
            .collect();
        // Products of Kronecker products may turn out to be Kronecker products.
        let settled: Vec<Matrix> = scaled.iter().map(|term| self.settled(term)).collect();
        let (mut parts, rest): (Vec<Matrix>, Vec<Matrix>) = settled
            .into_iter()
            .partition(|term| matches!(term.form, Form::Kronecker(_)));
        if parts.is_empty() {
            return self.dense_block(matrix);
        }
        if !rest.is_empty() {
            parts.push(self.add(&rest));
        }
        if let [one] = parts.as_slice() {
            return self.block(&one.clone());
        }
        let blocks: Vec<Block> = parts.iter().map(|part| self.block(part)).collect();
        let stored: u64 = blocks
            .iter()
            .flat_map(Block::values)
            .map(|value| self.builder.values[value.index()].len() as u64)
            .fold(0, u64::saturating_add);
        if stored >= matrix.entries() {
            self.dense_block(matrix)
        } else {
            Block::Sum(blocks)
        }
    }
}

/// The first half of a chain that ends as it begins, where it has fewer columns than rows.
fn root_factors(matrix: &Matrix) -> Option<Vec<Matrix>> {
    let Form::Product(factors) = &matrix.form else {
        return None;
    };
    let (left, right) = factors.split_at(factors.len() / 2);
    let (rank, even) = (right.first()?.rows, factors.len().is_multiple_of(2));
    if !even || !matrix.symmetric || rank >= matrix.rows {
        return None;
    }
    let mirrored = right.iter().rev().map(Matrix::transpose);
    mirrored.eq(left.iter().cloned()).then(|| left.to_vec())
}
