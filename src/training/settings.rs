//! All that a run depends on, as it is written to `config.json`. Why words and numbers, and not the types that they become: the file is read by people and
//! by other programs, and by later versions.

use std::collections::BTreeMap;

use num_traits::FromPrimitive;
use serde::{Deserialize, Serialize};

use super::TrainingError;
use crate::expr::Rational;
use crate::network::{Grouping, Precision, RunError, Sampling, Solver};
use crate::optimizer::{
    Adam, Damping, HessianFree, Initialisation, Method, Momentum, Newton, Parts,
};

/// Every setting of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The version of the program that began the run.
    pub version: String,
    /// The name of the file that the network is from, for messages.
    pub file: String,
    /// The network, in the language.
    pub text: String,
    /// Its name.
    pub network: String,
    /// Sizes that neither the text nor the data give.
    pub dims: BTreeMap<String, usize>,
    /// Where the data are from: [`crate::data::DataSource`].
    pub data: String,
    /// What tells these data from others; empty before they are read.
    #[serde(default)]
    pub data_fingerprint: String,
    /// What tells the rule book from others; empty before the run begins.
    #[serde(default)]
    pub rules_fingerprint: String,
    /// `sgd`, `adam`, `newton`, `kfac`, `kfra`, `kflr` or `hessian-free`.
    pub optimizer: String,
    /// The curvature of Newton's steps.
    pub curvature: String,
    /// What becomes of the sample mean in them.
    pub batch: String,
    /// What travels backwards.
    pub message: String,
    /// Which nodes are one module.
    pub compose: String,
    /// `exact` or `cg`.
    pub solver: String,
    /// α.
    pub alpha: f64,
    /// `fixed` or `levenberg-marquardt`.
    pub damping: String,
    /// Groups of rows: [`Parts`].
    pub blocks: String,
    /// The tolerance of conjugate gradients.
    pub tolerance: f64,
    /// Their most products.
    pub iterations: usize,
    /// Targets drawn for each sample where Fisher matrices are drawn; 0 for the expectation.
    pub samples: usize,
    /// γ.
    pub learning_rate: f64,
    /// μ.
    pub momentum: f64,
    /// Adam's decays and ε.
    pub adam: [f64; 3],
    /// [`Initialisation`].
    pub initialisation: String,
    /// A file that the first parameters are from; empty for none.
    pub parameters: String,
    /// The number of epochs.
    pub epochs: u64,
    /// Samples in a step.
    pub batch_size: usize,
    /// The seed of parameters, orders and draws.
    pub seed: u64,
    /// `f64` or `f32`.
    pub dtype: String,
    /// Threads.
    pub threads: usize,
    /// Epochs between diagnostics of the blocks; 0 for none.
    pub diagnostics: u64,
    /// The most seconds between checkpoints.
    pub checkpoint_seconds: f64,
}

