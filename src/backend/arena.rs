//! The arena: one piece of memory for all buffers of a program. Why one: where each value lies is known before anything runs, so
//! that running asks the allocator for nothing.

use smallvec::SmallVec;

use crate::kernel::{Program, ValueId};

use super::element::Element;

/// Buffers begin at multiples of so many entries, which is a cache line or two.
const ALIGNMENT: usize = 16;

/// The buffers of a program, each shared by values that are never alive together.
#[derive(Debug)]
pub(crate) struct Arena<T> {
    entries: Vec<T>,
    /// Where each buffer begins.
    starts: Vec<usize>,
}

/// What a step writes, output by output.
type Outputs<'a, T> = SmallVec<[&'a mut [T]; 32]>;

/// What a step does not write: where each stretch of it begins, and its entries.
pub(crate) struct Rest<'a, T> {
    stretches: SmallVec<[(usize, &'a [T]); 33]>,
    starts: &'a [usize],
}

impl<T: Element> Arena<T> {
    /// Buffers for `program`.
    pub(crate) fn new(program: &Program) -> Self {
        let mut end = 0;
        let mut starts = Vec::with_capacity(program.buffers.len());
        for size in &program.buffers {
            starts.push(end);
            end += size.next_multiple_of(ALIGNMENT);
        }
        Self {
            entries: vec![T::zero(); end],
            starts,
        }
    }

    /// Where a stored value lies; nothing for an input that the caller keeps.
    pub(crate) fn place(&self, program: &Program, value: ValueId) -> Option<(usize, usize)> {
        let buffer = program.buffer_of[value.index()]?;
        Some((self.starts[buffer], program.values[value.index()].len()))
    }

    /// The entries of a stored value.
    pub(crate) fn get(&self, program: &Program, value: ValueId) -> &[T] {
        match self.place(program, value) {
            Some((start, size)) => &self.entries[start..start + size],
            None => &[],
        }
    }

    /// The entries of a stored value, to be written.
    pub(crate) fn get_mut(&mut self, program: &Program, value: ValueId) -> &mut [T] {
        match self.place(program, value) {
            Some((start, size)) => &mut self.entries[start..start + size],
            None => &mut [],
        }
    }

    /// Copies a stored value to the place of another of the same size.
    pub(crate) fn copy(&mut self, program: &Program, from: ValueId, to: ValueId) {
        if let (Some((from, size)), Some((to, _))) =
            (self.place(program, from), self.place(program, to))
        {
            self.entries.copy_within(from..from + size, to);
        }
    }

    /// Takes the places that a step writes apart from all others. No two of them overlap.
    pub(crate) fn carve(
        &mut self,
        program: &Program,
        written: &[ValueId],
    ) -> (Outputs<'_, T>, Rest<'_, T>) {
        let places = written.iter().map(|value| self.place(program, *value));
        let mut order: SmallVec<[(usize, usize, usize); 32]> = places
            .enumerate()
            .filter_map(|(k, place)| place.map(|(start, size)| (start, size, k)))
            .collect();
        order.sort_unstable();
        let mut outputs: SmallVec<[(usize, &mut [T]); 32]> = SmallVec::new();
        let mut stretches = SmallVec::new();
        let mut tail = self.entries.as_mut_slice();
        let mut at = 0;
        for (start, size, k) in order {
            let (gap, after) = tail.split_at_mut(start - at);
            stretches.push((at, &*gap));
            let (output, after) = after.split_at_mut(size);
            outputs.push((k, output));
            (tail, at) = (after, start + size);
        }
        stretches.push((at, &*tail));
        outputs.sort_unstable_by_key(|(k, _)| *k);
        let rest = Rest {
            stretches,
            starts: &self.starts,
        };
        (
            outputs.into_iter().map(|(_, output)| output).collect(),
            rest,
        )
    }
}

impl<'a, T> Rest<'a, T> {
    /// The entries of a stored value that is not being written.
    pub(crate) fn get(&self, program: &Program, value: ValueId) -> &'a [T] {
        let Some(buffer) = program.buffer_of[value.index()] else {
            return &[];
        };
        let (start, size) = (self.starts[buffer], program.values[value.index()].len());
        let found = self.stretches.iter().rev().find(|(at, _)| *at <= start);
        found.map_or(&[], |(at, stretch)| &stretch[start - at..start - at + size])
    }
}
