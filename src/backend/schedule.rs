//! The schedule of a fused loop: in what order its entries are walked, and where each operand stands. Why before the loop:
//! all of it is the same for every chunk.

use std::ops::Range;

use crate::kernel::{Access, Argument, Axis, Loop, ScalarOp};

use super::element::Element;
use super::loops::Read;

/// The bytes of a lane: a few of them fit in the nearest cache, and interpreting a line takes less time than computing it.
const LANE_BYTES: usize = 4096;

/// Rows and columns of a tile, in which an operand that is stored transposed is turned: each of its cache lines is read once,
/// and the tile stands in the second cache.
const TILE: (usize, usize) = (512, 32);

/// Where the values of a line stand during a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Lane(usize),
    Output(usize),
}

/// Where an operand comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<T> {
    /// One number throughout.
    Number(T),
    /// A line, or a read that was copied together.
    Place(Place),
    /// The read with this number in place, entry by entry.
    Whole(usize),
    /// A part of one column of it, in place.
    Column(usize),
    /// One number for each column.
    OfColumn(usize),
    /// A column of the tile in this lane.
    Tile(usize),
    /// The lane with this number, filled once.
    Kept(usize),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned<T> {
    pub(crate) op: ScalarOp,
    pub(crate) operands: [Source<T>; 2],
    pub(crate) target: Place,
}

/// When a read is copied into a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Before the first chunk of a piece: all chunks read the same.
    Piece,
    /// Before the columns of a tile.
    Tile,
    /// Before every chunk.
    Chunk,
}

/// A read copied into a lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gather {
    pub(crate) read: usize,
    pub(crate) slot: usize,
    pub(crate) when: When,
}

/// The order of entries.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Walk {
    pub(crate) rows: usize,
    cols: usize,
    /// Rows and columns of a chunk; several columns only if they are whole.
    pub(crate) chunk_rows: usize,
    pub(crate) chunk_cols: usize,
    /// Columns of a tile: all columns are walked for one block of rows, then for the next, tile by tile.
    pub(crate) tile: Option<usize>,
}

impl Walk {
    fn new<T: Element>(body: &Loop) -> Self {
        let lane = LANE_BYTES / std::mem::size_of::<T>();
        let (rows, cols) = (body.rows, body.cols);
        let mut accesses = body.reads.iter().map(|(_, access)| access);
        // With nothing but arrays in their own order and scalars, the matrix is one long column.
        if accesses
            .clone()
            .all(|a| a.is_identity(rows, cols) || is_one(a, rows, cols))
        {
            return Self {
                rows: rows * cols,
                cols: 1,
                chunk_rows: lane,
                chunk_cols: 1,
                tile: None,
            };
        }
        let strided = accesses.any(|a| !a.diagonal && a.row.stride > 1);
        let several = cols > 1 && 2 * rows <= lane;
        Self {
            rows,
            cols,
            chunk_rows: match (several, strided) {
                (true, _) => rows,
                (_, true) => TILE.0,
                _ => lane,
            },
            chunk_cols: if several { lane / rows } else { 1 },
            tile: (strided && !several).then_some(TILE.1),
        }
    }

    /// Entries of a lane.
    pub(crate) fn lane(&self) -> usize {
        self.chunk_rows * self.tile.unwrap_or(self.chunk_cols)
    }

    /// The parts of the matrix that may go to different pieces: chunks of one column, or groups of columns.
    pub(crate) fn units(&self) -> usize {
        if self.cols == 1 {
            self.rows.div_ceil(self.chunk_rows)
        } else {
            self.cols.div_ceil(self.chunk_cols)
        }
    }

    /// The place of a unit's first entry.
    pub(crate) fn entry(&self, unit: usize) -> usize {
        let (rows, cols) = self.piece(unit..unit);
        cols.start * self.rows + rows.start
    }

    /// Rows and columns of a range of units.
    pub(crate) fn piece(&self, units: Range<usize>) -> (Range<usize>, Range<usize>) {
        let range =
            |unit: usize, all: usize| (units.start * unit).min(all)..(units.end * unit).min(all);
        if self.cols == 1 {
            (range(self.chunk_rows, self.rows), 0..1)
        } else {
            (0..self.rows, range(self.chunk_cols, self.cols))
        }
    }
}

/// One entry for the whole matrix.
fn is_one(access: &Access, rows: usize, cols: usize) -> bool {
    let one = |axis: Axis, n: usize| n == 1 || axis == Axis::plain(0);
    !access.diagonal && one(access.row, rows) && one(access.col, cols)
}

