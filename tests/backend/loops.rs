//! Fused loops against the same scalar program run entry by entry: random accesses, shapes and programs, buffers that are
//! overwritten, and any number of threads. Elementwise results must be equal to the last bit.

use hbp::backend::{Element, Operand, Read, Registers, combine_entries, map_entries, run_loop};
use hbp::kernel::{Access, Argument, Axis, Line, Loop, Number, ScalarOp, ValueId};
use proptest::prelude::*;
use smallvec::smallvec;

fn one<T: Element>(line: &Line, operands: &[T]) -> T {
    let mut value = [T::zero()];
    match operands {
        [a] => map_entries(line.op, &mut value, Operand::Entries(&[*a])),
        // A constant exponent is told from an array of them.
        [a, b] => {
            let b = match line.arguments[1] {
                Argument::Number(_) => Operand::Number(*b),
                _ => Operand::Entries(&[*b]),
            };
            combine_entries(line.op, &mut value, Operand::Entries(&[*a]), b);
        }
        _ => panic!("one or two operands"),
    }
    value[0]
}

/// Entry by entry.
fn slow<T: Element>(body: &Loop, reads: &[Vec<T>]) -> Vec<Vec<T>> {
    let mut outputs = vec![vec![T::zero(); body.rows * body.cols]; body.stored.len()];
    for j in 0..body.cols {
        for i in 0..body.rows {
            let read = |k: usize| {
                let access = &body.reads[k].1;
                if access.diagonal && i != j {
                    T::zero()
                } else {
                    reads[k][access.row.offset(i) + access.col.offset(j)]
                }
            };
            let mut lines: Vec<T> = Vec::new();
            for line in &body.body {
                let operands: Vec<T> = line
                    .arguments
                    .iter()
                    .map(|argument| match argument {
                        Argument::Number(number) => T::number(number.0),
                        Argument::Read(k) => read(*k),
                        Argument::Line(k) => lines[*k],
                    })
                    .collect();
                lines.push(one(line, &operands));
            }
            for (output, stored) in outputs.iter_mut().zip(&body.stored) {
                output[i + j * body.rows] = lines[*stored];
            }
        }
    }
    outputs
}

fn bits<T: Element>(outputs: &[Vec<T>]) -> Vec<u64> {
    outputs
        .iter()
        .flatten()
        .map(|x| x.double().to_bits())
        .collect()
}

