//! Passes ready to be timed. Why all are compiled first: they take turns on the clock.

use std::hint::black_box;

use super::measure::{Counts, Lane};
use super::report::Report;
use super::{SeededArrays, Timed};
use crate::backend::Element;
use crate::cli::output::Output;
use crate::language::File;
use crate::network::{DerivationCache, NetworkPass, RunError, RunOptions, Session};

/// What is timed of.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) file: &'a File,
    pub(super) network: &'a str,
    pub(super) options: &'a RunOptions,
    pub(super) data: &'a SeededArrays,
}

impl Subject<'_> {
    fn compile(&self, timed: Timed) -> Result<NetworkPass, RunError> {
        let (Timed::Pass(pass) | Timed::Compile(pass)) = timed;
        let mut options = pass.options(self.options);
        if let Timed::Compile(_) = timed {
            // Cold: nothing is known of the modules.
            options.cache = DerivationCache::default();
        }
        NetworkPass::compile(self.file, self.network, &pass.task(), &options)
            .map_err(|error| error.located(self.file))
    }
}

/// A pass that compiles.
pub(super) struct Ready {
    timed: Timed,
    pass: NetworkPass,
}

/// Compiles what was chosen; what cannot be compiled is reported as refused.
pub(super) fn prepare(
    chosen: &[Timed],
    subject: Subject,
    report: &mut Report,
    output: &mut Output,
) -> Vec<Ready> {
    let mut ready = Vec::new();
    for timed in chosen {
        output.progress(&format!("compiling {}", timed.name()));
        match subject.compile(*timed) {
            Ok(pass) => ready.push(Ready {
                timed: *timed,
                pass,
            }),
            Err(error) => report.refuse(timed.name(), error),
        }
    }
    ready
}

/// The passes in groups whose buffers fit the limit together, in order.
pub(super) fn groups(ready: Vec<Ready>, element: u64, limit: u64) -> Vec<Vec<Ready>> {
    let mut groups: Vec<Vec<Ready>> = Vec::new();
    let mut taken = u64::MAX;
    for one in ready {
        let bytes = match one.timed {
            Timed::Pass(_) => one.pass.program().arena_bytes(element),
            Timed::Compile(_) => 0,
        };
        let together = taken.saturating_add(bytes);
        if let Some(group) = groups.last_mut().filter(|_| together <= limit) {
            taken = together;
            group.push(one);
        } else {
            taken = bytes;
            groups.push(vec![one]);
        }
    }
    groups
}

impl Ready {
    /// The work of one run.
    pub(super) fn lane<'a, T: Element>(&'a self, subject: Subject<'a>) -> Lane<'a> {
        let timed = self.timed;
        if let Timed::Compile(_) = timed {
            let work = move || black_box(subject.compile(timed)).map(|_| None);
            return Lane::new(Some(timed.name()), Counts::default(), Box::new(work));
        }
        let program = self.pass.program();
        let counts = Counts {
            flops: program.flops(),
            bytes: program.bytes(T::BYTES),
            arena_bytes: program.arena_bytes(T::BYTES),
            kernels: program.steps.len(),
            is_bound: program.flops_are_a_bound(),
        };
        let mut session: Session<T> = Session::new(&self.pass);
        subject.data.fill(&mut session);
        let work = move || {
            session.run()?;
            Ok(Some(session.loss()))
        };
        Lane::new(Some(timed.name()), counts, Box::new(work))
    }
}
