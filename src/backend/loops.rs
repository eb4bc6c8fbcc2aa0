//! Fused elementwise loops. Why in chunks: the scalar program is interpreted once for a chunk, not once for an entry, so each
//! of its lines is one vectorised kernel, and what passes from line to line stays in the nearest cache.
//!
//! Arrays read in their own order are read in place, stored lines are written straight to their output, and what is one
//! number for a chunk is passed as a number; only entries in another order are copied together first. Large loops run in
//! pieces whose number follows from the loop alone, so no result depends on the number of threads.

use std::ops::Range;

use smallvec::SmallVec;

use crate::kernel::{Access, Axis, Loop, ScalarOp};

use super::element::Element;
use super::schedule::{Place, Planned, Schedule, Source, When};
use super::vector::{Operand, combine_entries, map_entries};

/// The array of a read.
#[derive(Clone, Copy, Debug)]
pub enum Read<'a, T> {
    /// An array that the loop does not write.
    Array(&'a [T]),
    /// What the output of this place holds before the loop runs. The access must be the identity: every entry is read
    /// before it is written.
    Output(usize),
}

/// The memory of loops besides their arrays. Kept by the caller: a loop that runs again allocates nothing.
#[derive(Debug)]
pub struct Registers<T> {
    schedule: Schedule<T>,
    /// One for each piece.
    lanes: Vec<Lanes<T>>,
}

/// The lanes of one piece, each a chunk long.
type Lanes<T> = Vec<Vec<T>>;

impl<T> Default for Registers<T> {
    fn default() -> Self {
        Self {
            schedule: Schedule::default(),
            lanes: Vec::new(),
        }
    }
}

/// The outputs of a piece.
type Outputs<'a, T> = SmallVec<[&'a mut [T]; 32]>;

/// The most pieces of one loop.
const PIECES: usize = 16;

/// The least work of a piece, as the bytes that pass through memory in the time: half of it takes as long as starting a thread.
const GRAIN: usize = 1 << 19;

/// Runs a loop. `reads` holds the array of each of its reads, `outputs` one slice of `rows · cols` entries for each stored
/// line, column by column.
///
/// # Panics
/// When an array is shorter than the loop reads or writes, or an access of [`Read::Output`] is not the identity.
pub fn run_loop<T: Element>(
    body: &Loop,
    reads: &[Read<'_, T>],
    outputs: &mut [&mut [T]],
    registers: &mut Registers<T>,
) {
    let entries = body.rows * body.cols;
    if entries == 0 {
        return;
    }
    let schedule = &mut registers.schedule;
    schedule.plan(body, reads);
    let pieces = pieces::<T>(body, schedule);
    if registers.lanes.len() < pieces {
        registers.lanes.resize_with(pieces, Vec::new);
    }
    let lanes = &mut registers.lanes[..pieces];
    for lanes in &mut *lanes {
        if lanes.len() < schedule.slots {
            lanes.resize_with(schedule.slots, Vec::new);
        }
        for lane in &mut lanes[..schedule.slots] {
            if lane.len() < schedule.walk.lane() {
                lane.resize(schedule.walk.lane(), T::zero());
            }
        }
    }
    let outputs = outputs.iter_mut().map(|out| &mut out[..entries]).collect();
    let piece = Piece {
        body,
        schedule,
        reads,
    };
    piece.split(outputs, 0..schedule.walk.units(), lanes);
}

/// How many pieces a loop runs in: from its work, and nothing else.
fn pieces<T: Element>(body: &Loop, schedule: &Schedule<T>) -> usize {
    let size = std::mem::size_of::<T>();
    let lines = body.body.iter().map(|line| match line.op {
        ScalarOp::Copy
        | ScalarOp::Add
        | ScalarOp::Subtract
        | ScalarOp::Multiply
        | ScalarOp::Negate
        | ScalarOp::Square
        | ScalarOp::Abs
        | ScalarOp::Relu => size / 4,
        ScalarOp::Power => 64,
        _ => 2 * size,
    });
    let entry = (body.reads.len() + body.stored.len()) * size + lines.sum::<usize>();
    let work = (body.rows * body.cols).saturating_mul(entry);
    (work / GRAIN).clamp(1, PIECES.min(schedule.walk.units()))
}

struct Piece<'a, T> {
    body: &'a Loop,
    schedule: &'a Schedule<T>,
    reads: &'a [Read<'a, T>],
}

