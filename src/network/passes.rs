//! A pass of a network compiled as one program. Why beside running a file: who trains or measures runs the same pass many times, with
//! other numbers, and wants what it costs to be known before and to stay the same.

use std::time::{Duration, Instant};

use super::arrays::Items;
use super::batch::{Data, read};
use super::compiled::Preparation;
use super::draft::draft;
use super::linked::{Depth, Unlinked, link};
use super::prepare::{Definition, sized};
use super::task::{DAMPING, RATE, mask};
use super::{RunError, RunOptions, Task};
use crate::backend::{Element, Executor, OutputBlock};
use crate::curvature::row_ranges;
use crate::expr::{Name, Sizes};
use crate::kernel::{Block, Program, Residents, ValueId, compile_resident};
use crate::language::{File, Network};

/// A pass of a network compiled as one program.
///
/// ```
/// use hbp::language;
/// use hbp::network::{Batch, Curvature, NetworkPass, RunOptions, Session, Step, Task};
/// let text = "network n { input x: R[3]\n target y: R[2]\n h = linear[4](x)\n a = tanh(h)\n o = linear[2](a)\n loss mse_loss(o, y) }";
/// let file = language::parse("n.hbp", text).expect("no errors");
/// let options = RunOptions {
///     curvature: Curvature::PositiveAbs,
///     batch: Batch::AverageHessian,
///     batch_size: 8,
///     ..RunOptions::default()
/// };
/// let update = NetworkPass::compile(&file, "n", &Task::Update(Step::default()), &options).expect("one program");
/// let mut session: Session<'_, f32> = Session::new(&update);
/// for name in ["x", "y", "h.W", "o.W"] {
///     let entries = session.input_mut(name).expect("read by the pass");
///     entries.iter_mut().enumerate().for_each(|(k, entry)| *entry = (k % 7) as f32 / 7.0 - 0.4);
/// }
/// session.run().expect("positive");
/// let first = session.loss();
/// for _ in 0..50 {
///     session.run().expect("positive");
/// }
/// assert!(session.loss() < first);
/// ```
#[derive(Clone, Debug)]
pub struct NetworkPass {
    program: Program,
    preparation: Preparation,
    definition: Definition,
    options: RunOptions,
    /// What is written beside the parameter that it is to take the place of.
    moves: Vec<(ValueId, ValueId)>,
}

/// The outputs that are not where they belong.
fn moves(program: &Program, updates: &[(String, Name)]) -> Vec<(ValueId, ValueId)> {
    let found = updates.iter().filter_map(|(output, name)| {
        let value = *program.output(output)?.values().first()?;
        let input = program.inputs.iter().find(|input| input.name == *name)?;
        Some((value, input.value))
    });
    let buffer = |value: ValueId| program.buffer_of[value.index()];
    found
        .filter(|(value, input)| buffer(*value) != buffer(*input))
        .collect()
}

impl NetworkPass {
    /// Derives and compiles a pass at the sizes and the number of samples of `options`.
    ///
    /// # Errors
    /// As [`plan_network`](super::plan_network); when the pass cannot be one program.
    pub fn compile(
        file: &File,
        name: &str,
        task: &Task,
        options: &RunOptions,
    ) -> Result<Self, RunError> {
        let (definition, sizes, options) = sized(file, name, options)?;
        let network = &definition.network;
        super::modes::check_modes(network, &options)?;
        let samples = options.batch_size;
        let draft = draft(network, &sizes, &options)?;
        let start = Instant::now();
        let depth = match task {
            Task::Curvature | Task::Update(_) => Depth::Blocks(&options),
            _ => Depth::Gradients,
        };
        let mut linked = match link(network, &draft, &sizes, samples, depth)? {
            Ok(linked) => linked,
            Err(Unlinked(reason)) => {
                return Err(RunError::input(
                    format!("the pass of `{name}` cannot be one program: {reason}"),
                    "`hbp run` runs it module by module",
                ));
            }
        };
        let (outputs, updates) = linked.outputs(task, network, &options.rewriter)?;
        let (graph, limit) = (&linked.graph, options.limit);
        let residents = Residents {
            updates: &updates,
            stored: &linked.hessians,
        };
        let program = compile_resident(graph, &outputs, &Sizes::new(), limit, residents)?;
        let moves = moves(&program, &updates);
        Ok(Self {
            program,
            preparation: Preparation {
                derive: draft.time,
                compile: start.elapsed(),
            },
            definition,
            options,
            moves,
        })
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.definition.network
    }

    /// The program: its kernels, buffers, operations and bytes.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The time that deriving and compiling took.
    pub fn preparation(&self) -> Preparation {
        self.preparation
    }

    /// The number of samples.
    pub fn samples(&self) -> usize {
        self.options.batch_size
    }

    /// Lays arrays out for a session, as [`run_network`](super::run_network) takes them.
    ///
    /// # Errors
    /// When an array is missing, left over, of the wrong shape or not finite, or there are not as many samples as the pass is for.
    pub fn load<T: Element>(
        &self,
        session: &mut Session<'_, T>,
        items: &Items,
    ) -> Result<(), RunError> {
        let at = (&self.definition, &self.options);
        lay_out(at, items, &mut |name, place, entries| {
            if let Some(slot) = session.input_mut(name) {
                slot[place..place + entries.len()].copy_from_slice(entries);
            }
        })
    }
}

