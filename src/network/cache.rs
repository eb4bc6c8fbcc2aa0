//! Derived modules, kept by their content. Why kept: deriving is most of what preparing a pass takes, and whoever compiles many passes of a
//! network, or one at many sizes, meets the same modules again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::RunError;
use super::pass::Derived;

/// Derived modules in memory. A clone is the same memory, so that options made from others share it.
#[derive(Clone, Debug, Default)]
pub struct DerivationCache(Arc<Mutex<HashMap<String, Arc<Derived>>>>);

impl DerivationCache {
    /// How many modules it holds.
    pub fn len(&self) -> usize {
        self.locked(|known| known.len())
    }

    /// True when it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is known under a key, or what `derive` gives, which is then kept.
    pub(crate) fn get(
        &self,
        key: &str,
        derive: impl FnOnce() -> Result<Derived, RunError>,
    ) -> Result<Arc<Derived>, RunError> {
        if let Some(known) = self.locked(|known| known.get(key).cloned()) {
            return Ok(known);
        }
        // Not under the lock: deriving takes long, and twice the same is no harm.
        let derived = Arc::new(derive()?);
        self.locked(|known| known.insert(key.to_owned(), derived.clone()));
        Ok(derived)
    }

    fn locked<R>(&self, work: impl FnOnce(&mut HashMap<String, Arc<Derived>>) -> R) -> R {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