/// What is the same for every chunk. Planned anew for every run, in memory that is kept.
#[derive(Debug)]
pub(crate) struct Schedule<T> {
    pub(crate) walk: Walk,
    pub(crate) gathers: Vec<Gather>,
    pub(crate) lines: Vec<Planned<T>>,
    /// Outputs that hold what another holds.
    pub(crate) copies: Vec<(usize, usize)>,
    /// Lanes in use at once.
    pub(crate) slots: usize,
    reads: Vec<Source<T>>,
    /// The last line that reads each read, and each line.
    last: (Vec<usize>, Vec<usize>),
    free: Vec<usize>,
}

impl<T> Default for Schedule<T> {
    fn default() -> Self {
        Self {
            walk: Walk::default(),
            gathers: Vec::new(),
            lines: Vec::new(),
            copies: Vec::new(),
            slots: 0,
            reads: Vec::new(),
            last: (Vec::new(), Vec::new()),
            free: Vec::new(),
        }
    }
}

impl<T: Element> Schedule<T> {
    pub(crate) fn plan(&mut self, body: &Loop, reads: &[Read<'_, T>]) {
        self.walk = Walk::new::<T>(body);
        self.gathers.clear();
        self.lines.clear();
        self.copies.clear();
        self.reads.clear();
        self.free.clear();
        self.slots = 0;
        self.note_last_uses(body);
        for (k, (_, access)) in body.reads.iter().enumerate() {
            let source = self.source(k, access, reads[k], body);
            self.reads.push(source);
        }
        for (k, line) in body.body.iter().enumerate() {
            let first = body.stored.iter().position(|stored| *stored == k);
            let target = first.map_or_else(|| Place::Lane(self.slot()), Place::Output);
            let mut operands = [Source::Number(T::zero()); 2];
            for (operand, argument) in operands.iter_mut().zip(&line.arguments) {
                *operand = match *argument {
                    Argument::Number(number) => Source::Number(T::number(number.0)),
                    Argument::Read(read) => self.reads[read],
                    Argument::Line(line) => Source::Place(self.lines[line].target),
                };
            }
            for (slot, argument) in line.arguments.iter().enumerate() {
                let ends = match *argument {
                    Argument::Number(_) => false,
                    Argument::Read(read) => self.last.0[read] == k,
                    Argument::Line(line) => self.last.1[line] == k,
                };
                let again = line.arguments[..slot].contains(argument);
                if let (true, false, Source::Place(Place::Lane(lane))) =
                    (ends, again, operands[slot])
                {
                    self.free.push(lane);
                }
            }
            self.lines.push(Planned {
                op: line.op,
                operands,
                target,
            });
        }
        for (k, stored) in body.stored.iter().enumerate() {
            if let Some(first) = body.stored[..k].iter().position(|other| other == stored) {
                self.copies.push((k, first));
            }
        }
    }

    fn note_last_uses(&mut self, body: &Loop) {
        let (reads, lines) = (&mut self.last.0, &mut self.last.1);
        for (last, count) in [
            (&mut *reads, body.reads.len()),
            (&mut *lines, body.body.len()),
        ] {
            last.clear();
            last.resize(count, 0);
        }
        for (k, line) in body.body.iter().enumerate() {
            for argument in &line.arguments {
                match *argument {
                    Argument::Number(_) => {}
                    Argument::Read(read) => reads[read] = k,
                    Argument::Line(line) => lines[line] = k,
                }
            }
        }
    }

    /// A lane that nothing alive stands in.
    fn slot(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        })
    }

    fn source(&mut self, k: usize, access: &Access, read: Read<'_, T>, body: &Loop) -> Source<T> {
        let (rows, cols) = (body.rows, body.cols);
        let identity = access.is_identity(rows, cols);
        if let Read::Array(data) = read {
            // A single entry is one number, whichever its place.
            if is_one(access, rows, cols) {
                return Source::Number(data[0]);
            }
            if identity {
                return Source::Whole(k);
            }
            if self.walk.chunk_cols == 1 && !access.diagonal {
                match access.row.step() {
                    Some(0) => return Source::OfColumn(k),
                    Some(1) => return Source::Column(k),
                    _ => {}
                }
            }
        } else {
            assert!(identity, "an array is overwritten out of order");
        }
        let slot = self.slot();
        let when = match (read, access.row.step(), access.col.step()) {
            _ if access.diagonal => When::Chunk,
            // A column for all: several columns are a chunk.
            (Read::Array(_), _, Some(0)) if self.walk.chunk_cols > 1 => When::Piece,
            // Stored transposed.
            (Read::Array(_), Some(_), Some(1..)) if self.walk.tile.is_some() => When::Tile,
            _ => When::Chunk,
        };
        self.gathers.push(Gather {
            read: k,
            slot,
            when,
        });
        match when {
            When::Piece => Source::Kept(slot),
            When::Tile => Source::Tile(slot),
            When::Chunk => Source::Place(Place::Lane(slot)),
        }
    }
}
