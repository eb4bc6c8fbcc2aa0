//! The programs of one pass of a module: over all samples at once where its expressions have such a form, sample by
//! sample where they have none. Why both in one place: who asks for a result need not know which it was.

use std::collections::BTreeMap;

use nalgebra::DMatrix;

use super::RunError;
use crate::backend::{Element, ExecuteError, Executor, Inputs, OutputBlock, Outputs};
use crate::expr::{Graph, Id, Name, Sizes};
use crate::hbp::{Batched, Over, UnfoldError, batched, columns_of};
use crate::kernel::{CompileError, Program, compile_within};
use crate::rewrite::RewriteError;

/// A result that is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) id: Id,
    /// What becomes of it over the samples.
    pub(crate) over: Over,
}

impl Wanted {
    pub(crate) fn new(name: impl Into<String>, id: Id, over: Over) -> Self {
        let name = name.into();
        Self { name, id, over }
    }
}

/// A result of the programs.
#[derive(Clone, Debug)]
pub(crate) struct Promise {
    pub(crate) name: String,
    pub(crate) over: Over,
    /// True when it is computed for all samples at once.
    pub(crate) is_batched: bool,
}

/// The compiled programs of one pass.
#[derive(Clone, Debug, Default)]
pub(crate) struct Programs {
    /// For all samples at once.
    pub(crate) batched: Option<Program>,
    /// For one sample.
    pub(crate) each: Option<Program>,
    pub(crate) promises: Vec<Promise>,
}

/// At which sizes programs are compiled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds<'a> {
    pub(crate) sizes: &'a Sizes,
    /// The number of samples that are computed at once; none where each is computed alone.
    pub(crate) samples: Option<usize>,
    /// The most bytes of an array and of all buffers.
    pub(crate) limit: u64,
}

/// The names of the two factors of a result `u v'` in a program.
fn factors(name: &str) -> [String; 2] {
    [format!("{name}|u"), format!("{name}|v")]
}

impl Programs {
    /// Compiles what is wanted. `varying` are the variables that differ from sample to sample.
    pub(crate) fn compile(
        graph: &Graph,
        wanted: &[Wanted],
        varying: &[Name],
        bounds: Bounds,
    ) -> Result<Self, RunError> {
        let mut programs = Self::default();
        let mut sizes = bounds.sizes.clone();
        let mut graph = graph.clone();
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        let forms = match bounds.samples {
            None => vec![None; wanted.len()],
            Some(samples) => {
                let dimension = free(&sizes);
                sizes.insert(dimension.clone(), samples);
                let asked: Vec<(Id, Over)> = wanted.iter().map(|w| (w.id, w.over)).collect();
                batched(&mut graph, &asked, varying, &dimension)
                    .map_err(|error| UnfoldError::from(RewriteError::from(error)))?
            }
        };
        for (want, form) in wanted.iter().zip(forms) {
            let name = &want.name;
            match form {
                Some(Batched::Value(id)) => together.push((name.clone(), id)),
                Some(Batched::Factors(u, v)) => {
                    together.extend(factors(name).into_iter().zip([u, v]));
                }
                None => alone.push((name.clone(), want.id)),
            }
            let over = if form.is_none() {
                alone_over(want.over)
            } else {
                want.over
            };
            programs.promises.push(Promise {
                name: name.clone(),
                over,
                is_batched: form.is_some(),
            });
        }
        let compile = |outputs: &[(String, Id)]| -> Result<Option<Program>, CompileError> {
            if outputs.is_empty() {
                return Ok(None);
            }
            compile_within(&graph, outputs, &sizes, bounds.limit).map(Some)
        };
        programs.batched = match compile(&together) {
            // One sample may fit where all together do not.
            Err(CompileError::TooLarge { .. } | CompileError::ArenaTooLarge { .. }) => {
                let samples = None;
                let mut alone =
                    Self::compile(&graph, wanted, varying, Bounds { samples, ..bounds })?;
                for (promise, want) in alone.promises.iter_mut().zip(wanted) {
                    promise.over = alone_over(want.over);
                }
                return Ok(alone);
            }
            other => other?,
        };
        programs.each = compile(&alone)?;
        Ok(programs)
    }

    /// The operations for so many samples.
    pub(crate) fn flops(&self, samples: usize) -> u64 {
        let of = |program: &Option<Program>| program.as_ref().map_or(0, Program::flops);
        let each = of(&self.each).saturating_mul(samples as u64);
        of(&self.batched).saturating_add(each)
    }
}

/// What is gathered where each sample is computed alone.
fn alone_over(over: Over) -> Over {
    match over {
        Over::Factors => Over::Columns,
        over => over,
    }
}

/// A name for the number of samples that no dimension has.
fn free(sizes: &Sizes) -> Name {
    let names = (0..).map(|k| Name::from(if k == 0 { "B".into() } else { format!("B{k}") }));
    let mut free = names.filter(|name| !sizes.contains_key(name));
    free.next().unwrap_or_else(|| Name::from("B"))
}

