//! Which steps run side by side. Why in the plan and not at run time: steps of a stage must not write where another of them reads, which
//! buffers are assigned by, and the same stages on any machine make the same results.

use std::ops::Range;

use super::ir::{Kernel, Step};
use super::stein::SteinMethod;

/// Operations from which the threads share a product; below it, a product is the work of one.
pub(crate) const SHARED_PRODUCT: u64 = 5_000_000;
/// Operations from which a product is worth a thread of its own: half of them take about as long as to wake it.
const WORTH_A_THREAD: u64 = 2_500_000;
/// The same of a factorisation, which runs at a fraction of a product's speed.
const FACTORISATION_WORTH_A_THREAD: u64 = 250_000;
/// No more steps than this run side by side: what they wait for stays in memory.
const MOST: usize = 8;
/// No more steps than this wait for their results.
const MOST_AFTER: usize = 32;

/// Steps in a new order, with the stages that they form.
pub(crate) struct Stages {
    pub(crate) steps: Vec<Step>,
    /// The steps of each stage; all but few have one.
    pub(crate) stages: Vec<Range<usize>>,
}

/// Gathers steps that one thread does alone and that do not need each other. Such a step waits for others, and what little is made of its
/// result waits with it, until more is made of it; one that finds no company stays where it was.
pub(crate) fn gather(steps: Vec<Step>) -> Stages {
    let mut gathering = Gathering::default();
    for step in steps {
        if gathering.is_waited_for(&step) {
            let is_little = step.kernel.flops() < WORTH_A_THREAD;
            if is_little && gathering.after.len() < MOST_AFTER {
                gathering.after.push((gathering.groups.len(), step));
                continue;
            }
            gathering.release();
        }
        if is_work_of_one_thread(&step.kernel) {
            gathering.waiting.push((gathering.groups.len(), step));
            if gathering.waiting.len() == MOST {
                gathering.release();
            }
        } else {
            gathering.groups.push(vec![step]);
        }
    }
    gathering.release();
    let mut stages = Vec::with_capacity(gathering.groups.len());
    let mut ordered = Vec::new();
    for group in gathering.groups {
        stages.push(ordered.len()..ordered.len() + group.len());
        ordered.extend(group);
    }
    Stages {
        steps: ordered,
        stages,
    }
}

/// A step, and where among the groups it stood.
type Placed = (usize, Step);

#[derive(Default)]
struct Gathering {
    groups: Vec<Vec<Step>>,
    /// Steps that are to run side by side.
    waiting: Vec<Placed>,
    /// Steps that need their results.
    after: Vec<Placed>,
}

impl Gathering {
    /// True when a step reads what has not been computed yet.
    fn is_waited_for(&self, step: &Step) -> bool {
        let reads = step.kernel.reads();
        let held = self.waiting.iter().chain(&self.after);
        let mut results = held.flat_map(|(_, step)| &step.outputs);
        results.any(|output| reads.contains(output))
    }

    fn release(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let after = std::mem::take(&mut self.after);
        if waiting.len() > 1 {
            let steps = waiting.into_iter().map(|(_, step)| step);
            self.groups.push(steps.collect());
            self.groups
                .extend(after.into_iter().map(|(_, step)| vec![step]));
            return;
        }
        // From the last on, so that places before it stay what they were.
        for (place, step) in after.into_iter().rev().chain(waiting) {
            self.groups.insert(place, vec![step]);
        }
    }
}

/// True for work that is not shared among threads, and large enough for a thread.
fn is_work_of_one_thread(kernel: &Kernel) -> bool {
    let flops = kernel.flops();
    match kernel {
        Kernel::Product { .. } => (WORTH_A_THREAD..SHARED_PRODUCT).contains(&flops),
        Kernel::Solve { .. }
        | Kernel::UnformedSolve { .. }
        | Kernel::Inverse { .. }
        | Kernel::Determinant { .. }
        | Kernel::LogDeterminant { .. }
        | Kernel::Spectral { .. } => flops >= FACTORISATION_WORTH_A_THREAD,
        Kernel::Stein(stein) => match stein.method {
            SteinMethod::Eigenbases => flops >= FACTORISATION_WORTH_A_THREAD,
            SteinMethod::ConjugateGradients { iterations, .. } => {
                let one = flops / (iterations.max(1) as u64);
                flops >= WORTH_A_THREAD && one < SHARED_PRODUCT
            }
        },
        _ => false,
    }
}
