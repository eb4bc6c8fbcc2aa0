//! Means of matrices that are written out for all samples. Why at all: the mean of `J'HJ` has no smaller form for most J, and columns of all
//! samples side by side are still one product where samples alone are many.

use super::{Form, Samples, Stop};
use crate::expr::{Dimension, Id, Op, Shape, Sizes};

/// How many entries may be written out for all samples together.
#[derive(Clone, Copy, Debug)]
pub struct Expansion<'a> {
    /// The sizes of all dimensions but the number of samples.
    pub sizes: &'a Sizes,
    /// The number of samples.
    pub samples: usize,
    /// The most entries.
    pub entries: usize,
}

impl Expansion<'_> {
    /// True when a matrix of every sample has no more entries.
    fn takes(&self, shape: &Shape) -> bool {
        let entries = shape.size().evaluate(self.sizes);
        let entries = entries.and_then(|entries| entries.checked_mul(self.samples));
        entries.is_some_and(|entries| entries <= self.entries)
    }
}

impl<'a> Samples<'a> {
    /// The mean, where parts of it that have no other are written out.
    pub(super) fn expanded_mean(&mut self, id: Id, expansion: Expansion<'a>) -> Form<Id> {
        let known = std::mem::take(&mut self.means);
        self.expansion = Some(expansion);
        let mean = self.mean(id);
        self.expansion = None;
        self.means = known;
        mean
    }

    /// The mean of a matrix by the products of every sample's with the columns of the identity.
    pub(super) fn mean_of_entries(&mut self, id: Id) -> Form<Id> {
        let shape = self.graph.shape(id);
        if !self.expansion.is_some_and(|most| most.takes(&shape)) {
            return Err(Stop::NoForm);
        }
        // Every sample has all columns next to each other.
        let (ones, cols) = (self.row_of_ones(), self.graph.dimension(shape.cols.clone()));
        let identity = self.node(Op::Eye, &[cols])?;
        let directions = self.node(Op::Kronecker, &[ones, identity])?;
        let columns = self.product(id, false, directions)?;
        let entries = self.graph.dimension(shape.size());
        let by_sample = self.node(Op::Reshape, &[columns, entries, self.count])?;
        let ones = self.node(Op::Transpose, &[ones])?;
        let sum = self.node(Op::Multiply, &[by_sample, ones])?;
        let share = self.reciprocal(self.count)?;
        let mean = self.node(Op::Scale, &[share, sum])?;
        let rows = self.graph.dimension(shape.rows);
        self.node(Op::Reshape, &[mean, rows, cols])
    }

    /// `(pq' ⊗ B) vec Y = vec(B Y q p')`
    pub(super) fn product_of_kronecker(
        &mut self,
        (a, b): (Id, Id),
        transposed: bool,
        columns: Id,
    ) -> Form<Id> {
        let (mut p, mut q) = self.rank_one(a)?;
        if transposed {
            std::mem::swap(&mut p, &mut q);
        }
        let (p, q) = (self.beside(p, columns)?, self.beside(q, columns)?);
        let of_b = self.graph.shape(b);
        let (out, inner) = if transposed {
            (of_b.cols, of_b.rows)
        } else {
            (of_b.rows, of_b.cols)
        };
        let weights = self.each_row(q, &inner)?;
        let weighted = self.node(Op::Hadamard, &[columns, weights])?;
        let row = Shape::matrix(Dimension::one(), self.graph.shape(q).rows);
        let (ones, inner) = (self.graph.ones(&row), self.graph.dimension(inner));
        let identity = self.node(Op::Eye, &[inner])?;
        let sums = self.node(Op::Kronecker, &[ones, identity])?;
        let summed = self.node(Op::Multiply, &[sums, weighted])?;
        let image = self.product(b, transposed, summed)?;
        let ones = self.graph.ones(&Shape::vector(self.graph.shape(p).rows));
        let repeated = self.node(Op::Kronecker, &[ones, image])?;
        let weights = self.each_row(p, &out)?;
        self.node(Op::Hadamard, &[weights, repeated])
    }

    /// Every row so many times.
    fn each_row(&mut self, columns: Id, times: &Dimension) -> Form<Id> {
        let ones = self.graph.ones(&Shape::vector(times.clone()));
        self.node(Op::Kronecker, &[columns, ones])
    }

    /// What has a column for every sample, repeated where there are several columns a sample.
    pub(super) fn beside(&mut self, own: Id, columns: Id) -> Form<Id> {
        let (of_own, of_columns) = (self.graph.shape(own).cols, self.graph.shape(columns).cols);
        if of_own == of_columns {
            return Ok(own);
        }
        let Some(times) = of_columns.divide(&of_own) else {
            return Err(Stop::NoForm);
        };
        let ones = self.graph.ones(&Shape::matrix(Dimension::one(), times));
        self.node(Op::Kronecker, &[own, ones])
    }
}