impl<T: Element> Piece<'_, T> {
    /// Runs the units of a range on as many sets of lanes as there are, halves first.
    fn split(&self, mut outputs: Outputs<'_, T>, units: Range<usize>, lanes: &mut [Lanes<T>]) {
        if let [lanes] = lanes {
            self.run(&mut outputs, units, lanes);
            return;
        }
        let (left_lanes, right_lanes) = lanes.split_at_mut(lanes.len() / 2);
        let share = units.len() * left_lanes.len() / (left_lanes.len() + right_lanes.len());
        let middle = units.start + share;
        let walk = &self.schedule.walk;
        let place = walk.entry(middle) - walk.entry(units.start);
        let (mut left, mut right) = (Outputs::new(), Outputs::new());
        for output in outputs {
            let (first, second) = output.split_at_mut(place);
            left.push(first);
            right.push(second);
        }
        let first = || self.split(left, units.start..middle, left_lanes);
        let second = || self.split(right, middle..units.end, right_lanes);
        if rayon::current_num_threads() > 1 {
            rayon::join(first, second);
        } else {
            first();
            second();
        }
    }

    fn run(&self, outputs: &mut [&mut [T]], units: Range<usize>, lanes: &mut Lanes<T>) {
        let walk = self.schedule.walk;
        let origin = walk.entry(units.start);
        let (rows, cols) = walk.piece(units);
        let whole = Chunk {
            start: 0,
            height: walk.chunk_rows,
            j: cols.start,
            width: walk.chunk_cols,
            column: 0,
            origin,
        };
        self.gather(When::Piece, lanes, outputs, whole);
        let height = |start: usize| walk.chunk_rows.min(rows.end - start);
        let Some(tile) = walk.tile else {
            for j in cols.clone().step_by(walk.chunk_cols) {
                let width = walk.chunk_cols.min(cols.end - j);
                for start in rows.clone().step_by(walk.chunk_rows) {
                    let height = height(start);
                    let chunk = Chunk {
                        start,
                        height,
                        j,
                        width,
                        ..whole
                    };
                    self.chunk(outputs, lanes, chunk);
                }
            }
            return;
        };
        for start in rows.clone().step_by(walk.chunk_rows) {
            for j in cols.clone().step_by(tile) {
                let columns = Chunk {
                    start,
                    height: height(start),
                    j,
                    width: tile.min(cols.end - j),
                    ..whole
                };
                self.gather(When::Tile, lanes, outputs, columns);
                for column in 0..columns.width {
                    let chunk = Chunk {
                        j: j + column,
                        width: 1,
                        column,
                        ..columns
                    };
                    self.chunk(outputs, lanes, chunk);
                }
            }
        }
    }

    fn chunk(&self, outputs: &mut [&mut [T]], lanes: &mut Lanes<T>, chunk: Chunk) {
        self.gather(When::Chunk, lanes, outputs, chunk);
        let part = self.range(chunk);
        for line in &self.schedule.lines {
            match line.target {
                Place::Lane(slot) => {
                    let mut lane = std::mem::take(&mut lanes[slot]);
                    self.line(line, &mut lane[..part.len()], outputs, lanes, chunk);
                    lanes[slot] = lane;
                }
                Place::Output(k) => {
                    let output = std::mem::take(&mut outputs[k]);
                    let target = &mut output[part.clone()];
                    self.line(line, target, outputs, lanes, chunk);
                    outputs[k] = output;
                }
            }
        }
        for (k, source) in &self.schedule.copies {
            let output = std::mem::take(&mut outputs[*k]);
            output[part.clone()].copy_from_slice(&outputs[*source][part.clone()]);
            outputs[*k] = output;
        }
    }

    /// The place of a chunk in the piece's outputs.
    fn range(&self, chunk: Chunk) -> Range<usize> {
        let from = self.place(chunk) - chunk.origin;
        from..from + chunk.height * chunk.width
    }

    /// The place of a chunk in an array of the loop's shape.
    fn place(&self, chunk: Chunk) -> usize {
        chunk.j * self.schedule.walk.rows + chunk.start
    }

    /// Copies the reads together that are due.
    fn gather(&self, when: When, lanes: &mut Lanes<T>, outputs: &[&mut [T]], chunk: Chunk) {
        let due = self.schedule.gathers.iter();
        for gather in due.filter(|gather| gather.when == when) {
            let lane = &mut lanes[gather.slot];
            let access = &self.body.reads[gather.read].1;
            match self.reads[gather.read] {
                Read::Output(k) => {
                    let part = self.range(chunk);
                    lane[..part.len()].copy_from_slice(&outputs[k][part]);
                }
                Read::Array(data) if when == When::Tile => turn(
                    lane,
                    &data[access.col.offset(chunk.j) + access.row.offset(chunk.start)..],
                    (access.row.stride, access.col.stride),
                    (chunk.height, chunk.width),
                ),
                Read::Array(data) => {
                    let lane = &mut lane[..chunk.height * chunk.width];
                    for (c, part) in lane.chunks_exact_mut(chunk.height).enumerate() {
                        gather_column(part, data, access, chunk.start, chunk.j + c);
                    }
                }
            }
        }
    }

    fn line(
        &self,
        line: &Planned<T>,
        target: &mut [T],
        outputs: &[&mut [T]],
        lanes: &Lanes<T>,
        chunk: Chunk,
    ) {
        let count = target.len();
        let operand = |source: Source<T>| match source {
            Source::Number(number) => Operand::Number(number),
            Source::Place(Place::Lane(slot)) | Source::Kept(slot) => {
                Operand::Entries(&lanes[slot][..count])
            }
            Source::Place(Place::Output(k)) => Operand::Entries(&outputs[k][self.range(chunk)]),
            Source::Tile(slot) => Operand::Entries(&lanes[slot][chunk.column * chunk.height..]),
            Source::Whole(read) => Operand::Entries(&self.array(read)[self.place(chunk)..]),
            Source::Column(read) => {
                let first = self.body.reads[read].1.col.offset(chunk.j) + chunk.start;
                Operand::Entries(&self.array(read)[first..])
            }
            Source::OfColumn(read) => {
                Operand::Number(self.array(read)[self.body.reads[read].1.col.offset(chunk.j)])
            }
        };
        let a = operand(line.operands[0]);
        match line.op {
            ScalarOp::Add | ScalarOp::Subtract | ScalarOp::Multiply | ScalarOp::Power => {
                combine_entries(line.op, target, a, operand(line.operands[1]));
            }
            op => map_entries(op, target, a),
        }
    }

    fn array(&self, read: usize) -> &[T] {
        match self.reads[read] {
            Read::Array(data) => data,
            // Scheduled as a copy into a lane.
            Read::Output(_) => &[],
        }
    }
}

