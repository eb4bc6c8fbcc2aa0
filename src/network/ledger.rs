//! What a prepared run keeps, counted. Why apart from what is said of it: the numbers follow the passes, line by line, and
//! change with them.

use super::draft::Stage;
use super::estimate::Estimate;
use super::graph::Live;
use super::memory::entries;
use super::module::concrete_shape;
use super::prepare::Prepared;
use super::programs::Programs;
use super::{Blocks, Message, Precision, RunError, RunOptions, Sampling};
use crate::backend::Element;
use crate::expr::{Name, Sizes};
use crate::hbp::Over;
use crate::kernel::{Block, Program};
use crate::language::Network;

/// The memory that a prepared run takes.
pub(super) fn estimated(
    network: &Network,
    prepared: &Prepared,
    sizes: &Sizes,
    samples: usize,
    options: &RunOptions,
) -> Result<Estimate, RunError> {
    let element = match options.precision {
        Precision::Double => <f64 as Element>::BYTES,
        Precision::Single => <f32 as Element>::BYTES,
    };
    let ledger = Ledger {
        network,
        prepared,
        sizes,
        samples: samples as u64,
        options,
    };
    let (frontier, jacobians, node) = ledger.frontier()?;
    let (kept, written) = ledger.blocks()?;
    let bytes = |entries: u64| entries.saturating_mul(element);
    Ok(Estimate {
        frontier: bytes(frontier),
        jacobians: bytes(jacobians),
        node,
        samples: bytes(ledger.values()?),
        buffers: bytes(ledger.buffers()),
        blocks: bytes(kept),
        // Numbers are handed out with 64 bits whatever was computed with.
        results: written.saturating_mul(<f64 as Element>::BYTES),
    })
}

/// What is counted; all sums are of entries.
struct Ledger<'a> {
    network: &'a Network,
    prepared: &'a Prepared,
    sizes: &'a Sizes,
    samples: u64,
    options: &'a RunOptions,
}

fn square(size: u64) -> u64 {
    size.saturating_mul(size)
}

