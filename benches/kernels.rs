//! Times of compilation, of a few kernels, and of the products and factorisations behind them: `cargo bench`. Items per
//! second of `rates` are operations per second; `RAYON_NUM_THREADS=1` measures one thread.
//! Why: orders are chosen by counts, and counts are only worth something while the rates behind them are even.

use hbp::backend::{Algebra, Element, Executor, Faer, Inputs, MatrixRef, Nalgebra};
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

/// A product of m × k and k × n, where a letter t says which operand is stored as its transpose.
#[derive(Clone, Copy, Debug)]
struct Case {
    name: &'static str,
    sizes: (usize, usize, usize),
    transposed: (bool, bool),
    symmetric: bool,
}

const fn case(name: &'static str, sizes: (usize, usize, usize), how: &str) -> Case {
    let how = how.as_bytes();
    Case {
        name,
        sizes,
        transposed: (how[0] == b't', how[1] == b't'),
        symmetric: how.len() > 2,
    }
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (m, k, n) = self.sizes;
        write!(f, "{} {m}x{k}x{n}", self.name)
    }
}

/// The products of a 3072-1024-512-10 network at a batch of 500, the halves of symmetric ones, and vectors.
const CASES: [Case; 16] = [
    case("W X", (1024, 3072, 500), "nn"),
    case("W X", (512, 1024, 500), "nn"),
    case("W X", (10, 512, 500), "nn"),
    case("W'D", (3072, 1024, 500), "tn"),
    case("W'D", (1024, 512, 500), "tn"),
    case("W'D", (512, 10, 500), "tn"),
    case("D X'", (1024, 500, 3072), "nt"),
    case("D X'", (512, 500, 1024), "nt"),
    case("D X'", (10, 500, 512), "nt"),
    case("H W", (512, 512, 1024), "nn"),
    case("W'(HW)", (1024, 512, 1024), "tn half"),
    case("X X'", (1024, 500, 1024), "nt half"),
    case("small", (128, 128, 128), "nn"),
    case("W x", (1024, 3072, 1), "nn"),
    case("W'x", (3072, 1024, 1), "tn"),
    case("x'W", (1, 1024, 3072), "nn"),
];

/// Numbers in (−1/2, 1/2).
fn entries<T: Element>(count: usize) -> Vec<T> {
    let entry = |i: usize| T::number((i * 7919 % 1013) as f64 / 1013.0 - 0.5);
    (0..count).map(entry).collect()
}

fn stored<T>(data: &[T], rows: usize, cols: usize, transposed: bool) -> MatrixRef<'_, T> {
    let strides = if transposed { (cols, 1) } else { (1, rows) };
    MatrixRef {
        data,
        rows,
        cols,
        strides,
    }
}

#[divan::bench(args = CASES, types = [f32, f64], sample_count = 30)]
fn rates<T: Element>(bencher: divan::Bencher, case: &Case) {
    products_of::<T>(bencher, case, Faer::default());
}

#[divan::bench(args = CASES, types = [f32, f64], sample_count = 10)]
fn rates_of_the_twin<T: Element>(bencher: divan::Bencher, case: &Case) {
    products_of::<T>(bencher, case, Nalgebra);
}

fn products_of<T: Element>(bencher: divan::Bencher, case: &Case, mut algebra: impl Algebra<T>) {
    let (m, k, n) = case.sizes;
    let (left, right) = (entries::<T>(m * k), entries::<T>(k * n));
    let mut out = entries::<T>(m * n);
    let left = stored(&left, m, k, case.transposed.0);
    let right = stored(&right, k, n, case.transposed.1);
    let operations = if case.symmetric {
        m * k * (n + 1)
    } else {
        2 * m * k * n
    };
    bencher
        .counter(divan::counter::ItemsCount::new(operations))
        .bench_local(|| {
            if case.symmetric {
                algebra.symmetric_product(&mut out, T::one(), left, right);
            } else {
                algebra.product(&mut out, T::one(), left, right);
            }
        });
}

/// A factorisation, and what is done with it.
#[divan::bench(args = ["solve", "positive", "inverse", "spectral"], types = [f32, f64], consts = [64, 512], sample_count = 5)]
fn factorisations<T: Element, const N: usize>(bencher: divan::Bencher, what: &str) {
    factorisations_of::<T, N>(bencher, what, Faer::default());
}

#[divan::bench(args = ["solve", "positive", "inverse", "spectral"], types = [f32, f64], consts = [64, 512], sample_count = 3)]
fn factorisations_of_the_twin<T: Element, const N: usize>(bencher: divan::Bencher, what: &str) {
    factorisations_of::<T, N>(bencher, what, Nalgebra);
}

fn factorisations_of<T: Element, const N: usize>(
    bencher: divan::Bencher,
    what: &str,
    mut algebra: impl Algebra<T>,
) {
    let (noise, right) = (entries::<T>(N * N), entries::<T>(N * N));
    let entry = |i: usize, j: usize| {
        let shift = if i == j { N as f64 } else { 0.0 };
        noise[i.max(j) + i.min(j) * N] + T::number(shift)
    };
    let matrix: Vec<T> = (0..N * N).map(|e| entry(e % N, e / N)).collect();
    let (matrix, right) = (stored(&matrix, N, N, false), stored(&right, N, N, false));
    let mut out = entries::<T>(N * N);
    bencher.bench_local(|| {
        match what {
            "solve" => algebra.solve(&mut out, matrix, right),
            "positive" => algebra.solve_positive(&mut out, matrix, right),
            "inverse" => algebra.inverse(&mut out, matrix),
            _ => {
                algebra.spectral(&mut out, matrix, |x| x);
                Ok(())
            }
        }
        .expect("regular");
    });
}
