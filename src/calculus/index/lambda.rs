//! Closing an expression over its free indices and opening it again. Why the order of the parameters is searched:
//! f(a[i] + b[j]) must be one tensor whichever index its maker named first, and f(a[i] + a[j]) is symmetric.

use super::core::{Core, Tensor};
use super::error::{IndexError, Outcome};
use super::label::canonical;
use super::simplify::{contract_atoms, join, neighbour};
use super::term::{BOUND, Factor, Index, Kind, Lambda, Matrix, Power, Slot, Slots, Symbol, Term};
use crate::expr::Rational;

/// How many orders of the parameters are compared.
const ORDERS: usize = 720;

impl Core<'_> {
    /// The bodies of a function's argument at its factor's indices.
    pub(super) fn unfold(&mut self, factor: &Factor) -> Vec<Vec<Term>> {
        let Some(lambda) = factor.head.kind.lambda() else {
            return Vec::new();
        };
        let bodies = lambda.bodies.iter();
        bodies.map(|body| self.open(body, &factor.slots)).collect()
    }

    /// The matrix with new free indices.
    pub(super) fn open_matrix(&mut self, matrix: &Matrix) -> Tensor {
        let free: Vec<Index> = matrix
            .lambda
            .params
            .iter()
            .map(|size| self.index(size.clone()))
            .collect();
        let slots: Slots = free.iter().map(|i| Slot::from_iter([i.clone()])).collect();
        let terms = self.open(&matrix.lambda.bodies[0], &slots);
        let (row, col) = free.split_at(matrix.rows);
        Tensor {
            row: row.iter().cloned().collect(),
            col: col.iter().cloned().collect(),
            terms,
        }
    }

    /// Terms with free indices `0 ..` at the given subscripts, bound indices renamed.
    pub(super) fn open(&mut self, terms: &[Term], slots: &[Slot]) -> Vec<Term> {
        terms
            .iter()
            .map(|term| {
                let bound: Vec<Index> = term
                    .bound
                    .iter()
                    .map(|b| self.index(b.size.clone()))
                    .collect();
                let place = |i: &Index| -> Slot {
                    let at = if i.id < BOUND { i.id } else { i.id - BOUND } as usize;
                    if i.id < BOUND {
                        slots[at].clone()
                    } else {
                        Slot::from_iter([bound[at].clone()])
                    }
                };
                let mut factors = term.factors.clone();
                for slot in factors.iter_mut().flat_map(|f| &mut f.slots) {
                    *slot = slot.iter().flat_map(place).collect();
                }
                Term {
                    factors,
                    bound,
                    coefficient: term.coefficient.clone(),
                }
            })
            .collect()
    }

    /// Closes sums that share free indices, and says at which subscripts.
    pub(super) fn close(&mut self, mut bodies: Vec<Vec<Term>>) -> Outcome<(Lambda, Slots)> {
        let mut places: Vec<(Index, Slot)> = free_indices(&bodies)
            .into_iter()
            .map(|i| (i.clone(), Slot::from_iter([i])))
            .collect();
        let mut at = 0;
        while at < places.len() {
            let first = places[at].0.clone();
            let slots = bodies
                .iter()
                .flatten()
                .flat_map(|t| &t.factors)
                .flat_map(|f| &f.slots);
            let second = neighbour(slots, first.id)
                .and_then(|next| places.iter().position(|(i, _)| i.id == next.id));
            let Some(second) = second.filter(|&k| k != at) else {
                at += 1;
                continue;
            };
            let both = self.index(first.size.times(&places[second].0.size));
            let terms = bodies.iter_mut().flatten();
            for slot in terms
                .flat_map(|t| &mut t.factors)
                .flat_map(|f| &mut f.slots)
            {
                join(slot, first.id, &both);
            }
            let mut place = std::mem::take(&mut places[at].1);
            place.extend(std::mem::take(&mut places[second].1));
            places[at] = (both, place);
            places.remove(second);
            at = 0;
        }
        let mut work = 0;
        let (order, bodies, symmetries) = arrange(&bodies, &places, &mut work)?;
        self.spend(work)?;
        let lambda = Lambda {
            params: order.iter().map(|&k| places[k].0.size.clone()).collect(),
            bodies,
            symmetries,
        };
        Ok((lambda, order.iter().map(|&k| places[k].1.clone()).collect()))
    }

    /// Closes a matrix in the orientation that comes first, and says whether that is the transpose.
    pub(super) fn close_matrix(&mut self, tensor: Tensor) -> Outcome<(Matrix, bool, bool)> {
        let tensor = self.settle(tensor)?;
        let tensor = self.fuse_free(tensor);
        let mut work = 0;
        let closed = number_matrix(&tensor, &mut work)?;
        let Tensor { row, col, terms } = tensor;
        let transposed = number_matrix(
            &Tensor {
                row: col,
                col: row,
                terms,
            },
            &mut work,
        )?;
        self.spend(work)?;
        let symmetric = closed == transposed;
        let flip = transposed < closed;
        Ok((if flip { transposed } else { closed }, flip, symmetric))
    }

    /// Joins free indices that always stand side by side, in the terms and in the tensor's own subscripts.
    pub(super) fn fuse_free(&mut self, mut tensor: Tensor) -> Tensor {
        let mut at = 0;
        loop {
            let free = tensor.free();
            let Some(first) = free.get(at) else {
                return tensor;
            };
            let inner = tensor
                .terms
                .iter()
                .flat_map(|t| &t.factors)
                .flat_map(|f| &f.slots);
            let slots = [&tensor.row, &tensor.col].into_iter().chain(inner);
            let Some(second) = neighbour(slots, first.id).filter(|next| free.contains(next)) else {
                at += 1;
                continue;
            };
            let both = self.index(first.size.times(&second.size));
            for slot in [&mut tensor.row, &mut tensor.col] {
                join(slot, first.id, &both);
            }
            let factors = tensor.terms.iter_mut().flat_map(|t| &mut t.factors);
            factors
                .flat_map(|f| &mut f.slots)
                .for_each(|slot| join(slot, first.id, &both));
            at = 0;
        }
    }

    /// A factor of a function that acts entry by entry.
    pub(super) fn generator(
        &mut self,
        bodies: Vec<Vec<Term>>,
        kind: impl FnOnce(std::sync::Arc<Lambda>) -> Kind,
        power: Power,
    ) -> Outcome<Term> {
        let (lambda, slots) = self.close(bodies)?;
        let symmetries = lambda.symmetries.clone();
        let head = limited(Symbol::new(kind(lambda.into()), symmetries))?;
        Ok(Term::single(Factor { head, slots, power }))
    }
}

