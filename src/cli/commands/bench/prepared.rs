//! Passes ready to be timed. Why all are compiled first: they take turns on the clock.

use std::collections::HashMap;
use std::hint::black_box;

use super::measure::{Counts, Kind, Lane};
use super::report::Report;
use super::{SeededArrays, Timed};
use crate::backend::Element;
use crate::cli::output::Output;
use crate::language::File;
use crate::network::{
    DerivationCache, ModularPass, NetworkPass, RunError, RunOptions, Sampling, Session, Task,
};

/// What is timed of.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) file: &'a File,
    pub(super) network: &'a str,
    pub(super) options: &'a RunOptions,
    pub(super) data: &'a SeededArrays,
}

/// A pass that compiles.
pub(super) struct Ready {
    timed: Timed,
    pass: Compiled,
}

enum Compiled {
    Whole(Box<NetworkPass>),
    Modular(Box<ModularPass>),
}

impl Subject<'_> {
    /// One program, or, for blocks that cannot be one, those of the modules.
    fn compile(&self, timed: Timed) -> Result<Compiled, RunError> {
        let (Timed::Pass(pass) | Timed::Compile(pass)) = timed;
        let mut options = pass.options(self.options);
        if let Timed::Compile(_) = timed {
            // Cold: nothing is known of the modules.
            options.cache = DerivationCache::default();
        }
        let found = NetworkPass::compile(self.file, self.network, &pass.task(), &options);
        let found = match found {
            Err(error) if pass.task() == Task::Curvature => {
                let modular = ModularPass::compile(self.file, self.network, &options);
                let modular = modular.map(|pass| Compiled::Modular(Box::new(pass)));
                // What stands against one program is what there is to say.
                modular.map_err(|_| error)
            }
            found => found.map(|pass| Compiled::Whole(Box::new(pass))),
        };
        found.map_err(|error| error.located(self.file))
    }
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
        let bytes = match (one.timed, &one.pass) {
            (Timed::Pass(_), Compiled::Whole(pass)) => pass.program().arena_bytes(element),
            _ => 0,
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
        let pass = match &self.pass {
            Compiled::Whole(pass) => pass,
            Compiled::Modular(pass) => return modular::<T>(timed, pass, subject),
        };
        let program = pass.program();
        let counts = Counts {
            flops: program.flops(),
            bytes: program.bytes(T::BYTES),
            arena_bytes: program.arena_bytes(T::BYTES),
            kernels: program.steps.len(),
            is_bound: program.flops_are_a_bound(),
            work: Kind::Program,
        };
        let mut session: Session<T> = Session::new(pass);
        subject.data.fill(&mut session);
        let work = move || {
            session.run()?;
            Ok(Some(session.loss()))
        };
        Lane::new(Some(timed.name()), counts, Box::new(work))
    }
}

/// A run module by module.
fn modular<'a, T: Element>(timed: Timed, pass: &'a ModularPass, subject: Subject<'a>) -> Lane<'a> {
    let counts = Counts {
        work: Kind::Modules,
        ..Counts::default()
    };
    let numbers: HashMap<String, Vec<T>> = subject.data.of_type();
    let work = move || {
        let found = |name: &str| numbers.get(name).map(Vec::as_slice);
        let run = pass.run::<T>(&found, Sampling::Exact)?;
        Ok(Some(run.loss))
    };
    Lane::new(Some(timed.name()), counts, Box::new(work))
}
