//! Modules nobody thought of: random smooth maps of random shapes, derived and compared with hyper-dual numbers.

use hbp::expr::{Dimension, Draw, FunctionDefinition, Graph, Id, Module, Op, Rational, Sizes};
use hbp::expr::{Names, print};
use hbp::hbp::{Request, derive};
use hbp::rewrite::{Report, Rewriter};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::support::module;
use super::support::numbers::{disagreement, environment};

/// A size: one, n or m.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    One,
    N,
    M,
}

use Side::{M, N, One};

impl Side {
    fn dimension(self) -> Dimension {
        match self {
            One => Dimension::one(),
            N => Dimension::named("n"),
            M => Dimension::named("m"),
        }
    }
}

/// Builds an expression from a list of choices; when they run out, only leaves are chosen.
struct Grower<'a> {
    graph: &'a mut Graph,
    choices: std::slice::Iter<'a, u16>,
    /// How deep it may still go.
    depth: u32,
}

const FUNCTIONS: [&str; 7] = ["sigmoid", "tanh", "sin", "cos", "softplus", "silu", "phi"];

impl Grower<'_> {
    fn choose(&mut self, n: usize) -> usize {
        usize::from(self.choices.next().copied().unwrap_or(0)) % n
    }

    fn node(&mut self, op: Op, children: &[Id]) -> Id {
        let shapes: Vec<_> = children
            .iter()
            .map(|c| self.graph[*c].sort.clone())
            .collect();
        let made = self.graph.node(op.clone(), children);
        made.unwrap_or_else(|e| panic!("{op:?} of {shapes:?}: {e}"))
    }

    fn is_scalar(&self, id: Id) -> bool {
        self.graph.shape(id).is_scalar()
    }

    /// A product in its canonical form: with a scalar it is a multiple.
    fn product(&mut self, op: Op, a: Id, b: Id) -> Id {
        match (self.is_scalar(a), self.is_scalar(b)) {
            (true, _) => self.node(Op::Scale, &[a, b]),
            (_, true) => self.node(Op::Scale, &[b, a]),
            _ => self.node(op, &[a, b]),
        }
    }

    fn transpose(&mut self, a: Id) -> Id {
        if self.is_scalar(a) {
            a
        } else {
            self.node(Op::Transpose, &[a])
        }
    }

    fn function(&mut self, name: &str, a: Id) -> Id {
        let definition = if name == "phi" {
            FunctionDefinition::Abstract
        } else {
            FunctionDefinition::Builtin
        };
        self.graph.define(name, definition);
        let function = self.graph.function(name, 0);
        self.node(Op::Apply, &[function, a])
    }

    fn number(&mut self) -> Id {
        let (numerator, denominator) = ([1, -1, 2, -3][self.choose(4)], [1, 2, 3][self.choose(3)]);
        let value = Rational::new(numerator.into(), denominator.into());
        self.graph.number(value)
    }

    fn ones(&mut self, rows: Side, cols: Side) -> Id {
        let sides = [rows, cols].map(|side| self.graph.dimension(side.dimension()));
        self.node(Op::Ones, &sides)
    }

    fn leaf(&mut self, rows: Side, cols: Side) -> Id {
        let named = |name: &str, graph: &Graph| graph.variable(name).expect("declared");
        let pick = self.choose(4);
        match (rows, cols) {
            (One, One) => named(["s", "s", "t", "s"][pick], self.graph),
            (N, One) => named(["x", "x", "y", "x"][pick], self.graph),
            (M, One) => named("b", self.graph),
            (N, N) => named(["A", "A", "S", "A"][pick], self.graph),
            (M, N) => named(["W", "W", "V", "W"][pick], self.graph),
            (M, M) => {
                let b = self.leaf(M, One);
                self.node(Op::Diag, &[b])
            }
            (One, _) | (N, M) => {
                let other = self.leaf(cols, rows);
                self.node(Op::Transpose, &[other])
            }
        }
    }

    fn grow(&mut self, rows: Side, cols: Side) -> Id {
        if self.depth == 0 || self.choices.len() == 0 {
            return self.leaf(rows, cols);
        }
        self.depth -= 1;
        let id = self.grow_deeper(rows, cols);
        self.depth += 1;
        id
    }

    fn grow_deeper(&mut self, rows: Side, cols: Side) -> Id {
        if rows == One && cols == One {
            return self.scalar();
        }
        match self.choose(14) {
            0 | 1 => {
                let (a, b) = (self.grow(rows, cols), self.grow(rows, cols));
                self.node(Op::Add, &[a, b])
            }
            2 => {
                let (s, a) = (self.grow(One, One), self.grow(rows, cols));
                self.node(Op::Scale, &[s, a])
            }
            3 => {
                let (s, a) = (self.number(), self.grow(rows, cols));
                self.node(Op::Scale, &[s, a])
            }
            4..=6 => {
                let inner = [N, M, One][self.choose(3)];
                let (a, b) = (self.grow(rows, inner), self.grow(inner, cols));
                self.product(Op::Multiply, a, b)
            }
            7 => {
                let (a, b) = (self.grow(rows, cols), self.grow(rows, cols));
                self.node(Op::Hadamard, &[a, b])
            }
            8 | 9 => {
                let a = self.grow(rows, cols);
                let name = FUNCTIONS[self.choose(FUNCTIONS.len())];
                self.function(name, a)
            }
            10 => {
                let a = self.grow(cols, rows);
                self.transpose(a)
            }
            11 => {
                let a = self.grow(rows, cols);
                self.node(Op::Softmax, &[a])
            }
            12 => {
                let (a, b) = (self.grow(rows, One), self.grow(One, cols));
                self.product(Op::Kronecker, a, b)
            }
            _ => self.special(rows, cols),
        }
    }

    /// What only some shapes have.
    fn special(&mut self, rows: Side, cols: Side) -> Id {
        if rows == cols {
            return match self.choose(2) {
                0 => {
                    let a = self.grow(rows, One);
                    self.node(Op::Diag, &[a])
                }
                _ => {
                    let gram = self.gram(rows);
                    self.node(Op::Inverse, &[gram])
                }
            };
        }
        if cols == One {
            let a = self.grow(rows, rows);
            return self.node(Op::DiagVec, &[a]);
        }
        // 1 + a ⊙ a, then its logarithm, root or reciprocal.
        let (a, one) = (self.grow(rows, cols), self.ones(rows, cols));
        let square = self.node(Op::Hadamard, &[a, a]);
        let positive = self.node(Op::Add, &[one, square]);
        self.positive(positive)
    }

    /// A'A + I.
    fn gram(&mut self, side: Side) -> Id {
        let a = self.grow(side, side);
        let dimension = self.graph.dimension(side.dimension());
        let eye = self.node(Op::Eye, &[dimension]);
        let transposed = self.transpose(a);
        let gram = self.product(Op::Multiply, transposed, a);
        self.node(Op::Add, &[gram, eye])
    }

    /// A function of positive numbers.
    fn positive(&mut self, a: Id) -> Id {
        let exponent = match self.choose(3) {
            0 => return self.function("log", a),
            1 => (1, 2),
            _ => (-1, 1),
        };
        let exponent = Rational::new(exponent.0.into(), exponent.1.into());
        let exponent = self.graph.number(exponent);
        self.node(Op::Power, &[a, exponent])
    }

    fn scalar(&mut self) -> Id {
        let (rows, cols) = ([N, M][self.choose(2)], [One, N, M][self.choose(3)]);
        match self.choose(9) {
            0 => {
                let (a, b) = (self.grow(rows, One), self.grow(rows, One));
                let transposed = self.transpose(a);
                self.node(Op::Multiply, &[transposed, b])
            }
            1 => {
                let a = self.grow(rows, rows);
                self.node(Op::Trace, &[a])
            }
            2 => {
                let gram = self.gram(rows);
                let op = [Op::LogDeterminant, Op::Determinant][self.choose(2)].clone();
                self.node(op, &[gram])
            }
            3 => {
                let (a, b) = (self.grow(rows, One), self.grow(cols, One));
                let both = self.product(Op::Kronecker, a, b);
                self.node(Op::Norm2, &[both])
            }
            4 => {
                let a = self.grow(One, One);
                let name = FUNCTIONS[self.choose(FUNCTIONS.len())];
                self.function(name, a)
            }
            5 => {
                let (one, a) = (self.graph.integer(1), self.grow(One, One));
                let square = self.node(Op::Scale, &[a, a]);
                let positive = self.node(Op::Add, &[one, square]);
                self.positive(positive)
            }
            other => {
                let a = self.grow(rows, cols);
                let op = [Op::Sum, Op::Mean, Op::LogSumExp][other - 6].clone();
                self.node(op, &[a])
            }
        }
    }
}

