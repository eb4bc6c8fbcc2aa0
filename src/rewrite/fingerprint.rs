//! What a book says, in one number. Why: what was derived by one book must not be taken for what another would derive.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::book::RuleBook;

/// A number that two books share only when they say the same.
pub(super) fn fingerprint(book: &RuleBook) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{book:?}").hash(&mut hasher);
    hasher.finish()
}
