//! Times of compilation and of a few kernels on the reference algebra: `cargo bench`.
//! Why: orders are chosen by counts, and counts are only worth something while the rates behind them are even.

use hbp::backend::{Executor, Inputs};
use hbp::expr::{Dimension, Facts, Graph, Id, Op, Role, Shape, Sizes, Variable};
use hbp::kernel::{Program, compile};
use nalgebra::DMatrix;

fn main() {
    divan::main();
}

/// W: m × n, H: m × m symmetric, x: n.
fn graph() -> (Graph, [Id; 3]) {
    let mut graph = Graph::default();
    let (m, n) = (Dimension::named("m"), Dimension::named("n"));
    let mut declare = |name: &str, shape: Shape, symmetric: bool| {
        let facts = Facts {
            symmetric,
            ..Facts::default()
        };
        graph.declare(
            name,
            Variable {
                shape,
                role: Role::Input,
                facts,
            },
        )
    };
    let w = declare("W", Shape::matrix(m.clone(), n.clone()), false);
    let h = declare("H", Shape::matrix(m.clone(), m), true);
    let x = declare("x", Shape::vector(n), false);
    (graph, [w, h, x])
}

fn node(graph: &mut Graph, op: Op, children: &[Id]) -> Id {
    graph.node(op, children).expect("well shaped")
}

/// W x, a matrix-vector product.
fn product() -> (Graph, Id) {
    let (mut graph, [w, _, x]) = graph();
    let id = node(&mut graph, Op::Multiply, &[w, x]);
    (graph, id)
}

/// W'HW.
fn congruence() -> (Graph, Id) {
    let (mut graph, [w, h, _]) = graph();
    let id = node(&mut graph, Op::Congruence, &[w, h]);
    (graph, id)
}

/// tanh(W) ⊙ sigmoid(W).
fn elementwise() -> (Graph, Id) {
    let (mut graph, [w, _, _]) = graph();
    let [tanh, sigmoid] = ["tanh", "sigmoid"].map(|f| graph.function(f, 0));
    let (a, b) = (
        node(&mut graph, Op::Apply, &[tanh, w]),
        node(&mut graph, Op::Apply, &[sigmoid, w]),
    );
    let id = node(&mut graph, Op::Hadamard, &[a, b]);
    (graph, id)
}

const SIZES: [usize; 2] = [64, 512];

fn compiled((graph, id): (Graph, Id), n: usize) -> Program {
    let sizes = Sizes::from([("m".into(), n), ("n".into(), n)]);
    compile(&graph, &[("z".into(), id)], &sizes).expect("compiles")
}

fn run(bencher: divan::Bencher, case: (Graph, Id), n: usize) {
    let program = compiled(case, n);
    let entry = |i: usize, j: usize| (i * 7 + j * 3) as f32 / n as f32 % 1.0 - 0.5;
    let w = DMatrix::from_fn(n, n, entry);
    let inputs: Inputs<f32> = [
        ("W", w.clone()),
        ("H", &w + w.transpose()),
        ("x", w.columns(0, 1).into_owned()),
    ]
    .map(|(name, matrix)| (name.into(), matrix))
    .into();
    let mut executor = Executor::new(&program);
    bencher.bench_local(|| executor.run(&inputs));
}

#[divan::bench(args = SIZES)]
fn products(bencher: divan::Bencher, n: usize) {
    run(bencher, product(), n);
}

#[divan::bench(args = SIZES)]
fn congruences(bencher: divan::Bencher, n: usize) {
    run(bencher, congruence(), n);
}

#[divan::bench(args = SIZES)]
fn loops(bencher: divan::Bencher, n: usize) {
    run(bencher, elementwise(), n);
}

#[divan::bench]
fn compilation(bencher: divan::Bencher) {
    bencher.bench(|| compiled(congruence(), 512));
}
