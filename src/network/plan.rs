//! The compiled kernels as text. Why: what is computed, in which order and at what cost can be read before anything
//! runs.

use std::fmt::Write;

use super::binding::list;
use super::compiled::Pass;
use super::ledger::estimated;
use super::module::{named_sizes, program};
use super::pass::Upstream;
use super::prepare::{Definition, Prepared, prepare, sized};
use super::programs::Programs;
use super::{Message, NetworkPass, RunError, RunOptions, Target, Task, target};
use crate::expr::{Module, Sizes};
use crate::language::File;

/// The kernels of a module at the sizes of `options`.
///
/// # Errors
/// When a dimension has no size, or the module is abstract, cannot be derived, or does not fit the memory limit.
pub fn plan_module(module: &Module, options: &RunOptions) -> Result<String, RunError> {
    super::pass::concrete(module)?;
    let sizes = named_sizes(&module.dimensions(), &options.sizes)?;
    let program = program(module, &sizes, options)?;
    Ok(format!(
        "module {}{}\n{}\n",
        module.name,
        written(&sizes),
        program.printed(options.precision.bytes())
    ))
}

/// The kernels of a network, one section for every distinct module.
///
/// # Errors
/// As [`plan_module`], and when the network is not defined.
pub fn plan_network(file: &File, name: &str, options: &RunOptions) -> Result<String, RunError> {
    let (Definition { network, .. }, sizes, options) = sized(file, name, options)?;
    super::modes::check_modes(&network, &options)?;
    let samples = options.batch_size;
    let prepared = prepare(&network, &sizes, samples, &options)?;
    let mut text = format!(
        "network {name}{}, {} side by side\n",
        written(&sizes),
        counted(samples, "sample")
    );
    for (place, pass) in prepared.passes.iter().enumerate() {
        section(
            &mut text,
            &prepared,
            (place, pass),
            options.precision.bytes(),
        );
    }
    let sum = |of: &dyn Fn(&super::draft::Stage, &Pass) -> u64| {
        let stages = prepared.stages.iter();
        stages.fold(0u64, |sum, stage| {
            sum.saturating_add(of(stage, &prepared.passes[stage.pass]))
        })
    };
    let passes = sum(&|stage, pass| {
        let is_loss = stage.upstream == Upstream::Loss;
        let forward = if is_loss {
            0
        } else {
            pass.forward.flops(samples)
        };
        let backward = if stage.runs_backward() {
            pass.backward.flops(samples)
        } else {
            0
        };
        forward.saturating_add(backward)
    });
    let once = sum(&|_, pass| {
        pass.combine
            .as_ref()
            .map_or(0, crate::kernel::Program::flops)
    });
    let column = sum(&|stage, pass| {
        if stage.upstream == Upstream::Loss {
            0
        } else {
            pass.root.flops(samples)
        }
    });
    let more = match (options.message, options.batch.is_average()) {
        (Message::Root, _) => format!(", {column} flops a column of the root"),
        (Message::Hessian, true) => format!(", {once} flops for blocks of the means"),
        (Message::Hessian, false) => {
            let each = sum(&|_, pass| pass.each.flops(1));
            format!(", {each} flops for the Hessians of each sample")
        }
    };
    let _ = writeln!(
        text,
        "\nnetwork total  {}, {}, {passes} flops{more}",
        counted(prepared.stages.len(), "node"),
        counted(prepared.passes.len(), "distinct module")
    );
    let alone = alone(&prepared);
    if !alone.is_empty() {
        let _ = writeln!(
            text,
            "without a form for all samples, and so run sample by sample: {}",
            list(alone)
        );
    }
    // Where several values are live together their Jacobians and blocks are multiplied as they come.
    let crossed = prepared
        .stages
        .iter()
        .filter(|s| s.runs_backward() && !s.crossing.is_alone);
    let crossed: Vec<String> = crossed.map(|stage| format!("`{}`", stage.name)).collect();
    if !crossed.is_empty() {
        let _ = writeln!(
            text,
            "the frontier is crossed with matrices at {}; their products are not counted",
            list(crossed)
        );
    }
    let memory = estimated(&network, &prepared, &sizes, samples, &options)?;
    let _ = writeln!(
        text,
        "a run of {} takes {memory}",
        counted(samples, "sample")
    );
    Ok(text)
}

