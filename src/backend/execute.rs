//! Running a program. Why an executor: it owns the arena, so that a pass compiled once runs many times in the same
//! memory.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use nalgebra::{DMatrix, DVector};
use smallvec::SmallVec;

use crate::expr::Name;
use crate::kernel::{Block, Kernel, Program, Step, ValueId};

use super::algebra::Algebra;
use super::arena::Arena;
use super::element::Element;
use super::faer::Faer;
use super::loops::{Read, Registers, run_loop};
use super::memory::{Memory, Task, side_by_side};
use super::outputs::{OutputBlock, Outputs};

/// The arrays a program reads, by the names of its variables. Names it does not read are ignored.
pub type Inputs<T> = BTreeMap<Name, DMatrix<T>>;

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecuteError {
    /// An array is missing.
    #[error("there is no array for `{name}`, which is {rows} × {cols}")]
    Missing {
        /// The variable.
        name: Name,
        /// Its rows.
        rows: usize,
        /// Its columns.
        cols: usize,
    },
    /// An array has another shape than the program was compiled for.
    #[error("the array for `{name}` is {} × {}, but the program was compiled for {} × {}", .found.0, .found.1, .expected.0, .expected.1)]
    Shape {
        /// The variable.
        name: Name,
        /// The array's rows and columns.
        found: (usize, usize),
        /// The variable's rows and columns.
        expected: (usize, usize),
    },
    /// A matrix to invert has no inverse.
    #[error("the {rows} × {rows} matrix inverted for `{value}` is singular")]
    Singular {
        /// The operation or output it is inverted for.
        value: String,
        /// Its rows.
        rows: usize,
    },
    /// A matrix of a sample has no root.
    #[error(
        "the matrix of sample {sample} that a root is made of for `{value}` is not positive, or not finite"
    )]
    NoRoot {
        /// The operation or output it is made for.
        value: String,
        /// The sample.
        sample: usize,
    },
    /// A structured output is too large with all its entries.
    #[error(
        "the {rows} × {cols} output takes {bytes} bytes as a matrix, above the limit of {limit}"
    )]
    TooLarge {
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
        /// Bytes of all entries.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
}

/// Runs a program once.
///
/// # Errors
/// When an array is missing or of the wrong shape, or a matrix to invert is singular.
pub fn execute<T: Element>(
    program: &Program,
    inputs: &Inputs<T>,
) -> Result<Outputs<T>, ExecuteError> {
    let mut executor = Executor::new(program);
    executor.run(inputs)?;
    Ok(executor.outputs())
}

/// A program with its buffers, to be run many times.
#[derive(Debug)]
pub struct Executor<'p, T, A = Faer<T>> {
    program: &'p Program,
    /// For each step of a stage, what it computes with.
    algebras: Vec<A>,
    arena: Arena<T>,
    registers: Registers<T>,
    /// Scratch memory of a stage.
    workspace: Vec<T>,
}

impl<'p, T: Element> Executor<'p, T> {
    /// Buffers for `program` and the fast algebra.
    pub fn new(program: &'p Program) -> Self {
        Self::with_algebra(program)
    }
}

impl<'p, T: Element, A: Algebra<T> + Default + Send> Executor<'p, T, A> {
    /// Buffers for `program` and any algebra.
    pub fn with_algebra(program: &'p Program) -> Self {
        let largest = program.stages.iter().map(Range::len).max().unwrap_or(0);
        Self {
            program,
            algebras: (0..largest.max(1)).map(|_| A::default()).collect(),
            arena: Arena::new(program),
            registers: Registers::default(),
            workspace: vec![T::zero(); program.workspace()],
        }
    }

    /// Runs the program; the results stay in the buffers until the next run.
    ///
    /// # Errors
    /// When an array is missing or of the wrong shape, or a matrix to invert is singular.
    pub fn run(&mut self, inputs: &Inputs<T>) -> Result<(), ExecuteError> {
        let program = self.program;
        let mut given: SmallVec<[(ValueId, &[T]); 16]> = SmallVec::new();
        for input in &program.inputs {
            let value = &program.values[input.value.index()];
            let (rows, cols) = (value.rows, value.cols);
            let Some(array) = inputs.get(&input.name) else {
                return Err(ExecuteError::Missing {
                    name: input.name.clone(),
                    rows,
                    cols,
                });
            };
            if array.shape() != (rows, cols) {
                let (found, expected) = (array.shape(), (rows, cols));
                return Err(ExecuteError::Shape {
                    name: input.name.clone(),
                    found,
                    expected,
                });
            }
            given.push((input.value, array.as_slice()));
        }
        self.stages(&given)
    }

    /// Runs a program whose inputs are in the arena.
    ///
    /// # Errors
    /// When a matrix to invert is singular.
    pub fn run_resident(&mut self) -> Result<(), ExecuteError> {
        self.stages(&[])
    }

