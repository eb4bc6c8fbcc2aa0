//! What of a file is run. Why one place: a file may hold networks and modules, and which of them is meant must be the
//! same for every command.

use super::arrays::Items;
use super::binding::list;
use super::module::fit;
use super::pass::concrete;
use super::prepare::{Definition, define};
use super::{
    Blocks, Estimate, Message, RunError, RunOptions, Sampling, plan_module, plan_network,
    run_module, run_network_telling,
};
use crate::data::Outlines;
use crate::expr::Name;
use crate::language::File;

/// The definition that a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A module.
    Module(Name),
    /// A network.
    Network(Name),
}

/// The definition of a file that is run: the one asked for, else its only network, else its only module.
///
/// # Errors
/// When it does not exist, or there are several.
pub fn target(file: &File, options: &RunOptions) -> Result<Target, RunError> {
    if let Some(name) = &options.module {
        file.module(name)?;
        return Ok(Target::Module(name.as_str().into()));
    }
    let networks = file.networks();
    if let Some(name) = &options.network {
        let name: Name = name.as_str().into();
        if !networks.contains(&name) {
            // The file knows best what to say.
            file.network(&name)?;
        }
        return Ok(Target::Network(name));
    }
    let modules = file.modules();
    let source = file.source().name();
    let several = |kind: &str, names: &[Name]| {
        RunError::input(
            format!("{source} holds {} {kind}s", names.len()),
            format!(
                "choose one: --{kind} {}; there are {}",
                names[0],
                list(names.iter().map(|name| format!("`{name}`")))
            ),
        )
    };
    match (networks.as_slice(), modules.as_slice()) {
        ([network], _) => Ok(Target::Network(network.clone())),
        ([_, _, ..], _) => Err(several("network", &networks)),
        ([], [module]) => Ok(Target::Module(module.clone())),
        ([], [_, _, ..]) => Err(several("module", &modules)),
        ([], []) => Err(RunError::input(
            format!("{source} holds neither a network nor a module"),
            "define one, as in `module square(x: R[n]) -> z: R[n] { z = x .* x }`",
        )),
    }
}

/// Runs the network or module of a file on arrays.
///
/// # Errors
/// As [`target`], [`run_module`] and [`run_network`](super::run_network).
///
/// ```
/// use hbp::{data::{Array, Item}, language, network::{RunOptions, run_file}};
/// let file = language::parse("square.hbp", "module square(x: R) -> z: R { z = x * x }").expect("no errors");
/// let given = [("x", 3.0), ("grad.z", 1.0), ("hess.z", 0.0)];
/// let items = given.map(|(name, value)| (name.to_owned(), Item::Array(Array::scalar(value))));
/// let options = RunOptions { dense: true, ..RunOptions::default() };
/// let results = run_file(&file, &items.into(), &options).expect("complete");
/// assert_eq!(results["grad.x"].array().expect("numbers").values, [6.0]);
/// assert_eq!(results["hess.x"].array().expect("numbers").values, [2.0]);
/// ```
pub fn run_file(file: &File, items: &Items, options: &RunOptions) -> Result<Items, RunError> {
    run_file_telling(file, items, options, &mut |_| ())
}

/// As [`run_file`]; `tell` is called with the memory that the run of a network will take, before it runs.
///
/// # Errors
/// As [`run_file`].
pub fn run_file_telling(
    file: &File,
    items: &Items,
    options: &RunOptions,
    tell: &mut dyn FnMut(&Estimate),
) -> Result<Items, RunError> {
    match target(file, options)? {
        Target::Module(name) => only_network(&name, options)
            .and_then(|()| run_module(&file.module(&name)?, items, options)),
        Target::Network(name) => {
            run_network_telling(file, &name, items, options, tell).map(|run| run.items)
        }
    }
    .map_err(|error| error.located(file))
}

/// Checks names and shapes of arrays against the network or module of a file, before any entry is read.
///
/// # Errors
/// As [`target`]; when arrays are missing, not named by the definition or of the wrong shape, all of them at once; when
/// a dimension stays open.
pub fn check_arrays(
    file: &File,
    outlines: &Outlines,
    options: &RunOptions,
) -> Result<(), RunError> {
    match target(file, options)? {
        Target::Module(name) => {
            only_network(&name, options)?;
            let module = file.module(&name)?;
            concrete(&module)?;
            fit(&module, outlines, options).map(drop)
        }
        Target::Network(name) => {
            let Definition {
                network,
                dimensions,
            } = define(file, &name, options)?;
            super::batch::fit(&network, outlines, &dimensions, options).map(drop)
        }
    }
}

/// Refuses what a network has and a module has not.
fn only_network(name: &str, options: &RunOptions) -> Result<(), RunError> {
    if options.blocks != Blocks::Parameter {
        return Err(RunError::input(
            format!("`{name}` is a module: matrices over several parameters are a network's"),
            "write a network that ends in a loss, or leave `--blocks` out",
        ));
    }
    if options.message == Message::Root || options.sampling != Sampling::Exact {
        return Err(RunError::input(
            format!(
                "`{name}` is a module: roots and drawn targets come from the loss of a network"
            ),
            "write a network that ends in a loss, or leave `--message` and `--samples` out",
        ));
    }
    if options.split.is_none() {
        return Ok(());
    }
    Err(RunError::input(
        "blocks are split by rows in networks only, and this is a module",
        "leave out --split, or define a network that uses the module",
    ))
}

/// The compiled kernels of the network or module of a file as text.
///
/// # Errors
/// As [`target`], [`plan_module`] and [`plan_network`].
pub fn plan_file(file: &File, options: &RunOptions) -> Result<String, RunError> {
    match target(file, options)? {
        Target::Module(name) => plan_module(&file.module(&name)?, options),
        Target::Network(name) => plan_network(file, &name, options),
    }
    .map_err(|error| error.located(file))
}

/// The names of results that hold a NaN or an infinity, which a function without a value there gives.
pub fn not_finite(items: &Items) -> Vec<&str> {
    let bad = |item: &crate::data::Item| {
        item.array()
            .is_some_and(|array| array.values.iter().any(|v| !v.is_finite()))
    };
    let bad = items.iter().filter(|(_, item)| bad(item));
    bad.map(|(name, _)| name.as_str()).collect()
}
