//! Kernels: from expressions at concrete sizes to a program over stored arrays. Why a floor of its own: which
//! matrices are never formed, in which order products are taken and which buffers are reused is decided once,
//! before any number is seen, and can be printed, counted and tested.
//!
//! The pipeline, each stage in its file: [`lower`](self) walks the expression and picks forms and orders
//! (`lower/`, `matrix`, `builder`), `unform` leaves out what is only solved with, `fuse` joins elementwise work into loops and drops what is unused, `sooner` and `stages` order the
//! steps, `liveness` assigns buffers, `plan` holds and prints the result. This floor knows no linear-algebra library.

mod absorb;
mod builder;
mod cheapest;
mod cost;
mod error;
mod format;
mod fuse;
mod ir;
mod liveness;
mod lower;
mod matrix;
mod plan;
mod reduction;
mod renumber;
mod scalar;
mod sooner;
mod stages;
mod stein;
mod unform;
mod unformed;

use std::collections::BTreeSet;

use crate::expr::{Graph, Id, Name, Sizes};

pub use cheapest::compile_cheapest;
pub use error::CompileError;
pub use ir::{Block, Input, Kernel, Representation, Step, Value, ValueId, View};
pub use plan::{Printed, Program};
pub use reduction::{Reduction, Spectrum};
pub use scalar::{Access, Argument, Axis, Line, Loop, Number, Operand, ScalarOp};
pub(crate) use stages::SHARED_PRODUCT;
pub use stein::{InnerProduct, Stein, SteinFactor, SteinMethod};
pub(crate) use unformed::{PANEL, iterations};
pub use unformed::{Term, Unformed};

use plan::ENTRY_BYTES;

/// The memory limit of [`compile`]: 4 GiB for one array, and for all buffers together, at 8 bytes an entry.
pub const MEMORY_LIMIT: u64 = 1 << 32;

/// How many shared products are tried both ways.
const TRIALS: usize = 32;

/// Products built, over all trials, before no further one is made.
const EFFORT: usize = 20_000;

/// Compiles expressions of `graph` at concrete sizes to a program that computes them all, under [`MEMORY_LIMIT`].
///
/// # Errors
/// When a dimension has no size, an operation has no kernel, a function no definition, or an array that must
/// exist is larger than the limit.
///
/// ```
/// use hbp::expr::{Dimension, Facts, Graph, Op, Role, Shape, Sizes, Variable};
/// let mut graph = Graph::default();
/// let n = Dimension::named("n");
/// let mut declare = |name: &str, shape| {
///     graph.declare(name, Variable { shape, role: Role::Input, facts: Facts::default() })
/// };
/// let a = declare("A", Shape::matrix(n.clone(), n.clone()));
/// let b = declare("B", Shape::matrix(n.clone(), n.clone()));
/// let v = declare("v", Shape::vector(n));
/// let ab = graph.node(Op::Multiply, &[a, b]).expect("well shaped");
/// let abv = graph.node(Op::Multiply, &[ab, v]).expect("well shaped");
/// let sizes = Sizes::from([("n".into(), 10)]);
/// let program = hbp::kernel::compile(&graph, &[("z".into(), abv)], &sizes).expect("compiles");
/// // A (B v) takes two matrix-vector products, (A B) v would take a matrix product.
/// assert_eq!(program.flops(), 2 * 200);
/// ```
pub fn compile(
    graph: &Graph,
    outputs: &[(String, Id)],
    sizes: &Sizes,
) -> Result<Program, CompileError> {
    compile_within(graph, outputs, sizes, MEMORY_LIMIT)
}

/// As [`compile`], under a memory limit in bytes.
///
/// # Errors
/// As [`compile`].
pub fn compile_within(
    graph: &Graph,
    outputs: &[(String, Id)],
    sizes: &Sizes,
    limit: u64,
) -> Result<Program, CompileError> {
    best(Order {
        graph,
        outputs,
        sizes,
        limit,
        residents: None,
    })
}

/// What a program that runs many times may do with its inputs, which lie in its arena.
#[derive(Clone, Copy, Debug)]
pub struct Residents<'a> {
    /// Outputs that take the place of an input, where nothing reads the input any more.
    pub updates: &'a [(String, Name)],
    /// Expressions that are stored whatever they are made of, since much else is made of them.
    pub stored: &'a BTreeSet<Id>,
}