    /// Runs a program whose inputs are in the arena, and notes the time of each step where it is less than noted before.
    ///
    /// # Errors
    /// As [`Self::run_resident`].
    pub fn profile(&mut self, times: &mut [Duration]) -> Result<(), ExecuteError> {
        let program = self.program;
        for (place, time) in (0..program.steps.len()).zip(times) {
            let start = Instant::now();
            self.stage(place..place + 1, &[])?;
            *time = start.elapsed().min(*time);
        }
        Ok(())
    }

    /// The entries of an input that is in the arena.
    pub fn input_mut(&mut self, name: &str) -> Option<&mut [T]> {
        let program = self.program;
        let input = program.inputs.iter().find(|input| &*input.name == name)?;
        program.buffer_of[input.value.index()]?;
        Some(self.arena.get_mut(program, input.value))
    }

    /// Changes a stored value by another.
    pub(crate) fn change(
        &mut self,
        value: ValueId,
        by: ValueId,
        change: impl FnOnce(&mut [T], &[T]),
    ) {
        let (mut written, rest) = self.arena.carve(self.program, &[value]);
        if let Some(written) = written.first_mut() {
            change(written, rest.get(self.program, by));
        }
    }

    /// Copies a stored value to the place of another of the same shape.
    pub(crate) fn replace(&mut self, value: ValueId, by: ValueId) {
        self.arena.copy(self.program, by, value);
    }

    fn stages(&mut self, given: &[(ValueId, &[T])]) -> Result<(), ExecuteError> {
        let mut stages = self.program.stages.iter();
        stages.try_for_each(|stage| self.stage(stage.clone(), given))
    }

    fn stage(
        &mut self,
        stage: Range<usize>,
        given: &[(ValueId, &[T])],
    ) -> Result<(), ExecuteError> {
        let Self {
            program,
            algebras,
            arena,
            registers,
            workspace,
        } = self;
        let steps = &program.steps[stage];
        let written: SmallVec<[ValueId; 32]> = steps
            .iter()
            .flat_map(|step| &step.outputs)
            .copied()
            .collect();
        let (mut outputs, rest) = arena.carve(program, &written);
        let memory = Memory {
            program,
            rest,
            given,
        };
        if let [
            Step {
                kernel: Kernel::Loop(body),
                outputs: written,
            },
        ] = steps
        {
            let reads = body.reads.iter();
            let reads: SmallVec<[Read<'_, T>; 32]> = reads
                .map(|(value, _)| {
                    let shares = |written: &ValueId| memory.shares(*written, *value);
                    match written.iter().position(shares) {
                        Some(output) => Read::Output(output),
                        None => Read::Array(memory.get(*value)),
                    }
                })
                .collect();
            run_loop(body, &reads, &mut outputs, registers);
            return Ok(());
        }
        let mut free = workspace.as_mut_slice();
        let mut tasks: SmallVec<[Task<'_, T, A>; 8]> = SmallVec::new();
        for ((step, out), algebra) in steps.iter().zip(outputs).zip(algebras) {
            let (scratch, rest) = free.split_at_mut(step.kernel.workspace());
            free = rest;
            tasks.push(Task {
                step,
                out,
                algebra,
                scratch,
                outcome: Ok(()),
            });
        }
        side_by_side(&memory, &mut tasks);
        tasks.into_iter().try_for_each(|task| task.outcome)
    }

    /// The results of the last run, copied.
    pub fn outputs(&self) -> Outputs<T> {
        Outputs(
            self.program
                .outputs
                .iter()
                .map(|(name, block)| (name.clone(), self.block(block)))
                .collect(),
        )
    }

    /// The results of the last run in place: the array of a stored value.
    pub fn value(&self, value: ValueId) -> &[T] {
        self.arena.get(self.program, value)
    }

    /// A block of the last run, copied.
    pub fn block(&self, block: &Block) -> OutputBlock<T> {
        match block {
            Block::Zero { rows, cols } => OutputBlock::Zero {
                rows: *rows,
                cols: *cols,
            },
            Block::Dense { value, rows, cols } => {
                OutputBlock::Dense(DMatrix::from_column_slice(*rows, *cols, self.value(*value)))
            }
            Block::Diagonal { value, .. } => {
                OutputBlock::Diagonal(DVector::from_column_slice(self.value(*value)))
            }
            Block::ScaledIdentity { value, size } => OutputBlock::ScaledIdentity {
                size: *size,
                scale: self.value(*value)[0],
            },
            Block::Kronecker { left, right } => OutputBlock::Kronecker {
                left: Box::new(self.block(left)),
                right: Box::new(self.block(right)),
            },
            Block::Root {
                value,
                rows,
                cols,
                scale,
            } => {
                let root = DMatrix::from_column_slice(*rows, *cols, self.value(*value));
                OutputBlock::Root(root * T::number(scale.0.sqrt()))
            }
            Block::Sum(terms) => {
                OutputBlock::Sum(terms.iter().map(|term| self.block(term)).collect())
            }
        }
    }
}
