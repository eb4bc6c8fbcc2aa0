//! Working memory of factorisations. Why kept: a second call of the same size asks the allocator for nothing.

use faer::dyn_stack::{MemBuffer, MemStack, StackReq};

/// Working memory that grows and is kept.
#[derive(Default)]
pub(super) struct Memory(Option<MemBuffer>);

impl Memory {
    /// So much of it.
    pub(super) fn get(&mut self, request: StackReq) -> &mut MemStack {
        let size = request.unaligned_bytes_required();
        let held = self.0.take().filter(|held| held.len() >= size);
        let held = held.unwrap_or_else(|| MemBuffer::new(StackReq::new::<u8>(size)));
        MemStack::new(self.0.insert(held))
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = self.0.as_ref().map_or(0, |held| held.len());
        write!(f, "Memory({bytes})")
    }
}
