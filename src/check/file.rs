//! All of a file.

use std::collections::BTreeSet;

use super::{CheckOptions, CheckReport, check_module};
use crate::expr::{Module, Name};
use crate::language::File;
use crate::network::RunError;

/// Checks the module asked for, or all modules of a file and those that its networks are made of, each once.
///
/// # Errors
/// When there is no such module, or one cannot be derived or is too large.
pub fn check_file(
    file: &File,
    module: Option<&str>,
    options: &CheckOptions,
) -> Result<Vec<CheckReport>, RunError> {
    let modules = match module {
        Some(name) => vec![file.module(name)?],
        None => modules(file)?,
    };
    let check = |module: &Module| {
        check_module(module, options)
            .map_err(|error| error.within(&format!("module `{}`", module.name)))
            .map_err(|error| error.located(file))
    };
    modules.iter().map(check).collect()
}

fn modules(file: &File) -> Result<Vec<Module>, RunError> {
    let mut seen: BTreeSet<Name> = BTreeSet::new();
    let mut modules = Vec::new();
    for name in file.modules() {
        modules.push(file.module(&name)?);
        seen.insert(name);
    }
    for name in file.networks() {
        // A network whose sizes are open is checked by what the file says of its modules.
        let Ok(network) = file.network(&name) else {
            continue;
        };
        for node in network.nodes.iter().chain([&network.loss]) {
            // A definition of its own has sizes that can be chosen small.
            if let Ok(definition) = file.module(&node.module.name) {
                if seen.insert(definition.name.clone()) {
                    modules.push(definition);
                }
                continue;
            }
            // A function bears its own name, any other expression that of its node.
            let known = if node.module.name == node.name {
                format!("{name}.{}", node.name).into()
            } else {
                node.module.name.clone()
            };
            if seen.insert(known) {
                modules.push(node.module.clone());
            }
        }
    }
    Ok(modules)
}
