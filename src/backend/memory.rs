//! One step of a program: its operands found, its kernel run. Why apart from the executor: what a kernel does depends on its operands
//! alone, whoever owns them.

use nalgebra::ComplexField;

use super::algebra::{Algebra, MatrixRef, clip};
use super::arena::Rest;
use super::element::Element;
use super::execute::ExecuteError;
use super::stein::System;
use super::unformed::Parts;
use super::{reduce, roots};
use crate::kernel::{Kernel, Program, Spectrum, Step, ValueId, View};

/// What a step can read: the inputs in place, and the arena without the step's own buffers.
pub(super) struct Memory<'a, T> {
    pub(super) program: &'a Program,
    pub(super) rest: Rest<'a, T>,
    pub(super) given: &'a [(ValueId, &'a [T])],
}

/// A step with all that it writes.
pub(super) struct Task<'a, T, A> {
    pub(super) step: &'a Step,
    pub(super) out: &'a mut [T],
    pub(super) algebra: &'a mut A,
    /// Scratch memory.
    pub(super) scratch: &'a mut [T],
    pub(super) outcome: Result<(), ExecuteError>,
}

/// Runs the steps of a stage on as many threads as there are.
pub(super) fn side_by_side<T: Element, A: Algebra<T> + Send>(
    memory: &Memory<'_, T>,
    tasks: &mut [Task<'_, T, A>],
) {
    match tasks {
        [] => {}
        [task] => memory.run(task),
        _ => {
            let (first, last) = tasks.split_at_mut(tasks.len() / 2);
            rayon::join(
                || side_by_side(memory, first),
                || side_by_side(memory, last),
            );
        }
    }
}

impl<'a, T: Element> Memory<'a, T> {
    fn run<A: Algebra<T>>(&self, task: &mut Task<'_, T, A>) {
        let Task {
            step,
            out,
            algebra,
            scratch,
            ..
        } = task;
        task.outcome = if let Kernel::Stein(stein) = &step.kernel {
            let of = self.matrix(&stein.of);
            let system = System::new(stein, |view| self.matrix(view));
            let solved = system.solve(out, *algebra, scratch);
            solved.map_err(|_| self.singular(step, of.rows * of.cols))
        } else {
            self.compute(step, out, *algebra, scratch)
        };
    }

    pub(super) fn get(&self, value: ValueId) -> &'a [T] {
        match self.given.iter().find(|(known, _)| *known == value) {
            Some((_, data)) => data,
            None => self.rest.get(self.program, value),
        }
    }

    /// True when a value is written where another lies.
    pub(super) fn shares(&self, written: ValueId, read: ValueId) -> bool {
        let buffers = &self.program.buffer_of;
        let buffer = buffers[read.index()];
        buffer.is_some() && buffers[written.index()] == buffer
    }

    pub(super) fn matrix(&self, view: &View) -> MatrixRef<'a, T> {
        MatrixRef {
            data: self.get(view.value),
            rows: view.rows,
            cols: view.cols,
            strides: view.strides(),
        }
    }

    fn singular(&self, step: &Step, rows: usize) -> ExecuteError {
        ExecuteError::Singular {
            value: self.label(step),
            rows,
        }
    }

    /// What the results of a step are for.
    fn label(&self, step: &Step) -> String {
        self.program.values[step.outputs[0].index()].label.clone()
    }

    fn sample_roots(
        &self,
        out: &mut [T],
        diagonal: &View,
        outers: &[(View, View)],
        columns: usize,
        scratch: &mut [T],
    ) -> Result<(), usize> {
        let pairs = outers.iter();
        let pairs = pairs.map(|(u, v)| (self.get(u.value), self.get(v.value)));
        let terms = roots::Terms {
            rows: diagonal.rows,
            diagonal: self.get(diagonal.value),
            outers: pairs.collect(),
        };
        roots::sample_roots(out, &terms, columns, scratch)
    }

    fn compute(
        &self,
        step: &Step,
        out: &mut [T],
        algebra: &mut impl Algebra<T>,
        scratch: &mut [T],
    ) -> Result<(), ExecuteError> {
        let singular = |rows: usize| self.singular(step, rows);
        match &step.kernel {
            // The one is a stage by itself and may have several results, the other is run before.
            Kernel::Loop(_) | Kernel::Stein(_) => {}
            Kernel::UnformedSolve { matrix, right } => {
                let parts = Parts::new(matrix, |view| self.matrix(view));
                let solved = algebra.solve_unformed(out, &parts, self.matrix(right), scratch);
                solved.map_err(|_| singular(matrix.size))?;
            }
            Kernel::UnformedProduct { matrix, right } => {
                let parts = Parts::new(matrix, |view| self.matrix(view));
                parts.times(out, self.matrix(right), algebra, scratch);
            }
            Kernel::Product {
                left,
                right,
                symmetric,
                scale,
            } => {
                let (left, right) = (self.matrix(left), self.matrix(right));
                let scale = T::number(scale.0);
                if *symmetric {
                    algebra.symmetric_product(out, scale, left, right);
                } else {
                    algebra.product(out, scale, left, right);
                }
            }
            Kernel::BlockProduct {
                left,
                right,
                blocks,
            } => {
                let (whole, right) = (self.matrix(left), self.matrix(right));
                let part = out.len() / blocks;
                for (k, out) in out.chunks_exact_mut(part).enumerate() {
                    let left = whole.columns(k * right.rows, right.rows);
                    algebra.product(out, T::one(), left, right);
                }
            }
            Kernel::ProductDiagonal { left, right } => {
                reduce::product_diagonal(out, self.matrix(left), self.matrix(right));
            }
            Kernel::Reduce { reduction, of } => {
                out[0] = reduce::reduce_entries(*reduction, self.get(of.value));
            }
            Kernel::ReduceColumns { reduction, of } => {
                let columns = self.get(of.value).chunks_exact(of.rows);
                for (out, column) in out.iter_mut().zip(columns) {
                    *out = reduce::reduce_entries(*reduction, column);
                }
            }
            Kernel::SampleRoots {
                diagonal,
                outers,
                columns,
            } => {
                self.sample_roots(out, diagonal, outers, *columns, scratch)
                    .map_err(|sample| ExecuteError::NoRoot {
                        value: self.label(step),
                        sample,
                    })?;
            }
            Kernel::RowSums { of } => reduce::row_sums(out, self.matrix(of)),
            Kernel::Softmax { of } => reduce::softmax(out, self.get(of.value), of.rows),
            Kernel::Solve {
                matrix,
                right,
                symmetric,
            } => {
                let (matrix, right) = (self.matrix(matrix), self.matrix(right));
                let solved = if *symmetric {
                    algebra.solve_positive(out, matrix, right)
                } else {
                    algebra.solve(out, matrix, right)
                };
                solved.map_err(|_| singular(matrix.rows))?;
            }
            Kernel::Inverse { of } => {
                algebra
                    .inverse(out, self.matrix(of))
                    .map_err(|_| singular(of.rows))?;
            }
            Kernel::Determinant { of } => out[0] = algebra.determinant(self.matrix(of)),
            Kernel::LogDeterminant { of } => out[0] = algebra.log_determinant(self.matrix(of)),
            Kernel::Spectral { spectrum, of } => {
                let f = match spectrum {
                    Spectrum::Abs => ComplexField::abs,
                    Spectrum::Clip => clip,
                };
                algebra.spectral(out, self.matrix(of), f);
            }
            Kernel::Commutation { rows, cols } => reduce::commutation(out, *rows, *cols),
        }
        Ok(())
    }
}
