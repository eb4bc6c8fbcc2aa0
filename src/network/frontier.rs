//! The Hessian of the loss with respect to the frontier: all live values at a cut through the graph. Why: where a value is
//! read twice or a parameter is shared, what the branches hand down separately lacks the terms between them; jointly,
//! ℋ' = T'ℋT + R with T the Jacobian of the old frontier with respect to the new one.

use std::collections::BTreeMap;

use nalgebra::DMatrix;

use super::graph::Live;
use crate::backend::{Element, symmetric_eigen};
use crate::expr::Name;
use crate::hbp::Curvature;

/// Blocks between live values, by ordered pairs; what is not there is zero.
pub(super) type Pairs<T> = BTreeMap<(Live, Live), DMatrix<T>>;

/// The live values and the blocks between them.
#[derive(Clone, Debug, Default)]
pub(super) struct Frontier<T: Element> {
    members: Vec<Live>,
    blocks: Pairs<T>,
}

/// What replaces a node by what it is computed from: of one sample, or the mean over all.
#[derive(Clone, Debug, Default)]
pub(super) struct Step<T: Element> {
    /// What the node is computed from, each once, with the node's Jacobian.
    pub(super) jacobians: Vec<(Live, DMatrix<T>)>,
    /// `J'ℋzJ`, or its mean, for pairs in their order.
    pub(super) carried: Pairs<T>,
    /// The second-order terms for pairs in their order, treated as the curvature asks.
    pub(super) residual: Pairs<T>,
}

impl<T: Element> Step<T> {
    /// Adds the Jacobian with respect to one of the module's variables.
    pub(super) fn add_jacobian(&mut self, live: &Live, jacobian: DMatrix<T>) {
        match self.jacobians.iter_mut().find(|(known, _)| known == live) {
            Some((_, sum)) => *sum += jacobian,
            None => self.jacobians.push((live.clone(), jacobian)),
        }
    }

    /// Adds the second-order term between two of the module's variables, u not after v.
    pub(super) fn add_residual(&mut self, u: &Live, v: &Live, is_one: bool, block: &DMatrix<T>) {
        if u == v && !is_one {
            // Two variables with one value: both orders are in its block.
            add_pair(&mut self.residual, u, v, block + block.transpose());
        } else {
            add_pair(&mut self.residual, u, v, block.clone());
        }
    }

    /// Adds what is carried between two of the module's variables, u not after v.
    pub(super) fn add_carried(&mut self, u: &Live, v: &Live, is_one: bool, block: &DMatrix<T>) {
        if u == v && !is_one {
            add_pair(&mut self.carried, u, v, block + block.transpose());
        } else {
            add_pair(&mut self.carried, u, v, block.clone());
        }
    }
}

fn add_pair<T: Element>(pairs: &mut Pairs<T>, u: &Live, v: &Live, block: DMatrix<T>) {
    if let Some(sum) = pairs.get_mut(&(v.clone(), u.clone())).filter(|_| u != v) {
        *sum += block.transpose();
        return;
    }
    match pairs.get_mut(&(u.clone(), v.clone())) {
        Some(sum) => *sum += block,
        None => {
            pairs.insert((u.clone(), v.clone()), block);
        }
    }
}

impl<T: Element> Frontier<T> {
    /// The frontier of the loss alone.
    pub(super) fn of_loss(place: usize) -> Self {
        Self {
            members: vec![Live::Node(place)],
            blocks: Pairs::new(),
        }
    }

    /// The block between two values; nothing when it is zero.
    pub(super) fn block(&self, a: &Live, b: &Live) -> Option<DMatrix<T>> {
        if let Some(block) = self.blocks.get(&(a.clone(), b.clone())) {
            return Some(block.clone());
        }
        let other = self.blocks.get(&(b.clone(), a.clone()))?;
        Some(other.transpose())
    }

    /// The matrix over parameters of the given sizes.
    pub(super) fn joint(&self, names: &[Name], sizes: &[usize]) -> DMatrix<T> {
        let size = sizes.iter().sum();
        let mut whole = DMatrix::zeros(size, size);
        let mut row = 0;
        for (u, rows) in names.iter().zip(sizes) {
            let mut col = 0;
            for (v, cols) in names.iter().zip(sizes) {
                let [u, v] = [u, v].map(|name| Live::Parameter(name.clone()));
                if let Some(block) = self.block(&u, &v) {
                    whole.view_mut((row, col), (*rows, *cols)).copy_from(&block);
                }
                col += cols;
            }
            row += rows;
        }
        whole
    }

