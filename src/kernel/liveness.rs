//! Liveness and buffers. Why: two Jacobian factors are rarely alive at once, so one buffer serves both.

use super::ir::{Step, Value, ValueId};

/// Which buffer holds each value, and how many entries each buffer has.
pub(crate) struct Buffers {
    /// For every value its buffer; inputs have none.
    pub(crate) of: Vec<Option<usize>>,
    /// Entries of each buffer.
    pub(crate) sizes: Vec<usize>,
}

/// Assigns buffers. A value's buffer is free again after its last reader; outputs keep theirs. The smallest free
/// buffer that is large enough is taken, or the largest one grown, or a new one made.
pub(crate) fn assign(values: &[Value], steps: &[Step], outputs: &[ValueId]) -> Buffers {
    let mut last_use: Vec<usize> = vec![0; values.len()];
    for (at, step) in steps.iter().enumerate() {
        for value in step.kernel.reads().iter().chain(&step.outputs) {
            last_use[value.index()] = at;
        }
    }
    for value in outputs {
        last_use[value.index()] = usize::MAX;
    }
    let mut buffers = Buffers {
        of: vec![None; values.len()],
        sizes: Vec::new(),
    };
    let mut free: Vec<usize> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        for output in &step.outputs {
            let size = values[output.index()].len();
            let buffer = take(&mut free, &mut buffers.sizes, size);
            buffers.of[output.index()] = Some(buffer);
        }
        let mut over: Vec<ValueId> = step.kernel.reads();
        over.extend(&step.outputs);
        over.sort();
        over.dedup();
        for value in over {
            if last_use[value.index()] == at {
                free.extend(buffers.of[value.index()]);
            }
        }
    }
    buffers
}

fn take(free: &mut Vec<usize>, sizes: &mut Vec<usize>, size: usize) -> usize {
    let fitting = (0..free.len())
        .filter(|k| sizes[free[*k]] >= size)
        .min_by_key(|k| sizes[free[*k]]);
    let place = fitting.or_else(|| (0..free.len()).max_by_key(|k| sizes[free[*k]]));
    let buffer = if let Some(place) = place {
        free.remove(place)
    } else {
        sizes.push(0);
        sizes.len() - 1
    };
    sizes[buffer] = sizes[buffer].max(size);
    buffer
}
