//! What a matrix is the sum of. Why with the parts of others at hand: what is taken apart once is taken apart for all that read it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::builder::{Builder, Instruction};
use super::super::ir::{Kernel, Representation, ValueId, View};
use super::super::scalar::{Access, Axis, Number, Operand, ScalarOp};
use super::super::unformed::Term;

/// No more terms, and no more factors in each, than this: what is longer is better formed.
const MOST: usize = 16;

/// Matrices that are taken apart, and what they are the sums of.
pub(super) struct Parts<'a> {
    builder: &'a Builder,
    known: BTreeMap<ValueId, Vec<Term>>,
}

impl<'a> Parts<'a> {
    /// None as yet: all others are whole.
    pub(super) fn new(builder: &'a Builder) -> Self {
        Self {
            builder,
            known: BTreeMap::new(),
        }
    }

    /// Takes these apart, and all that they are made of among them.
    pub(super) fn take_apart(&mut self, ids: &BTreeSet<ValueId>) {
        // Operands come first.
        for id in ids {
            if let Some(terms) = self.of(*id) {
                self.known.insert(*id, terms);
            }
        }
    }

    /// What is taken apart.
    pub(super) fn ids(&self) -> impl Iterator<Item = &ValueId> {
        self.known.keys()
    }

    pub(super) fn terms(&self, id: ValueId) -> Option<&[Term]> {
        self.known.get(&id).map(Vec::as_slice)
    }

    /// A matrix as a sum of products; none where it is something else.
    pub(super) fn of(&self, id: ValueId) -> Option<Vec<Term>> {
        let value = &self.builder.values[id.index()];
        if value.rows == 1 || value.cols == 1 {
            return None;
        }
        let terms = match &self.builder.instructions[id.index()] {
            Instruction::Kernel(Kernel::Product {
                left, right, scale, ..
            }) => {
                let factors = [self.chain(left), self.chain(right)];
                let scale = factors.iter().fold(scale.0, |all, (own, _)| all * own);
                let factors = factors.into_iter().flat_map(|(_, factors)| factors);
                vec![Term {
                    scale: Number(scale),
                    ..Term::product(factors.collect())
                }]
            }
            Instruction::Map(op, operands) if value.rows == value.cols => {
                let parts = operands
                    .iter()
                    .map(|operand| part(self.builder, operand, value.rows));
                self.combined(*op, parts.collect::<Option<Vec<_>>>()?)?
            }
            _ => return None,
        };
        let is_short = |term: &Term| term.factors.len() <= MOST && term.scale.0.is_finite();
        (terms.len() <= MOST && terms.iter().all(is_short)).then_some(terms)
    }

    fn combined(&self, op: ScalarOp, parts: Vec<Part>) -> Option<Vec<Term>> {
        let mut parts = parts.into_iter();
        let (first, second) = (parts.next()?, parts.next());
        match (op, first, second) {
            (ScalarOp::Negate, of, None) => {
                Some(Factor::Number(Number(-1.0)).of(self.summands(of)?))
            }
            (ScalarOp::Add, a, Some(b)) => Some([self.summands(a)?, self.summands(b)?].concat()),
            (ScalarOp::Subtract, a, Some(b)) => {
                let b = Factor::Number(Number(-1.0)).of(self.summands(b)?);
                Some([self.summands(a)?, b].concat())
            }
            (
                ScalarOp::Multiply,
                Part::Factor(Factor::Left(u)),
                Some(Part::Factor(Factor::Right(v))),
            )
            | (
                ScalarOp::Multiply,
                Part::Factor(Factor::Right(v)),
                Some(Part::Factor(Factor::Left(u))),
            ) => Some(vec![Term::product(vec![u, v.transpose()])]),
            (ScalarOp::Multiply, Part::Factor(factor), Some(of))
            | (ScalarOp::Multiply, of, Some(Part::Factor(factor))) => {
                Some(factor.of(self.summands(of)?))
            }
            _ => None,
        }
    }

    fn summands(&self, part: Part) -> Option<Vec<Term>> {
        match part {
            Part::Factor(_) => None,
            Part::Diagonal(factor) => Some(factor.of(vec![Term::product(Vec::new())])),
            Part::Matrix(view) => {
                let parts = self.known.get(&view.value);
                Some(parts.map_or_else(|| vec![Term::product(vec![view])], Clone::clone))
            }
        }
    }

    /// A factor of a product and what stands in front of it, taken apart if it is a product itself.
    fn chain(&self, view: &View) -> (f64, Vec<View>) {
        match self.known.get(&view.value).map(Vec::as_slice) {
            Some([term]) if view.transposed => {
                let factors = term.factors.iter().rev();
                (term.scale.0, factors.map(View::transpose).collect())
            }
            Some([term]) => (term.scale.0, term.factors.clone()),
            _ => (1.0, vec![*view]),
        }
    }
}

/// What an operand is in a square map of this size.
pub(super) fn part(builder: &Builder, operand: &Operand, size: usize) -> Option<Part> {
    let (value, access) = match operand {
        Operand::Number(number) => return Some(Part::Factor(Factor::Number(*number))),
        Operand::Read(value, access) => (*value, *access),
    };
    let view = |rows, cols| View {
        value,
        rows,
        cols,
        transposed: false,
    };
    let whole = &builder.values[value.index()];
    let is_turned =
        access == Access::strided(size, 1) && whole.representation == Representation::Symmetric;
    if access.is_identity(size, size) || is_turned {
        return Some(Part::Matrix(view(size, size)));
    }
    let (none, one) = (Axis::plain(0), Axis::plain(1));
    let factor = match (access.row, access.col, access.diagonal) {
        (row, col, _) if (row, col) == (none, none) => Factor::Scalar(view(1, 1)),
        (row, col, _) if (row, col) == (one, none) => Factor::Left(view(size, 1)),
        (row, col, _) if (row, col) == (none, one) => Factor::Right(view(size, 1)),
        _ => return None,
    };
    Some(if access.diagonal {
        Part::Diagonal(factor)
    } else {
        Part::Factor(factor)
    })
}

/// An operand of a map to a square matrix.
pub(super) enum Part {
    Matrix(View),
    /// A diagonal matrix.
    Diagonal(Factor),
    Factor(Factor),
}

/// What multiplies entries.
pub(super) enum Factor {
    Number(Number),
    Scalar(View),
    /// One entry a row.
    Left(View),
    /// One entry a column.
    Right(View),
}

impl Factor {
    fn of(&self, mut terms: Vec<Term>) -> Vec<Term> {
        for term in &mut terms {
            match self {
                Self::Number(number) => term.scale = Number(term.scale.0 * number.0),
                Self::Scalar(view) => term.scalars.push(*view),
                Self::Left(view) => term.left.push(*view),
                Self::Right(view) => term.right.push(*view),
            }
        }
        terms
    }
}
