//! The index core: a second, independent derivation with named indices. Why: an equation derived twice by means that
//! share nothing but the forward map is wrong only where both are wrong in the same way.
//!
//! An expression becomes a sum of products of tensors with named indices ([`normal_form`]); kron, vec, reshape and
//! commutation are only ways to group indices. Functions are tensors of their own, written in terms of few (exp, log,
//! powers, …), so that identities between functions become identities between polynomials. In normal form, equality
//! of what is polynomial in entries and function values is equality of text ([`equal`]), a derivative is a rule for each
//! kind of tensor ([`differentiate`], [`derive()`]), and a Kronecker product is seen from which factors share an index.
//!
//! The core knows neither rules nor e-graphs. Its weakness is that sums are multiplied out; every search has a limit
//! ([`IndexError::Limit`]).

mod arrange;
mod clear;
mod convert;
mod core;
mod derive;
mod differentiate;
mod display;
mod error;
mod evaluate;
mod exponential;
mod expression;
mod functions;
mod label;
mod lambda;
mod lower;
mod matching;
mod matrices;
mod numeric;
mod power;
mod relations;
mod simplify;
mod structure;
mod term;

pub use derive::{Derivation, Upstream, cross_block, derive, differentiate};
pub use error::IndexError;
pub use expression::{Decision, IndexExpression, equal, form_as_written, normal_form};
pub use structure::Form;
