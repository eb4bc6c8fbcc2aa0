//! Expressions as sums of products with named indices. Why compound subscripts: vec, kron, reshape and K only regroup
//! indices, so that none of them leaves a factor behind.

use num_traits::{One, Zero};

use super::arrange::{joined, scalar, summed, transposed};
use super::core::{Core, Tensor, delta, scaled, size};
use super::error::{IndexError, Outcome};
use super::functions::integer;
use super::power::exponent;
use super::term::{Factor, Kind, Power, Slot, Symbol, Term};
use crate::expr::{Dimension, Facts, Id, Name, Op, Role, Shape};

impl Core<'_> {
    /// The index form of a node, with new free indices.
    pub(super) fn lower(&mut self, root: Id) -> Outcome<Tensor> {
        if !self.lowered.contains_key(&root) {
            for id in self.graph.topological(&[root]) {
                if !self.lowered.contains_key(&id) && self.graph[id].sort.shape().is_some() {
                    let tensor = self.lower_node(id)?;
                    let settled = self.settle(tensor)?;
                    self.lowered.insert(id, settled);
                }
            }
        }
        let tensor = self.lowered.get(&root).cloned().unwrap_or_default();
        Ok(self.fresh(&tensor))
    }

    fn lower_node(&mut self, id: Id) -> Outcome<Tensor> {
        let graph = self.graph;
        let node = &graph[id];
        let shape = graph.shape(id);
        let child = |k: usize| node.children[k];
        match &node.op {
            Op::Variable(name) => Ok(self.named(name, &shape)),
            Op::Number(value) => Ok(scalar(scaled(&[Term::number(integer(1))], value))),
            Op::Dimension(d) => Ok(scalar(size(d))),
            Op::Eye => Ok(self.identity(&shape.rows)),
            Op::Zeros | Op::Ones => {
                let terms = if node.op == Op::Ones {
                    vec![Term::number(integer(1))]
                } else {
                    Vec::new()
                };
                Ok(Tensor {
                    row: self.slot(&shape.rows),
                    col: self.slot(&shape.cols),
                    terms,
                })
            }
            Op::Commutation => {
                let (m, n) = (self.dimension(child(0)), self.dimension(child(1)));
                let (left, right) = (self.identity(&m), self.identity(&n));
                // K[(j, i), (i', j')] = δ[i, i'] δ[j, j']
                let terms = self.product(&left.terms, &right.terms)?;
                Ok(Tensor {
                    row: joined(&right.row, &left.row),
                    col: joined(&left.col, &right.col),
                    terms,
                })
            }
            _ => self.lower_algebra(id),
        }
    }

    /// Products, sums and rearrangements.
    fn lower_algebra(&mut self, id: Id) -> Outcome<Tensor> {
        let graph = self.graph;
        let node = &graph[id];
        let child = |k: usize| node.children[k];
        match &node.op {
            Op::Reshape => self.reshape(child(0), &graph.shape(id)),
            Op::Add => {
                let mut total = self.lower(child(0))?;
                for k in 1..node.children.len() {
                    let other = self.lower(child(k))?;
                    let (aligned, other) = self.align(total, other);
                    total = aligned;
                    total.terms.extend(other.terms);
                }
                Ok(total)
            }
            Op::Scale => {
                let (s, mut a) = (self.lower(child(0))?, self.lower(child(1))?);
                a.terms = self.product(&s.terms, &a.terms)?;
                Ok(a)
            }
            Op::Multiply => {
                let (a, b) = (self.lower(child(0))?, self.lower(child(1))?);
                self.matrix_product(a, b)
            }
            Op::Congruence => {
                let (j, h) = (self.lower(child(0))?, self.lower(child(1))?);
                let again = self.fresh(&j);
                let right = self.matrix_product(h, again)?;
                self.matrix_product(transposed(j), right)
            }
            Op::Hadamard => {
                let (a, b) = (self.lower(child(0))?, self.lower(child(1))?);
                self.entrywise(a, b)
            }
            Op::Power => self.lower_power(child(0), child(1)),
            Op::Transpose => self.lower(child(0)).map(transposed),
            Op::Diag => {
                let v = self.lower(child(0))?;
                Ok(self.diagonal_matrix(v))
            }
            Op::DiagVec => {
                let a = self.lower(child(0))?;
                Ok(self.diagonal(a))
            }
            Op::Vec => {
                let a = self.lower(child(0))?;
                Ok(Tensor {
                    row: joined(&a.row, &a.col),
                    col: Slot::new(),
                    terms: a.terms,
                })
            }
            Op::Kronecker => {
                let (a, b) = (self.lower(child(0))?, self.lower(child(1))?);
                // (A ⊗ B)[(k, i), (l, j)] = A[i, j] B[k, l]
                let terms = self.product(&a.terms, &b.terms)?;
                Ok(Tensor {
                    row: joined(&b.row, &a.row),
                    col: joined(&b.col, &a.col),
                    terms,
                })
            }
            _ => self.lower_function(id),
        }
    }

    /// Reductions and functions.
    fn lower_function(&mut self, id: Id) -> Outcome<Tensor> {
        let graph = self.graph;
        let node = &graph[id];
        let child = |k: usize| node.children[k];
        match &node.op {
            Op::Trace => {
                let a = self.lower(child(0))?;
                let diagonal = self.diagonal(a);
                Ok(scalar(summed(diagonal.terms, &diagonal.row)))
            }
            Op::Sum | Op::Mean => {
                let a = self.lower(child(0))?;
                let total = summed(a.terms, &joined(&a.row, &a.col));
                if node.op == Op::Sum {
                    return Ok(scalar(total));
                }
                let share = self.power(&size(&graph.shape(child(0)).size()), -Power::one())?;
                self.product(&total, &share).map(scalar)
            }
            Op::Norm2 => {
                let a = self.lower(child(0))?;
                let squares = self.power(&a.terms, Power::from(2))?;
                let total = self.simplify(summed(squares, &joined(&a.row, &a.col)))?;
                self.power(&total, Power::new(1, 2)).map(scalar)
            }
            Op::LogSumExp => {
                let a = self.lower(child(0))?;
                let e = self.exp(&a.terms)?;
                let total = self.simplify(summed(e, &joined(&a.row, &a.col)))?;
                self.log(&total).map(scalar)
            }
            Op::Softmax => {
                // exp(A)[i, j] / Σ_k exp(A)[k, j]
                let mut a = self.lower(child(0))?;
                let e = self.exp(&a.terms)?;
                let total = self.simplify(summed(e.clone(), &a.row))?;
                let share = self.power(&total, -Power::one())?;
                a.terms = self.product(&e, &share)?;
                Ok(a)
            }
            Op::Apply => {
                let Op::Function(f) = graph[child(0)].op.clone() else {
                    return Err(IndexError::unsupported(
                        "apply",
                        "its function is not a name",
                    ));
                };
                let mut a = self.lower(child(1))?;
                a.terms = self.apply(&f.name, f.order, &a.terms)?;
                Ok(a)
            }
            Op::Inverse => self.lower_inverse(child(0)),
            Op::Determinant => self.determinant(child(0)).map(scalar),
            Op::LogDeterminant => self.log_determinant(child(0)).map(scalar),
            Op::EigAbs | Op::EigClip => self.eigenvalue_function(child(0), node.op == Op::EigAbs),
            op => {
                let name = op.head().map_or("operation", |(name, _)| name);
                Err(IndexError::unsupported(
                    name,
                    "it is an operator on expressions",
                ))
            }
        }
    }

    fn dimension(&self, id: Id) -> Dimension {
        match &self.graph[id].op {
            Op::Dimension(d) => d.clone(),
            _ => Dimension::one(),
        }
    }

    /// A named value.
    pub(super) fn named(&mut self, name: &Name, shape: &Shape) -> Tensor {
        let variable = self.graph.variables().get(name);
        let facts: Facts = self.facts(name);
        // The Hessian at the output is symmetric whoever declared it.
        let upstream = variable.is_none_or(|v| v.role == Role::Upstream)
            && crate::expr::is_output_hessian(name);
        let (row, col) = (self.slot(&shape.rows), self.slot(&shape.cols));
        if facts.diagonal && !row.is_empty() {
            let head = Symbol::plain(Kind::Diagonal(name.clone()));
            let mut term = Term::single(Factor::new(head, [row.clone()]));
            term.factors.push(delta(row.clone(), col.clone()));
            return Tensor {
                row,
                col,
                terms: vec![term],
            };
        }
        let symmetric =
            (facts.symmetric || facts.positive_definite || upstream) && shape.is_square();
        let head = Symbol::new(
            Kind::Variable(name.clone()),
            exchanges(symmetric && !row.is_empty()),
        );
        let terms = vec![Term::single(Factor::new(head, [row.clone(), col.clone()]))];
        Tensor { row, col, terms }
    }

    /// The identity matrix.
    pub(super) fn identity(&mut self, n: &Dimension) -> Tensor {
        let (row, col) = (self.slot(n), self.slot(n));
        let mut term = Term::number(integer(1));
        if !row.is_empty() {
            term.factors.push(delta(row.clone(), col.clone()));
        }
        Tensor {
            row,
            col,
            terms: vec![term],
        }
    }

    fn reshape(&mut self, of: Id, shape: &Shape) -> Outcome<Tensor> {
        let a = self.lower(of)?;
        let (row, col) = (self.slot(&shape.rows), self.slot(&shape.cols));
        let whole = Tensor {
            row: joined(&a.row, &a.col),
            col: Slot::new(),
            terms: a.terms,
        };
        let shaped = Tensor {
            row: joined(&row, &col),
            col: Slot::new(),
            terms: Vec::new(),
        };
        let (shaped, whole) = self.align(shaped, whole);
        // The new subscripts after splits: as many indices as make up the rows.
        let mut rows = Dimension::one();
        let mut at = 0;
        while rows != shape.rows && at < shaped.row.len() {
            rows = rows.times(&shaped.row[at].size);
            at += 1;
        }
        let (row, col) = shaped.row.split_at(at);
        Ok(Tensor {
            row: row.into(),
            col: col.into(),
            terms: whole.terms,
        })
    }

    fn lower_power(&mut self, base: Id, by: Id) -> Outcome<Tensor> {
        let e = self.lower(by)?;
        if e.terms.is_empty() {
            return self.raise(base, Power::zero());
        }
        if let [only] = e.terms.as_slice()
            && only.factors.is_empty()
        {
            let limit = IndexError::Limit {
                what: "in an exponent",
                limit: 1 << 20,
            };
            return self.raise(base, exponent(&only.coefficient).ok_or(limit)?);
        }
        let b = self.lower(base)?;
        let (mut b, e) = if self.graph.shape(by).is_scalar() {
            (b, e)
        } else {
            self.align(b, e)
        };
        b.terms = self.symbolic_power(&b.terms, &e.terms)?;
        Ok(b)
    }

    /// A power of a product or of a power, pushed inwards where that is the same.
    fn raise(&mut self, base: Id, q: Power) -> Outcome<Tensor> {
        let graph = self.graph;
        let node = &graph[base];
        if q.is_integer() {
            let of = |k: usize| node.children[k];
            match &node.op {
                Op::Scale => {
                    let (s, mut a) = (self.raise(of(0), q)?, self.raise(of(1), q)?);
                    a.terms = self.times(&s.terms, &a.terms)?;
                    return Ok(a);
                }
                Op::Hadamard => {
                    let (a, b) = (self.raise(of(0), q)?, self.raise(of(1), q)?);
                    let both = self.entrywise(a, b)?;
                    return self.settle(both);
                }
                Op::Power => {
                    if let Some(p) = graph.as_number(of(1)).and_then(exponent)
                        && (p * q).abs_is_small()
                    {
                        return self.raise(of(0), p * q);
                    }
                }
                _ => {}
            }
        }
        let mut a = self.lower(base)?;
        a.terms = self.power(&a.terms, q)?;
        Ok(a)
    }

    /// The product entry by entry.
    fn entrywise(&mut self, a: Tensor, b: Tensor) -> Outcome<Tensor> {
        let (mut a, b) = self.align(a, b);
        a.terms = self.product(&a.terms, &b.terms)?;
        Ok(a)
    }
}

/// The symmetries of a matrix with exchangeable subscripts.
pub(super) fn exchanges(symmetric: bool) -> Vec<Vec<u8>> {
    if symmetric {
        vec![vec![0, 1], vec![1, 0]]
    } else {
        Vec::new()
    }
}

trait Small {
    fn abs_is_small(&self) -> bool;
}

impl Small for Power {
    fn abs_is_small(&self) -> bool {
        self.numer().abs() < 1 << 20 && *self.denom() < 1 << 20
    }
}
