//! The blocks of two neighbours, apart and as one module, as means over the samples. Why written out as in the definition of
//! Equations 6 and 7: simplified forms are compared by proof, these by numbers, and each is a witness of the other.

use std::collections::{BTreeMap, HashMap};

use super::groupings::Quantity;
use super::part::{Part, TogetherError};
use crate::expr::{Id, Module, Name, Op, ShapeError};
use crate::hbp::{Batch, Curvature, DeriveError, cross_residual, fisher, mean_block};
use crate::network::Pair;
use crate::rewrite::{RewriteError, Rewriter};

/// Two neighbours and what they are together.
pub(super) struct Problem<'a> {
    /// The composite, and every expression in its names.
    pub(super) module: Module,
    pair: &'a Pair,
    first: Part,
    second: Part,
    whole: Part,
    curvature: Curvature,
    rewriter: &'a Rewriter,
    /// ℋz of the composite.
    upstream: Id,
}

impl<'a> Problem<'a> {
    pub(super) fn new(
        pair: &'a Pair,
        curvature: Curvature,
        rewriter: &'a Rewriter,
    ) -> Result<Self, TogetherError> {
        let is_wanted = |v: &Name| pair.wanted.contains(v);
        let (is_loss, inner) = (pair.is_loss, &pair.inner);
        let whole = Part::new(&pair.composed, is_wanted, is_loss, rewriter)?;
        let mut first = Part::new(&pair.first, is_wanted, false, rewriter)?;
        let or_inner = |v: &Name| is_wanted(v) || v == inner;
        let mut second = Part::new(&pair.second, or_inner, is_loss, rewriter)?;
        let mut module = whole.equations.module.clone();
        // The first one's value comes after its own locals.
        let (_, value) = module.locals[pair.first.locals.len()];
        let (_, upstream) = crate::hbp::upstream(&mut module);
        second.names.insert(inner.clone(), value);
        let sent = second.gradient(&mut module.graph, inner)?;
        let name = format!("grad({})", pair.first.output.0);
        first.names.insert(name.into(), sent);
        Ok(Self {
            module,
            pair,
            first,
            second,
            whole,
            curvature,
            rewriter,
            upstream,
        })
    }

    /// Everything that decides whether a result changes.
    pub(super) fn quantities(&self) -> Vec<Quantity> {
        let (wanted, joint) = (&self.pair.wanted, &self.pair.joint);
        let mut all: Vec<Quantity> = wanted.iter().cloned().map(Quantity::Block).collect();
        for (k, p) in joint.iter().enumerate() {
            let others = joint[k + 1..].iter();
            all.extend(others.map(|q| Quantity::Cross(p.clone(), q.clone())));
        }
        if self.pair.alongside {
            all.extend(joint.iter().cloned().map(Quantity::MeanJacobian));
        }
        all
    }

    /// A quantity apart and composed, as it is defined; nothing where a treatment of several values as one decides.
    pub(super) fn both(
        &mut self,
        quantity: &Quantity,
        batch: Batch,
    ) -> Result<Option<(Id, Id)>, TogetherError> {
        Ok(match quantity {
            Quantity::Block(p) if self.is_alone(p) => Some((
                self.block_apart(p, batch)?,
                self.block(&[Place::Whole], p, batch)?,
            )),
            Quantity::Block(_) | Quantity::Cross(..) if self.is_joint_treatment() => None,
            Quantity::Block(p) => Some((
                self.between_apart(p, p, batch)?,
                self.between(Place::Whole, p, p, batch)?,
            )),
            Quantity::Cross(p, q) => Some((
                self.between_apart(p, q, batch)?,
                self.between(Place::Whole, p, q, batch)?,
            )),
            Quantity::MeanJacobian(p) => {
                let (mean, graph) = (Op::Expectation, &mut self.module.graph);
                let whole = self.whole.jacobian(graph, p)?;
                let whole = graph.node(mean.clone(), &[whole])?;
                let mut terms = Vec::new();
                if self.first.has(p) {
                    let outer = self.second.jacobian(graph, &self.pair.inner)?;
                    let inner = self.first.jacobian(graph, p)?;
                    let means = [
                        graph.node(mean.clone(), &[outer])?,
                        graph.node(mean.clone(), &[inner])?,
                    ];
                    terms.push(graph.node(Op::Multiply, &means)?);
                }
                if self.second.has(p) {
                    let direct = self.second.jacobian(graph, p)?;
                    terms.push(graph.node(mean, &[direct])?);
                }
                Some((self.sum(&terms)?, whole))
            }
        })
    }

