//! The passes of a network by name. Why one list: what `bench` times is what `plan` prints.

use crate::cli::failure::Failure;
use crate::hbp::Scheme;
use crate::network::{Batch, Curvature, Message, RunOptions, Solver, Step, Task};

/// A pass that is one program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// The mean loss.
    Forward,
    /// And the mean gradients.
    Gradient,
    /// And the Hessian blocks.
    Blocks(Batch, Curvature),
    /// The mean loss, and new parameters by gradient descent.
    Descend,
    /// The mean loss, and new parameters by Eq. 8.
    Update(Batch, Curvature),
    /// And the blocks of a scheme of the literature.
    Scheme(&'static str, Scheme),
}

/// All passes, from the cheap to the dear.
pub(super) fn all() -> Vec<Pass> {
    let batches = [Batch::AverageJacobian, Batch::AverageHessian, Batch::Exact];
    let curvatures = [
        Curvature::Hessian,
        Curvature::GaussNewton,
        Curvature::PositiveAbs,
        Curvature::PositiveClip,
        Curvature::Fisher,
    ];
    let blocks = batches.map(|batch| curvatures.map(|curvature| Pass::Blocks(batch, curvature)));
    let mut passes = vec![Pass::Forward, Pass::Gradient];
    passes.extend(blocks.into_iter().flatten());
    passes.push(Pass::Scheme("kflr", Scheme::Kflr));
    passes.push(Pass::Descend);
    // An update is one program or none, and no program has a Hessian for every sample.
    let averages = [Batch::AverageJacobian, Batch::AverageHessian];
    let updates = averages.map(|batch| curvatures.map(|curvature| Pass::Update(batch, curvature)));
    passes.extend(updates.into_iter().flatten());
    passes
}

impl Pass {
    /// Its name on the command line and in JSON.
    pub(super) fn name(self) -> String {
        match self {
            Self::Forward => "forward".to_owned(),
            Self::Gradient => "gradient".to_owned(),
            Self::Blocks(batch, curvature) => format!("{batch}/{curvature}"),
            Self::Descend => "update/sgd".to_owned(),
            Self::Update(batch, curvature) => format!("update/{batch}/{curvature}"),
            Self::Scheme(name, _) => name.to_owned(),
        }
    }

    /// What it yields.
    pub(super) fn task(self) -> Task {
        match self {
            Self::Forward => Task::Forward,
            Self::Gradient => Task::Gradient,
            Self::Blocks(..) | Self::Scheme(..) => Task::Curvature,
            Self::Descend => Task::Descend(Step::default().rate),
            // With mean Jacobians a step has a closed form; otherwise it is the paper's.
            Self::Update(batch, _) => Task::Update(Step {
                solver: if batch == Batch::AverageJacobian {
                    Solver::Exact
                } else {
                    Solver::conjugate_gradients()
                },
                ..Step::default()
            }),
        }
    }

    /// The options with its modes.
    pub(super) fn options(self, options: &RunOptions) -> RunOptions {
        // Without blocks every network is one program in every mode; the cheapest to derive is taken.
        let (batch, curvature, message) = match self {
            Self::Forward | Self::Gradient | Self::Descend => (
                Batch::AverageJacobian,
                Curvature::GaussNewton,
                Message::Hessian,
            ),
            Self::Blocks(batch, curvature) | Self::Update(batch, curvature) => {
                (batch, curvature, Message::Hessian)
            }
            Self::Scheme(_, scheme) => {
                let modes = scheme.modes();
                (modes.batch, modes.curvatures[0], modes.message)
            }
        };
        RunOptions {
            curvature,
            batch,
            message,
            ..options.clone()
        }
    }
}

/// The pass of a name.
pub(super) fn named(name: &str) -> Result<Pass, Failure> {
    let found = all().into_iter().find(|pass| pass.name() == name);
    found.ok_or_else(|| unknown(name, &all().into_iter().map(Pass::name).collect::<Vec<_>>()))
}

/// Refuses a name or pattern that is none of the known.
pub(super) fn unknown(name: &str, known: &[String]) -> Failure {
    Failure::bad_input(
        format!("no pass is called `{name}`"),
        format!("the passes are {}", known.join(", ")),
    )
}

/// True when a name is of a form in which `*` stands for anything.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(start) else {
        return false;
    };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let end = pieces.pop().unwrap_or_default();
    // Between stars the first place is as good as any.
    for piece in pieces {
        match name.split_once(piece) {
            Some((_, after)) => name = after,
            None => return false,
        }
    }
    name.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_choose_names() {
        for (pattern, name, expected) in [
            ("kflr", "kflr", true),
            ("kflr", "kflrs", false),
            ("*", "", true),
            ("average-*/pch-abs", "average-hessian/pch-abs", true),
            ("average-*/pch-abs", "average-hessian/pch-clip", false),
            ("*/*", "gradient", false),
            ("*a*", "gradient", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn names_are_of_one_pass_each() {
        let names: std::collections::BTreeSet<String> = all().into_iter().map(Pass::name).collect();
        assert_eq!(names.len(), all().len());
        for name in names {
            assert_eq!(named(&name).map(Pass::name), Ok(name));
        }
    }
}
