//! Clearing inverses: M⁻¹A = B where A = MB. Why after the normal form: the relation M M⁻¹ = I is used where M's largest
//! term stands beside M⁻¹, and Woodbury's identity has no such place until both sides are multiplied by M.

use super::arrange::transposed;
use super::core::{Core, Tensor};
use super::error::Outcome;
use super::term::{Kind, Matrix};

/// How many matrices are multiplied with, one after the other.
const DEPTH: usize = 3;

/// A matrix whose inverse stands at the edge of a tensor.
struct Edge {
    matrix: Matrix,
    /// The inverse's subscript that is the tensor's own.
    near: usize,
    /// The tensor's subscript is its row.
    is_row: bool,
}

impl Core<'_> {
    /// Whether a tensor is zero because its product with matrices whose inverses stand in it is. An inverse that is
    /// written exists, so such a product is zero only where the tensor is.
    pub(super) fn vanishes_without_inverses(&mut self, tensor: &Tensor) -> Outcome<bool> {
        self.clear(tensor, DEPTH)
    }

    fn clear(&mut self, tensor: &Tensor, depth: usize) -> Outcome<bool> {
        if tensor.terms.is_empty() {
            return Ok(true);
        }
        if depth == 0 {
            return Ok(false);
        }
        for edge in edges(tensor) {
            let product = self.without(&edge, tensor.clone())?;
            if self.clear(&product, depth - 1)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The tensor times the matrix at its edge.
    fn without(&mut self, edge: &Edge, tensor: Tensor) -> Outcome<Tensor> {
        let mut matrix = self.open_matrix(&edge.matrix);
        // M⁻¹[i,j] with i at the edge is cleared by M[·,i]; with j at the edge by M[j,·].
        if (edge.near == 0) != edge.is_row {
            matrix = transposed(matrix);
        }
        let product = if edge.is_row {
            self.matrix_product(matrix, tensor)?
        } else {
            self.matrix_product(tensor, matrix)?
        };
        self.settle(product)
    }
}

fn edges(tensor: &Tensor) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::new();
    let factors = tensor.terms.iter().flat_map(|term| &term.factors);
    for factor in factors {
        let Kind::Inverse(matrix) = &factor.head.kind else {
            continue;
        };
        let own = [(&tensor.row, true), (&tensor.col, false)];
        for (near, slot) in factor.slots.iter().enumerate() {
            for (side, is_row) in own {
                let is_new =
                    |e: &Edge| (&e.matrix, e.near, e.is_row) != (matrix.as_ref(), near, is_row);
                if !slot.is_empty() && slot == side && edges.iter().all(is_new) {
                    let matrix = matrix.as_ref().clone();
                    edges.push(Edge {
                        matrix,
                        near,
                        is_row,
                    });
                }
            }
        }
    }
    edges
}
