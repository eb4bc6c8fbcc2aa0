//! Matrices that are solved with and multiplied by vectors, and nothing else, are left unformed. Why not while lowering: who reads a matrix is
//! known when all outputs are lowered.

use std::collections::{BTreeMap, BTreeSet};

use super::builder::{Builder, Instruction};
use super::ir::{Block, Kernel, Representation, ValueId, View};
use super::scalar::{Number, Operand};
use super::unformed::{Unformed, iterations};

mod parts;

use parts::{Part, Parts, part};

/// How much an operation of a product with a vector, which reads memory, counts against one of a product that forms a matrix, where each solve is
/// taken to need all products that it may.
const DEARER: u64 = 2;

/// Lets solves by conjugate gradients work with the parts of their matrix, where nobody needs the whole and that takes less time.
pub(crate) fn unform(builder: &mut Builder, outputs: &[(String, Block)]) {
    let roots: BTreeSet<ValueId> = outputs.iter().flat_map(|(_, b)| b.values()).collect();
    let live = builder.live(&roots.iter().copied().collect::<Vec<_>>());
    let mut readers: BTreeMap<ValueId, Vec<ValueId>> = BTreeMap::new();
    for id in &live {
        for read in builder.instructions[id.index()].reads() {
            readers.entry(read).or_default().push(*id);
        }
    }
    let solves = live.iter().copied();
    let mut solves: BTreeSet<ValueId> = solves
        .filter(|id| system(builder, *id).is_some_and(|(_, right)| tried(right)))
        .collect();
    // One solve that needs the whole changes what the others may do.
    while !solves.is_empty() {
        let mut parting = Parting::new(builder);
        parting.decide(&live, &readers, &roots, &solves);
        parting.parts.take_apart(&parting.parted);
        let kept: BTreeSet<ValueId> = parting.worth(&solves);
        if kept == solves {
            let kernels = parting.kernels(&solves, &readers);
            for (id, kernel) in kernels {
                builder.instructions[id.index()] = Instruction::Kernel(kernel);
            }
            return;
        }
        solves = kept;
    }
}

/// The symmetric matrix of a solve, and the right sides.
fn system(builder: &Builder, id: ValueId) -> Option<(View, View)> {
    match &builder.instructions[id.index()] {
        Instruction::Kernel(Kernel::Solve {
            matrix,
            right,
            symmetric: true,
        }) if matrix.value != right.value && is_whole(builder, matrix) => Some((*matrix, *right)),
        _ => None,
    }
}

fn tried(right: View) -> bool {
    iterations(right.rows, right.cols).is_some()
}

/// The square matrix that an instruction multiplies a vector by, and the vector.
fn with_vector(builder: &Builder, id: ValueId) -> Option<(View, View, Number)> {
    match &builder.instructions[id.index()] {
        Instruction::Kernel(Kernel::Product {
            left, right, scale, ..
        }) if right.cols == 1
            && left.rows == left.cols
            && left.value != right.value
            && is_whole(builder, left) =>
        {
            Some((*left, *right, *scale))
        }
        _ => None,
    }
}

/// True for a symmetric matrix as it is stored.
fn is_whole(builder: &Builder, view: &View) -> bool {
    let value = &builder.values[view.value.index()];
    let is_symmetric = value.representation == Representation::Symmetric;
    (view.rows, view.cols) == (value.rows, value.cols) && (is_symmetric || !view.transposed)
}

/// Which values are taken apart.
struct Parting<'a> {
    builder: &'a Builder,
    parted: BTreeSet<ValueId>,
    parts: Parts<'a>,
}

impl<'a> Parting<'a> {
    fn new(builder: &'a Builder) -> Self {
        Self {
            builder,
            parted: BTreeSet::new(),
            parts: Parts::new(builder),
        }
    }

    /// Takes apart what only `solves`, vectors and what is taken apart itself read.
    fn decide(
        &mut self,
        live: &BTreeSet<ValueId>,
        readers: &BTreeMap<ValueId, Vec<ValueId>>,
        roots: &BTreeSet<ValueId>,
        solves: &BTreeSet<ValueId>,
    ) {
        // A sum or product of others, which are not looked into.
        let flat = Parts::new(self.builder);
        // Readers come before what they read.
        for id in live.iter().rev().copied() {
            let of_vector = |reader: &ValueId| {
                with_vector(self.builder, *reader).is_some_and(|(matrix, ..)| matrix.value == id)
            };
            let solved = |reader: &ValueId| {
                solves.contains(reader)
                    && system(self.builder, *reader).is_some_and(|(matrix, _)| matrix.value == id)
            };
            let inside =
                |reader: &ValueId| self.parted.contains(reader) && self.passes(*reader, id);
            let Some(readers) = readers.get(&id).filter(|_| !roots.contains(&id)) else {
                continue;
            };
            let is_asked = readers.iter().any(|r| solved(r) || inside(r));
            let is_free = |r: &ValueId| solved(r) || inside(r) || of_vector(r);
            if is_asked && readers.iter().all(is_free) && flat.of(id).is_some() {
                self.parted.insert(id);
            }
        }
    }