/// The head, unless functions nest too deep in it.
pub(super) fn limited(head: Symbol) -> Outcome<Symbol> {
    let limit = super::core::DEPTH;
    if head.depth > limit {
        return Err(IndexError::Limit {
            what: "nested functions",
            limit,
        });
    }
    Ok(head)
}

/// The free indices of the terms, sorted.
pub(super) fn free_indices(bodies: &[Vec<Term>]) -> Vec<Index> {
    let mut free: Vec<Index> = Vec::new();
    for term in bodies.iter().flatten() {
        let used = term.factors.iter().flat_map(Factor::indices);
        free.extend(used.filter(|i| !term.binds(i.id)).cloned());
    }
    free.sort_unstable();
    free.dedup();
    free
}

/// Terms with the free indices numbered by their places in `order`, in canonical form. Counts its steps in `work`.
fn number(terms: &[Term], order: &[u32], work: &mut usize) -> Outcome<Vec<Term>> {
    let rename = |i: &Index| {
        let place = order
            .iter()
            .position(|id| *id == i.id)
            .and_then(|k| u32::try_from(k).ok());
        // Bound indices keep out of the way of the numbers, whatever they are called.
        let id = place.unwrap_or(if i.id < BOUND { i.id + BOUND / 2 } else { i.id });
        Index {
            id,
            size: i.size.clone(),
        }
    };
    let mut numbered = terms
        .iter()
        .map(|term| {
            let mut term = term.clone();
            for slot in term.factors.iter_mut().flat_map(|f| &mut f.slots) {
                *slot = slot.iter().map(rename).collect();
            }
            term.bound = term.bound.iter().map(rename).collect();
            contract_atoms(&mut term);
            canonical(term, work)
        })
        .collect::<Outcome<Vec<Term>>>()?;
    numbered.sort_unstable();
    Ok(numbered)
}

fn number_matrix(tensor: &Tensor, work: &mut usize) -> Outcome<Matrix> {
    let free = tensor.free();
    let order: Vec<u32> = free.iter().map(|i| i.id).collect();
    let lambda = Lambda {
        params: free.into_iter().map(|i| i.size).collect(),
        bodies: vec![number(&tensor.terms, &order, work)?],
        symmetries: Vec::new(),
    };
    Ok(Matrix {
        rows: tensor.row.len(),
        lambda,
    })
}

/// Numbers the free indices of a tensor by their places, row first.
pub(super) fn number_tensor(tensor: &Tensor) -> Outcome<Tensor> {
    let matrix = number_matrix(tensor, &mut 0)?;
    let ids = 0u32..;
    let mut free: Vec<Index> = ids
        .zip(matrix.lambda.params)
        .map(|(id, size)| Index { id, size })
        .collect();
    let col = free.split_off(matrix.rows).into();
    let terms = matrix.lambda.bodies.into_iter().next().unwrap_or_default();
    Ok(Tensor {
        row: free.into(),
        col,
        terms,
    })
}