/// The kernels of a whole pass of the network of a file, which is one program; `title` says which pass it is.
///
/// # Errors
/// As [`target`]; when that is a module; as [`NetworkPass::compile`].
pub fn plan_pass(
    file: &File,
    title: &str,
    task: &Task,
    options: &RunOptions,
) -> Result<String, RunError> {
    let name = match target(file, options)? {
        Target::Network(name) => name,
        Target::Module(name) => {
            return Err(RunError::input(
                format!("`{name}` is a module: passes are a network's"),
                "write a network that ends in a loss, or leave `--pass` out",
            ));
        }
    };
    let pass = NetworkPass::compile(file, &name, task, options);
    let pass = pass.map_err(|error| error.located(file))?;
    Ok(format!(
        "network {name}{}, {title}, {} side by side, one program\n{}\n",
        written(&options.sizes),
        counted(pass.samples(), "sample"),
        pass.program().printed(options.precision.bytes())
    ))
}

/// What runs sample by sample though all samples stand side by side: the nodes, with the results.
fn alone(prepared: &Prepared) -> Vec<String> {
    let mut found = Vec::new();
    for stage in &prepared.stages {
        let pass = &prepared.passes[stage.pass];
        let is_loss = stage.upstream == Upstream::Loss;
        let forward = (!is_loss).then_some(&pass.forward);
        let backward = stage.runs_backward().then_some(&pass.backward);
        let root = (!is_loss).then_some(&pass.root);
        let programs = [forward, backward, root, Some(&pass.factors)];
        let programs = programs.into_iter().flatten();
        let promises = programs.flat_map(|programs| &programs.promises);
        let mut names: Vec<&str> = promises
            .filter(|promise| !promise.is_batched)
            .map(|promise| promise.name.as_str())
            .collect();
        names.dedup();
        if !names.is_empty() {
            found.push(format!("`{}` ({})", stage.name, list(names)));
        }
    }
    found
}

fn section(text: &mut String, prepared: &Prepared, (place, pass): (usize, &Pass), element: u64) {
    let users: Vec<&super::draft::Stage> = prepared
        .stages
        .iter()
        .filter(|stage| stage.pass == place)
        .collect();
    let Some(first) = users.first() else { return };
    let names = list(users.iter().map(|stage| format!("`{}`", stage.name)));
    let mut write = |programs: &Programs, what: &str| {
        let both = [
            (&programs.batched, ", all samples"),
            (&programs.each, ", each sample"),
        ];
        for (program, how) in both {
            if let Some(program) = program {
                let _ = writeln!(
                    text,
                    "\n{} of {names}, {what}{how}\n{}",
                    first.module,
                    program.printed(element)
                );
            }
        }
    };
    if first.upstream == Upstream::Given {
        write(&pass.forward, "forward");
    }
    if !first.runs_backward() {
        return;
    }
    let direction = match first.upstream {
        Upstream::Given => "backward",
        Upstream::Loss => "forward and backward",
    };
    write(&pass.backward, direction);
    write(&pass.each, "Hessians of its own");
    let of_root = match first.upstream {
        Upstream::Given => "a column of the root",
        Upstream::Loss => "what the root is made of",
    };
    write(&pass.root, of_root);
    write(&pass.factors, "Kronecker factors");
    write(&pass.model, "the model of the loss");
    if let Some(combine) = &pass.combine {
        let _ = writeln!(
            text,
            "\n{} of {names}, once for all samples\n{}",
            first.module,
            combine.printed(element)
        );
    }
}

/// `1 node`, `2 nodes`.
fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn written(sizes: &Sizes) -> String {
    if sizes.is_empty() {
        return String::new();
    }
    format!(
        " at {}",
        list(sizes.iter().map(|(name, size)| format!("{name} = {size}")))
    )
}
