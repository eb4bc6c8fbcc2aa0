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
        let used = file.network_modules(&name).unwrap_or_default();
        modules.extend(used.into_iter().filter(|m| seen.insert(m.name.clone())));
    }
    Ok(modules)
}
