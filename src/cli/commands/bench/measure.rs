//! The clock. Why in rounds: passes that take turns meet the same disturbances, so that their ratios hold on a machine that is not
//! idle.

use std::hint::black_box;
use std::time::Instant;

use nalgebra::DMatrix;

use crate::backend::{Element, Executor, Inputs};
use crate::cli::output::Output;
use crate::expr::Sizes;
use crate::kernel::{Program, compile};
use crate::language;
use crate::network::RunError;

/// The rows of the matrices whose product is the measure of speed.
pub(super) const PEAK_SIZE: usize = 1024;

const PRODUCT: &str = "module product(A: R[n, n], B: R[n, n]) -> z: R[n, n] { z = A*B }";

/// The rounds in which every pass has its turns.
const ROUNDS: usize = 10;
/// Runs before the first that is timed, ...
const WARM_RUNS: usize = 100;
/// ... unless they take longer.
const WARM_SECONDS: f64 = 0.01;
/// So many runs are timed where a run takes longer than its share of the time, ...
const FEWEST: usize = 3;
/// ... unless they take so many times what all runs may take.
const PATIENCE: f64 = 5.0;

/// How long each pass is timed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Length {
    Seconds(f64),
    Runs(usize),
}

/// How runs are timed.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    pub(super) length: Length,
    /// The allocations of the process so far.
    pub(super) allocations: fn() -> u64,
}

/// What a run takes, known before it runs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) flops: u64,
    pub(super) bytes: u64,
    pub(super) arena_bytes: u64,
    pub(super) kernels: usize,
    /// The operations are the most that a run may take.
    pub(super) is_bound: bool,
    pub(super) work: Kind,
}

/// What is timed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// One program, whose operations are counted.
    Program,
    /// The programs of many modules and what is between them, which is not counted.
    Modules,
    /// No run of the network.
    #[default]
    Other,
}

/// One run; the loss where there is one.
type Work<'a> = Box<dyn FnMut() -> Result<Option<f64>, RunError> + 'a>;

/// Something that is timed.
pub(super) struct Lane<'a> {
    /// Nothing for the product that is the measure of speed.
    pub(super) name: Option<String>,
    pub(super) counts: Counts,
    work: Work<'a>,
    /// Seconds of every timed run.
    pub(super) times: Vec<f64>,
    total: f64,
    /// The fewest allocations of a timed run.
    pub(super) allocations: u64,
    pub(super) loss: Option<f64>,
    pub(super) failure: Option<RunError>,
}

impl<'a> Lane<'a> {
    pub(super) fn new(name: Option<String>, counts: Counts, work: Work<'a>) -> Self {
        Self {
            name,
            counts,
            work,
            times: Vec::new(),
            total: 0.0,
            allocations: u64::MAX,
            loss: None,
            failure: None,
        }
    }

    /// The first runs, which are not timed: one, and more while they take no time to speak of.
    fn warm_up(&mut self) {
        let start = Instant::now();
        for run in 0..WARM_RUNS {
            match (self.work)() {
                // An update moves the parameters.
                Ok(loss) if run == 0 => self.loss = loss,
                Ok(_) => {}
                Err(error) => self.failure = Some(error),
            }
            if self.failure.is_some() || start.elapsed().as_secs_f64() > WARM_SECONDS {
                return;
            }
        }
    }

    fn is_done(&self, length: Length) -> bool {
        if self.failure.is_some() {
            return true;
        }
        let runs = self.times.len();
        match length {
            Length::Runs(wanted) => runs >= wanted,
            Length::Seconds(limit) => {
                let enough = self.total >= limit && runs >= FEWEST;
                enough || runs > 0 && self.total >= limit * PATIENCE
            }
        }
    }

    fn time(&mut self, allocations: fn() -> u64) {
        let before = allocations();
        let start = Instant::now();
        let result = black_box((self.work)());
        let time = start.elapsed().as_secs_f64();
        let allocated = allocations().saturating_sub(before);
        if let Err(error) = result {
            self.failure = Some(error);
            return;
        }
        self.allocations = self.allocations.min(allocated);
        self.total += time;
        self.times.push(time);
    }

    /// The turns of one round: a share of the time or of the runs, at least one.
    fn turns(&mut self, clock: Clock) {
        let (from, before) = (self.times.len(), self.total);
        while !self.is_done(clock.length) {
            self.time(clock.allocations);
            let is_over = match clock.length {
                Length::Runs(wanted) => self.times.len() - from >= wanted.div_ceil(ROUNDS),
                Length::Seconds(limit) => self.total - before >= limit / ROUNDS as f64,
            };
            if is_over {
                return;
            }
        }
    }
}

impl Clock {
    /// Times all lanes, in turns.
    pub(super) fn run(self, lanes: &mut [Lane], output: &mut Output) {
        for lane in &mut *lanes {
            lane.warm_up();
        }
        for round in 1.. {
            if lanes.iter().all(|lane| lane.is_done(self.length)) {
                return;
            }
            for lane in &mut *lanes {
                let name = lane.name.as_deref().unwrap_or("a large product");
                output.progress(&format!("round {round}: {name}"));
                lane.turns(self);
            }
        }
    }
}

/// A large product, computed as the passes compute theirs: the measure of speed.
pub(super) struct Peak<T: Element> {
    program: Program,
    inputs: Inputs<T>,
}

impl<T: Element> Peak<T> {
    pub(super) fn new() -> Result<Self, RunError> {
        let file = language::parse("product.hbp", PRODUCT)?;
        let module = file.module("product")?;
        let outputs = [("z".to_owned(), module.output.1)];
        let sizes = Sizes::from([("n".into(), PEAK_SIZE)]);
        let program = compile(&module.graph, &outputs, &sizes)?;
        let entry = |i: usize, j: usize| T::number((i * 7 + j * 3) as f64 / 10.0 % 1.0 - 0.5);
        let matrix = DMatrix::from_fn(PEAK_SIZE, PEAK_SIZE, entry);
        let inputs = ["A", "B"].map(|name| (name.into(), matrix.clone())).into();
        Ok(Self { program, inputs })
    }

    pub(super) fn lane(&self) -> Lane<'_> {
        let counts = Counts {
            flops: self.program.flops(),
            ..Counts::default()
        };
        let mut executor = Executor::new(&self.program);
        let work = move || {
            executor.run(&self.inputs)?;
            Ok(None)
        };
        Lane::new(None, counts, Box::new(work))
    }
}
