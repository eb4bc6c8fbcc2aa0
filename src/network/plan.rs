//! The compiled kernels as text. Why: what is computed, in which order and at what cost can be read before anything
//! runs.

use std::fmt::Write;

use super::binding::list;
use super::module::{named_sizes, program};
use super::pass::{Pass, Upstream};
use super::prepare::{Definition, Prepared, define, prepare};
use super::{RunError, RunOptions};
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
        "module {}{}\n{program}\n",
        module.name,
        written(&sizes)
    ))
}

/// The kernels of a network, one section for every distinct module.
///
/// # Errors
/// As [`plan_module`], and when the network is not defined.
pub fn plan_network(file: &File, name: &str, options: &RunOptions) -> Result<String, RunError> {
    let Definition {
        network,
        dimensions,
    } = define(file, name, options)?;
    let mut options = options.clone();
    options.sizes.retain(|name, _| dimensions.contains(name));
    let sizes = named_sizes(&dimensions, &options.sizes)?;
    let prepared = prepare(&network, &sizes, &options)?;
    let mut text = format!("network {name}{}, per sample\n", written(&sizes));
    for (place, pass) in prepared.passes.iter().enumerate() {
        section(&mut text, &prepared, place, pass);
    }
    let sum = |of: &dyn Fn(&super::prepare::Stage, &Pass) -> u64| {
        let stages = prepared.stages.iter();
        stages.fold(0u64, |sum, stage| {
            sum.saturating_add(of(stage, &prepared.passes[stage.pass]))
        })
    };
    let each = sum(&|stage, pass| {
        let is_loss = stage.upstream == Upstream::Loss;
        let forward = if is_loss { 0 } else { pass.forward.flops() };
        let backward = if stage.runs_backward() {
            pass.backward.flops()
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
    let once = if options.batch.is_average() {
        format!(", {once} flops once for all")
    } else {
        String::new()
    };
    let _ = writeln!(
        text,
        "\nnetwork total  {}, {}, {each} flops a sample{once}",
        counted(prepared.stages.len(), "node"),
        counted(prepared.passes.len(), "distinct module")
    );
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
    Ok(text)
}

fn section(text: &mut String, prepared: &Prepared, place: usize, pass: &Pass) {
    let users: Vec<&super::prepare::Stage> = prepared
        .stages
        .iter()
        .filter(|stage| stage.pass == place)
        .collect();
    let Some(first) = users.first() else { return };
    let names = list(users.iter().map(|stage| format!("`{}`", stage.name)));
    if first.upstream == Upstream::Given {
        let _ = writeln!(
            text,
            "\n{} of {names}, forward\n{}",
            first.module, pass.forward
        );
    }
    if first.runs_backward() {
        let direction = match first.upstream {
            Upstream::Given => "backward",
            Upstream::Loss => "forward and backward",
        };
        let _ = writeln!(
            text,
            "\n{} of {names}, {direction}\n{}",
            first.module, pass.backward
        );
        if let Some(combine) = &pass.combine {
            let _ = writeln!(
                text,
                "\n{} of {names}, once for all samples\n{combine}",
                first.module
            );
        }
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
