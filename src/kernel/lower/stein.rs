//! The equation α M + β B M K = R. Why apart: scalars are drawn together before the factors, and a low-rank factor stays its root
//! for an iteration, which only multiplies by it.

use num_traits::ToPrimitive;

use crate::expr::{Id, Op};
use crate::kernel::CompileError;
use crate::kernel::ir::Kernel;
use crate::kernel::matrix::{Form, Matrix};
use crate::kernel::scalar::Number;
use crate::kernel::stein::{InnerProduct, Stein, SteinFactor, SteinMethod};

use super::{Lowering, name, number};

impl Lowering<'_> {
    /// How the operation says that its equation is solved.
    pub(super) fn method(&self, op: &Op, children: &[Id]) -> Result<SteinMethod, CompileError> {
        let inner = match op {
            Op::ConjugateGradients => InnerProduct::Entries,
            Op::ConjugateGradientsGram => InnerProduct::Gram,
            _ => return Ok(SteinMethod::Eigenbases),
        };
        let stop = |k: usize| children.get(k).and_then(|id| self.graph.as_number(*id));
        let (Some(tolerance), Some(iterations)) =
            (stop(5), stop(6).and_then(ToPrimitive::to_usize))
        else {
            let operation = format!("{} with computed limits", name(op));
            return Err(CompileError::Unsupported { operation });
        };
        Ok(SteinMethod::ConjugateGradients {
            tolerance: Number(number(tolerance)),
            iterations,
            inner,
        })
    }

    /// M; operands: α, β, B, K, R.
    pub(super) fn stein(&mut self, operands: &[Matrix], method: SteinMethod) -> Matrix {
        let [alpha, beta, left, right, of, ..] = operands else {
            unreachable!("shapes are checked: there are five operands")
        };
        if of.is_zero() {
            return of.clone();
        }
        // R = c R̃ gives M = c M̃ and, as conjugate gradients stop relative to R, the same iterates.
        let right_side = self.contiguous(&of.bare());
        let mut beta = self.scalar(beta);
        for factor in [left, right] {
            beta = self.builder.scalar_product(beta, factor.scale);
        }
        let alpha = self.scalar(alpha);
        let (alpha, beta) = (Matrix::scalar(alpha), Matrix::scalar(beta));
        let stein = Stein {
            alpha: self.force(&alpha),
            beta: self.force(&beta),
            left: self.stein_factor(left, method),
            right: self.stein_factor(right, method),
            of: right_side,
            method,
        };
        let solution = self
            .builder
            .kernel(Kernel::Stein(stein), right_side.rows, right_side.cols);
        self.scaled(&Matrix::dense(solution), of.scale)
    }

    /// A symmetric factor without its scale.
    fn stein_factor(&mut self, matrix: &Matrix, method: SteinMethod) -> SteinFactor {
        let bare = matrix.bare().marked(true);
        match &bare.form {
            _ if bare.is_scalar() && bare.form == Form::Ones => SteinFactor::Identity,
            Form::Identity => SteinFactor::Identity,
            Form::Diagonal(view) => SteinFactor::Diagonal(*view),
            Form::Product(_) if method != SteinMethod::Eigenbases && bare.is_low_rank() => {
                match self.root(&bare) {
                    Some(root) => SteinFactor::Root(self.force(&root)),
                    None => SteinFactor::Dense(self.force(&bare)),
                }
            }
            _ => SteinFactor::Dense(self.force(&bare)),
        }
    }
}