    fn is_joint_treatment(&self) -> bool {
        matches!(
            self.curvature,
            Curvature::PositiveAbs | Curvature::PositiveClip
        )
    }

    /// True when a variable's block comes from one message alone: not from a frontier, and from one of the two modules.
    fn is_alone(&self, p: &Name) -> bool {
        let joint = &self.pair.joint;
        let beside = joint.iter().any(|q| self.second.has(q));
        let is_last = !joint.contains(p) && !self.first.has(p);
        is_last || (!beside && joint.len() <= 1 && !(self.first.has(p) && self.second.has(p)))
    }

    fn block_apart(&mut self, p: &Name, batch: Batch) -> Result<Id, TogetherError> {
        if self.first.has(p) {
            self.block(&[Place::First, Place::Second], p, batch)
        } else {
            self.block(&[Place::Second], p, batch)
        }
    }

    /// The block of `p` of a module, where the last of the places gets what arrives at the composite.
    fn block(&mut self, path: &[Place], p: &Name, batch: Batch) -> Result<Id, TogetherError> {
        let Some((place, rest)) = path.split_first() else {
            return Ok(self.upstream);
        };
        let residual = self.second_order(*place, p, p)?;
        let part = place.of(self);
        if part.is_loss {
            // The loss Hessian, as the curvature treats it.
            let mean = self.module.graph.node(Op::Expectation, &[residual])?;
            return Ok(match self.curvature.of_loss() {
                Some(name) => self.treated(name, mean)?,
                None => mean,
            });
        }
        let arriving = if rest.is_empty() {
            self.upstream
        } else {
            let inner = self.pair.inner.clone();
            self.block(rest, &inner, batch)?
        };
        let graph = &mut self.module.graph;
        let part = match place {
            Place::First => &self.first,
            Place::Second => &self.second,
            Place::Whole => &self.whole,
        };
        let jacobian = part.jacobian(graph, p)?;
        let treatment = self.curvature.of_module();
        Ok(mean_block(
            graph,
            (jacobian, arriving),
            residual,
            treatment,
            batch,
            self.rewriter,
        )?)
    }

    fn treated(&mut self, name: &str, value: Id) -> Result<Id, RewriteError> {
        let missing = || RewriteError::NoApproximation { name: name.into() };
        let approximation = self
            .rewriter
            .book()
            .approximation(name)
            .ok_or_else(missing)?;
        let after = approximation.apply(&mut self.module.graph, value)?;
        after.ok_or_else(missing)
    }

    /// The second-order term between two variables of a module; of the loss its Hessian, or the expectation of that.
    fn second_order(&mut self, place: Place, p: &Name, q: &Name) -> Result<Id, TogetherError> {
        let (curvature, rewriter) = (self.curvature, self.rewriter);
        let part = place.of(self);
        let mut names = HashMap::new();
        let mut residual = if p == q {
            let equation = part.found(p);
            let as_loss = equation.loss.as_ref().filter(|_| part.is_loss);
            as_loss.map_or(equation.residual, |loss| loss.hessian)
        } else {
            cross_residual(&mut part.equations.module, p, q, rewriter)?
        };
        let module = &mut part.equations.module;
        if part.is_loss {
            let one = module.graph.integer(1);
            names.insert(Name::from(format!("grad({})", module.output.0)), one);
            let from = module.graph.clone();
            residual = module
                .graph
                .import(&from, residual, &names, &BTreeMap::new())?;
            if curvature == Curvature::Fisher {
                let (name, model) = (&module.name, module.model.as_ref());
                residual =
                    fisher(&mut module.graph, residual, name, model).map_err(DeriveError::from)?;
            }
        }
        let part = match place {
            Place::First => &self.first,
            Place::Second => &self.second,
            Place::Whole => &self.whole,
        };
        Ok(part.import(&mut self.module.graph, residual)?)
    }

