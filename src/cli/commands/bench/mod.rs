//! `hbp bench`: the times and counts of the compiled passes of a network on seeded data.

mod machine;
mod measure;
mod prepared;
mod report;

use super::options::{failed, memory_limit, read_grouping, sizes};
use super::passes::{self, Pass, unknown};
use crate::backend::Element;
use crate::cli::Exit;
use crate::cli::arguments::Bench;
use crate::cli::choices::Dtype;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::source;
use crate::cli::threads::{cores, pool, threads};
use crate::network::{Grouping, RunOptions, SeededArrays, Target, seeded_arrays, target};
use measure::{Clock, Length, Peak};
use prepared::{Subject, prepare};
use report::{Report, Setting};

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timed {
    /// A warm run of a pass.
    Pass(Pass),
    /// From the read file to the kernels of this pass.
    Compile(Pass),
}

impl Timed {
    fn name(self) -> String {
        match self {
            Self::Pass(pass) => pass.name(),
            Self::Compile(_) => "compile".to_owned(),
        }
    }
}

/// Times the passes and prints what was measured.
pub(super) fn run(
    arguments: &Bench,
    allocations: fn() -> u64,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let chosen = chosen(arguments.passes.as_deref())?;
    let rewriter = source::rewriter(&arguments.book)?;
    let file = source::file(&arguments.file, output)?;
    let compose = arguments.composition.compose.as_deref();
    let options = RunOptions {
        network: arguments.network.clone(),
        sizes: sizes(&arguments.dims)?,
        batch_size: arguments.batch_size as usize,
        precision: arguments.dtype.into(),
        grouping: compose.map_or(Ok(Grouping::default()), read_grouping)?,
        limit: memory_limit(arguments.resources.memory),
        rewriter,
        ..RunOptions::default()
    };
    let network = match target(&file, &options).map_err(|e| failed(&e, output))? {
        Target::Network(name) => name,
        Target::Module(name) => {
            return Err(Failure::bad_input(
                format!("`{name}` is a module; the passes of a network are timed"),
                "write a network that ends in a loss; `hbp plan` counts what a module takes",
            ));
        }
    };
    // What is wrong with the network, its sizes or its data stops here; what comes later concerns single passes.
    let data = seeded_arrays(&file, &network, &options, arguments.chance.seed);
    let data = data.map_err(|e| failed(&e, output))?;
    let (cores, threads) = (cores(), threads(arguments.resources.threads));
    let subject = Subject {
        file: &file,
        network: &network,
        options: &options,
        data: &data,
    };
    let length = match arguments.repeat {
        Some(runs) => Length::Runs(runs as usize),
        None => Length::Seconds(arguments.seconds),
    };
    let clock = Clock {
        length,
        allocations,
    };
    let pool = pool(threads)?;
    let measured = pool.install(|| match arguments.dtype {
        Dtype::F64 => measure::<f64>(&chosen, subject, clock, output),
        Dtype::F32 => measure::<f32>(&chosen, subject, clock, output),
    });
    let setting = Setting {
        machine: machine::description(cores),
        cores,
        network: &network,
        dtype: arguments.dtype,
        threads,
        options: &options,
        seed: arguments.chance.seed,
    };
    output.progress("");
    let report = measured?;
    if arguments.json {
        output.line(&report.json(&setting))?;
    } else {
        output.text(&report.text(&setting))?;
    }
    Ok(Exit::Done)
}

/// The passes asked for, in the order of the list.
fn chosen(patterns: Option<&[String]>) -> Result<Vec<Timed>, Failure> {
    let mut all: Vec<Timed> = passes::all().into_iter().map(Timed::Pass).collect();
    all.push(Timed::Compile(passes::named("average-hessian/pch-abs")?));
    let Some(patterns) = patterns else {
        return Ok(all);
    };
    let names: Vec<String> = all.iter().map(|timed| timed.name()).collect();
    let fits = |pattern: &str, name: &str| passes::fits(pattern.trim(), name);
    for pattern in patterns {
        if !names.iter().any(|name| fits(pattern, name)) {
            return Err(unknown(pattern.trim(), &names));
        }
    }
    all.retain(|timed| {
        let name = timed.name();
        patterns.iter().any(|pattern| fits(pattern, &name))
    });
    Ok(all)
}

/// Compiles and times what was chosen.
fn measure<T: Element>(
    chosen: &[Timed],
    subject: Subject,
    clock: Clock,
    output: &mut Output,
) -> Result<Report, Failure> {
    let mut report = Report::new(chosen);
    let prepared = prepare(chosen, subject, &mut report, output);
    let peak: Peak<T> = Peak::new().map_err(|e| failed(&e, output))?;
    // As many passes take turns as have room together.
    for group in prepared::groups(prepared, T::BYTES, subject.options.limit) {
        let mut lanes = Vec::with_capacity(group.len() + 1);
        lanes.push(peak.lane());
        for ready in &group {
            lanes.push(ready.lane::<T>(subject));
        }
        clock.run(&mut lanes, output);
        for lane in lanes {
            report.add(lane);
        }
    }
    if report.is_empty() {
        return Err(report.failure(output));
    }
    Ok(report)
}