/// Rows `start..start + height` of columns `j..j + width`, which follow one another in the outputs.
#[derive(Clone, Copy)]
struct Chunk {
    start: usize,
    height: usize,
    j: usize,
    width: usize,
    /// Which column of its tile the first is.
    column: usize,
    /// The place of the piece's first entry.
    origin: usize,
}

/// Rows of a tile turned at once.
const TURNED: usize = 8;

/// Copies a tile column by column, reading it row by row.
pub(crate) fn turn<T: Element>(
    lane: &mut [T],
    data: &[T],
    (row, col): (usize, usize),
    (height, width): (usize, usize),
) {
    let turned = if col == 1 {
        height - height % TURNED
    } else {
        0
    };
    for i in (0..turned).step_by(TURNED) {
        let rows: [&[T]; TURNED] = std::array::from_fn(|k| &data[(i + k) * row..][..width]);
        for c in 0..width {
            let entries: [T; TURNED] = std::array::from_fn(|k| rows[k][c]);
            lane[c * height + i..][..TURNED].copy_from_slice(&entries);
        }
    }
    for i in turned..height {
        for c in 0..width {
            lane[c * height + i] = data[i * row + c * col];
        }
    }
}

/// Copies the entries of one column together.
fn gather_column<T: Element>(lane: &mut [T], data: &[T], access: &Access, start: usize, j: usize) {
    let data = &data[access.col.offset(j)..];
    if access.diagonal {
        lane.fill(T::zero());
        if (start..start + lane.len()).contains(&j) {
            lane[j - start] = data[access.row.offset(j)];
        }
        return;
    }
    let copy = |part: &mut [T], first: usize, stride: usize| match stride {
        0 => part.fill(data[first]),
        1 => part.copy_from_slice(&data[first..first + part.len()]),
        _ => {
            for (x, value) in part.iter_mut().zip(data[first..].iter().step_by(stride)) {
                *x = *value;
            }
        }
    };
    if let Some(stride) = access.row.step() {
        return copy(lane, start * stride, stride);
    }
    let Axis {
        divide,
        modulo,
        stride,
        ..
    } = access.row;
    let end = start + lane.len();
    let mut i = start;
    while i < end {
        // Up to where the entry changes, or the pattern repeats: divisions once for each run.
        let (run, stride) = if divide > 1 {
            (divide, 0)
        } else {
            (modulo, stride)
        };
        let next = (i - i % run).saturating_add(run).min(end);
        copy(
            &mut lane[i - start..next - start],
            access.row.offset(i),
            stride,
        );
        i = next;
    }
}
