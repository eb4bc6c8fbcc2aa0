//! The finished program and its printed plan. Why printable: what will be computed, in which order and at what cost is
//! the answer to most questions about speed, and exact enough to be tested.

use std::fmt;
use std::ops::Range;

use super::format::{count, dimensions};
use super::ir::{Block, Input, Kernel, Representation, Step, Value, ValueId, View};
use super::reduction::Spectrum;
use super::scalar::{Argument, Loop, Number};
use super::stein::SteinMethod;
use super::unformed::iterations;

/// Bytes of an entry in limits and printed plans: double precision.
pub(crate) const ENTRY_BYTES: u64 = 8;

/// A compiled program: steps over stored arrays, buffers for them, and how the outputs are put together. It holds no
/// data and runs in any element type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// What the caller provides.
    pub inputs: Vec<Input>,
    /// All stored arrays.
    pub values: Vec<Value>,
    /// What is computed, in order.
    pub steps: Vec<Step>,
    /// The steps of each stage, in order; those of one stage do not need each other and may run side by side.
    pub stages: Vec<Range<usize>>,
    /// The outputs by name, in the order they were asked for.
    pub outputs: Vec<(String, Block)>,
    /// Entries of each buffer of the arena.
    pub buffers: Vec<usize>,
    /// The buffer of each value; inputs are read in place.
    pub buffer_of: Vec<Option<usize>>,
}

impl Program {
    /// Floating-point operations of one run.
    pub fn flops(&self) -> u64 {
        self.steps
            .iter()
            .map(|step| step.kernel.flops())
            .fold(0, u64::saturating_add)
    }

    /// True when a run may take fewer operations than are counted: conjugate gradients stop when they are done.
    pub fn flops_are_a_bound(&self) -> bool {
        let iterates = |step: &Step| matches!(&step.kernel, Kernel::Stein(stein) if matches!(stein.method, SteinMethod::ConjugateGradients { .. }));
        self.steps.iter().any(iterates)
    }

    /// Entries read and written by one step, each array once.
    pub fn entries_moved(&self, step: &Step) -> u64 {
        let mut values = step.kernel.reads();
        values.extend(&step.outputs);
        values.sort();
        values.dedup();
        values
            .iter()
            .map(|v| self.values[v.index()].len() as u64)
            .fold(0, u64::saturating_add)
    }

    /// Bytes read and written by one run with elements of `element` bytes.
    pub fn bytes(&self, element: u64) -> u64 {
        let entries = self
            .steps
            .iter()
            .map(|step| self.entries_moved(step))
            .fold(0, u64::saturating_add);
        entries.saturating_mul(element)
    }

    /// Entries of the scratch memory that all stages share.
    pub fn workspace(&self) -> usize {
        let stages = self.stages.iter().map(|stage| {
            let steps = self.steps[stage.clone()].iter();
            let of_each = steps.map(|step| step.kernel.workspace());
            of_each.fold(0, usize::saturating_add)
        });
        stages.max().unwrap_or(0)
    }

    /// Bytes of the arena and the scratch memory with elements of `element` bytes.
    pub fn arena_bytes(&self, element: u64) -> u64 {
        self.buffers
            .iter()
            .map(|n| *n as u64)
            .fold(self.workspace() as u64, u64::saturating_add)
            .saturating_mul(element)
    }

