//! `hbp prove`: steps that prove, or numbers that refute.

use super::possible::is_possible;
use super::verdict::told;
use crate::cli::Exit;
use crate::cli::arguments::Prove;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::source;
use crate::expr::{Module, Name};
use crate::language::{File, is_identifier};
use crate::proof::{Claim, ClaimError, prove};

/// Decides a claim and prints why.
pub(super) fn run(arguments: &Prove, output: &mut Output) -> Result<Exit, Failure> {
    let file = source::file(&arguments.source.file, output)?;
    let rewriter = source::rewriter(&arguments.book)?;
    let lets = lets(arguments)?;
    let modules = candidates(&file, arguments, output)?;
    let mut failures = Vec::new();
    for (place, module) in modules.iter().enumerate() {
        if let Some(refusal) = hidden(module, &lets) {
            failures.push(refusal);
            continue;
        }
        let claim = claim(arguments, &lets, module.clone());
        match prove(&file, &claim, &rewriter) {
            Ok(verdict) => {
                let others = &modules[place + 1..];
                let others = others.iter().filter(|m| hidden(m, &lets).is_none());
                note_others(&file, &claim, others, output);
                return told(&verdict, arguments, &module.name, &rewriter, output);
            }
            Err(error) => failures.push(refused(&error, output)),
        }
    }
    // Every module refused it; the first one speaks for all.
    let first = failures.into_iter().next();
    Err(first.unwrap_or_else(|| Failure::bad_input("there is no module", "define one")))
}

/// Says which other modules the claim could have been about.
fn note_others<'a>(
    file: &File,
    claim: &Claim,
    others: impl Iterator<Item = &'a Module>,
    output: &mut Output,
) {
    let possible: Vec<String> = others
        .filter(|module| is_possible(file, claim, module))
        .map(|module| format!("`{}`", module.name))
        .collect();
    if !possible.is_empty() {
        output.note(&format!(
            "note: also possible in {}; choose with --module",
            possible.join(", ")
        ));
    }
}

fn candidates(file: &File, arguments: &Prove, output: &mut Output) -> Result<Vec<Module>, Failure> {
    let names = match &arguments.source.module {
        Some(name) => vec![Name::from(name.as_str())],
        None => file.modules(),
    };
    if names.is_empty() {
        return Err(Failure::bad_input(
            "the file defines no module whose names the two sides could use",
            "define one, or name a built-in with --module, as in --module linear",
        ));
    }
    names
        .iter()
        .map(|name| file.module(name).map_err(|e| source::invalid(&e, output)))
        .collect()
}

/// The names given with `--let`, each once, and their values.
fn lets(arguments: &Prove) -> Result<Vec<(Name, String)>, Failure> {
    let mut lets: Vec<(Name, String)> = Vec::new();
    for definition in &arguments.lets {
        let Some((name, value)) = definition.split_once('=') else {
            return Err(Failure::bad_input(
                format!("`--let {definition}` has no `=`"),
                "write --let 'D = diag(x)'",
            ));
        };
        let name = name.trim();
        if !is_identifier(name) {
            return Err(Failure::bad_input(
                format!("`{name}` in `--let {definition}` is no name for a value"),
                "a name is one word of letters, digits and `_`, as in --let 'D = diag(x)'",
            ));
        }
        if lets.iter().any(|(known, _)| **known == *name) {
            return Err(Failure::bad_input(
                format!("--let gives `{name}` twice"),
                "give every value a name of its own",
            ));
        }
        lets.push((name.into(), value.trim().to_owned()));
    }
    Ok(lets)
}

/// Refuses names that already mean something in a module.
fn hidden(module: &Module, lets: &[(Name, String)]) -> Option<Failure> {
    let locals = module.locals.iter().map(|(name, _)| name);
    let kinds: [(&str, Vec<&Name>); 4] = [
        ("an input", module.inputs.iter().collect()),
        ("a parameter", module.parameters.iter().collect()),
        ("a local", locals.collect()),
        ("the output", vec![&module.output.0]),
    ];
    lets.iter().find_map(|(name, _)| {
        let (kind, _) = kinds.iter().find(|(_, names)| names.contains(&name))?;
        Some(Failure::bad_input(
            format!(
                "--let gives `{name}` a value, but it is {kind} of the module `{}`",
                module.name
            ),
            "choose another name, or another module with --module",
        ))
    })
}

fn claim(arguments: &Prove, lets: &[(Name, String)], module: Module) -> Claim {
    Claim {
        module,
        lets: lets.to_vec(),
        left: arguments.left.clone(),
        right: arguments.right.clone(),
        seed: arguments.chance.seed,
    }
}

fn refused(error: &ClaimError, output: &Output) -> Failure {
    match error {
        ClaimError::Text(diagnostics) => source::invalid(diagnostics, output),
        ClaimError::Shapes { left, right } => Failure::bad_input(
            format!("the left side is {left}, the right side {right}"),
            "two expressions can only be equal when their shapes are",
        ),
        ClaimError::Rewrite(error) => Failure::limit(
            error,
            "prove a smaller claim, or name parts of the module by locals",
        ),
    }
}