    /// True where what is taken apart reads `id` in a place where the parts of `id` can stand.
    fn passes(&self, reader: ValueId, id: ValueId) -> bool {
        let builder = self.builder;
        match &builder.instructions[reader.index()] {
            Instruction::Map(_, operands) => {
                let reads = operands
                    .iter()
                    .filter(|operand| matches!(operand, Operand::Read(value, _) if *value == id));
                let size = builder.values[reader.index()].rows;
                let mut parts = reads.map(|operand| part(builder, operand, size));
                let value = &builder.values[id.index()];
                // Not an array of another shape with as many entries.
                (value.rows, value.cols) == (size, size)
                    && parts.all(|part| matches!(part, Some(Part::Matrix(_))))
            }
            Instruction::Kernel(Kernel::Product { left, right, .. }) => {
                let is_product = matches!(
                    &builder.instructions[id.index()],
                    Instruction::Kernel(Kernel::Product { .. })
                );
                let mut views = [left, right].into_iter().filter(|view| view.value == id);
                is_product && views.all(|view| is_unshaped(builder, view))
            }
            _ => false,
        }
    }

    /// The solves that take less time with parts than with the whole.
    fn worth(&self, solves: &BTreeSet<ValueId>) -> BTreeSet<ValueId> {
        let inside: BTreeMap<ValueId, BTreeSet<ValueId>> =
            solves.iter().map(|id| (*id, self.inside(*id))).collect();
        let mut sharers: BTreeMap<ValueId, u64> = BTreeMap::new();
        for id in inside.values().flatten() {
            *sharers.entry(*id).or_default() += 1;
        }
        let is_worth = |solve: &ValueId| {
            let (matrix, right) = system(self.builder, *solve)?;
            let unformed = self.unformed(matrix)?;
            let saved = inside[solve].iter();
            let saved: u64 = saved
                .map(|id| self.builder.flops(*id) / sharers[id])
                .fold(0, u64::saturating_add);
            let whole = 2 * (matrix.rows as u64).saturating_mul(matrix.rows as u64);
            let more = unformed.product_flops(1).saturating_sub(whole);
            let products = iterations(right.rows, right.cols)? as u64 * right.cols as u64;
            let dearer = more.saturating_mul(products).saturating_mul(DEARER);
            Some(dearer <= saved)
        };
        let kept = solves.iter().copied();
        kept.filter(|solve| is_worth(solve) == Some(true)).collect()
    }

    /// What is taken apart for a solve.
    fn inside(&self, solve: ValueId) -> BTreeSet<ValueId> {
        let mut found = BTreeSet::new();
        let mut stack = vec![solve];
        while let Some(id) = stack.pop() {
            for read in self.builder.instructions[id.index()].reads() {
                if self.parts.terms(read).is_some() && found.insert(read) {
                    stack.push(read);
                }
            }
        }
        found
    }

    /// What computes the same without the matrices that are taken apart.
    fn kernels(
        &self,
        solves: &BTreeSet<ValueId>,
        readers: &BTreeMap<ValueId, Vec<ValueId>>,
    ) -> Vec<(ValueId, Kernel)> {
        let solved = solves.iter().filter_map(|id| {
            let (matrix, right) = system(self.builder, *id)?;
            let matrix = self.unformed(matrix)?;
            Some((*id, Kernel::UnformedSolve { matrix, right }))
        });
        let others = self.parts.ids().flat_map(|id| &readers[id]).copied();
        let others: BTreeSet<ValueId> = others.filter(|id| !solves.contains(id)).collect();
        let multiplied = others.iter().filter_map(|id| {
            let (matrix, right, scale) = with_vector(self.builder, *id)?;
            let mut matrix = self.unformed(matrix)?;
            for term in &mut matrix.terms {
                term.scale = Number(term.scale.0 * scale.0);
            }
            Some((*id, Kernel::UnformedProduct { matrix, right }))
        });
        solved.chain(multiplied).collect()
    }

    fn unformed(&self, matrix: View) -> Option<Unformed> {
        Some(Unformed {
            size: matrix.rows,
            terms: self.parts.terms(matrix.value)?.to_vec(),
        })
    }
}

/// True for an array as it is stored, or its transpose.
fn is_unshaped(builder: &Builder, view: &View) -> bool {
    let value = &builder.values[view.value.index()];
    let stored = if view.transposed {
        (view.cols, view.rows)
    } else {
        (view.rows, view.cols)
    };
    stored == (value.rows, value.cols)
}
