//! The arena: the buffers of one program. Why kept: after the first run every buffer has its size, so later runs ask
//! the allocator for nothing.

use crate::kernel::{Program, ValueId};

use super::element::Element;

/// The buffers of a program, each shared by values that are never alive together.
#[derive(Debug)]
pub(crate) struct Arena<T> {
    buffers: Vec<Vec<T>>,
}

impl<T: Element> Arena<T> {
    /// Buffers for `program`.
    pub(crate) fn new(program: &Program) -> Self {
        Self {
            buffers: program
                .buffers
                .iter()
                .map(|size| vec![T::zero(); *size])
                .collect(),
        }
    }

    /// The entries of a stored value, which is no input.
    pub(crate) fn get(&self, program: &Program, value: ValueId) -> &[T] {
        let size = program.values[value.index()].len();
        match program.buffer_of[value.index()] {
            Some(buffer) => &self.buffers[buffer][..size],
            None => &[],
        }
    }

    /// Takes the buffer of a value out, so that it can be written while others are read.
    pub(crate) fn take(&mut self, program: &Program, value: ValueId) -> Vec<T> {
        program.buffer_of[value.index()]
            .map_or_else(Vec::new, |buffer| std::mem::take(&mut self.buffers[buffer]))
    }

    /// Puts it back.
    pub(crate) fn put(&mut self, program: &Program, value: ValueId, data: Vec<T>) {
        if let Some(buffer) = program.buffer_of[value.index()] {
            self.buffers[buffer] = data;
        }
    }
}
