//! Symmetric eigenvalues. Why looked at before they are believed: of a matrix of low rank they may be found with vectors that are none.

use faer::MatRef;
use faer::Par;
use faer::diag::DiagMut;
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use nalgebra::{ComplexField, DMatrix, DVector, Dyn, SymmetricEigen};

use super::super::algebra::MatrixRef;
use super::super::element::Element;
use super::super::products;
use super::{Faer, column_major};

impl<T: Element> Faer<T> {
    /// The symmetric part of a matrix, times `factor`, to be factorised.
    pub(super) fn take_symmetric(&mut self, matrix: MatrixRef<'_, T>, factor: T) {
        let half = T::number(0.5) * factor;
        self.factors.clear();
        for j in 0..matrix.rows {
            let column = (0..matrix.rows).map(|i| (matrix.at(i, j) + matrix.at(j, i)) * half);
            self.factors.extend(column);
        }
    }

    /// Eigenvalues, in ascending order, and eigenvectors of the symmetric matrix in `factors`; false if there are none.
    ///
    /// Of a matrix of low rank nothing but rounding is left after a few reflections, smaller from each to the next until
    /// it underflows, and vectors found from it need not be orthogonal, or numbers. So they are looked at, and where they
    /// are bad, the matrix is shifted away from zero: eigenvalues are then found to working precision of the norm.
    pub(super) fn eigen(&mut self, n: usize) -> bool {
        if !self.factors.iter().all(ComplexField::is_finite) {
            return false;
        }
        if self.attempt(n) {
            return true;
        }
        let shift = norm(&self.factors) * T::number(2.0);
        for i in 0..n {
            self.factors[i + i * n] += shift;
        }
        let is_good = self.attempt(n);
        for value in &mut self.values {
            *value -= shift;
        }
        is_good
    }

    fn attempt(&mut self, n: usize) -> bool {
        self.vectors.resize(n * n, T::zero());
        self.values.resize(n, T::zero());
        self.scaled.resize(n * n, T::zero());
        let stack = self.memory.get(self_adjoint_evd_scratch::<T>(
            n,
            ComputeEigenvectors::Yes,
            Par::Seq,
            faer::Spec::default(),
        ));
        let found = self_adjoint_evd(
            MatRef::from_column_major_slice(&self.factors, n, n),
            DiagMut::from_slice_mut(&mut self.values),
            Some(column_major(&mut self.vectors, n, n)),
            Par::Seq,
            stack,
            faer::Spec::default(),
        );
        if found.is_err() || !self.values.iter().all(ComplexField::is_finite) {
            return false;
        }
        let vectors = MatRef::from_column_major_slice(&self.vectors, n, n);
        products::symmetric_product(
            column_major(&mut self.scaled, n, n),
            T::one(),
            vectors.transpose(),
            vectors,
        );
        for i in 0..n {
            self.scaled[i + i * n] -= T::one();
        }
        // NaN is not below the tolerance.
        norm(&self.scaled) <= T::default_epsilon() * T::number(8.0 * n as f64)
    }
}

/// Eigenvalues, in ascending order, and eigenvectors of a symmetric matrix; nothing if it is not finite.
pub(crate) fn symmetric_eigen<T: Element>(matrix: DMatrix<T>) -> Option<SymmetricEigen<T, Dyn>> {
    let n = matrix.nrows();
    let mut algebra = Faer {
        factors: matrix.data.into(),
        ..Faer::default()
    };
    algebra.eigen(n).then(|| SymmetricEigen {
        eigenvectors: DMatrix::from_vec(n, n, algebra.vectors),
        eigenvalues: DVector::from_vec(algebra.values),
    })
}

/// The Frobenius norm, in double precision: squares of single precision overflow early.
fn norm<T: Element>(data: &[T]) -> T {
    let squares: f64 = data.iter().map(|x| x.double() * x.double()).sum();
    T::number(squares.sqrt())
}