/// The order of the parameters, the bodies in it, and the orders that lead to the same bodies.
type Arrangement = (Vec<usize>, Vec<Vec<Term>>, Vec<Vec<u8>>);

fn arrange(
    bodies: &[Vec<Term>],
    places: &[(Index, Slot)],
    work: &mut usize,
) -> Outcome<Arrangement> {
    let mut in_order = |order: &[usize]| -> Outcome<Vec<Vec<Term>>> {
        let ids: Vec<u32> = order.iter().map(|&k| places[k].0.id).collect();
        bodies
            .iter()
            .map(|body| {
                *work += body.len();
                number(body, &ids, work)
            })
            .collect()
    };
    if places.len() <= 1 {
        let order: Vec<usize> = (0..places.len()).collect();
        let bodies = in_order(&order)?;
        return Ok((order, bodies, Vec::new()));
    }
    let signatures: Vec<_> = places
        .iter()
        .map(|(i, _)| (&i.size, signature(bodies, i.id)))
        .collect();
    let mut orders: Vec<Vec<usize>> = vec![Vec::new()];
    let mut sorted: Vec<usize> = (0..places.len()).collect();
    sorted.sort_by(|&a, &b| signatures[a].cmp(&signatures[b]));
    for class in sorted.chunk_by(|&a, &b| signatures[a] == signatures[b]) {
        for _ in class {
            let grow = |order: Vec<usize>| {
                let free: Vec<usize> = class
                    .iter()
                    .copied()
                    .filter(|k| !order.contains(k))
                    .collect();
                free.into_iter()
                    .map(move |k| order.iter().copied().chain([k]).collect())
            };
            orders = orders.into_iter().flat_map(grow).collect();
            if orders.len() > ORDERS {
                return Err(IndexError::Limit {
                    what: "orders of indices",
                    limit: ORDERS,
                });
            }
        }
    }
    let mut best: Option<Arrangement> = None;
    for order in orders {
        let numbered = in_order(&order)?;
        match &mut best {
            Some((_, least, _)) if numbered > *least => {}
            Some((first, least, same)) if numbered == *least => {
                same.push(relative(first, &order));
            }
            _ => {
                let same = vec![relative(&order, &order)];
                best = Some((order, numbered, same));
            }
        }
    }
    let (order, bodies, same) = best.unwrap_or_default();
    Ok((
        order,
        bodies,
        if same.len() > 1 { same } else { Vec::new() },
    ))
}

/// `order` as places in `first`.
fn relative(first: &[usize], order: &[usize]) -> Vec<u8> {
    let place = |k: &usize| {
        first
            .iter()
            .position(|j| j == k)
            .and_then(|p| u8::try_from(p).ok())
    };
    order.iter().map(|k| place(k).unwrap_or(0)).collect()
}

/// Where a factor is touched: its head and power, the class of the slot, the place in the slot.
type Touch<'a> = (&'a Symbol, Power, u8, usize);

/// What can be said of a free index without naming any other.
fn signature(bodies: &[Vec<Term>], id: u32) -> Vec<Vec<(Vec<Touch<'_>>, usize, &Rational)>> {
    bodies
        .iter()
        .map(|body| {
            let mut terms: Vec<_> =
                body.iter()
                    .map(|term| {
                        // Where a delta stands, an index may bear the name of any that equals it.
                        let equal: Vec<u32> = term
                            .factors
                            .iter()
                            .filter(|f| f.head.kind == Kind::Delta && f.touches(id))
                            .flat_map(|f| f.indices().map(|i| i.id))
                            .collect();
                        let linked = |i: &Index| i.id == id || equal.contains(&i.id);
                        let mut touches: Vec<Touch<'_>> = Vec::new();
                        for factor in &term.factors {
                            for (k, slot) in factor.slots.iter().enumerate() {
                                let places = slot.iter().enumerate().filter(|(_, i)| linked(i));
                                touches.extend(places.map(|(p, _)| {
                                    (&factor.head, factor.power, orbit(factor, k), p)
                                }));
                            }
                        }
                        touches.sort_unstable();
                        (touches, term.factors.len(), &term.coefficient)
                    })
                    .collect();
            terms.sort_unstable();
            terms
        })
        .collect()
}

fn orbit(factor: &Factor, slot: usize) -> u8 {
    let own = u8::try_from(slot).unwrap_or(u8::MAX);
    factor
        .head
        .symmetries
        .iter()
        .map(|order| order[slot])
        .min()
        .unwrap_or(own)
}