    /// The block of an output.
    pub fn output(&self, name: &str) -> Option<&Block> {
        self.outputs
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, block)| block)
    }

    fn name(&self, value: ValueId) -> String {
        match self.inputs.iter().find(|input| input.value == value) {
            Some(input) => input.name.to_string(),
            None => format!("%{}", value.0),
        }
    }

    fn view(&self, view: &View) -> String {
        let name = self.name(view.value);
        let stored = &self.values[view.value.index()];
        let shape = if view.transposed {
            (view.cols, view.rows)
        } else {
            (view.rows, view.cols)
        };
        let turned = view.is_vector() && (view.cols, view.rows) == (stored.rows, stored.cols);
        if view.transposed || turned && view.rows != view.cols {
            format!("{name}'")
        } else if shape == (stored.rows, stored.cols) {
            name
        } else {
            format!("{name}[{}]", dimensions(view.rows, view.cols))
        }
    }

    fn describe(&self, kernel: &Kernel) -> String {
        let v = |view: &View| self.view(view);
        match kernel {
            Kernel::Loop(body) => self.describe_loop(body),
            Kernel::Product {
                left,
                right,
                symmetric,
                scale,
            } => {
                let half = if *symmetric { " (half)" } else { "" };
                let front = front(*scale);
                format!("{front}{} * {}{half}", v(left), v(right))
            }
            Kernel::BlockProduct {
                left,
                right,
                blocks,
            } => format!("{blocks} blocks of {} * {}", v(left), v(right)),
            Kernel::ProductDiagonal { left, right } => {
                format!("diagvec({} * {})", v(left), v(right))
            }
            Kernel::Reduce { reduction, of } => format!("{}({})", reduction.name(), v(of)),
            Kernel::ReduceColumns { reduction, of } => {
                format!("{} of the columns of {}", reduction.name(), v(of))
            }
            Kernel::RowSums { of } => format!("row sums of {}", v(of)),
            Kernel::SampleRoots {
                diagonal,
                outers,
                columns,
            } => {
                let outers = outers.iter().map(|(u, w)| format!(" + {} {}'", v(u), v(w)));
                let outers: String = outers.collect();
                format!(
                    "{columns} columns of roots of diag({}){outers}",
                    v(diagonal)
                )
            }
            Kernel::Softmax { of } => format!("softmax({})", v(of)),
            Kernel::Stein(stein) => stein.describe(v),
            Kernel::Solve {
                matrix,
                right,
                symmetric,
            } => {
                let half = if *symmetric { " (symmetric)" } else { "" };
                format!("solve {} x = {}{half}", v(matrix), v(right))
            }
            Kernel::UnformedSolve { matrix, right } => {
                let most = iterations(matrix.size, right.cols).unwrap_or(0);
                let (matrix, right) = (matrix.describe(v), v(right));
                format!("solve ({matrix}) x = {right} by at most {most} conjugate gradients")
            }
            Kernel::UnformedProduct { matrix, right } => {
                format!("({}) * {}", matrix.describe(v), v(right))
            }
            Kernel::Inverse { of } => format!("inv({})", v(of)),
            Kernel::Determinant { of } => format!("det({})", v(of)),
            Kernel::LogDeterminant { of } => format!("logdet({})", v(of)),
            Kernel::Spectral {
                spectrum: Spectrum::Abs,
                of,
            } => format!("eigabs({})", v(of)),
            Kernel::Spectral {
                spectrum: Spectrum::Clip,
                of,
            } => format!("eigclip({})", v(of)),
            Kernel::Commutation { rows, cols } => format!("commutation({rows}, {cols})"),
        }
    }

    fn describe_loop(&self, body: &Loop) -> String {
        let argument = |argument: &Argument| match argument {
            Argument::Number(number) => number.0.to_string(),
            Argument::Read(k) => {
                let (value, access) = body.reads[*k];
                let name = self.name(value);
                let (row, col) = (access.row.step(), access.col.step());
                match (row, col) {
                    _ if access.is_identity(body.rows, body.cols) || access.is_scalar() => name,
                    _ if access.diagonal => format!("diag({name})"),
                    (Some(_), Some(0)) => format!("{name}[i]"),
                    (Some(0), Some(_)) => format!("{name}[j]"),
                    (Some(_), Some(1)) => format!("{name}'"),
                    _ => format!("{name}[..]"),
                }
            }
            Argument::Line(k) => format!("t{k}"),
        };
        let lines: Vec<String> = body
            .body
            .iter()
            .map(|line| {
                let arguments: Vec<String> = line.arguments.iter().map(argument).collect();
                format!("{}({})", line.op.name(), arguments.join(", "))
            })
            .collect();
        format!("loop: {}", lines.join("; "))
    }
}

