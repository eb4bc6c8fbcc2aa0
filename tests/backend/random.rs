//! Random expressions over all operations. Why generated node by node from a pool: operands are shared, so
//! orders, sharing and fusion are tried together.

use hbp::expr::{Dimension, Graph, Id, Op, Shape, Sizes};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SMOOTH: &[&str] = &[
    "sin",
    "cos",
    "tanh",
    "sigmoid",
    "softplus",
    "relu",
    "abs",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "erf",
    "swish",
    "wavy",
];

/// Expressions made so far, and which of them are symmetric.
pub(crate) struct Pool<'a> {
    pub(crate) graph: &'a mut Graph,
    pub(crate) nodes: Vec<Id>,
    symmetric: Vec<Id>,
    sizes: &'a Sizes,
    rng: ChaCha8Rng,
}

impl<'a> Pool<'a> {
    pub(crate) fn new(graph: &'a mut Graph, sizes: &'a Sizes, seed: u64) -> Self {
        let names = [
            "A", "B", "X", "S", "P", "Y", "F", "G", "M", "D", "x", "a", "p", "b", "v", "s", "Z",
            "U",
        ];
        let nodes = names
            .iter()
            .map(|name| graph.variable(name).unwrap())
            .collect();
        let symmetric = ["S", "P", "Z", "s"]
            .iter()
            .map(|name| graph.variable(name).unwrap())
            .collect();
        Self {
            graph,
            nodes,
            symmetric,
            sizes,
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    fn pick(&mut self, from: &[Id]) -> Option<Id> {
        (!from.is_empty()).then(|| from[self.rng.random_range(0..from.len())])
    }

    /// A node with some property, newer ones more often.
    fn some(&mut self, fits: impl Fn(&Shape) -> bool) -> Option<Id> {
        let all: Vec<Id> = self
            .nodes
            .iter()
            .copied()
            .filter(|id| fits(&self.graph.shape(*id)))
            .collect();
        let recent = &all[all.len().saturating_sub(5)..];
        if self.rng.random_bool(0.5) {
            self.pick(recent)
        } else {
            self.pick(&all)
        }
    }

    fn any(&mut self) -> Option<Id> {
        self.some(|_| true)
    }

    fn square(&mut self) -> Option<Id> {
        self.some(Shape::is_square)
    }

    fn symmetric(&mut self) -> Option<Id> {
        let all = self.symmetric.clone();
        self.pick(&all)
    }

    fn like(&mut self, id: Id) -> Option<Id> {
        let shape = self.graph.shape(id);
        self.some(|other| *other == shape)
    }

    fn dim(&mut self, d: &Dimension) -> Id {
        self.graph.dimension(d.clone())
    }

    fn node(&mut self, op: Op, children: &[Id]) -> Option<Id> {
        self.graph.node(op, children).ok()
    }

    /// 1/2 + a.²
    fn positive(&mut self, a: Id) -> Option<Id> {
        let two = self.graph.integer(2);
        let square = self.node(Op::Power, &[a, two])?;
        let half = self.graph.number("1/2".parse().unwrap());
        let shape = self.graph.shape(a);
        let ones = self.graph.ones(&shape);
        let halves = self.node(Op::Scale, &[half, ones])?;
        self.node(Op::Add, &[square, halves])
    }

    /// A'A + I
    fn definite(&mut self, a: Id) -> Option<Id> {
        let t = self.node(Op::Transpose, &[a])?;
        let gram = self.node(Op::Multiply, &[t, a])?;
        let n = self.graph.shape(gram).rows;
        let n = self.dim(&n);
        let eye = self.node(Op::Eye, &[n])?;
        self.node(Op::Add, &[gram, eye])
    }

    /// Adds one random expression, if it is not too large.
    pub(crate) fn grow(&mut self) {
        let before = self.graph.len();
        let Some((id, symmetric)) = self.choose() else {
            return;
        };
        let small = |id: Id, graph: &Graph| {
            graph[id]
                .sort
                .shape()
                .is_none_or(|s| s.size().evaluate(self.sizes).is_some_and(|n| n <= 1300))
        };
        let new =
            (before..self.graph.len()).all(|k| small(Id(u32::try_from(k).unwrap()), self.graph));
        if new && small(id, self.graph) {
            self.nodes.push(id);
            if symmetric {
                self.symmetric.push(id);
            }
        }
    }

    #[allow(clippy::too_many_lines, reason = "one arm for each operation")]
    fn choose(&mut self) -> Option<(Id, bool)> {
        let dense = |id: Option<Id>| id.map(|id| (id, false));
        let even = |id: Option<Id>| id.map(|id| (id, true));
        match self.rng.random_range(0..37) {
            0 | 1 => {
                let a = self.any()?;
                let (b, c) = (self.like(a)?, self.like(a)?);
                let all = [a, b, c];
                let count = self.rng.random_range(2..=3);
                let symmetric = all[..count].iter().all(|id| self.symmetric.contains(id));
                self.node(Op::Add, &all[..count]).map(|id| (id, symmetric))
            }
            2 => {
                let a = self.any()?;
                let s = self.some(Shape::is_scalar)?;
                let symmetric = self.symmetric.contains(&a);
                self.node(Op::Scale, &[s, a]).map(|id| (id, symmetric))
            }
            3 => {
                let a = self.any()?;
                let number = ["-1", "2", "1/3", "0", "-5/2"][self.rng.random_range(0..5)];
                let s = self.graph.number(number.parse().unwrap());
                let symmetric = self.symmetric.contains(&a);
                self.node(Op::Scale, &[s, a]).map(|id| (id, symmetric))
            }
            4..=9 => {
                let a = self.any()?;
                let cols = self.graph.shape(a).cols;
                let b = self.some(|s| s.rows == cols)?;
                dense(self.node(Op::Multiply, &[a, b]))
            }
            10 | 11 => {
                let a = self.any()?;
                let b = self.like(a)?;
                let symmetric = self.symmetric.contains(&a) && self.symmetric.contains(&b);
                self.node(Op::Hadamard, &[a, b]).map(|id| (id, symmetric))
            }
            12 | 13 => {
                let a = self.any()?;
                dense(self.node(Op::Transpose, &[a]))
            }
            14 => {
                let a = self.some(Shape::is_column)?;
                even(self.node(Op::Diag, &[a]))
            }
            15 => {
                let a = self.square()?;
                dense(self.node(Op::DiagVec, &[a]))
            }
            16 => {
                let a = self.any()?;
                dense(self.node(Op::Vec, &[a]))
            }
            17 | 18 => {
                let (a, b) = (self.any()?, self.any()?);
                let symmetric = self.symmetric.contains(&a) && self.symmetric.contains(&b);
                self.node(Op::Kronecker, &[a, b]).map(|id| (id, symmetric))
            }
            19 | 20 => {
                let h = self.symmetric()?;
                let n = self.graph.shape(h).rows;
                let j = self.some(|s| s.rows == n)?;
                even(self.node(Op::Congruence, &[j, h]))
            }
            21 => {
                let a = self.any()?;
                let t = self.node(Op::Transpose, &[a])?;
                even(self.node(Op::Multiply, &[t, a]))
            }
            22 => {
                let a = self.any()?;
                let shape = self.graph.shape(a);
                let (rows, cols) = (self.dim(&shape.cols), self.dim(&shape.rows));
                dense(self.node(Op::Reshape, &[a, rows, cols]))
            }
            23 => {
                let a = self.any()?;
                let shape = self.graph.shape(a);
                let k = match self.rng.random_range(0..3) {
                    0 => {
                        let (m, n) = (self.dim(&shape.rows), self.dim(&shape.cols));
                        self.node(Op::Commutation, &[m, n])?
                    }
                    1 => {
                        let n = self.dim(&shape.rows);
                        self.node(Op::Eye, &[n])?
                    }
                    _ => self.graph.ones(&shape),
                };
                dense(Some(k))
            }
            24 => {
                let a = self.any()?;
                let a = self.definite(a)?;
                even(self.node(Op::Inverse, &[a]))
            }
            25 => {
                let a = self.square()?;
                if self.rng.random_bool(0.5) {
                    return dense(self.node(Op::Trace, &[a]));
                }
                // Entries below 1: the error of a determinant grows with the product of its rows.
                let f = self.graph.function("tanh", 0);
                let a = self.node(Op::Apply, &[f, a])?;
                dense(self.node(Op::Determinant, &[a]))
            }
            26 => {
                let a = self.any()?;
                let a = self.definite(a)?;
                dense(self.node(Op::LogDeterminant, &[a]))
            }
            27 => {
                let a = self.any()?;
                let op = [Op::Sum, Op::Mean, Op::LogSumExp, Op::Norm2][self.rng.random_range(0..4)]
                    .clone();
                dense(self.node(op, &[a]))
            }
            28 => {
                let a = self.any()?;
                dense(self.node(Op::Softmax, &[a]))
            }
            29 => {
                let a = self.symmetric()?;
                let op = [Op::EigAbs, Op::EigClip][self.rng.random_range(0..2)].clone();
                even(self.node(op, &[a]))
            }
            30 => {
                let a = self.any()?;
                let positive = self.positive(a)?;
                match self.rng.random_range(0..3) {
                    0 => {
                        let name = ["log", "sqrt"][self.rng.random_range(0..2)];
                        let f = self.graph.function(name, 0);
                        dense(self.node(Op::Apply, &[f, positive]))
                    }
                    1 => {
                        let exponent = self.like(a)?;
                        dense(self.node(Op::Power, &[positive, exponent]))
                    }
                    _ => {
                        let number = ["-1", "-2", "1/2", "3", "-1/2"][self.rng.random_range(0..5)];
                        let p = self.graph.number(number.parse().unwrap());
                        dense(self.node(Op::Power, &[positive, p]))
                    }
                }
            }
            31 => {
                let a = self.any()?;
                let number = ["0", "1", "2", "3"][self.rng.random_range(0..4)];
                let p = self.graph.number(number.parse().unwrap());
                let symmetric = self.symmetric.contains(&a);
                self.node(Op::Power, &[a, p]).map(|id| (id, symmetric))
            }
            _ => {
                let a = self.any()?;
                let name = SMOOTH[self.rng.random_range(0..SMOOTH.len())];
                let symmetric = self.symmetric.contains(&a);
                let f = self.graph.function(name, 0);
                self.node(Op::Apply, &[f, a]).map(|id| (id, symmetric))
            }
        }
    }
}
