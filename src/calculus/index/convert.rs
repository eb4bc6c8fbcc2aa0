//! Index expressions back in matrix notation. Why only some: an index that three matrices share has no matrix
//! notation; those that at most two share become products, one after the other.

use num_traits::One;

use super::expression::IndexExpression;
use super::term::{Factor, Index, Kind, Power, Slot, Term};
use crate::expr::{Dimension, Function, Graph, Id, Op, Rational, Shape};

/// A value over at most two indices: its row's and its column's.
struct Piece {
    row: Option<Index>,
    col: Option<Index>,
    id: Id,
}

struct Writer<'g> {
    graph: &'g mut Graph,
}

impl IndexExpression {
    /// The expression in matrix notation, if there is one: subscripts are single indices, and at most two matrices
    /// share a summed one. The graph must declare its variables.
    pub fn to_graph(&self, graph: &mut Graph) -> Option<Id> {
        let (row, col) = (
            single(&self.tensor.row).ok()?,
            single(&self.tensor.col).ok()?,
        );
        Writer { graph }.sum(&self.tensor.terms, row, col)
    }
}

/// A subscript that is one index, or none.
fn single(slot: &[Index]) -> Result<Option<&Index>, Compound> {
    match slot {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => Err(Compound),
    }
}

/// A subscript of several indices.
struct Compound;

fn extent(index: Option<&Index>) -> Dimension {
    index.map_or_else(Dimension::one, |i| i.size.clone())
}

fn number(power: Power) -> Rational {
    Rational::new((*power.numer()).into(), (*power.denom()).into())
}

