//! Chains of factors: what order to multiply in. Why by trying: with diagonals, Kronecker products, outer products and
//! symmetric halves among the factors, a closed formula for the cost of a product would be a second copy of the
//! lowering; so every order is built on the shared instructions, counted, and all but the best dropped.

use std::rc::Rc;

use crate::kernel::matrix::{Form, Matrix, Scalar, is_palindrome};

use super::Lowering;

/// Longer chains are cut into pieces of this many factors, each ordered by itself.
const LONGEST: usize = 20;

impl Lowering<'_> {
    /// The product of matrices as a chain whose order is still open.
    pub(super) fn chain(&mut self, matrices: &[Matrix]) -> Matrix {
        let (rows, cols) = (matrices[0].rows, matrices[matrices.len() - 1].cols);
        let mut scale = Scalar::ONE;
        let mut factors: Vec<Matrix> = Vec::new();
        for matrix in matrices {
            if matrix.is_zero() {
                return Matrix::zero(rows, cols);
            }
            scale = self.builder.scalar_product(scale, matrix.scale);
            match &matrix.form {
                Form::Product(parts) => parts
                    .iter()
                    .for_each(|part| self.append(&mut factors, part)),
                _ => self.append(&mut factors, &matrix.bare()),
            }
        }
        let product = match factors.as_slice() {
            [] => Matrix::identity(rows),
            [one] => one.clone(),
            _ => Matrix::new(rows, cols, Form::Product(factors.into())),
        };
        self.scaled(&product, scale)
    }

    fn append(&mut self, factors: &mut Vec<Matrix>, factor: &Matrix) {
        match (&factor.form, factors.last().map(|last| &last.form)) {
            (Form::Identity, _) => {}
            (Form::Ones, _) if factor.is_scalar() => {}
            // ones(m, n) = ones(m, 1) ones(1, n): sums are taken before they are spread.
            (Form::Ones, _) if !factor.is_vector() => {
                factors.push(Matrix::ones(factor.rows, 1));
                factors.push(Matrix::ones(1, factor.cols));
            }
            (Form::Diagonal(b), Some(Form::Diagonal(a))) => {
                let (a, b) = (Matrix::dense(*a), Matrix::dense(*b));
                let diagonal = self.hadamard(&a, &b);
                let view = self.force(&diagonal);
                factors.pop();
                factors.push(Matrix::diagonal(view));
            }
            (Form::Commutation(m, n), Some(Form::Commutation(p, q))) if (m, n) == (q, p) => {
                factors.pop();
            }
            _ => factors.push(factor.clone()),
        }
    }

    /// J'HJ, symmetric because H is by the operation's contract.
    pub(super) fn congruence(&mut self, jacobian: &Matrix, hessian: &Matrix) -> Matrix {
        let hessian = if hessian.symmetric {
            hessian.clone()
        } else {
            // Its form does not show the symmetry; a stored array can carry it.
            let settled = self.settled(hessian);
            match settled.form {
                Form::Dense(_) | Form::Sum(_) | Form::Inverse(_) => settled.marked(true),
                _ => self.stored(&settled).marked(true),
            }
        };
        self.chain(&[jacobian.transpose(), hessian, jacobian.clone()])
            .marked(true)
    }

    /// The product of a chain in the best order found. Never an open chain, unless inside a Kronecker product.
    pub(super) fn multiplied(&mut self, factors: &[Matrix]) -> Matrix {
        if let [one] = factors {
            return one.clone();
        }
        if let Some(known) = self.products.get(factors) {
            return known.clone();
        }
        let nested = factors.iter().any(|f| f.depth() > 0);
        let product = if (factors[factors.len() - 1].cols == 1 || factors[0].rows == 1)
            && (nested || factors.len() > LONGEST)
        {
            self.vector_first(factors)
        } else if factors.len() > LONGEST {
            let mut pieces = Vec::new();
            for piece in factors.chunks(LONGEST) {
                let product = self.multiplied(piece);
                let open = matches!(product.form, Form::Product(_));
                pieces.push(if open { self.stored(&product) } else { product });
            }
            let product = self.chain(&pieces);
            self.settled(&product)
        } else {
            let ordered = self.best_order(factors);
            match self.merged(factors) {
                Some(merged) => self.cheaper(merged, ordered),
                None => ordered,
            }
        };
        self.products.insert(factors.to_vec(), product.clone());
        product
    }

    /// A chain with a vector at one end, one factor after the other from there: no order takes less, and where factors
    /// are nested sums it spares trying.
    fn vector_first(&mut self, factors: &[Matrix]) -> Matrix {
        let last = factors.len() - 1;
        if factors[last].cols == 1 {
            let vector = factors[last].clone();
            factors[..last]
                .iter()
                .rev()
                .fold(vector, |product, factor| {
                    self.multiply(factor, &product, false)
                })
        } else {
            let vector = factors[0].clone();
            factors[1..].iter().fold(vector, |product, factor| {
                self.multiply(&product, factor, false)
            })
        }
    }

    /// Dynamic programming over the places where the last product of each part of the chain could be.
    fn best_order(&mut self, factors: &[Matrix]) -> Matrix {
        let n = factors.len();
        let mut best: Vec<Vec<Matrix>> = factors.iter().map(|f| vec![f.clone()]).collect();
        // best[i][k] is the product of factors i ..= i + k.
        for length in 1..n {
            for i in 0..n - length {
                let symmetric = is_palindrome(&factors[i..=i + length]);
                let mut found: Option<Matrix> = None;
                for k in 0..length {
                    let (left, right) =
                        (best[i][k].clone(), best[i + k + 1][length - k - 1].clone());
                    let product = self.multiply(&left, &right, symmetric).marked(symmetric);
                    found = Some(match found {
                        Some(other) => self.cheaper(other, product),
                        None => product,
                    });
                }
                best[i].extend(found);
            }
        }
        best[0].swap_remove(n - 1)
    }

    /// A chain of Kronecker products with matching parts is a Kronecker product of chains. A part that is missing
    /// on one side is the number 1: (a ⊗ B) M = a ⊗ (B M).
    fn merged(&mut self, factors: &[Matrix]) -> Option<Matrix> {
        if !factors.iter().any(|f| matches!(f.form, Form::Kronecker(_))) {
            return None;
        }
        let mut merged = factors[0].clone();
        for factor in &factors[1..] {
            let kronecker = |m: &Matrix| matches!(m.form, Form::Kronecker(_));
            if !kronecker(&merged) && !kronecker(factor) {
                merged = self.chain(&[merged, factor.clone()]);
                continue;
            }
            let ((a, b), (c, d)) = aligned(&merged, factor)?;
            let (left, right) = (self.chain(&[a, c]), self.chain(&[b, d]));
            merged = Matrix::new(
                merged.rows,
                factor.cols,
                Form::Kronecker(Rc::new((left, right))),
            );
        }
        let Form::Kronecker(parts) = &merged.form else {
            return None;
        };
        let (left, right) = (self.settled(&parts.0), self.settled(&parts.1));
        Some(self.kronecker(&left, &right))
    }

    /// A ⊗ B with scales in front, without trivial factors.
    pub(super) fn kronecker(&mut self, a: &Matrix, b: &Matrix) -> Matrix {
        let (rows, cols) = (a.rows.saturating_mul(b.rows), a.cols.saturating_mul(b.cols));
        if a.is_zero() || b.is_zero() {
            return Matrix::zero(rows, cols);
        }
        if a.is_scalar() || b.is_scalar() {
            let (scalar, other) = if a.is_scalar() { (a, b) } else { (b, a) };
            let scale = self.scalar(scalar);
            return self.scaled(other, scale);
        }
        let scale = self.builder.scalar_product(a.scale, b.scale);
        let form = match (&a.form, &b.form) {
            (Form::Identity, Form::Identity) => Form::Identity,
            (Form::Ones, Form::Ones) => Form::Ones,
            _ => Form::Kronecker(Rc::new((a.bare(), b.bare()))),
        };
        self.scaled(&Matrix::new(rows, cols, form), scale)
    }
}

/// Two neighbours of a chain as Kronecker products whose parts can be multiplied.
pub(super) fn aligned(
    left: &Matrix,
    right: &Matrix,
) -> Option<((Matrix, Matrix), (Matrix, Matrix))> {
    let one = || Matrix::ones(1, 1);
    match (&left.form, &right.form) {
        (Form::Kronecker(l), Form::Kronecker(r)) => (l.0.cols == r.0.rows && l.1.cols == r.1.rows)
            .then(|| ((l.0.clone(), l.1.clone()), (r.0.clone(), r.1.clone()))),
        (Form::Kronecker(l), _) if l.0.cols == 1 => {
            Some(((l.0.clone(), l.1.clone()), (one(), right.clone())))
        }
        (Form::Kronecker(l), _) if l.1.cols == 1 => {
            Some(((l.0.clone(), l.1.clone()), (right.clone(), one())))
        }
        (_, Form::Kronecker(r)) if r.0.rows == 1 => {
            Some(((one(), left.clone()), (r.0.clone(), r.1.clone())))
        }
        (_, Form::Kronecker(r)) if r.1.rows == 1 => {
            Some(((left.clone(), one()), (r.0.clone(), r.1.clone())))
        }
        _ => None,
    }
}