fn fast<T: Element>(body: &Loop, reads: &[Read<'_, T>], outputs: &mut [Vec<T>]) {
    let mut slices: Vec<&mut [T]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    run_loop(body, reads, &mut slices, &mut Registers::default());
}

fn arrays<T: Element>(body: &Loop) -> Vec<Vec<T>> {
    let count = |access: &Access| {
        let last = |axis: Axis, n: usize| (0..n).map(|i| axis.offset(i)).max().unwrap_or(0);
        last(access.row, body.rows) + last(access.col, body.cols) + 1
    };
    body.reads
        .iter()
        .enumerate()
        .map(|(k, (_, access))| {
            let value =
                |i: usize| T::number(((i * 7919 + k * 104_729) % 1000) as f64 / 200.0 - 2.5);
            (0..count(access)).map(value).collect()
        })
        .collect()
}

fn check<T: Element>(body: &Loop) {
    let reads = arrays::<T>(body);
    let given: Vec<Read<'_, T>> = reads.iter().map(|read| Read::Array(read)).collect();
    let expected = slow(body, &reads);
    let mut found = vec![vec![T::zero(); body.rows * body.cols]; body.stored.len()];
    fast(body, &given, &mut found);
    assert!(bits(&found) == bits(&expected), "{body:?}");
    // Every identity read in turn stands where some output will.
    for (k, (_, access)) in body.reads.iter().enumerate() {
        let identity = !access.diagonal
            && access.row == Axis::plain(1)
            && access.col == Axis::plain(body.rows);
        for place in 0..if identity { body.stored.len() } else { 0 } {
            let mut found = vec![vec![T::zero(); body.rows * body.cols]; body.stored.len()];
            found[place].clone_from(&reads[k]);
            let mut given = given.clone();
            given[k] = Read::Output(place);
            fast(body, &given, &mut found);
            assert!(
                bits(&found) == bits(&expected),
                "read {k} in output {place}: {body:?}"
            );
        }
    }
}

/// Accesses that occur: in order, transposed, of rows and columns, one entry, a diagonal, factors of a Kronecker product.
fn access(kind: usize, rows: usize, cols: usize) -> Access {
    let plain = Axis::plain;
    let axes = |row: Axis, col: Axis, diagonal: bool| Access { row, col, diagonal };
    let part = |n: usize| if n.is_multiple_of(3) { n / 3 } else { n };
    let divided = |n: usize, stride: usize| Axis {
        divide: part(n),
        ..plain(stride)
    };
    let repeated = |n: usize, stride: usize| Axis {
        modulo: part(n),
        ..plain(stride)
    };
    match kind {
        0..=2 => axes(plain(1), plain(rows), false),
        3 => axes(plain(cols), plain(1), false),
        4 => axes(plain(1), plain(0), false),
        5 => axes(plain(0), plain(1), false),
        6 => axes(plain(0), plain(0), false),
        7 => axes(plain(1), plain(0), true),
        8 => axes(divided(rows, 1), divided(cols, 3), false),
        9 => axes(repeated(rows, 1), repeated(cols, part(rows)), false),
        10 => axes(
            Axis {
                divide: 1,
                modulo: part(rows),
                stride: 2,
                carry: 1,
            },
            plain(2 * rows),
            false,
        ),
        _ => axes(plain(2), plain(2 * rows), false),
    }
}

const OPERATIONS: [ScalarOp; 12] = [
    ScalarOp::Add,
    ScalarOp::Multiply,
    ScalarOp::Subtract,
    ScalarOp::Power,
    ScalarOp::Copy,
    ScalarOp::Negate,
    ScalarOp::Square,
    ScalarOp::Tanh,
    ScalarOp::Sigmoid,
    ScalarOp::Exp,
    ScalarOp::Relu,
    ScalarOp::Sin,
];

fn random_loop() -> impl Strategy<Value = Loop> {
    let size = || prop_oneof![1usize..12, 30usize..70, 500usize..600];
    let program =
        proptest::collection::vec((0..OPERATIONS.len(), any::<u32>(), any::<u32>()), 1..9);
    let reads = proptest::collection::vec(0usize..12, 1..4);
    let stored = proptest::collection::vec(any::<u32>(), 1..4);
    (size(), 1usize..40, reads, program, stored).prop_map(|(rows, cols, reads, program, stored)| {
        let kinds = reads
            .iter()
            .map(|kind| (ValueId(0), access(*kind, rows, cols)));
        let argument = |seed: u32, k: usize| {
            let seed = seed as usize;
            match seed % 7 {
                0 => Argument::Number(Number([0.5, 2.0, 3.0, -1.0][seed / 7 % 4])),
                1..=3 if k > 0 => Argument::Line(seed / 7 % k),
                _ => Argument::Read(seed / 7 % reads.len()),
            }
        };
        let line = |(k, (op, a, b)): (usize, &(usize, u32, u32))| {
            let op = OPERATIONS[*op];
            let two = matches!(
                op,
                ScalarOp::Add | ScalarOp::Subtract | ScalarOp::Multiply | ScalarOp::Power
            );
            let first = argument(*a, k);
            // Powers by a constant are products, and those by arrays are not: equal up to rounding only.
            let second = match argument(*b, k) {
                Argument::Number(_) => argument(*b, k),
                _ if op == ScalarOp::Power => Argument::Number(Number(3.0)),
                other => other,
            };
            let arguments = if two {
                smallvec![first, second]
            } else {
                smallvec![first]
            };
            Line { op, arguments }
        };
        let body: Vec<Line> = program.iter().enumerate().map(line).collect();
        let stored = stored.iter().map(|k| *k as usize % body.len()).collect();
        Loop {
            rows,
            cols,
            reads: kinds.collect(),
            body,
            stored,
        }
    })
}

/// z + b, then the sigmoid, its derivative, and its second derivative times δ.
fn sigmoid(rows: usize, cols: usize) -> Loop {
    let line = |op, arguments: &[Argument]| Line {
        op,
        arguments: arguments.into(),
    };
    let (number, read, of) = (
        |x| Argument::Number(Number(x)),
        Argument::Read,
        Argument::Line,
    );
    Loop {
        rows,
        cols,
        reads: [0, 4, 1]
            .map(|kind| (ValueId(0), access(kind, rows, cols)))
            .into(),
        body: vec![
            line(ScalarOp::Add, &[read(0), read(1)]),
            line(ScalarOp::Sigmoid, &[of(0)]),
            line(ScalarOp::Subtract, &[number(1.0), of(1)]),
            line(ScalarOp::Multiply, &[of(1), of(2)]),
            line(ScalarOp::Subtract, &[of(2), of(1)]),
            line(ScalarOp::Multiply, &[of(3), of(4)]),
            line(ScalarOp::Multiply, &[of(5), read(2)]),
        ],
        stored: vec![1, 3, 6],
    }
}

#[test]
fn the_pieces_of_a_large_loop_are_the_whole() {
    // Transposed reads, whose tiles end in the middle, and one long column.
    let mut turned = sigmoid(700, 333);
    turned.reads[2].1 = access(3, 700, 333);
    let mut flat = sigmoid(700, 333);
    flat.reads[1].1 = access(6, 700, 333);
    for body in [sigmoid(700, 333), turned, flat, sigmoid(10, 20_001)] {
        check::<f32>(&body);
        let reads = arrays::<f32>(&body);
        let given: Vec<Read<'_, f32>> = reads.iter().map(|read| Read::Array(read)).collect();
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let mut found = vec![vec![0.0f32; body.rows * body.cols]; body.stored.len()];
            pool.install(|| fast(&body, &given, &mut found));
            found
        };
        let alone = run(1);
        assert!(bits(&alone) == bits(&run(3)));
        assert!(bits(&alone) == bits(&run(2)));
    }
}

#[test]
fn a_loop_that_ran_before_allocates_nothing() {
    for (rows, cols) in [(20, 4), (100, 50), (10, 500)] {
        let body = sigmoid(rows, cols);
        let reads = arrays::<f64>(&body);
        let given: Vec<Read<'_, f64>> = reads.iter().map(|read| Read::Array(read)).collect();
        let mut outputs = vec![vec![0.0; rows * cols]; body.stored.len()];
        let mut slices: Vec<&mut [f64]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
        let mut registers = Registers::default();
        run_loop(&body, &given, &mut slices, &mut registers);
        let counted = allocation_counter::measure(|| {
            run_loop(&body, &given, &mut slices, &mut registers);
        });
        assert_eq!(counted.count_total, 0, "{rows} × {cols}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn random_loops_agree_with_the_entries(body in random_loop()) {
        check::<f64>(&body);
        check::<f32>(&body);
    }
}
