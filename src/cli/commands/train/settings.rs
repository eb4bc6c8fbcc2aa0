//! The settings of a run from what was asked for. Why all in words: they are what `config.json` holds.

use std::path::{Path, PathBuf};

use super::{data_outline, failed};
use crate::cli::arguments::{OptimizerChoice, Steps, Train};
use crate::cli::choices::word;
use crate::cli::commands::options;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::source;
use crate::cli::threads::threads;
use crate::data::DataSource;
use crate::hbp::{Scheme, SchemeModes};
use crate::network::{RunOptions, Target, target};
use crate::training::{Settings, default_network};

/// The settings of a new run.
pub(super) fn settings(arguments: &Train, output: &mut Output) -> Result<Settings, Failure> {
    let mut settings = Settings::defaults();
    if let Some(data) = &arguments.data {
        settings.data.clone_from(data);
    }
    settings.threads = threads(arguments.resources.threads);
    settings.epochs = arguments.epochs.unwrap_or(settings.epochs);
    settings.batch_size = arguments
        .batch_size
        .map_or(settings.batch_size, |size| size as usize);
    settings.seed = arguments.seed.unwrap_or(settings.seed);
    settings.checkpoint_seconds = arguments
        .checkpoint_seconds
        .unwrap_or(settings.checkpoint_seconds);
    settings.diagnostics = arguments.diagnostics.unwrap_or(0);
    if let Some(dtype) = &arguments.dtype {
        settings.dtype = word(dtype);
    }
    if let Some(path) = &arguments.parameters {
        settings.parameters = absolute(path).display().to_string();
    }
    settings.dims = arguments.dims.iter().cloned().collect();
    with_steps(&mut settings, &arguments.steps)?;
    settings.method().map_err(|error| failed(&error))?;
    with_network(&mut settings, arguments, output)?;
    settings.data = placed(&settings.data);
    Ok(settings)
}

/// Where data are, from whatever folder the run goes on.
pub(in crate::cli::commands) fn placed(data: &str) -> String {
    let source: DataSource = data.parse().unwrap_or_else(|never| match never {});
    match source {
        DataSource::Folder(path) | DataSource::Npz(path) => absolute(&path).display().to_string(),
        known @ DataSource::Known(_) => known.to_string(),
    }
}

/// A path from the root, if there is something.
fn absolute(path: &Path) -> PathBuf {
    let found = path.exists().then(|| std::path::absolute(path).ok());
    found.flatten().unwrap_or_else(|| path.to_owned())
}

/// Takes up what a step is.
fn with_steps(settings: &mut Settings, steps: &Steps) -> Result<(), Failure> {
    use OptimizerChoice::{Adam, HessianFree, Kfac, Kflr, Kfra, Newton, Sgd};
    let optimizer = steps.optimizer.unwrap_or(Newton);
    settings.optimizer = word(&optimizer);
    let scheme = match optimizer {
        Kfac => Some(Scheme::Kfac),
        Kfra => Some(Scheme::Kfra),
        Kflr => Some(Scheme::Kflr),
        Sgd | Adam | Newton | HessianFree => None,
    };
    if optimizer == Adam {
        settings.learning_rate = 1e-3;
    }
    if optimizer == HessianFree {
        "ggn".clone_into(&mut settings.curvature);
    }
    if let Some(scheme) = scheme {
        let SchemeModes {
            curvatures,
            batch,
            message,
            targets,
        } = scheme.modes();
        settings.curvature = curvatures[0].to_string();
        settings.batch = batch.to_string();
        settings.message = message.to_string();
        settings.samples = targets.map_or(0, |targets| targets as usize);
        if optimizer == Kfra {
            "activation-affine".clone_into(&mut settings.compose);
        }
    }
    let text = |slot: &mut String, word: Option<String>| {
        if let Some(word) = word {
            *slot = word;
        }
    };
    text(&mut settings.curvature, steps.curvature.as_ref().map(word));
    text(&mut settings.batch, steps.batch.as_ref().map(word));
    text(&mut settings.compose, steps.compose.clone());
    text(&mut settings.solver, steps.solver.as_ref().map(word));
    text(&mut settings.blocks, steps.blocks.clone());
    text(&mut settings.damping, steps.damping.as_ref().map(word));
    text(
        &mut settings.initialisation,
        steps.initialisation.as_ref().map(word),
    );
    let drops = ["ggn", "fisher"].contains(&settings.curvature.as_str());
    if optimizer == Newton && drops && settings.batch == "exact" {
        // The same blocks, by a few columns of a root for every sample.
        "root".clone_into(&mut settings.message);
    }
    settings.alpha = steps.alpha.unwrap_or(settings.alpha);
    settings.learning_rate = steps.lr.unwrap_or(settings.learning_rate);
    settings.momentum = steps.momentum.unwrap_or(settings.momentum);
    settings.tolerance = steps.tolerance.unwrap_or(settings.tolerance);
    settings.iterations = steps.iterations.map_or(settings.iterations, |n| n as usize);
    settings.samples = steps.samples.map_or(settings.samples, |n| n as usize);
    all_are_read(settings, optimizer, steps)
}