    /// The block between `p` and `q` when the two modules are apart: first all that stays live after the second one, then
    /// the first one's value is replaced by what it is made of.
    fn between_apart(&mut self, p: &Name, q: &Name, batch: Batch) -> Result<Id, TogetherError> {
        let inner = self.pair.inner.clone();
        let mut terms = Vec::new();
        let (through_p, through_q) = (self.first.has(p), self.first.has(q));
        if through_p && through_q {
            let arriving = self.between(Place::Second, &inner, &inner, batch)?;
            let graph = &mut self.module.graph;
            let jacobians = [
                self.first.jacobian(graph, p)?,
                self.first.jacobian(graph, q)?,
            ];
            terms.push(self.carried(jacobians, arriving, batch)?);
            if self.curvature == Curvature::Hessian {
                let residual = self.second_order(Place::First, p, q)?;
                terms.push(self.module.graph.node(Op::Expectation, &[residual])?);
            }
        }
        if through_p && self.second.has(q) {
            let arriving = self.between(Place::Second, &inner, q, batch)?;
            let jacobian = self.first.jacobian(&mut self.module.graph, p)?;
            let graph = &mut self.module.graph;
            let mean = graph.node(Op::Expectation, &[jacobian])?;
            let mean = graph.node(Op::Transpose, &[mean])?;
            terms.push(graph.node(Op::Multiply, &[mean, arriving])?);
        }
        if self.second.has(p) && through_q {
            let arriving = self.between(Place::Second, p, &inner, batch)?;
            let jacobian = self.first.jacobian(&mut self.module.graph, q)?;
            let graph = &mut self.module.graph;
            let mean = graph.node(Op::Expectation, &[jacobian])?;
            terms.push(graph.node(Op::Multiply, &[arriving, mean])?);
        }
        if self.second.has(p) && self.second.has(q) {
            terms.push(self.between(Place::Second, p, q, batch)?);
        }
        self.sum(&terms)
    }

    /// The block between two variables of a module: the part of a joint block that Equations 6 and 7 give it.
    fn between(
        &mut self,
        place: Place,
        p: &Name,
        q: &Name,
        batch: Batch,
    ) -> Result<Id, TogetherError> {
        let is_loss = place.of(self).is_loss;
        let mut terms = Vec::new();
        if !is_loss {
            let graph = &mut self.module.graph;
            let part = match place {
                Place::First => &self.first,
                Place::Second => &self.second,
                Place::Whole => &self.whole,
            };
            let jacobians = [part.jacobian(graph, p)?, part.jacobian(graph, q)?];
            let arriving = graph.node(Op::Expectation, &[self.upstream])?;
            terms.push(self.carried(jacobians, arriving, batch)?);
        }
        if is_loss || self.curvature == Curvature::Hessian {
            let residual = self.second_order(place, p, q)?;
            terms.push(self.module.graph.node(Op::Expectation, &[residual])?);
        }
        self.sum(&terms)
    }

    /// `E(J_p' ℋ̄ J_q)`, or `E(J_p)' ℋ̄ E(J_q)`.
    fn carried(
        &mut self,
        jacobians: [Id; 2],
        arriving: Id,
        batch: Batch,
    ) -> Result<Id, ShapeError> {
        let graph = &mut self.module.graph;
        let [p, q] = match batch {
            Batch::AverageJacobian => [
                graph.node(Op::Expectation, &jacobians[..1])?,
                graph.node(Op::Expectation, &jacobians[1..])?,
            ],
            _ => jacobians,
        };
        let left = graph.node(Op::Transpose, &[p])?;
        let right = graph.node(Op::Multiply, &[arriving, q])?;
        let product = graph.node(Op::Multiply, &[left, right])?;
        graph.node(Op::Expectation, &[product])
    }

    fn sum(&mut self, terms: &[Id]) -> Result<Id, TogetherError> {
        Ok(match terms {
            [only] => *only,
            _ => self.module.graph.node(Op::Add, terms)?,
        })
    }
}

/// One of the three modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    First,
    Second,
    Whole,
}

impl Place {
    fn of<'p>(self, problem: &'p mut Problem<'_>) -> &'p mut Part {
        match self {
            Self::First => &mut problem.first,
            Self::Second => &mut problem.second,
            Self::Whole => &mut problem.whole,
        }
    }
}