impl Ledger<'_> {
    fn all<'l>(&self, lives: impl IntoIterator<Item = &'l Live>) -> Result<u64, RunError> {
        let mut sum = 0u64;
        for live in lives {
            sum = sum.saturating_add(entries(self.network, self.sizes, live)?);
        }
        Ok(sum)
    }

    /// The Hessian and the Jacobians where both together are largest.
    fn frontier(&self) -> Result<(u64, u64, Option<Name>), RunError> {
        let mut worst = (0u64, 0u64, None);
        for (place, stage) in self.prepared.stages.iter().enumerate().rev() {
            if !stage.live {
                continue;
            }
            let value = self.all([&Live::Node(place)])?;
            if self.options.message == Message::Root {
                // The mean of SS' at every node that has parameters.
                if self.prepared.passes[stage.pass].combine.is_some() {
                    worst.0 = worst.0.saturating_add(square(value));
                }
                continue;
            }
            let crossing = &stage.crossing;
            let joint = self.all(crossing.joint.iter().map(|(_, live)| live))?;
            let (after, jacobians) = if crossing.is_alone {
                (joint, 0)
            } else {
                // Carried and second-order terms are kept for pairs in one order: each is half of a matrix.
                let terms = square(joint);
                (
                    self.all(&crossing.together)?,
                    value.saturating_mul(joint).saturating_add(terms),
                )
            };
            let hessian = square(after.max(value));
            if hessian.saturating_add(jacobians) > worst.0.saturating_add(worst.1) {
                worst = (hessian, jacobians, Some(stage.name.clone()));
            }
        }
        Ok(worst)
    }

    /// Data once, and again where they stand side by side; a value for each reader, and a gradient where parameters act.
    fn values(&self) -> Result<u64, RunError> {
        let data = self.network.inputs.iter().chain(&self.network.targets);
        let mut given = 0u64;
        for value in data {
            let (rows, cols) = concrete_shape(&value.shape, self.sizes)?;
            given = given.saturating_add((rows as u64).saturating_mul(cols as u64));
        }
        let mut passing = given;
        for (place, stage) in self.prepared.stages.iter().enumerate() {
            let copies = stage.readers.len() as u64 + u64::from(stage.live);
            let value = self.all([&Live::Node(place)])?;
            passing = passing.saturating_add(value.saturating_mul(copies));
        }
        let given = given.saturating_mul(self.samples);
        Ok(given.saturating_add(passing.saturating_mul(self.samples)))
    }

    fn buffers(&self) -> u64 {
        let of = |program: &Option<Program>| program.as_ref().map_or(0, |p| p.arena_bytes(1));
        let both = |programs: &Programs| of(&programs.batched).saturating_add(of(&programs.each));
        let passes = self.prepared.passes.iter().flat_map(|pass| {
            let programs = [
                &pass.forward,
                &pass.backward,
                &pass.each,
                &pass.root,
                &pass.factors,
                &pass.model,
            ];
            let programs = programs.map(both).into_iter();
            programs.chain([of(&pass.combine)])
        });
        passes.fold(0, u64::saturating_add)
    }

    /// The blocks as they are kept, and as they are handed out.
    fn blocks(&self) -> Result<(u64, u64), RunError> {
        let (mut kept, mut written, mut largest) = (0u64, 0u64, 0u64);
        let mut add = |block: u64, array: u64| {
            kept = kept.saturating_add(block);
            written = written.saturating_add(array);
            largest = largest.max(array);
        };
        for parameter in &self.network.parameters {
            let live = Live::Parameter(parameter.name.clone());
            let size = self.all([&live])?;
            let block = match self.options.message {
                Message::Hessian => self.block(&parameter.name, size),
                Message::Root => self.root(&parameter.name, size)?,
            };
            let array = if self.options.dense {
                square(size)
            } else {
                block
            };
            add(block, array);
        }
        for stage in &self.prepared.stages {
            let leaving = stage.crossing.leaving.iter().cloned();
            let lives: Vec<Live> = leaving.map(Live::Parameter).collect();
            let matrix = square(self.all(&lives)?);
            add(matrix, matrix);
        }
        if self.options.blocks == Blocks::Full {
            let names = self.network.parameters.iter().map(|p| p.name.clone());
            let lives: Vec<Live> = names.map(Live::Parameter).collect();
            let matrix = square(self.all(&lives)?);
            add(matrix, matrix);
        }
        // The largest is put in order and transposed before it is an array.
        Ok((kept, written.saturating_add(largest.saturating_mul(2))))
    }

    /// The node that makes a parameter's block, and the module's name of it; nothing where it stays in the frontier.
    fn maker(&self, full: &Name) -> Option<(&Stage, &Name)> {
        self.prepared.stages.iter().find_map(|stage| {
            let (own, _) = stage.parameters.iter().find(|(_, name)| name == full)?;
            let own = stage.crossing.once.iter().find(|once| *once == own)?;
            Some((stage, own))
        })
    }

    /// A block of the frontier, or of a kernel in its form. The mean over samples keeps diagonals only.
    fn block(&self, full: &Name, size: u64) -> u64 {
        let Some((stage, own)) = self.maker(full) else {
            return square(size);
        };
        let pass = &self.prepared.passes[stage.pass];
        let programs = [&pass.combine, &pass.each.each];
        let name = format!("hess.{own}");
        let found = programs.into_iter().flatten().find_map(|program| {
            let block = program.output(&name)?;
            Some((program, block))
        });
        let Some((program, block)) = found else {
            return square(size);
        };
        let is_mean = !self.options.batch.is_average() && self.samples > 1;
        let is_diagonal = matches!(
            block,
            Block::Zero { .. } | Block::Diagonal { .. } | Block::ScaledIdentity { .. }
        );
        if is_mean && !is_diagonal {
            return square(size);
        }
        let values = block.values().into_iter();
        let values = values.map(|value| program.values[value.index()].len() as u64);
        values.fold(0, u64::saturating_add)
    }

    /// The columns of all samples, or their factors; with mean Hessians the factors of the block.
    fn root(&self, full: &Name, size: u64) -> Result<u64, RunError> {
        if let Some((stage, _)) = self.maker(full)
            && self.prepared.passes[stage.pass].combine.is_some()
        {
            return Ok(self.block(full, size));
        }
        let columns = self.columns()?.saturating_mul(self.samples);
        let is_factored = self.maker(full).is_some_and(|(stage, own)| {
            let name = format!("grad.{own}");
            let promises = &self.prepared.passes[stage.pass].root.promises;
            (promises.iter()).any(|p| p.name == name && p.over == Over::Factors)
        });
        let parameter = self.network.parameters.iter().find(|p| p.name == *full);
        let rows = match parameter {
            Some(parameter) if is_factored => {
                let (rows, cols) = concrete_shape(&parameter.shape, self.sizes)?;
                (rows as u64).saturating_add(cols as u64)
            }
            _ => size,
        };
        Ok(rows.saturating_mul(columns))
    }

    /// The columns of a sample's root: the drawn targets, or at most what the loss reads.
    fn columns(&self) -> Result<u64, RunError> {
        if let Sampling::Drawn { targets, .. } = self.options.sampling {
            return Ok(targets as u64);
        }
        let loss = self.prepared.stages.last();
        let read = loss.map_or(&[][..], |stage| &stage.rooted);
        self.all(read.iter().map(|(_, live)| live))
    }
}