/// What one pass gives for all samples.
#[derive(Clone, Debug)]
pub(super) enum Found<T: Element> {
    /// A column for every sample, side by side; matrices as their `vec`.
    Columns(DMatrix<T>),
    /// The mean over the samples.
    Mean(DMatrix<T>),
    /// U and V with the matrix `u v'` of every sample as a column of each.
    Factors(DMatrix<T>, DMatrix<T>),
}

/// Values by name, a column a sample.
pub(super) type Varying<T> = BTreeMap<Name, DMatrix<T>>;

/// The programs of one pass with their buffers.
#[derive(Debug)]
pub(super) struct Runner<'p, T: Element> {
    programs: &'p Programs,
    batched: Option<Executor<'p, T>>,
    each: Option<Executor<'p, T>>,
}

impl<'p, T: Element> Runner<'p, T> {
    pub(super) fn new(programs: &'p Programs) -> Self {
        Self {
            programs,
            batched: programs.batched.as_ref().map(Executor::new),
            each: programs.each.as_ref().map(Executor::new),
        }
    }

    /// Runs for one sample.
    pub(super) fn sample(&mut self, inputs: &Inputs<T>) -> Result<Outputs<T>, ExecuteError> {
        let Some(executor) = &mut self.each else {
            return Ok(Outputs(Vec::new()));
        };
        executor.run(inputs)?;
        Ok(executor.outputs())
    }

    /// Lays out what the program of one sample reads of the samples that stand side by side.
    pub(super) fn lay_out(&self, varying: &Varying<T>, sample: usize, inputs: &mut Inputs<T>) {
        let Some(program) = &self.programs.each else {
            return;
        };
        for input in &program.inputs {
            if let Some(columns) = varying.get(&input.name) {
                let value = &program.values[input.value.index()];
                let column = columns.column(sample);
                let matrix = DMatrix::from_column_slice(value.rows, value.cols, column.as_slice());
                inputs.insert(input.name.clone(), matrix);
            }
        }
    }

    /// Runs for all samples: `constants` are the same for all, `varying` have a column a sample.
    pub(super) fn all(
        &mut self,
        constants: &Inputs<T>,
        varying: &Varying<T>,
        samples: usize,
    ) -> Result<Vec<(String, Found<T>)>, RunError> {
        let mut found: BTreeMap<String, DMatrix<T>> = BTreeMap::new();
        if let (Some(executor), Some(program)) = (&mut self.batched, &self.programs.batched) {
            let mut inputs = constants.clone();
            for (name, columns) in varying {
                let name = columns_of(name);
                if program.inputs.iter().any(|input| input.name == name) {
                    inputs.insert(name, columns.clone());
                }
            }
            executor.run(&inputs)?;
            for (name, block) in executor.outputs().0 {
                found.insert(name, dense(&block)?);
            }
        }
        let alone: Vec<Promise> = (self.programs.promises.iter())
            .filter(|promise| !promise.is_batched)
            .cloned()
            .collect();
        let samples = if alone.is_empty() { 0 } else { samples };
        let mut inputs = constants.clone();
        for sample in 0..samples {
            self.lay_out(varying, sample, &mut inputs);
            let outputs = self.sample(&inputs)?;
            for promise in &alone {
                let Some(block) = outputs.get(&promise.name) else {
                    continue;
                };
                gather(&mut found, promise, &dense(block)?, (sample, samples));
            }
        }
        let mut results = Vec::new();
        for promise in &self.programs.promises {
            let mut take = |name: &str| found.remove(name).unwrap_or_default();
            let name = &promise.name;
            let result = match promise.over {
                Over::Columns => Found::Columns(take(name)),
                Over::Mean => Found::Mean(take(name)),
                Over::Factors => {
                    let [u, v] = factors(name);
                    Found::Factors(take(&u), take(&v))
                }
            };
            results.push((name.clone(), result));
        }
        Ok(results)
    }
}

/// Takes up one sample's result: as a column, or into the mean.
fn gather<T: Element>(
    found: &mut BTreeMap<String, DMatrix<T>>,
    promise: &Promise,
    value: &DMatrix<T>,
    (sample, samples): (usize, usize),
) {
    if promise.over == Over::Mean {
        let share = value * (T::one() / T::number(samples as f64));
        match found.get_mut(&promise.name) {
            Some(mean) => *mean += share,
            None => {
                found.insert(promise.name.clone(), share);
            }
        }
        return;
    }
    let all = found.entry(promise.name.clone());
    let all = all.or_insert_with(|| DMatrix::zeros(value.len(), samples));
    all.column_mut(sample).copy_from_slice(value.as_slice());
}

/// A value with all its entries: the programs take dense arrays.
pub(super) fn dense<T: Element>(block: &OutputBlock<T>) -> Result<DMatrix<T>, ExecuteError> {
    block.to_dense(crate::kernel::MEMORY_LIMIT)
}

/// A result that a program was asked for, with all its entries.
pub(super) fn whole<T: Element>(block: Option<&OutputBlock<T>>) -> Result<DMatrix<T>, RunError> {
    let Some(block) = block else {
        return Err(RunError::input(
            "a pass has no output",
            "report this as a defect",
        ));
    };
    Ok(dense(block)?)
}