    /// Replaces a node that stands alone by one value, whose block is known.
    pub(super) fn replace(&mut self, node: &Live, by: Option<(Live, DMatrix<T>)>) {
        self.members.retain(|member| member != node);
        self.blocks.retain(|(a, b), _| a != node && b != node);
        if let Some((live, block)) = by {
            self.members.push(live.clone());
            self.blocks.insert((live.clone(), live), block);
        }
    }

    /// Replaces a node by what it is computed from.
    pub(super) fn advance(&mut self, node: &Live, step: &Step<T>) {
        let others: Vec<Live> = self
            .members
            .iter()
            .filter(|m| *m != node)
            .cloned()
            .collect();
        let mut members = others.clone();
        for (live, _) in &step.jacobians {
            if !members.contains(live) {
                members.push(live.clone());
            }
        }
        let jacobian = |live: &Live| {
            let found = step.jacobians.iter().find(|(known, _)| known == live);
            found.map(|(_, jacobian)| jacobian)
        };
        let mut blocks = Pairs::new();
        for (place, p) in members.iter().enumerate() {
            for q in &members[place..] {
                let mut block: Option<DMatrix<T>> = None;
                let mut add = |part: Option<DMatrix<T>>| {
                    if let Some(part) = part {
                        block = Some(match block.take() {
                            Some(sum) => sum + part,
                            None => part,
                        });
                    }
                };
                let (old_p, old_q) = (others.contains(p), others.contains(q));
                if old_p && old_q {
                    add(self.block(p, q));
                }
                if old_p && let Some(j) = jacobian(q) {
                    add(self.block(p, node).map(|block| block * j));
                }
                if old_q && let Some(j) = jacobian(p) {
                    add(self.block(node, q).map(|block| j.transpose() * block));
                }
                add(ordered(&step.carried, p, q));
                add(ordered(&step.residual, p, q));
                if let Some(block) = block {
                    blocks.insert((p.clone(), q.clone()), block);
                }
            }
        }
        *self = Self { members, blocks };
    }
}

/// The block of a pair in either order.
fn ordered<T: Element>(pairs: &Pairs<T>, p: &Live, q: &Live) -> Option<DMatrix<T>> {
    let key = |a: &Live, b: &Live| (a.clone(), b.clone());
    if let Some(block) = pairs.get(&key(p, q)) {
        return Some(block.clone());
    }
    pairs.get(&key(q, p)).map(DMatrix::transpose)
}

/// `J'ℋzJ` for all pairs.
pub(super) fn carried<T: Element>(
    jacobians: &[(Live, DMatrix<T>)],
    hessian: &DMatrix<T>,
) -> Pairs<T> {
    let mut pairs = Pairs::new();
    for (place, (u, left)) in jacobians.iter().enumerate() {
        let product = left.transpose() * hessian;
        for (v, right) in &jacobians[place..] {
            pairs.insert((u.clone(), v.clone()), &product * right);
        }
    }
    pairs
}

/// The joint second-order term as one matrix, its eigenvalues treated, and taken apart again.
pub(super) fn treated<T: Element>(residual: Pairs<T>, curvature: Curvature) -> Pairs<T> {
    let of: fn(T) -> T = match curvature {
        Curvature::PositiveAbs => |value| value.abs(),
        Curvature::PositiveClip => |value| if value > T::zero() { value } else { T::zero() },
        _ => return residual,
    };
    let of_diagonal = residual.iter().filter(|((u, v), _)| u == v);
    let lives: Vec<(Live, usize)> = of_diagonal
        .map(|((live, _), block)| (live.clone(), block.nrows()))
        .collect();
    let size = lives.iter().map(|(_, size)| size).sum();
    if size == 0 {
        return residual;
    }
    let mut whole = DMatrix::<T>::zeros(size, size);
    let places = || {
        lives.iter().scan(0, |start, (live, size)| {
            *start += size;
            Some((live, *start - size, *size))
        })
    };
    for (p, row, rows) in places() {
        for (q, col, cols) in places() {
            if let Some(block) = ordered(&residual, p, q) {
                whole.view_mut((row, col), (rows, cols)).copy_from(&block);
            }
        }
    }
    let whole = match symmetric_eigen(whole) {
        Some(mut eigen) => {
            eigen.eigenvalues.apply(|value| *value = of(*value));
            eigen.recompose()
        }
        None => DMatrix::from_element(size, size, T::number(f64::NAN)),
    };
    let mut pairs = Pairs::new();
    for (place, (p, row, rows)) in places().enumerate() {
        for (q, col, cols) in places().skip(place) {
            let block = whole.view((row, col), (rows, cols)).into_owned();
            pairs.insert((p.clone(), q.clone()), block);
        }
    }
    pairs
}