impl Settings {
    /// What a bare `hbp train` uses, without a network.
    pub fn defaults() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            file: String::new(),
            text: String::new(),
            network: String::new(),
            dims: BTreeMap::new(),
            data: "digits".to_owned(),
            data_fingerprint: String::new(),
            rules_fingerprint: String::new(),
            optimizer: "newton".to_owned(),
            curvature: "pch-abs".to_owned(),
            batch: "average-jacobian".to_owned(),
            message: "hessian".to_owned(),
            compose: "none".to_owned(),
            solver: "exact".to_owned(),
            alpha: 0.02,
            damping: "levenberg-marquardt".to_owned(),
            blocks: "1".to_owned(),
            tolerance: 0.1,
            iterations: 50,
            samples: 0,
            learning_rate: 0.1,
            momentum: 0.9,
            adam: [0.9, 0.999, 1e-8],
            initialisation: "xavier-normal".to_owned(),
            parameters: String::new(),
            epochs: 20,
            batch_size: 50,
            seed: 0,
            dtype: "f32".to_owned(),
            threads: 1,
            diagnostics: 0,
            checkpoint_seconds: 60.0,
        }
    }

    /// The names of the settings of a step that the optimiser, or the solver, does not read.
    pub fn unread(&self) -> Vec<&'static str> {
        let of_blocks = ["batch", "message", "compose", "solver", "blocks", "samples"];
        let of_systems = ["curvature", "alpha", "damping", "tolerance", "iterations"];
        match (self.optimizer.as_str(), self.solver.as_str()) {
            ("sgd", _) => [&of_blocks[..], &of_systems, &["adam"]].concat(),
            ("adam", _) => [&of_blocks[..], &of_systems, &["momentum"]].concat(),
            ("hessian-free", _) => [&of_blocks[..], &["momentum", "adam"]].concat(),
            (_, "exact") => vec!["tolerance", "iterations", "momentum", "adam"],
            _ => vec!["momentum", "adam"],
        }
    }

    /// The options by which steps become smaller, in words.
    pub fn smaller_steps(&self) -> &'static str {
        if self.unread().contains(&"alpha") {
            "a smaller --lr would make smaller steps"
        } else if self.damping != "fixed" {
            "a smaller --lr or more --alpha would make smaller steps"
        } else if self.batch == "average-jacobian" && !self.unread().contains(&"batch") {
            "--damping levenberg-marquardt, more --alpha or a smaller --lr would make smaller steps, and --batch average-hessian sees curvature that a mean Jacobian averages away"
        } else {
            "--damping levenberg-marquardt, more --alpha or a smaller --lr would make smaller steps"
        }
    }

    /// The optimiser.
    ///
    /// # Errors
    /// When a word is unknown or a number out of range.
    pub fn method(&self) -> Result<Method, TrainingError> {
        let wrong = |message: String| {
            TrainingError::setting(message, "`hbp train --help` lists the settings")
        };
        let damping = match self.damping.as_str() {
            "fixed" => Damping::Fixed(self.alpha),
            "levenberg-marquardt" => Damping::LevenbergMarquardt {
                initial: self.alpha,
            },
            other => {
                return Err(wrong(format!(
                    "`{other}` is no damping; it is fixed or levenberg-marquardt"
                )));
            }
        };
        let curvature = self.curvature.parse().map_err(|e| wrong(format!("{e}")))?;
        let method = match self.optimizer.as_str() {
            "sgd" => Method::Momentum(Momentum {
                rate: self.learning_rate,
                momentum: self.momentum,
            }),
            "adam" => {
                let [first, second, epsilon] = self.adam;
                Method::Adam(Adam {
                    rate: self.learning_rate,
                    first,
                    second,
                    epsilon,
                })
            }
            "hessian-free" => Method::HessianFree(HessianFree {
                curvature,
                damping,
                rate: self.learning_rate,
                tolerance: self.tolerance,
                iterations: self.iterations,
            }),
            "newton" | "kfac" | "kfra" | "kflr" => Method::Newton(Newton {
                curvature,
                batch: self.batch.parse().map_err(|e| wrong(format!("{e}")))?,
                message: self.message.parse().map_err(|e| wrong(format!("{e}")))?,
                sampling: match self.samples {
                    0 => Sampling::Exact,
                    targets => Sampling::Drawn {
                        targets,
                        seed: self.seed,
                    },
                },
                grouping: self.grouping()?,
                damping,
                rate: self.learning_rate,
                solver: self.solver()?,
                parts: self.blocks.parse::<Parts>().map_err(wrong)?,
            }),
            other => {
                return Err(wrong(format!(
                    "`{other}` is no optimiser; it is sgd, adam, newton, kfac, kfra, kflr or hessian-free"
                )));
            }
        };
        method.check().map_err(wrong)?;
        Ok(method)
    }

    fn solver(&self) -> Result<Solver, TrainingError> {
        match self.solver.as_str() {
            "exact" => Ok(Solver::Exact),
            "cg" => {
                let tolerance =
                    Rational::from_f64(self.tolerance).filter(|_| self.tolerance >= 0.0);
                let tolerance = tolerance.ok_or_else(|| {
                    TrainingError::setting(
                        format!(
                            "the tolerance {} of conjugate gradients is no number from 0 on",
                            self.tolerance
                        ),
                        "the paper takes 0.1",
                    )
                })?;
                Ok(Solver::ConjugateGradients {
                    tolerance,
                    iterations: self.iterations,
                })
            }
            other => Err(TrainingError::setting(
                format!("`{other}` is no solver; it is exact or cg"),
                "`hbp train --help` lists the settings",
            )),
        }
    }

    fn grouping(&self) -> Result<Grouping, TrainingError> {
        let parsed: Result<Grouping, RunError> = self.compose.parse();
        parsed.map_err(|error| TrainingError::setting(error.message(), error.help()))
    }

    /// How weights begin.
    ///
    /// # Errors
    /// When the word is unknown.
    pub fn initial(&self) -> Result<Initialisation, TrainingError> {
        let mut all = Initialisation::ALL.into_iter();
        let found = all.find(|(_, word)| *word == self.initialisation);
        found.map(|(value, _)| value).ok_or_else(|| {
            TrainingError::setting(
                format!("`{}` is no initialisation", self.initialisation),
                "it is xavier-normal, xavier-uniform, he or zeros",
            )
        })
    }

    /// The numbers that are computed with.
    ///
    /// # Errors
    /// When the word is unknown.
    pub fn precision(&self) -> Result<Precision, TrainingError> {
        match self.dtype.as_str() {
            "f64" => Ok(Precision::Double),
            "f32" => Ok(Precision::Single),
            other => Err(TrainingError::setting(
                format!("`{other}` is no type of numbers"),
                "it is f32 or f64",
            )),
        }
    }

    /// As `config.json`.
    pub fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        format!("{text}\n")
    }

    /// From `config.json`; `path` is what messages call it.
    ///
    /// # Errors
    /// When the text is no JSON, or a setting is missing, unknown or of another type.
    pub fn from_json(path: &str, text: &str) -> Result<Self, TrainingError> {
        let wrong = |what: &str| {
            TrainingError::setting(
                format!("`{path}` holds no settings of a run: {what}"),
                "give the directory of a run that `hbp train` began, with the same version",
            )
        };
        let settings: Self =
            serde_json::from_str(text).map_err(|error| wrong(&error.to_string()))?;
        let faults = [
            (settings.batch_size == 0, "a batch has no samples"),
            (
                !(settings.checkpoint_seconds >= 0.0 && settings.checkpoint_seconds.is_finite()),
                "the seconds between checkpoints are no number from 0 on",
            ),
        ];
        match faults.iter().find(|(is_fault, _)| *is_fault) {
            Some((_, what)) => Err(wrong(what)),
            None => Ok(settings),
        }
    }
}
