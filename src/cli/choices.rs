//! The words of the command line. Why all of the contract's: a word that this version must refuse is understood, and
//! help says which those are.

use clap::ValueEnum;

use crate::{hbp, network};

/// What becomes of the second-order term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Curvature {
    /// It is kept.
    Hessian,
    /// It is dropped.
    Ggn,
    /// Its eigenvalues become their absolute values.
    PchAbs,
    /// Its negative eigenvalues become zero.
    PchClip,
    /// It is dropped, and the loss Hessian replaced by its expectation under the model.
    Fisher,
}

/// What becomes of the sample mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Batch {
    /// Every sample has its own message.
    Exact,
    /// Children hand down the mean of the Hessian (Eq. 6).
    AverageHessian,
    /// The Jacobians are replaced by their mean, too (Eq. 7).
    AverageJacobian,
}

/// Formats of drawings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Drawing {
    /// Graphviz: `hbp show FILE --format dot | dot -Tsvg`.
    Dot,
    /// An image for a browser: `hbp show FILE --format svg > network.svg`.
    Svg,
}

/// The schemes of the literature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Scheme {
    /// hessian, exact.
    Hbp,
    /// ggn, average-hessian (Botev 2017).
    Kfra,
    /// pch-abs, or pch-clip where asked for, average-jacobian (Chen 2018).
    BdaPch,
    /// ggn, average-hessian, roots (Botev 2017).
    Kflr,
    /// fisher of drawn targets, average-hessian, roots (Martens & Grosse 2015).
    Kfac,
}

/// What travels backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Message {
    /// The Hessian at every value.
    Hessian,
    /// A root of it for every sample, with as many columns as the loss needs.
    Root,
}

impl From<Scheme> for hbp::Scheme {
    fn from(word: Scheme) -> Self {
        match word {
            Scheme::Hbp => Self::Hbp,
            Scheme::Kfra => Self::Kfra,
            Scheme::BdaPch => Self::BdaPch,
            Scheme::Kflr => Self::Kflr,
            Scheme::Kfac => Self::Kfac,
        }
    }
}

/// Between which parameters of a network blocks are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Blocks {
    /// One block a parameter: hess.h1.W.
    #[default]
    Parameter,
    /// Also one matrix over the parameters of each node, hess.h1, with their names in the order of its rows in
    /// hess.h1.order.
    Module,
    /// Also one matrix over all parameters, hess, with their names in the order of its rows in hess.order.
    Full,
}

impl From<Blocks> for network::Blocks {
    fn from(word: Blocks) -> Self {
        match word {
            Blocks::Parameter => Self::Parameter,
            Blocks::Module => Self::Module,
            Blocks::Full => Self::Full,
        }
    }
}

impl From<Message> for hbp::Message {
    fn from(word: Message) -> Self {
        match word {
            Message::Hessian => Self::Hessian,
            Message::Root => Self::Root,
        }
    }
}

impl From<Curvature> for hbp::Curvature {
    fn from(word: Curvature) -> Self {
        match word {
            Curvature::Hessian => Self::Hessian,
            Curvature::Ggn => Self::GaussNewton,
            Curvature::PchAbs => Self::PositiveAbs,
            Curvature::PchClip => Self::PositiveClip,
            Curvature::Fisher => Self::Fisher,
        }
    }
}

impl From<Batch> for hbp::Batch {
    fn from(word: Batch) -> Self {
        match word {
            Batch::Exact => Self::Exact,
            Batch::AverageHessian => Self::AverageHessian,
            Batch::AverageJacobian => Self::AverageJacobian,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    #[default]
    Text,
    Latex,
    Json,
    /// Not available in this version.
    Html,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// (W'*hess(z)*W) .* (f*f')
    #[default]
    Hadamard,
    /// J'*hess(z)*J with J = W*diag(f)
    Congruence,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Vectorisation {
    /// Columns are stacked.
    #[default]
    Column,
    /// Rows are stacked.
    Row,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Dtype {
    #[default]
    F64,
    F32,
}

/// The word of the command line for a choice.
pub(super) fn word(choice: &impl ValueEnum) -> String {
    choice
        .to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_owned())
}