/// A program's kernels in order, with what they take in numbers of so many bytes.
#[derive(Clone, Copy, Debug)]
pub struct Printed<'a> {
    program: &'a Program,
    element: u64,
}

impl Program {
    /// The plan as text, for numbers of `element` bytes.
    pub fn printed(&self, element: u64) -> Printed<'_> {
        let program = self;
        Printed { program, element }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.printed(ENTRY_BYTES).fmt(f)
    }
}

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, element } = *self;
        program.write(f, element)
    }
}

impl Program {
    fn write(&self, f: &mut fmt::Formatter<'_>, element: u64) -> fmt::Result {
        for input in &self.inputs {
            let value = &self.values[input.value.index()];
            writeln!(
                f,
                "input  {}: {}",
                input.name,
                dimensions(value.rows, value.cols)
            )?;
        }
        for (number, step) in self.steps.iter().enumerate() {
            let names: Vec<String> = step.outputs.iter().map(|v| self.name(*v)).collect();
            writeln!(
                f,
                "{:>5}  {} = {}",
                number + 1,
                names.join(", "),
                self.describe(&step.kernel)
            )?;
            for output in &step.outputs {
                let value = &self.values[output.index()];
                let representation = match value.representation {
                    Representation::Dense => "dense",
                    Representation::Symmetric => "symmetric",
                    Representation::Vector => "vector",
                    Representation::Scalar => "scalar",
                };
                let buffer =
                    self.buffer_of[output.index()].map_or("-".into(), |b| format!("buffer {b}"));
                let shape = dimensions(value.rows, value.cols);
                writeln!(
                    f,
                    "       {}: {shape}, {representation}, {buffer}, for {}",
                    self.name(*output),
                    value.label
                )?;
            }
            let bytes = self.entries_moved(step).saturating_mul(element);
            writeln!(
                f,
                "       {} flops, {} bytes",
                count(step.kernel.flops()),
                count(bytes)
            )?;
            let stage = self.stages.iter().find(|stage| stage.end == number + 1);
            if let Some(stage) = stage.filter(|stage| stage.len() > 1) {
                writeln!(
                    f,
                    "       steps {} to {} run side by side",
                    stage.start + 1,
                    stage.end
                )?;
            }
        }
        for (name, block) in &self.outputs {
            let (rows, cols) = block.shape();
            writeln!(
                f,
                "output {name}: {}, {}",
                dimensions(rows, cols),
                self.describe_block(block)
            )?;
        }
        write!(
            f,
            "total  {} kernel{}, {} buffer{} of {} bytes, {} flops, {} bytes moved",
            self.steps.len(),
            plural(self.steps.len()),
            self.buffers.len(),
            plural(self.buffers.len()),
            count(self.arena_bytes(element)),
            count(self.flops()),
            count(self.bytes(element))
        )
    }
}

/// A factor in front of a product; none is 1.
fn front(scale: Number) -> String {
    if scale == Number(1.0) {
        String::new()
    } else {
        format!("{} ", scale.0)
    }
}

fn plural(number: usize) -> &'static str {
    if number == 1 { "" } else { "s" }
}

impl Program {
    fn describe_block(&self, block: &Block) -> String {
        match block {
            Block::Zero { .. } => "zero".into(),
            Block::Dense { value, .. } => self.name(*value),
            Block::Diagonal { value, .. } => format!("diag({})", self.name(*value)),
            Block::ScaledIdentity { value, .. } => format!("{} I", self.name(*value)),
            Block::Kronecker { left, right } => {
                format!(
                    "({}) ⊗ ({})",
                    self.describe_block(left),
                    self.describe_block(right)
                )
            }
            Block::Root { value, scale, .. } => {
                format!("{}{1} * {1}'", front(*scale), self.name(*value))
            }
            Block::Sum(terms) => {
                let terms: Vec<String> =
                    terms.iter().map(|term| self.describe_block(term)).collect();
                terms.join(" + ")
            }
        }
    }
}
