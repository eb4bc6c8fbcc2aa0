//! Moving subscripts: products, alignment, diagonals. Why apart: these know shapes only, and no operation's meaning.

use super::core::{Agreement, Core, Tensor, delta};
use super::error::Outcome;
use super::term::{Index, Slot, Term};

impl Core<'_> {
    /// The matrix product.
    pub(super) fn matrix_product(&mut self, a: Tensor, b: Tensor) -> Outcome<Tensor> {
        let outer = (a.row.clone(), b.col.clone());
        let left = Tensor {
            row: a.col,
            col: Slot::new(),
            terms: a.terms,
        };
        let right = Tensor {
            row: b.row,
            col: Slot::new(),
            terms: b.terms,
        };
        let (left, right) = self.align(left, right);
        let terms = self.product(&left.terms, &right.terms)?;
        Ok(Tensor {
            row: outer.0,
            col: outer.1,
            terms: summed(terms, &left.row),
        })
    }

    /// The same two tensors with `b` at the indices of `a`.
    pub(super) fn align(&mut self, mut a: Tensor, mut b: Tensor) -> (Tensor, Tensor) {
        for side in [0, 1] {
            let pick = |t: &Tensor| {
                if side == 0 {
                    t.row.clone()
                } else {
                    t.col.clone()
                }
            };
            let Agreement {
                splits,
                pairs,
                rest,
            } = self.agree(&pick(&a), &pick(&b), |_| true);
            for (id, parts) in splits {
                a.substitute(id, &parts);
                b.substitute(id, &parts);
            }
            for (i, j) in pairs {
                b.substitute(j.id, std::slice::from_ref(&i));
            }
            if let Some((left, right)) = rest {
                for term in &mut b.terms {
                    term.factors.push(delta(left.clone(), right.clone()));
                    term.bound.extend(right.iter().cloned());
                }
            }
            let agreed = pick(&a);
            *(if side == 0 { &mut b.row } else { &mut b.col }) = agreed;
        }
        (a, b)
    }

    /// diag of a vector.
    pub(super) fn diagonal_matrix(&mut self, v: Tensor) -> Tensor {
        let col = self.like(&v.row);
        let mut terms = v.terms;
        for term in &mut terms {
            for (i, j) in v.row.iter().zip(&col) {
                term.factors.push(delta(
                    Slot::from_iter([i.clone()]),
                    Slot::from_iter([j.clone()]),
                ));
            }
        }
        Tensor {
            row: v.row,
            col,
            terms,
        }
    }

    /// The diagonal of a matrix.
    pub(super) fn diagonal(&mut self, mut a: Tensor) -> Tensor {
        let Agreement {
            splits,
            pairs,
            rest,
        } = self.agree(&a.row, &a.col, |_| true);
        for (id, parts) in splits {
            a.substitute(id, &parts);
        }
        let row = a.row.clone();
        for (i, j) in pairs {
            a.terms
                .iter_mut()
                .for_each(|t| t.substitute(j.id, std::slice::from_ref(&i)));
        }
        if let Some((left, right)) = rest {
            for term in &mut a.terms {
                term.factors.push(delta(left.clone(), right.clone()));
                term.bound.extend(right.iter().cloned());
            }
        }
        Tensor {
            row,
            col: Slot::new(),
            terms: a.terms,
        }
    }
}

/// A 1 × 1 tensor.
pub(super) fn scalar(terms: Vec<Term>) -> Tensor {
    Tensor {
        row: Slot::new(),
        col: Slot::new(),
        terms,
    }
}

/// The transpose.
pub(super) fn transposed(a: Tensor) -> Tensor {
    Tensor {
        row: a.col,
        col: a.row,
        terms: a.terms,
    }
}

/// One subscript after the other, the first one fastest.
pub(super) fn joined(first: &[Index], second: &[Index]) -> Slot {
    first.iter().chain(second).cloned().collect()
}

/// The terms summed over indices that were free.
pub(super) fn summed(mut terms: Vec<Term>, over: &[Index]) -> Vec<Term> {
    for term in &mut terms {
        term.bound.extend(over.iter().cloned());
    }
    terms
}