impl Writer<'_> {
    fn node(&mut self, op: Op, children: &[Id]) -> Option<Id> {
        self.graph.node(op, children).ok()
    }

    fn sum(&mut self, terms: &[Term], row: Option<&Index>, col: Option<&Index>) -> Option<Id> {
        let mut ids = Vec::with_capacity(terms.len());
        for term in terms {
            ids.push(self.term(term, row, col)?);
        }
        match ids.as_slice() {
            [] => Some(self.graph.zeros(&Shape::matrix(extent(row), extent(col)))),
            [one] => Some(*one),
            _ => self.node(Op::Add, &ids),
        }
    }

    fn term(&mut self, term: &Term, row: Option<&Index>, col: Option<&Index>) -> Option<Id> {
        let mut pieces: Vec<Piece> = Vec::new();
        for factor in &term.factors {
            let piece = self.factor(factor)?;
            pieces.push(piece);
        }
        let mut bound = term.bound.clone();
        while !bound.is_empty() {
            self.merge(&mut pieces)?;
            let matrices = |b: &Index| {
                pieces
                    .iter()
                    .filter(|p| p.col.is_some() && p.touches(b))
                    .count()
            };
            let at = (0..bound.len()).min_by_key(|&k| matrices(&bound[k]))?;
            let index = bound.remove(at);
            self.eliminate(&mut pieces, &index)?;
        }
        self.merge(&mut pieces)?;
        let mut scalars: Vec<Id> = Vec::new();
        pieces.retain(|p| {
            let scalar = p.row.is_none() && p.col.is_none();
            if scalar {
                scalars.push(p.id);
            }
            !scalar
        });
        let mut value = self.outer(pieces, row, col)?;
        for s in scalars {
            value = self.scaled(s, value)?;
        }
        if !term.coefficient.is_one() {
            let c = self.graph.number(term.coefficient.clone());
            value = self.scaled(c, value)?;
        }
        Some(value)
    }

    fn scaled(&mut self, s: Id, value: Id) -> Option<Id> {
        if self.graph.is_unit(value) {
            Some(s)
        } else {
            self.node(Op::Scale, &[s, value])
        }
    }

    /// What is left, over the free indices.
    fn outer(
        &mut self,
        pieces: Vec<Piece>,
        row: Option<&Index>,
        col: Option<&Index>,
    ) -> Option<Id> {
        let (mut left, mut right, mut middle) = (None, None, None);
        for piece in pieces {
            match (piece.row.as_ref(), piece.col.as_ref()) {
                (Some(i), None) if Some(i) == row => left = Some(piece.id),
                (Some(i), None) if Some(i) == col => right = Some(piece.id),
                (Some(i), Some(j)) if Some(i) == row && Some(j) == col => middle = Some(piece.id),
                (Some(i), Some(j)) if Some(i) == col && Some(j) == row => {
                    middle = Some(self.node(Op::Transpose, &[piece.id])?);
                }
                _ => return None,
            }
        }
        let ones = |w: &mut Self, i: Option<&Index>| match i {
            None => w.graph.integer(1),
            Some(_) => w.graph.ones(&Shape::vector(extent(i))),
        };
        let Some(middle) = middle else {
            let left = left.unwrap_or_else(|| ones(self, row));
            let right = match (col, right) {
                (None, _) => return Some(left),
                (Some(_), Some(right)) => right,
                (Some(_), None) => ones(self, col),
            };
            let right = self.node(Op::Transpose, &[right])?;
            return if row.is_none() {
                Some(right)
            } else {
                self.node(Op::Multiply, &[left, right])
            };
        };
        let unit = self.graph[middle].op == Op::Eye;
        match (left, right) {
            (Some(v), None) | (None, Some(v)) if unit => self.node(Op::Diag, &[v]),
            (left, right) => {
                let mut value = middle;
                if let Some(v) = left {
                    let d = self.node(Op::Diag, &[v])?;
                    value = self.node(Op::Multiply, &[d, value])?;
                }
                if let Some(v) = right {
                    let d = self.node(Op::Diag, &[v])?;
                    value = self.node(Op::Multiply, &[value, d])?;
                }
                Some(value)
            }
        }
    }

    /// One piece for every index and every pair of indices.
    fn merge(&mut self, pieces: &mut Vec<Piece>) -> Option<()> {
        let mut merged: Vec<Piece> = Vec::new();
        for mut piece in std::mem::take(pieces) {
            if piece.row == piece.col && piece.row.is_some() {
                piece = Piece {
                    row: piece.row,
                    col: None,
                    id: self.node(Op::DiagVec, &[piece.id])?,
                };
            }
            let flipped = |p: &Piece| p.row == piece.col && p.col == piece.row;
            if piece.row.is_some()
                && let Some(known) = merged.iter_mut().find(|p| {
                    (p.row == piece.row && p.col == piece.col) || (p.col.is_some() && flipped(p))
                })
            {
                let own = if known.row == piece.row {
                    piece.id
                } else {
                    self.node(Op::Transpose, &[piece.id])?
                };
                known.id = self.node(Op::Hadamard, &[known.id, own])?;
            } else {
                merged.push(piece);
            }
        }
        *pieces = merged;
        Some(())
    }

    /// Sums over an index.
    fn eliminate(&mut self, pieces: &mut Vec<Piece>, index: &Index) -> Option<()> {
        let mut own = Vec::new();
        pieces.retain_mut(|p| {
            let touched = p.touches(index);
            if touched {
                own.push(Piece {
                    row: p.row.take(),
                    col: p.col.take(),
                    id: p.id,
                });
            }
            !touched
        });
        let vector = own
            .iter()
            .position(|p| p.col.is_none())
            .map(|k| own.remove(k).id);
        match own.as_slice() {
            [] => {
                let id = self.node(Op::Sum, &[vector?])?;
                pieces.push(Piece {
                    row: None,
                    col: None,
                    id,
                });
            }
            [one] => {
                let matrix = self.facing(one, index, false)?;
                let vector = match vector {
                    Some(v) => v,
                    None => self.graph.ones(&Shape::vector(index.size.clone())),
                };
                let id = self.node(Op::Multiply, &[matrix, vector])?;
                pieces.push(Piece {
                    row: one.other(index),
                    col: None,
                    id,
                });
            }
            [first, second] => {
                let (mut left, right) = (
                    self.facing(first, index, false)?,
                    self.facing(second, index, true)?,
                );
                if let Some(v) = vector {
                    let d = self.node(Op::Diag, &[v])?;
                    left = self.node(Op::Multiply, &[left, d])?;
                }
                let id = self.node(Op::Multiply, &[left, right])?;
                pieces.push(Piece {
                    row: first.other(index),
                    col: second.other(index),
                    id,
                });
            }
            _ => return None,
        }
        Some(())
    }

    /// The matrix with the index as its column, or as its row.
    fn facing(&mut self, piece: &Piece, index: &Index, as_row: bool) -> Option<Id> {
        let is_row = piece.row.as_ref() == Some(index);
        if is_row == as_row {
            Some(piece.id)
        } else {
            self.node(Op::Transpose, &[piece.id])
        }
    }

    fn factor(&mut self, factor: &Factor) -> Option<Piece> {
        let slots: Vec<Option<&Index>> = factor
            .slots
            .iter()
            .map(|s: &Slot| single(s))
            .collect::<Result<_, Compound>>()
            .ok()?;
        let mut piece = self.base(factor, &slots)?;
        if !factor.power.is_one() {
            let power = self.graph.number(number(factor.power));
            piece.id = self.node(Op::Power, &[piece.id, power])?;
        }
        // A row is a column turned.
        if piece.row.is_none() && piece.col.is_some() {
            piece = Piece {
                row: piece.col,
                col: None,
                id: self.node(Op::Transpose, &[piece.id])?,
            };
        }
        Some(piece)
    }

    fn base(&mut self, factor: &Factor, slots: &[Option<&Index>]) -> Option<Piece> {
        let at = |k: usize| slots.get(k).copied().flatten().cloned();
        let (row, col) = (at(0), at(1));
        let id = match &factor.head.kind {
            Kind::Size(name) => self.graph.dimension(Dimension::named(name.clone())),
            Kind::Integer(n) => self.graph.number(Rational::from_integer(n.clone())),
            Kind::Pi => return None,
            Kind::Delta => {
                let n = self.graph.dimension(extent(row.as_ref()));
                self.node(Op::Eye, &[n])?
            }
            Kind::Variable(name) => self.graph.variable(name)?,
            Kind::Diagonal(name) => {
                let matrix = self.graph.variable(name)?;
                self.node(Op::DiagVec, &[matrix])?
            }
            kind => {
                if let Some(matrix) = kind.matrix() {
                    let l = &matrix.lambda;
                    if matrix.rows != 1 || l.params.len() != 2 {
                        return None;
                    }
                    let index = |id: u32| Index {
                        id,
                        size: l.params[id as usize].clone(),
                    };
                    let inner = self.sum(&l.bodies[0], Some(&index(0)), Some(&index(1)))?;
                    let op = match kind {
                        Kind::Inverse(_) => Op::Inverse,
                        Kind::Determinant(_) => Op::Determinant,
                        Kind::LogDeterminant(_) => Op::LogDeterminant,
                        Kind::EigAbs(_) => Op::EigAbs,
                        _ => Op::EigClip,
                    };
                    self.node(op, &[inner])?
                } else {
                    self.function(kind)?
                }
            }
        };
        Some(Piece { row, col, id })
    }

    /// A function of every entry, over at most two indices.
    fn function(&mut self, kind: &Kind) -> Option<Id> {
        let l = kind.lambda()?;
        if l.params.len() > 2 {
            return None;
        }
        let index = |id: u32| {
            Some(Index {
                id,
                size: l.params.get(id as usize)?.clone(),
            })
        };
        let (row, col) = (index(0), index(1));
        let inner = self.sum(&l.bodies[0], row.as_ref(), col.as_ref())?;
        let (name, order) = match kind {
            Kind::Sum(_) => return Some(inner),
            Kind::Symbolic(_) => {
                let by = self.sum(&l.bodies[1], row.as_ref(), col.as_ref())?;
                return self.node(Op::Power, &[inner, by]);
            }
            Kind::Exp(_) => ("exp".into(), 0),
            Kind::Log(_) => ("log".into(), 0),
            Kind::Apply(Function { name, order }, _) => (name.clone(), *order),
            _ => return None,
        };
        let function = self.graph.function(name, order);
        self.node(Op::Apply, &[function, inner])
    }
}

impl Piece {
    fn touches(&self, index: &Index) -> bool {
        self.row.as_ref() == Some(index) || self.col.as_ref() == Some(index)
    }

    fn other(&self, index: &Index) -> Option<Index> {
        if self.row.as_ref() == Some(index) {
            self.col.clone()
        } else {
            self.row.clone()
        }
    }
}
