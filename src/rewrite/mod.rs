//! Rewriting: the rule book, the phases that run it on e-graphs, extraction and proofs.
//!
//! This floor knows no curvature modes and no text of the user's; approximations never enter an e-graph.

mod analysis;
mod approximation;
mod book;
mod check;
mod condition;
mod enode;
mod extract;
mod fact;
mod fingerprint;
mod insert;
mod load;
mod normalise;
mod notation;
mod phase;
mod proof;
mod simplify;
mod solve;
mod symmetric;

pub use approximation::Approximation;
pub use book::{BookError, Rule, RuleBook};
pub use check::{RuleCheck, check_approximation, check_book, check_rule};
pub use extract::Style;
pub(crate) use normalise::{normalise, normalise_flat};
pub use phase::{Phase, PhaseReport};
pub use proof::Rewriting;
pub use simplify::{Report, RewriteError, Rewriter};
pub use solve::Solving;
pub(crate) use symmetric::pair_transposes;
