//! Random expressions of a wanted shape, and random rewritings that keep their value.

use hbp::expr::{Dimension, Graph, Id, Op, Rational, Shape};
use rand::{Rng, RngExt};

/// Declarations of the names that random expressions use.
pub(crate) const NAMES: &str = "
fn phi(t)
module names(x: R[n], y: R[n], M: R[m, n]) -> z: R {
    param A: R[n, n]
    param B: R[n, n]
    param C: R[m, m]
    param S: R[n, n] symmetric
    z = phi(sum(x)) + sum(y) + sum(M) + sum(A) + sum(B) + sum(C) + sum(S)
}";

pub(crate) struct Maker<'g, R> {
    pub(crate) graph: &'g mut Graph,
    pub(crate) rng: R,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    One,
    M,
    N,
}

impl Side {
    fn dimension(self) -> Dimension {
        match self {
            Self::One => Dimension::one(),
            Self::M => Dimension::named("m"),
            Self::N => Dimension::named("n"),
        }
    }
}

impl<R: Rng> Maker<'_, R> {
    fn node(&mut self, op: Op, children: &[Id]) -> Id {
        self.graph.node(op, children).expect("well shaped")
    }

    fn number(&mut self, numer: i64, denom: i64) -> Id {
        self.graph.number(Rational::new(numer.into(), denom.into()))
    }

    /// A product in the canonical form of the graph.
    fn product(&mut self, a: Id, b: Id) -> Id {
        if self.graph.shape(a).is_scalar() {
            self.node(Op::Scale, &[a, b])
        } else if self.graph.shape(b).is_scalar() {
            self.node(Op::Scale, &[b, a])
        } else {
            self.node(Op::Multiply, &[a, b])
        }
    }

    fn leaf(&mut self, rows: Side, cols: Side) -> Id {
        let pick = |this: &mut Self, names: &[&str]| {
            let name = names[this.rng.random_range(0..names.len())];
            this.graph.variable(name).expect("declared")
        };
        match (rows, cols) {
            (Side::N, Side::N) => pick(self, &["A", "B", "S"]),
            (Side::M, Side::M) => pick(self, &["C"]),
            (Side::M, Side::N) => pick(self, &["M"]),
            (Side::N, Side::One) => pick(self, &["x", "y"]),
            (Side::N, Side::M) => {
                let m = pick(self, &["M"]);
                self.node(Op::Transpose, &[m])
            }
            (Side::One, Side::N) => {
                let x = pick(self, &["x", "y"]);
                self.node(Op::Transpose, &[x])
            }
            (Side::M, Side::One) => {
                let (m, x) = (pick(self, &["M"]), pick(self, &["x", "y"]));
                self.node(Op::Multiply, &[m, x])
            }
            (Side::One, Side::M) => {
                let column = self.leaf(Side::M, Side::One);
                self.node(Op::Transpose, &[column])
            }
            (Side::One, Side::One) => {
                let k = self.rng.random_range(1..4);
                self.number(k, 2)
            }
        }
    }

    /// A random expression.
    pub(crate) fn expression(&mut self, rows: Side, cols: Side, depth: u32) -> Id {
        if depth == 0 {
            return self.leaf(rows, cols);
        }
        let d = depth - 1;
        match self.rng.random_range(0..16) {
            0 | 1 => {
                let (a, b) = (
                    self.expression(rows, cols, d),
                    self.expression(rows, cols, d),
                );
                self.node(Op::Add, &[a, b])
            }
            2 | 3 => {
                let inner = [Side::N, Side::M][self.rng.random_range(0..2)];
                let (a, b) = (
                    self.expression(rows, inner, d),
                    self.expression(inner, cols, d),
                );
                self.product(a, b)
            }
            4 => {
                let a = self.expression(cols, rows, d);
                self.node(Op::Transpose, &[a])
            }
            5 if rows != Side::One || cols != Side::One => {
                let (a, b) = (
                    self.expression(rows, cols, d),
                    self.expression(rows, cols, d),
                );
                self.node(Op::Hadamard, &[a, b])
            }
            6 => {
                let a = self.expression(rows, cols, d);
                let half = self.number(-1, 2);
                self.node(Op::Scale, &[half, a])
            }
            7 | 8 => {
                let names = ["exp", "sigmoid", "tanh", "phi", "softplus", "sin"];
                let function = self
                    .graph
                    .function(names[self.rng.random_range(0..names.len())], 0);
                let a = self.expression(rows, cols, d.min(1));
                let small = self.number(1, 4);
                let a = self.node(Op::Scale, &[small, a]);
                self.node(Op::Apply, &[function, a])
            }
            9 if rows == cols && rows != Side::One => {
                let v = self.expression(rows, Side::One, d);
                self.node(Op::Diag, &[v])
            }
            10 if cols == Side::One && rows != Side::One => {
                let a = self.expression(rows, rows, d);
                self.node(Op::DiagVec, &[a])
            }
            11 if rows == cols && rows != Side::One => {
                // The inverse of what is near a multiple of I.
                let a = self.expression(rows, rows, d.min(1));
                let n = self.graph.dimension(rows.dimension());
                let eye = self.node(Op::Eye, &[n]);
                let (five, small) = (self.number(5, 1), self.number(1, 8));
                let eye = self.node(Op::Scale, &[five, eye]);
                let a = self.node(Op::Scale, &[small, a]);
                let sum = self.node(Op::Add, &[eye, a]);
                self.node(Op::Inverse, &[sum])
            }
            12 if rows == Side::One && cols == Side::One => {
                let side = [Side::N, Side::M][self.rng.random_range(0..2)];
                let a = self.expression(side, side, d);
                let op = [Op::Trace, Op::Sum, Op::Mean][self.rng.random_range(0..3)].clone();
                self.node(op, &[a])
            }
            13 if rows != Side::One && cols != Side::One => {
                // (B' ⊗ A) vec X, reshaped
                let (a, b) = (
                    self.expression(rows, rows, d.min(1)),
                    self.expression(cols, cols, d.min(1)),
                );
                let x = self.expression(rows, cols, d);
                let (v, k) = (self.node(Op::Vec, &[x]), self.node(Op::Kronecker, &[b, a]));
                let product = self.node(Op::Multiply, &[k, v]);
                let (m, n) = (
                    self.graph.dimension(rows.dimension()),
                    self.graph.dimension(cols.dimension()),
                );
                self.node(Op::Reshape, &[product, m, n])
            }
            14 if cols == Side::One && rows != Side::One => {
                let v = self.expression(rows, cols, d.min(1));
                self.node(Op::Softmax, &[v])
            }
            15 if rows == Side::One && cols == Side::One => {
                let v = self.expression(Side::N, Side::One, d.min(1));
                let op = [Op::LogSumExp, Op::Norm2][self.rng.random_range(0..2)].clone();
                self.node(op, &[v])
            }
            _ => self.expression(rows, cols, d),
        }
    }

    /// The same value, written otherwise.
    pub(crate) fn rewritten(&mut self, root: Id) -> Id {
        let mut new = std::collections::BTreeMap::new();
        for id in self.graph.topological(&[root]) {
            let node = self.graph[id].clone();
            if self.graph[id].sort.shape().is_none() || node.children.is_empty() {
                new.insert(id, id);
                continue;
            }
            let mut children: Vec<Id> = node.children.iter().map(|c| new[c]).collect();
            let chance = self.rng.random_range(0..3) > 0;
            let id_new = match &node.op {
                Op::Add | Op::Hadamard if chance => {
                    children.reverse();
                    self.node(node.op.clone(), &children)
                }
                Op::Multiply if chance => self.other_product(children[0], children[1]),
                Op::Trace if chance && self.graph[children[0]].op == Op::Multiply => {
                    // tr(A B) = tr(B A)
                    let inner = self.graph[children[0]].clone();
                    let turned = self.product(inner.children[1], inner.children[0]);
                    if self.graph.shape(turned).is_scalar() {
                        turned
                    } else {
                        self.node(Op::Trace, &[turned])
                    }
                }
                Op::Kronecker if chance => {
                    // A ⊗ B = (A ⊗ I)(I ⊗ B)
                    let (a, b) = (children[0], children[1]);
                    let (p, q) = (self.graph.shape(b).rows, self.graph.shape(a).cols);
                    let (p, q) = (self.graph.dimension(p), self.graph.dimension(q));
                    let (p, q) = (self.node(Op::Eye, &[p]), self.node(Op::Eye, &[q]));
                    let (left, right) = (
                        self.node(Op::Kronecker, &[a, p]),
                        self.node(Op::Kronecker, &[q, b]),
                    );
                    self.node(Op::Multiply, &[left, right])
                }
                Op::Inverse if chance => {
                    let t = self.node(Op::Transpose, &children);
                    let i = self.node(Op::Inverse, &[t]);
                    self.node(Op::Transpose, &[i])
                }
                Op::Softmax if chance => {
                    let exp = self.graph.function("exp", 0);
                    let e = self.node(Op::Apply, &[exp, children[0]]);
                    let total = self.node(Op::Sum, &[e]);
                    let minus = self.graph.integer(-1);
                    let share = self.node(Op::Power, &[total, minus]);
                    self.node(Op::Scale, &[share, e])
                }
                Op::Diag if chance => {
                    // diag(v) = (v 1') ⊙ I
                    let n = self.graph.shape(children[0]).rows;
                    let ones = self.graph.ones(&Shape::matrix(Dimension::one(), n.clone()));
                    let n = self.graph.dimension(n);
                    let (eye, outer) = (self.node(Op::Eye, &[n]), self.product(children[0], ones));
                    self.node(Op::Hadamard, &[outer, eye])
                }
                _ => self.node(node.op.clone(), &children),
            };
            new.insert(id, id_new);
        }
        new[&root]
    }

    fn other_product(&mut self, a: Id, b: Id) -> Id {
        match self.graph[a].clone() {
            // (P + Q) B = P B + Q B
            sum if sum.op == Op::Add => {
                let parts: Vec<Id> = sum.children.iter().map(|c| self.product(*c, b)).collect();
                self.node(Op::Add, &parts)
            }
            // (P Q) B = P (Q B)
            inner if inner.op == Op::Multiply => {
                let right = self.product(inner.children[1], b);
                self.product(inner.children[0], right)
            }
            // A B = (B' A')'
            _ => {
                let (a, b) = (
                    self.node(Op::Transpose, &[a]),
                    self.node(Op::Transpose, &[b]),
                );
                let turned = self.product(b, a);
                self.node(Op::Transpose, &[turned])
            }
        }
    }
}
