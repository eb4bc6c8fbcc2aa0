//! Curvature and batch modes: which approximations are made. Why two lists: what becomes of the second-order term and what
//! becomes of the samples are chosen apart, and every scheme of the literature is a pair.

use std::fmt;
use std::str::FromStr;

/// What becomes of the second-order term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Curvature {
    /// It is kept.
    #[default]
    Hessian,
    /// It is dropped.
    GaussNewton,
    /// Its eigenvalues become their absolute values.
    PositiveAbs,
    /// Its negative eigenvalues become zero.
    PositiveClip,
    /// It is dropped, and the loss Hessian replaced by its expectation under the model.
    Fisher,
}

/// What becomes of the sample mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Batch {
    /// Every sample has its own message.
    #[default]
    Exact,
    /// Children hand down the mean of the Hessian (Eq. 6).
    AverageHessian,
    /// The Jacobians are replaced by their mean, too (Eq. 7).
    AverageJacobian,
}

/// What travels backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Message {
    /// The Hessian at every value.
    #[default]
    Hessian,
    /// A root of it, ℋz = SS', for every sample: S has as many columns as the loss needs.
    Root,
}

impl Curvature {
    /// All of them, with their words on the command line.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Hessian, "hessian"),
        (Self::GaussNewton, "ggn"),
        (Self::PositiveAbs, "pch-abs"),
        (Self::PositiveClip, "pch-clip"),
        (Self::Fisher, "fisher"),
    ];

    /// The approximation of the rule book that a module's second-order term undergoes.
    pub fn of_module(self) -> Option<&'static str> {
        match self {
            Self::Hessian => None,
            Self::GaussNewton | Self::Fisher => Some("ggn"),
            Self::PositiveAbs => Some("pch-abs"),
            Self::PositiveClip => Some("pch-clip"),
        }
    }

    /// The approximation that the loss Hessian undergoes: positive curvature treats it like a residual.
    pub fn of_loss(self) -> Option<&'static str> {
        match self {
            Self::PositiveAbs | Self::PositiveClip => self.of_module(),
            Self::Hessian | Self::GaussNewton | Self::Fisher => None,
        }
    }
}

impl Batch {
    /// All of them, with their words on the command line.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::Exact, "exact"),
        (Self::AverageHessian, "average-hessian"),
        (Self::AverageJacobian, "average-jacobian"),
    ];

    /// True when children hand down one mean Hessian for all samples.
    pub fn is_average(self) -> bool {
        self != Self::Exact
    }

    /// The approximations of the rule book that the mean of a congruence undergoes, in order.
    pub fn of_congruence(self) -> &'static [&'static str] {
        match self {
            Self::Exact => &[],
            Self::AverageHessian => &["average-hessian"],
            Self::AverageJacobian => &["average-hessian", "average-jacobian"],
        }
    }
}

impl Message {
    /// All of them, with their words on the command line.
    pub const ALL: [(Self, &'static str); 2] = [(Self::Hessian, "hessian"), (Self::Root, "root")];
}

/// A scheme of the literature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// Hessian backpropagation itself (Dangel & Hennig).
    Hbp,
    /// Botev 2017.
    Kfra,
    /// Chen 2018.
    BdaPch,
    /// Botev 2017.
    Kflr,
    /// Martens & Grosse 2015.
    Kfac,
}

/// What a scheme sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemeModes {
    /// Its own curvature, then variants of it.
    pub curvatures: &'static [Curvature],
    /// What becomes of the samples.
    pub batch: Batch,
    /// What travels.
    pub message: Message,
    /// Targets drawn from the loss's model for each sample; the exact expectation with none.
    pub targets: Option<u32>,
}

impl Scheme {
    /// All of them, with their words on the command line.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Hbp, "hbp"),
        (Self::Kfra, "kfra"),
        (Self::BdaPch, "bda-pch"),
        (Self::Kflr, "kflr"),
        (Self::Kfac, "kfac"),
    ];

    /// What it sets.
    pub fn modes(self) -> SchemeModes {
        let (curvatures, batch, message): (&[Curvature], _, _) = match self {
            Self::Hbp => (&[Curvature::Hessian], Batch::Exact, Message::Hessian),
            Self::Kfra => (
                &[Curvature::GaussNewton],
                Batch::AverageHessian,
                Message::Hessian,
            ),
            Self::BdaPch => (
                &[Curvature::PositiveAbs, Curvature::PositiveClip],
                Batch::AverageJacobian,
                Message::Hessian,
            ),
            Self::Kflr => (
                &[Curvature::GaussNewton],
                Batch::AverageHessian,
                Message::Root,
            ),
            Self::Kfac => (&[Curvature::Fisher], Batch::AverageHessian, Message::Root),
        };
        SchemeModes {
            curvatures,
            batch,
            message,
            targets: (self == Self::Kfac).then_some(1),
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(&Self::ALL, self))
    }
}

/// A word that names no mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no value of {option}; it is one of {words}")]
pub struct UnknownMode {
    /// The word.
    pub text: String,
    /// The option it stands for.
    pub option: &'static str,
    /// The words that there are.
    pub words: String,
}

fn read<T: Copy>(
    all: &[(T, &'static str)],
    option: &'static str,
    text: &str,
) -> Result<T, UnknownMode> {
    let found = all.iter().find(|(_, word)| *word == text);
    found.map(|(value, _)| *value).ok_or_else(|| UnknownMode {
        text: text.to_owned(),
        option,
        words: (all.iter().map(|(_, word)| *word))
            .collect::<Vec<_>>()
            .join(", "),
    })
}

fn word<T: PartialEq>(all: &[(T, &'static str)], value: &T) -> &'static str {
    all.iter()
        .find(|(known, _)| known == value)
        .map_or("", |(_, word)| *word)
}

impl fmt::Display for Curvature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(&Self::ALL, self))
    }
}

impl FromStr for Curvature {
    type Err = UnknownMode;
    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        read(&Self::ALL, "--curvature", text)
    }
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(&Self::ALL, self))
    }
}

impl FromStr for Batch {
    type Err = UnknownMode;
    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        read(&Self::ALL, "--batch", text)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(&Self::ALL, self))
    }
}

impl FromStr for Message {
    type Err = UnknownMode;
    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        read(&Self::ALL, "--message", text)
    }
}
