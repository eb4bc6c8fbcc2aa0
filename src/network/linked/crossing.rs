//! The frontier in expressions: what `network::frontier` does with numbers, written into the graph of a whole pass. Why apart: here nothing is
//! computed, so that a block that is zero, or an identity, costs nothing.

use std::collections::BTreeMap;

use crate::expr::{Graph, Id, Op, ShapeError};
use crate::hbp::Curvature;
use crate::network::graph::Live;

/// Expressions of blocks between live values, by ordered pairs; what is not there is zero.
type Pairs = BTreeMap<(Live, Live), Id>;

/// The live values and the blocks between them.
#[derive(Clone, Debug, Default)]
pub(super) struct Frontier {
    members: Vec<Live>,
    blocks: Pairs,
}

/// What replaces a node by what it is computed from.
#[derive(Clone, Debug, Default)]
pub(super) struct Step {
    /// The block of the one value that it is computed from, where it is alone.
    pub(super) block: Option<(Live, Id)>,
    jacobians: Vec<(Live, Id)>,
    carried: Pairs,
    residual: Pairs,
    is_carried: bool,
}

/// A part of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// `J'ℋzJ` between two variables.
    Carried,
    /// The second-order term between two variables.
    Residual,
}

type Written<T> = Result<T, ShapeError>;

impl Step {
    /// Adds the Jacobian with respect to one of the module's variables.
    pub(super) fn add_jacobian(&mut self, graph: &mut Graph, live: &Live, id: Id) -> Written<()> {
        match self.jacobians.iter_mut().find(|(known, _)| known == live) {
            Some((_, sum)) => *sum = graph.node(Op::Add, &[*sum, id])?,
            None => self.jacobians.push((live.clone(), id)),
        }
        Ok(())
    }

    /// Adds what is between two of the module's variables, u not after v; `is_one` where they are one variable.
    pub(super) fn add(
        &mut self,
        graph: &mut Graph,
        part: Part,
        (u, v, is_one): (&Live, &Live, bool),
        id: Id,
    ) -> Written<()> {
        let id = if u == v && !is_one {
            // Two variables with one value: both orders are in its block.
            let other = graph.node(Op::Transpose, &[id])?;
            graph.node(Op::Add, &[id, other])?
        } else {
            id
        };
        self.is_carried |= part == Part::Carried;
        let pairs = match part {
            Part::Carried => &mut self.carried,
            Part::Residual => &mut self.residual,
        };
        if u != v && pairs.contains_key(&(v.clone(), u.clone())) {
            let other = graph.node(Op::Transpose, &[id])?;
            return add(graph, pairs, (v, u), other);
        }
        add(graph, pairs, (u, v), id)
    }

    /// Treats the joint second-order term as the curvature asks; false where it is a matrix over several values.
    pub(super) fn treat(&mut self, graph: &mut Graph, curvature: Curvature) -> Written<bool> {
        let op = match curvature {
            Curvature::PositiveAbs => Op::EigAbs,
            Curvature::PositiveClip => Op::EigClip,
            _ => return Ok(true),
        };
        if self.residual.keys().any(|(u, v)| u != v) {
            return Ok(false);
        }
        for id in self.residual.values_mut() {
            *id = graph.node(op.clone(), &[*id])?;
        }
        Ok(true)
    }
}

/// Adds to the block of a pair, unless nothing is added.
fn add(graph: &mut Graph, pairs: &mut Pairs, (u, v): (&Live, &Live), id: Id) -> Written<()> {
    if graph.is_zero(id) {
        return Ok(());
    }
    let key = (u.clone(), v.clone());
    let sum = match pairs.get(&key) {
        Some(known) => graph.node(Op::Add, &[*known, id])?,
        None => id,
    };
    pairs.insert(key, sum);
    Ok(())
}

/// The block of a pair in either order.
fn ordered(graph: &mut Graph, pairs: &Pairs, p: &Live, q: &Live) -> Written<Option<Id>> {
    if let Some(id) = pairs.get(&(p.clone(), q.clone())) {
        return Ok(Some(*id));
    }
    match pairs.get(&(q.clone(), p.clone())) {
        Some(id) => graph.node(Op::Transpose, &[*id]).map(Some),
        None => Ok(None),
    }
}

impl Frontier {
    /// The frontier of the loss alone.
    pub(super) fn of_loss(place: usize) -> Self {
        Self {
            members: vec![Live::Node(place)],
            blocks: Pairs::new(),
        }
    }

    /// The block of a value; nothing when it is zero.
    pub(super) fn block(&self, live: &Live) -> Option<Id> {
        self.blocks.get(&(live.clone(), live.clone())).copied()
    }

    /// Replaces a node that stands alone by one value, whose block is known.
    pub(super) fn replace(&mut self, node: &Live, by: Option<(Live, Id)>) {
        self.members.retain(|member| member != node);
        self.blocks.retain(|(a, b), _| a != node && b != node);
        if let Some((live, block)) = by {
            self.members.push(live.clone());
            self.blocks.insert((live.clone(), live), block);
        }
    }

    /// Replaces a node by what it is computed from.
    pub(super) fn advance(&mut self, graph: &mut Graph, node: &Live, step: &Step) -> Written<()> {
        let others: Vec<Live> = self
            .members
            .iter()
            .filter(|m| *m != node)
            .cloned()
            .collect();
        let mut members = others.clone();
        let reached = step.jacobians.iter().map(|(live, _)| live);
        for live in reached.chain(step.residual.keys().flat_map(|(u, v)| [u, v])) {
            if !members.contains(live) {
                members.push(live.clone());
            }
        }
        let jacobian = |live: &Live| {
            let found = step.jacobians.iter().find(|(known, _)| known == live);
            found.map(|(_, jacobian)| *jacobian)
        };
        let own = self.block(node);
        let mut blocks = Pairs::new();
        for (place, p) in members.iter().enumerate() {
            for q in &members[place..] {
                let mut parts = Vec::new();
                let (old_p, old_q) = (others.contains(p), others.contains(q));
                if old_p && old_q {
                    parts.extend(ordered(graph, &self.blocks, p, q)?);
                }
                if old_p
                    && let Some(j) = jacobian(q)
                    && let Some(block) = ordered(graph, &self.blocks, p, node)?
                {
                    parts.push(graph.node(Op::Multiply, &[block, j])?);
                }
                if old_q
                    && let Some(j) = jacobian(p)
                    && let Some(block) = ordered(graph, &self.blocks, node, q)?
                {
                    let j = graph.node(Op::Transpose, &[j])?;
                    parts.push(graph.node(Op::Multiply, &[j, block])?);
                }
                if step.is_carried {
                    parts.extend(ordered(graph, &step.carried, p, q)?);
                } else if let (Some(own), Some(left), Some(right)) = (own, jacobian(p), jacobian(q))
                {
                    parts.push(carried(graph, own, left, right)?);
                }
                parts.extend(ordered(graph, &step.residual, p, q)?);
                for part in parts {
                    add(graph, &mut blocks, (p, q), part)?;
                }
            }
        }
        *self = Self { members, blocks };
        Ok(())
    }
}

/// `J'ℋK`
fn carried(graph: &mut Graph, hessian: Id, left: Id, right: Id) -> Written<Id> {
    if left == right {
        return graph.node(Op::Congruence, &[left, hessian]);
    }
    let left = graph.node(Op::Transpose, &[left])?;
    let right = graph.node(Op::Multiply, &[hessian, right])?;
    graph.node(Op::Multiply, &[left, right])
}
