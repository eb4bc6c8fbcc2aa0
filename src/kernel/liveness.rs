//! Liveness and buffers. Why: two Jacobian factors are rarely alive at once, so one buffer serves both.

use std::ops::Range;

use super::ir::{Kernel, Step, Value, ValueId};

/// Which buffer holds each value, and how many entries each buffer has.
pub(crate) struct Buffers {
    /// For every value its buffer; inputs have none.
    pub(crate) of: Vec<Option<usize>>,
    /// Entries of each buffer.
    pub(crate) sizes: Vec<usize>,
}

/// A program's values and who needs them.
pub(crate) struct Lives<'a> {
    pub(crate) values: &'a [Value],
    pub(crate) steps: &'a [Step],
    /// Which steps may run side by side.
    pub(crate) stages: &'a [Range<usize>],
    pub(crate) outputs: &'a [ValueId],
    /// The inputs that lie in buffers of their own.
    pub(crate) residents: &'a [ValueId],
    /// Outputs that are wanted in the place of an input.
    pub(crate) replaced: &'a [(ValueId, ValueId)],
}

impl Lives<'_> {
    /// Assigns buffers. A value's buffer is free again after the stage of its last reader; outputs keep theirs. A loop, which is a stage by itself, writes over what it is
    /// the last to read. Otherwise the smallest free buffer that is large enough and not far too large is taken, or the largest smaller one grown, or a new one made.
    pub(crate) fn assign(&self) -> Buffers {
        let last_use = self.last_use();
        let mut buffers = Buffers {
            of: vec![None; self.values.len()],
            sizes: Vec::new(),
        };
        for input in self.residents {
            buffers.of[input.index()] = Some(buffers.sizes.len());
            buffers.sizes.push(self.values[input.index()].len());
        }
        let mut free: Vec<usize> = Vec::new();
        for (at, stage) in self.stages.iter().enumerate() {
            let steps = &self.steps[stage.clone()];
            let touched = |step: &Step| [step.kernel.reads(), step.outputs.clone()].concat();
            let mut over: Vec<ValueId> = steps.iter().flat_map(touched).collect();
            over.sort();
            over.dedup();
            over.retain(|value| last_use[value.index()] == at && !self.residents.contains(value));
            for (step, output) in steps
                .iter()
                .flat_map(|step| step.outputs.iter().map(move |output| (step, output)))
            {
                let place = over
                    .iter()
                    .position(|read| self.may_replace(step, *output, *read));
                let buffer = match (self.resident(step, *output, at, &last_use), place) {
                    (Some(input), _) => buffers.of[input.index()],
                    (None, Some(place)) => buffers.of[over.remove(place).index()],
                    (None, None) => None,
                };
                let size = self.values[output.index()].len();
                let buffer = buffer.unwrap_or_else(|| take(&mut free, &mut buffers.sizes, size));
                buffers.of[output.index()] = Some(buffer);
            }
            free.extend(over.iter().filter_map(|value| buffers.of[value.index()]));
        }
        buffers
    }

    /// The last stage that reads or writes each value; none for outputs.
    fn last_use(&self) -> Vec<usize> {
        let mut last_use: Vec<usize> = vec![0; self.values.len()];
        for (at, stage) in self.stages.iter().enumerate() {
            for step in &self.steps[stage.clone()] {
                for value in step.kernel.reads().iter().chain(&step.outputs) {
                    last_use[value.index()] = at;
                }
            }
        }
        for value in self.outputs {
            last_use[value.index()] = usize::MAX;
        }
        last_use
    }

    /// The input that an output is wanted in the place of, where that is possible.
    fn resident(
        &self,
        step: &Step,
        output: ValueId,
        at: usize,
        last_use: &[usize],
    ) -> Option<ValueId> {
        let (_, input) = self.replaced.iter().find(|(known, _)| *known == output)?;
        let is_last = last_use[input.index()] == at;
        (is_last && self.may_replace(step, output, *input)).then_some(*input)
    }

    /// True for a loop that reads a value entry by entry, in the order in which it writes.
    fn may_replace(&self, step: &Step, output: ValueId, read: ValueId) -> bool {
        let Kernel::Loop(body) = &step.kernel else {
            return false;
        };
        let (written, read_value) = (&self.values[output.index()], &self.values[read.index()]);
        let mut own = body
            .reads
            .iter()
            .filter(|(value, _)| *value == read)
            .peekable();
        written.len() == read_value.len()
            && own.peek().is_some()
            && own.all(|(_, access)| access.is_identity(body.rows, body.cols))
    }
}

/// A free buffer of more than so many times the entries stays free for what needs it.
const ROOMY: usize = 64;
/// Up to so many entries a buffer is never too large.
const LITTLE: usize = 1024;

fn take(free: &mut Vec<usize>, sizes: &mut Vec<usize>, size: usize) -> usize {
    let room = |k: usize| sizes[free[k]];
    let fits = |k: &usize| (size..=(ROOMY * size).max(LITTLE)).contains(&room(*k));
    let fitting = (0..free.len()).filter(fits).min_by_key(|k| room(*k));
    let smaller = (0..free.len()).filter(|k| room(*k) < size);
    let place = fitting.or_else(|| smaller.max_by_key(|k| room(*k)));
    let buffer = if let Some(place) = place {
        free.remove(place)
    } else {
        sizes.push(0);
        sizes.len() - 1
    };
    sizes[buffer] = sizes[buffer].max(size);
    buffer
}