const SHAPES: [(Side, Side); 7] = [
    (N, One),
    (One, One),
    (M, One),
    (M, N),
    (N, N),
    (One, N),
    (M, M),
];

/// A module whose variables are those that occur in its output.
fn random_module(shape: (Side, Side), choices: &[u16]) -> Module {
    let declarations = [
        "x: n", "y: n", "b*: m", "A*: n n", "S: n n", "W*: m n", "V*: m n", "s*:", "t:",
    ];
    let mut module = module(&declarations, &[], "x");
    let mut grower = Grower {
        graph: &mut module.graph,
        choices: choices.iter(),
        depth: 5,
    };
    let z = grower.grow(shape.0, shape.1);
    module.output.1 = z;
    let used = module.graph.free_variables(z);
    module.inputs.retain(|name| used.contains(name));
    module.parameters.retain(|name| used.contains(name));
    module
}

/// Compares at the given sizes; a point where the map or a derivative has no finite value says nothing.
fn check(module: &Module, sizes: &[(usize, usize)]) -> Result<(), TestCaseError> {
    let shown = || print(&module.graph, module.output.1, &Names::default());
    let mut report = Report::default();
    let request = Request::default();
    let equations = derive(module, &request, Rewriter::embedded(), &mut report)
        .map_err(|e| TestCaseError::fail(format!("{}: {e}", shown())))?;
    for (seed, (n, m)) in (0..).zip(sizes) {
        let sizes = Sizes::from([("n".into(), *n), ("m".into(), *m)]);
        let Ok(environment) = environment(&equations.module, &sizes, seed, Draw::Normal) else {
            return Err(TestCaseError::fail("no random data"));
        };
        if let Ok(Some(wrong)) = disagreement(&equations, &environment) {
            let message = format!("{} at n = {n}, m = {m}:\n{wrong}", shown());
            return Err(TestCaseError::fail(message));
        }
    }
    Ok(())
}

/// The same modules every time, so that a change is judged by what it changes.
fn config(seed: u64) -> ProptestConfig {
    ProptestConfig {
        cases: 24,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn choices() -> impl Strategy<Value = Vec<u16>> {
    prop::collection::vec(any::<u16>(), 1..20)
}

/// Sizes of n and m, at one of two points perhaps 1.
fn sizes() -> impl Strategy<Value = [(usize, usize); 2]> {
    [(1..4usize, 1..4usize), (2..4usize, 2..4usize)]
}

proptest! {
    #![proptest_config(config(2))]
    #[test]
    fn random_vectors_and_scalars_agree_with_hyper_dual_numbers(
        shape in 0..3usize,
        choices in choices(),
        sizes in sizes(),
    ) {
        check(&random_module(SHAPES[shape], &choices), &sizes)?;
    }
}

proptest! {
    #![proptest_config(config(3))]
    #[test]
    fn random_matrices_agree_with_hyper_dual_numbers(
        shape in 3..SHAPES.len(),
        choices in choices(),
        sizes in sizes(),
    ) {
        check(&random_module(SHAPES[shape], &choices), &sizes)?;
    }
}