/// What a step does not read, or an optimiser has fixed, is not taken in silence.
fn all_are_read(
    settings: &Settings,
    optimizer: OptimizerChoice,
    steps: &Steps,
) -> Result<(), Failure> {
    use OptimizerChoice::{Kfac, Kflr, Kfra};
    let fixed: &[&str] = match optimizer {
        Kfac => &["curvature", "batch"],
        Kfra | Kflr => &["curvature", "batch", "samples"],
        _ => &[],
    };
    let unread = settings.unread();
    let given = [
        ("curvature", steps.curvature.is_some()),
        ("batch", steps.batch.is_some()),
        ("compose", steps.compose.is_some()),
        ("solver", steps.solver.is_some()),
        ("blocks", steps.blocks.is_some()),
        ("alpha", steps.alpha.is_some()),
        ("damping", steps.damping.is_some()),
        ("tolerance", steps.tolerance.is_some()),
        ("iterations", steps.iterations.is_some()),
        ("samples", steps.samples.is_some()),
        ("momentum", steps.momentum.is_some()),
    ];
    let idle = |(name, is_given): &&(&str, bool)| {
        *is_given && (unread.contains(name) || fixed.contains(name))
    };
    let Some((name, _)) = given.iter().find(idle) else {
        return Ok(());
    };
    let of_solver = ["tolerance", "iterations"].contains(name) && !unread.contains(&"alpha");
    Err(if of_solver {
        Failure::bad_input(
            format!("--{name} says nothing to --solver {}", settings.solver),
            "leave it out, or take --solver cg",
        )
    } else {
        Failure::bad_input(
            format!(
                "--{name} says nothing to --optimizer {}",
                settings.optimizer
            ),
            "leave one of the two out; --optimizer newton takes every curvature and batch mode",
        )
    })
}

/// Takes up the network of the file, or a small one for the data.
fn with_network(
    settings: &mut Settings,
    arguments: &Train,
    output: &mut Output,
) -> Result<(), Failure> {
    let Some(path) = &arguments.file else {
        let source: DataSource = settings.data.parse().unwrap_or_else(|never| match never {});
        let (features, outputs, is_classification) = data_outline(&source, settings)?;
        settings.text = default_network(features, outputs, is_classification, &[32, 16]);
        "default.hbp".clone_into(&mut settings.file);
        "net".clone_into(&mut settings.network);
        return Ok(());
    };
    let file = source::file(path, output)?;
    let options = RunOptions {
        network: arguments.network.clone(),
        ..RunOptions::default()
    };
    settings.network = match target(&file, &options).map_err(|e| options::failed(&e, output))? {
        Target::Network(name) => name.to_string(),
        Target::Module(name) => {
            return Err(Failure::bad_input(
                format!("`{name}` is a module; a network is trained"),
                "write a network that ends in a loss",
            ));
        }
    };
    file.source().text().clone_into(&mut settings.text);
    settings.file = crate::cli::input::name(path);
    Ok(())
}
