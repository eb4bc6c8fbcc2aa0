//! Which steps run as soon as they can. Why: a sum of a large array, or its product with a vector, takes as long as reading it does, and reading it
//! while the caches still hold it takes a third of what it takes later.

use super::ir::{Step, Value, ValueId};

/// Entries from which on it matters where an array lies.
const LARGE: usize = 4096;
/// A result is small when it has so many times fewer entries than the largest array that it is made of.
const SMALLER: usize = 4;
/// Operations on an entry up to which reading is what takes the time.
const FEW: u64 = 4;

/// The same steps, those that make little of much right after the last one that they wait for. What is made of inputs alone stays where it is.
pub(crate) fn sooner(values: &[Value], steps: Vec<Step>) -> Vec<Step> {
    // Where each value is computed.
    let mut places: Vec<Option<usize>> = vec![None; values.len()];
    let mut groups: Vec<Vec<Step>> = Vec::with_capacity(steps.len());
    for step in steps {
        let reads = step.kernel.reads();
        let own = groups.len();
        groups.push(Vec::new());
        let waits = reads.iter().filter_map(|read| places[read.index()]).max();
        let place = waits.filter(|_| makes_little_of_much(values, &step, &reads));
        let place = place.unwrap_or(own);
        for output in &step.outputs {
            places[output.index()] = Some(place);
        }
        groups[place].push(step);
    }
    groups.into_iter().flatten().collect()
}

fn makes_little_of_much(values: &[Value], step: &Step, reads: &[ValueId]) -> bool {
    let entries =
        |ids: &[ValueId]| -> Vec<usize> { ids.iter().map(|id| values[id.index()].len()).collect() };
    let (read, written) = (entries(reads), entries(&step.outputs));
    let largest = read.iter().copied().max().unwrap_or(0);
    let all: usize = written.iter().sum();
    let flops = step.kernel.flops();
    largest >= LARGE && all * SMALLER <= largest && flops <= FEW * read.iter().sum::<usize>() as u64
}