/// Hands out the entries of arrays by their names, from a place on: as a pass for so many samples as the options say reads them.
pub(super) fn lay_out<T: Element>(
    (definition, options): (&Definition, &RunOptions),
    items: &Items,
    put: &mut dyn FnMut(&str, usize, &[T]),
) -> Result<(), RunError> {
    let network = &definition.network;
    let data: Data<T> = read(network, items, &definition.dimensions, options)?;
    if data.samples != options.batch_size {
        let (found, expected) = (data.samples, options.batch_size);
        return Err(RunError::input(
            format!("there are {found} samples, but the pass was compiled for {expected}"),
            "compile the pass for as many samples as there are",
        ));
    }
    for (name, matrix) in &data.parameters {
        put(name, 0, matrix.as_slice());
    }
    for (name, values) in &data.values {
        for (sample, value) in values.iter().enumerate() {
            put(name, sample * value.len(), value.as_slice());
        }
    }
    Ok(())
}

/// A pass with its memory, to be run many times.
#[derive(Debug)]
pub struct Session<'p, T> {
    executor: Executor<'p, T>,
    program: &'p Program,
    moves: &'p [(ValueId, ValueId)],
}

impl<'p, T: Element> Session<'p, T> {
    /// Memory for a pass, all inputs zero.
    pub fn new(pass: &'p NetworkPass) -> Self {
        let program = &pass.program;
        Self {
            executor: Executor::new(program),
            program,
            moves: &pass.moves,
        }
    }

    /// The entries of a parameter, column by column, or of an input or target, sample by sample. They stay until they are
    /// overwritten. Nothing for a name that the pass does not read.
    pub fn input_mut(&mut self, name: &str) -> Option<&mut [T]> {
        self.executor.input_mut(name)
    }

    /// Sets α of an update where it is given. False for a pass that does not read it.
    pub fn set_damping(&mut self, alpha: f64) -> bool {
        self.set(DAMPING, alpha)
    }

    /// Sets γ of an update where it is given. False for a pass that does not read it.
    pub fn set_rate(&mut self, rate: f64) -> bool {
        self.set(RATE, rate)
    }

    fn set(&mut self, name: &str, number: f64) -> bool {
        let Some([entry]) = self.input_mut(name) else {
            return false;
        };
        *entry = T::number(number);
        true
    }

    /// Cuts the block of a parameter into those of `parts` groups of rows, in an update whose blocks are split; of as many groups as there
    /// are rows, where they are fewer. It stays so until it is changed. False for a block that has no entries between rows.
    pub fn set_parts(&mut self, parameter: &str, parts: usize) -> bool {
        let Some(mask) = self.input_mut(&mask(parameter)) else {
            return false;
        };
        let rows = mask.len().isqrt();
        mask.fill(T::zero());
        let ranges = row_ranges(rows, parts.clamp(1, rows.max(1))).unwrap_or_default();
        for range in ranges {
            for column in range.clone() {
                mask[column * rows..][range.clone()].fill(T::one());
            }
        }
        true
    }

    /// Runs the pass. Once it has run, it allocates nothing. An update moves the parameters where they lie: after an error some of them
    /// may have moved.
    ///
    /// # Errors
    /// When a matrix to invert is singular, or a matrix that is to have a root is not positive.
    pub fn run(&mut self) -> Result<(), RunError> {
        self.executor.run_resident()?;
        for (from, to) in self.moves {
            self.executor.replace(*to, *from);
        }
        Ok(())
    }

    /// The least time of each step of the program in so many runs.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn profile(&mut self, runs: usize) -> Result<Vec<Duration>, RunError> {
        let mut times = vec![Duration::MAX; self.program.steps.len()];
        for _ in 0..runs {
            self.executor.profile(&mut times)?;
        }
        Ok(times)
    }

    /// The mean loss of the last run.
    pub fn loss(&self) -> f64 {
        self.number("loss")
    }

    /// A dense result of the last run in place, column by column: `loss`, `grad.p`.
    pub fn array(&self, name: &str) -> Option<&[T]> {
        match self.program.output(name)? {
            Block::Dense { value, .. } => Some(self.executor.value(*value)),
            _ => None,
        }
    }

    /// Hands a parameter and its gradient of the last run out together. False for a pass without one of them.
    pub fn move_parameter(&mut self, name: &str, moved: impl FnOnce(&mut [T], &[T])) -> bool {
        let input = self
            .program
            .inputs
            .iter()
            .find(|input| &*input.name == name);
        let gradient = self.program.output(&format!("grad.{name}"));
        let (Some(input), Some(Block::Dense { value, .. })) = (input, gradient) else {
            return false;
        };
        self.executor.change(input.value, *value, moved);
        true
    }

    /// A number among the results of the last run; NaN where there is none.
    pub fn number(&self, name: &str) -> f64 {
        let found = self
            .array(name)
            .and_then(|entries| entries.first().copied());
        found.map_or(f64::NAN, Element::double)
    }

    /// What the loss was made of besides targets, by the names of the loss and sample by sample, where the pass predicts.
    pub fn predictions(&self) -> Vec<(&str, &[T])> {
        let outputs = self.program.outputs.iter();
        let found = outputs.filter_map(|(name, _)| {
            let own = name.strip_prefix("predicted.")?;
            Some((own, self.array(name)?))
        });
        found.collect()
    }

    /// What a stored value of the program holds: its entries, if nothing has been written over them since.
    pub fn value(&self, value: ValueId) -> &[T] {
        self.executor.value(value)
    }

    /// A copy of a result of the last run in the form in which it is computed: `hess.p`.
    pub fn block(&self, name: &str) -> Option<OutputBlock<T>> {
        let block = self.program.output(name)?;
        Some(self.executor.block(block))
    }
}