/// As [`compile_within`], with the inputs in the arena.
///
/// # Errors
/// As [`compile`].
pub fn compile_resident(
    graph: &Graph,
    outputs: &[(String, Id)],
    sizes: &Sizes,
    limit: u64,
    residents: Residents,
) -> Result<Program, CompileError> {
    best(Order {
        graph,
        outputs,
        sizes,
        limit,
        residents: Some(residents),
    })
}

/// The program of the best treatment of shared products.
fn best(order: Order) -> Result<Program, CompileError> {
    let mut flipped = BTreeSet::new();
    let Attempt {
        program: mut best,
        shared,
        mut effort,
    } = attempt(order, &flipped)?;
    for id in shared.into_iter().take(TRIALS) {
        if effort > EFFORT {
            break;
        }
        let mut trial = flipped.clone();
        trial.insert(id);
        let other = attempt(order, &trial)?;
        effort += other.effort;
        if rank(&other.program) < rank(&best) {
            (best, flipped) = (other.program, trial);
        }
    }
    best
}

/// Less is better; a program that does not fit is worst.
fn rank(program: &Result<Program, CompileError>) -> (bool, u64, u64) {
    match program {
        Ok(program) => (false, program.flops(), program.bytes(ENTRY_BYTES)),
        Err(_) => (true, 0, 0),
    }
}

/// What is compiled.
#[derive(Clone, Copy)]
struct Order<'a> {
    graph: &'a Graph,
    outputs: &'a [(String, Id)],
    sizes: &'a Sizes,
    limit: u64,
    residents: Option<Residents<'a>>,
}

/// One compilation.
struct Attempt {
    /// The program, or why it does not fit.
    program: Result<Program, CompileError>,
    /// What could be treated the other way.
    shared: Vec<Id>,
    /// Products built on the way.
    effort: usize,
}

/// Compiles with the shared products in `flipped` treated the other way.
fn attempt(order: Order, flipped: &BTreeSet<Id>) -> Result<Attempt, CompileError> {
    let Order {
        graph,
        outputs,
        sizes,
        limit,
        residents,
    } = order;
    let stored = residents.map(|residents| residents.stored);
    let mut lowered = lower::lower(graph, outputs, sizes, flipped, stored)?;
    absorb::absorb(&mut lowered.builder, &lowered.outputs);
    unform::unform(&mut lowered.builder, &lowered.outputs);
    let fused = fuse::fuse(&lowered.builder, &lowered.inputs, &lowered.outputs);
    let needed: Vec<ValueId> = fused
        .outputs
        .iter()
        .flat_map(|(_, block)| block.values())
        .collect();
    let updates = residents.map(|residents| residents.updates);
    let residents: Vec<ValueId> = match residents {
        Some(_) => fused.inputs.iter().map(|input| input.value).collect(),
        None => Vec::new(),
    };
    let replaced = updates.unwrap_or_default().iter();
    let replaced: Vec<(ValueId, ValueId)> = replaced
        .filter_map(|(output, input)| {
            let (_, block) = fused.outputs.iter().find(|(name, _)| name == output)?;
            let input = fused.inputs.iter().find(|known| known.name == *input)?;
            Some((*block.values().first()?, input.value))
        })
        .collect();
    let steps = sooner::sooner(&fused.values, fused.steps);
    let stages::Stages { steps, stages } = stages::gather(steps);
    let buffers = liveness::Lives {
        values: &fused.values,
        steps: &steps,
        stages: &stages,
        outputs: &needed,
        residents: &residents,
        replaced: &replaced,
    }
    .assign();
    let program = Program {
        inputs: fused.inputs,
        values: fused.values,
        steps,
        stages,
        outputs: fused.outputs,
        buffers: buffers.sizes,
        buffer_of: buffers.of,
    };
    Ok(Attempt {
        program: within(program, limit),
        shared: lowered.shared,
        effort: lowered.effort,
    })
}

fn within(program: Program, limit: u64) -> Result<Program, CompileError> {
    for value in program.steps.iter().flat_map(|step| &step.outputs) {
        let value = &program.values[value.index()];
        let bytes = cost::product(&[value.rows, value.cols]).saturating_mul(ENTRY_BYTES);
        if bytes > limit {
            let Value {
                rows, cols, label, ..
            } = value.clone();
            return Err(CompileError::TooLarge {
                value: label,
                rows,
                cols,
                bytes,
                limit,
            });
        }
    }
    let bytes = program.arena_bytes(ENTRY_BYTES);
    if bytes > limit {
        return Err(CompileError::ArenaTooLarge { bytes, limit });
    }
    Ok(program)
}
