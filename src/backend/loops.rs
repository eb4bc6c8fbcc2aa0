//! Fused elementwise loops. Why in chunks of lanes: the scalar program is interpreted once for a chunk, not once for an
//! entry, so each of its lines is a tight loop the compiler can vectorise.

use crate::kernel::{Access, Argument, Axis, Loop, ScalarOp};

use super::element::{Element, power, unary};

/// Entries handled at once.
pub(crate) const LANES: usize = 256;

/// What a loop reads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Read<'a, T> {
    /// An array.
    Array(&'a [T]),
    /// What an output's array holds before it is written, entry for entry.
    Output(usize),
}

/// One chunk of values for each read, constant and line of a loop.
#[derive(Debug, Default)]
pub(crate) struct Registers<T> {
    lanes: Vec<T>,
}

impl<T: Element> Registers<T> {
    /// Room for `count` chunks; a second loop of this size finds it there.
    fn reserve(&mut self, count: usize) {
        if self.lanes.len() < count * LANES {
            self.lanes.resize(count * LANES, T::zero());
        }
    }
}

/// Registers a loop needs: its reads, its lines, and two for constants.
pub(crate) fn register_count(body: &Loop) -> usize {
    body.reads.len() + body.body.len() + 2
}

/// Runs a loop. `reads` holds the array of each of its reads, `outputs` the array of each stored line.
pub(crate) fn run<T: Element>(
    body: &Loop,
    reads: &[Read<'_, T>],
    outputs: &mut [&mut [T]],
    registers: &mut Registers<T>,
) {
    registers.reserve(register_count(body));
    // With nothing but arrays in their own order and scalars, the matrix is one long column.
    let flat = body
        .reads
        .iter()
        .all(|(_, access)| is_flat(access, body.rows, body.cols));
    let (rows, cols) = if flat {
        (body.rows * body.cols, 1)
    } else {
        (body.rows, body.cols)
    };
    for j in 0..cols {
        for start in (0..rows).step_by(LANES) {
            let count = LANES.min(rows - start);
            for (k, (_, access)) in body.reads.iter().enumerate() {
                let lane = &mut registers.lanes[k * LANES..k * LANES + count];
                match reads[k] {
                    Read::Array(data) => gather(lane, data, access, start, j, flat),
                    Read::Output(output) => {
                        gather(lane, outputs[output], access, start, j, flat);
                    }
                }
            }
            interpret(body, count, registers);
            for (stored, output) in body.stored.iter().zip(outputs.iter_mut()) {
                let from = (body.reads.len() + stored) * LANES;
                let to = j * rows + start;
                output[to..to + count].copy_from_slice(&registers.lanes[from..from + count]);
            }
        }
    }
}

fn is_flat(access: &Access, rows: usize, cols: usize) -> bool {
    let row = rows == 1 || access.row == Axis::plain(1);
    let col = cols == 1 || access.col == Axis::plain(rows);
    let one = |axis: Axis, n: usize| n == 1 || axis == Axis::plain(0);
    !access.diagonal && (row && col || one(access.row, rows) && one(access.col, cols))
}

fn gather<T: Element>(
    lane: &mut [T],
    data: &[T],
    access: &Access,
    start: usize,
    j: usize,
    flat: bool,
) {
    if flat {
        // A scalar, or the array itself.
        if data.len() == 1 {
            lane.fill(data[0]);
        } else {
            lane.copy_from_slice(&data[start..start + lane.len()]);
        }
        return;
    }
    let base = access.col.offset(j);
    if access.diagonal {
        lane.fill(T::zero());
        if (start..start + lane.len()).contains(&j) {
            lane[j - start] = data[base + access.row.offset(j)];
        }
        return;
    }
    match access.row.step() {
        Some(0) => lane.fill(data[base]),
        Some(1) => lane.copy_from_slice(&data[base + start..base + start + lane.len()]),
        Some(step) => {
            for (i, x) in lane.iter_mut().enumerate() {
                *x = data[base + (start + i) * step];
            }
        }
        None => {
            for (i, x) in lane.iter_mut().enumerate() {
                *x = data[base + access.row.offset(start + i)];
            }
        }
    }
}

fn interpret<T: Element>(body: &Loop, count: usize, registers: &mut Registers<T>) {
    let lines = body.reads.len();
    let spare = lines + body.body.len();
    for (k, line) in body.body.iter().enumerate() {
        // Constants stand in the two registers after all lines.
        let mut places = [0; 2];
        for (slot, argument) in line.arguments.iter().enumerate().take(2) {
            places[slot] = match argument {
                Argument::Read(read) => *read,
                Argument::Line(line) => lines + line,
                Argument::Number(number) => {
                    let place = spare + slot;
                    registers.lanes[place * LANES..place * LANES + count].fill(T::number(number.0));
                    place
                }
            };
        }
        let (before, rest) = registers.lanes.split_at_mut((lines + k) * LANES);
        let (target, after) = rest.split_at_mut(LANES);
        let source = |place: usize| {
            if place < lines + k {
                &before[place * LANES..place * LANES + count]
            } else {
                let place = place - lines - k - 1;
                &after[place * LANES..place * LANES + count]
            }
        };
        let (a, target) = (source(places[0]), &mut target[..count]);
        match line.op {
            ScalarOp::Copy => target.copy_from_slice(a),
            ScalarOp::Add => zip(target, a, source(places[1]), |a, b| a + b),
            ScalarOp::Subtract => zip(target, a, source(places[1]), |a, b| a - b),
            ScalarOp::Multiply => zip(target, a, source(places[1]), |a, b| a * b),
            ScalarOp::Power => zip(target, a, source(places[1]), power),
            ScalarOp::Square => zip(target, a, a, |a, b| a * b),
            ScalarOp::Negate => map(target, a, |a| -a),
            op => map(target, a, unary(op)),
        }
    }
}

fn map<T: Element>(target: &mut [T], a: &[T], f: impl Fn(T) -> T) {
    for (t, a) in target.iter_mut().zip(a) {
        *t = f(*a);
    }
}

fn zip<T: Element>(target: &mut [T], a: &[T], b: &[T], f: impl Fn(T, T) -> T) {
    for ((t, a), b) in target.iter_mut().zip(a).zip(b) {
        *t = f(*a, *b);
    }
}
