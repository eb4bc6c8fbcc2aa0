//! The threads that kernels run on. Why pools of our own: deriving recurses, which the stack of a usual thread is too small for.

use std::thread::available_parallelism;

use super::failure::Failure;

/// The stack of a thread.
const STACK: usize = 1 << 26;

/// The most threads.
pub(super) const MOST: u32 = 1024;

/// The cores of the machine.
pub(super) fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// The threads that are asked for, or one for every core.
pub(super) fn threads(asked: Option<u32>) -> usize {
    asked.map_or_else(cores, |threads| threads as usize)
}

/// So many threads.
pub(super) fn pool(threads: usize) -> Result<rayon::ThreadPool, Failure> {
    if !(1..=MOST as usize).contains(&threads) {
        return Err(Failure::bad_input(
            format!("{threads} is no number of threads: 1 to {MOST}"),
            "give --threads, also with --resume",
        ));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.stack_size(STACK).build().map_err(|e| {
        Failure::limit(
            format!("{threads} threads cannot be started: {e}"),
            "use fewer: --threads 1",
        )
    })
}
