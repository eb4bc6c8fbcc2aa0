//! Columns side by side, and products of matrices that differ from sample to sample with them.

use super::{Form, Samples, Stop, known, noted};
use crate::expr::{Id, Op};

impl Samples<'_> {
    /// The values of a column for all samples side by side.
    pub(super) fn columns(&mut self, id: Id) -> Form<Id> {
        if let Some(form) = known(self.columns.get(&id)) {
            return form;
        }
        let form = self.new_columns(id);
        self.columns.insert(id, noted(&form));
        form
    }

    fn new_columns(&mut self, id: Id) -> Form<Id> {
        if !self.is_column(id) {
            return Err(Stop::NoForm);
        }
        if !self.varies(id) {
            let ones = self.row_of_ones();
            return self.node(Op::Multiply, &[id, ones]);
        }
        let node = self.graph[id].clone();
        let children = node.children.as_slice();
        match (&node.op, children) {
            (Op::Variable(name), _) => {
                let shape = self.graph.shape(id);
                self.variable(name, &shape)
            }
            (Op::Add, terms) => {
                let terms: Form<Vec<Id>> = terms.iter().map(|term| self.columns(*term)).collect();
                self.node(Op::Add, &terms?)
            }
            (Op::Scale, [s, x]) => self.columns_scaled(*s, *x),
            (Op::Hadamard, [a, b]) => self.columns_hadamard(*a, *b),
            (Op::Power, [base, exponent]) => {
                let columns = self.columns(*base)?;
                if !self.varies(*exponent) && self.graph.shape(*exponent).is_scalar() {
                    return self.node(Op::Power, &[columns, *exponent]);
                }
                if self.graph.shape(*exponent) != self.graph.shape(*base) {
                    return Err(Stop::NoForm);
                }
                let exponents = self.columns(*exponent)?;
                self.node(Op::Power, &[columns, exponents])
            }
            (Op::Apply, [function, x]) => {
                let columns = self.columns(*x)?;
                self.node(Op::Apply, &[*function, columns])
            }
            (Op::Softmax, [x]) => {
                let columns = self.columns(*x)?;
                self.node(Op::Softmax, &[columns])
            }
            (Op::LogSumExp | Op::Norm2, [x]) if self.is_column(*x) => {
                let columns = self.columns(*x)?;
                let op = match node.op {
                    Op::Norm2 => Op::ColumnNorm2,
                    _ => Op::ColumnLogSumExp,
                };
                self.node(op, &[columns])
            }
            (Op::Sum, [x]) if self.is_column(*x) => {
                let columns = self.columns(*x)?;
                self.column_sums(columns)
            }
            (Op::Mean, [x]) if self.is_column(*x) => {
                let columns = self.columns(*x)?;
                let sums = self.column_sums(columns)?;
                let rows = self.graph.shape(*x).rows;
                let rows = self.graph.dimension(rows);
                let share = self.reciprocal(rows)?;
                self.node(Op::Scale, &[share, sums])
            }
            // The trace of u v' is v'u, its diagonal u ⊙ v, its sum (1'u)(1'v).
            (Op::Trace, [x]) => {
                let (u, v) = self.rank_one(*x)?;
                let product = self.node(Op::Hadamard, &[u, v])?;
                self.column_sums(product)
            }
            (Op::DiagVec, [x]) => {
                let (u, v) = self.rank_one(*x)?;
                self.node(Op::Hadamard, &[u, v])
            }
            (Op::Sum, [x]) => {
                let (u, v) = self.rank_one(*x)?;
                let (u, v) = (self.column_sums(u)?, self.column_sums(v)?);
                self.node(Op::Hadamard, &[u, v])
            }
            (Op::Transpose, [x]) => self.row(*x),
            (Op::Vec | Op::Reshape, [x, ..]) if self.is_column(*x) => self.columns(*x),
            (Op::Multiply, [a, x]) if self.is_column(*x) => {
                let columns = self.columns(*x)?;
                self.product(*a, false, columns)
            }
            (Op::Congruence, [j, h]) => {
                let j = self.columns(*j)?;
                let product = self.product(*h, false, j)?;
                let entries = self.node(Op::Hadamard, &[j, product])?;
                self.column_sums(entries)
            }
            _ => Err(Stop::NoForm),
        }
    }

    /// The transpose of a row, for all samples side by side.
    pub(super) fn row(&mut self, id: Id) -> Form<Id> {
        if self.is_column(id) {
            return self.columns(id);
        }
        if !self.is_row(id) {
            return Err(Stop::NoForm);
        }
        if !self.varies(id) {
            let column = self.node(Op::Transpose, &[id])?;
            return self.columns(column);
        }
        let node = self.graph[id].clone();
        match (&node.op, node.children.as_slice()) {
            (Op::Transpose, [x]) => self.columns(*x),
            // (x'A)' = A'x
            (Op::Multiply, [x, a]) => {
                let columns = self.row(*x)?;
                self.product(*a, true, columns)
            }
            (Op::Add, terms) => {
                let terms: Form<Vec<Id>> = terms.iter().map(|term| self.row(*term)).collect();
                self.node(Op::Add, &terms?)
            }
            (Op::Scale, [s, x]) => {
                let columns = self.row(*x)?;
                self.times_scalar(*s, columns)
            }
            (Op::Hadamard, [a, b]) => {
                let (a, b) = (self.row(*a)?, self.row(*b)?);
                self.node(Op::Hadamard, &[a, b])
            }
            (Op::Apply, [function, x]) => {
                let columns = self.row(*x)?;
                self.node(Op::Apply, &[*function, columns])
            }
            _ => Err(Stop::NoForm),
        }
    }

    fn columns_scaled(&mut self, s: Id, x: Id) -> Form<Id> {
        if !self.varies(x) {
            let row = self.columns(s)?;
            return self.node(Op::Multiply, &[x, row]);
        }
        let columns = self.columns(x)?;
        self.times_scalar(s, columns)
    }

    /// Columns times a scalar that may differ from sample to sample.
    pub(super) fn times_scalar(&mut self, s: Id, columns: Id) -> Form<Id> {
        if !self.varies(s) {
            return self.node(Op::Scale, &[s, columns]);
        }
        let row = self.columns(s)?;
        let row = self.beside(row, columns)?;
        self.scaled(row, columns)
    }

    fn columns_hadamard(&mut self, a: Id, b: Id) -> Form<Id> {
        for (constant, other) in [(a, b), (b, a)] {
            if !self.varies(constant) {
                let columns = self.columns(other)?;
                let diagonal = self.node(Op::Diag, &[constant])?;
                return self.node(Op::Multiply, &[diagonal, columns]);
            }
        }
        let (a, b) = (self.columns(a)?, self.columns(b)?);
        self.node(Op::Hadamard, &[a, b])
    }

    /// A matrix, or its transpose, times a column of every sample.
    pub(super) fn product(&mut self, matrix: Id, transposed: bool, columns: Id) -> Form<Id> {
        let key = (matrix, transposed, columns);
        if let Some(form) = known(self.products.get(&key)) {
            return form;
        }
        let form = self.new_product(matrix, transposed, columns);
        self.products.insert(key, noted(&form));
        form
    }

    fn new_product(&mut self, matrix: Id, transposed: bool, columns: Id) -> Form<Id> {
        if !self.varies(matrix) {
            let matrix = if transposed {
                self.node(Op::Transpose, &[matrix])?
            } else {
                matrix
            };
            return self.node(Op::Multiply, &[matrix, columns]);
        }
        let node = self.graph[matrix].clone();
        match (&node.op, node.children.as_slice()) {
            (Op::Transpose, [a]) => self.product(*a, !transposed, columns),
            (Op::Multiply, [a, b]) => {
                let (first, second) = if transposed { (a, b) } else { (b, a) };
                let columns = self.product(*first, transposed, columns)?;
                self.product(*second, transposed, columns)
            }
            (Op::Add, terms) => {
                let terms = terms.iter();
                let terms: Form<Vec<Id>> = terms
                    .map(|term| self.product(*term, transposed, columns))
                    .collect();
                self.node(Op::Add, &terms?)
            }
            (Op::Scale, [s, a]) => {
                let columns = self.product(*a, transposed, columns)?;
                self.times_scalar(*s, columns)
            }
            (Op::Diag, [x]) => {
                let x = self.columns(*x)?;
                let x = self.beside(x, columns)?;
                self.node(Op::Hadamard, &[x, columns])
            }
            // J'HJ x
            (Op::Congruence, [j, h]) => {
                let inner = self.product(*j, false, columns)?;
                let middle = self.product(*h, false, inner)?;
                self.product(*j, true, middle)
            }
            _ if self.is_column(matrix) => {
                let own = self.columns(matrix)?;
                self.product_of_vector(own, transposed, columns)
            }
            _ if self.is_row(matrix) => {
                let own = self.row(matrix)?;
                self.product_of_vector(own, !transposed, columns)
            }
            (Op::Hadamard, [a, b]) => self.product_of_hadamard((*a, *b), transposed, columns),
            (Op::Kronecker, [a, b]) => self.product_of_kronecker((*a, *b), transposed, columns),
            _ => Err(Stop::NoForm),
        }
    }

    /// `u s` for a number s of every sample, or `u'x`.
    fn product_of_vector(&mut self, own: Id, transposed: bool, columns: Id) -> Form<Id> {
        let own = self.beside(own, columns)?;
        if transposed {
            let entries = self.node(Op::Hadamard, &[own, columns])?;
            return self.column_sums(entries);
        }
        self.scaled(columns, own)
    }

    /// `(A ⊙ u v') x = u ⊙ A (v ⊙ x)`
    fn product_of_hadamard(&mut self, (a, b): (Id, Id), transposed: bool, columns: Id) -> Form<Id> {
        for (outer, other) in [(a, b), (b, a)] {
            let (mut u, mut v) = match self.rank_one(outer) {
                Ok(parts) => parts,
                Err(Stop::NoForm) => continue,
                Err(stop) => return Err(stop),
            };
            if transposed {
                std::mem::swap(&mut u, &mut v);
            }
            let (u, v) = (self.beside(u, columns)?, self.beside(v, columns)?);
            let inner = self.node(Op::Hadamard, &[v, columns])?;
            let inner = self.product(other, transposed, inner)?;
            return self.node(Op::Hadamard, &[u, inner]);
        }
        Err(Stop::NoForm)
    }

    /// U and V, side by side, where the matrix of every sample is `u v'`.
    pub(super) fn rank_one(&mut self, id: Id) -> Form<(Id, Id)> {
        if let Some(form) = known(self.rank_one.get(&id)) {
            return form;
        }
        let form = self.new_rank_one(id);
        self.rank_one.insert(id, noted(&form));
        form
    }

    fn new_rank_one(&mut self, id: Id) -> Form<(Id, Id)> {
        if !self.varies(id) {
            return Err(Stop::NoForm);
        }
        if self.is_column(id) {
            return Ok((self.columns(id)?, self.row_of_ones()));
        }
        if self.is_row(id) {
            return Ok((self.row_of_ones(), self.row(id)?));
        }
        let node = self.graph[id].clone();
        match (&node.op, node.children.as_slice()) {
            (Op::Transpose, [a]) => self.rank_one(*a).map(|(u, v)| (v, u)),
            (Op::Scale, [s, a]) => {
                let (u, v) = self.rank_one(*a)?;
                Ok((self.times_scalar(*s, u)?, v))
            }
            (Op::Multiply, [a, b]) if self.is_column(*a) => Ok((self.columns(*a)?, self.row(*b)?)),
            (Op::Multiply, [a, b]) => match self.rank_one(*b) {
                Ok((u, v)) => Ok((self.product(*a, false, u)?, v)),
                Err(Stop::NoForm) => {
                    let (u, v) = self.rank_one(*a)?;
                    Ok((u, self.product(*b, true, v)?))
                }
                Err(stop) => Err(stop),
            },
            (Op::Hadamard, [a, b]) => {
                let ((u, v), (p, q)) = (self.rank_one(*a)?, self.rank_one(*b)?);
                Ok((
                    self.node(Op::Hadamard, &[u, p])?,
                    self.node(Op::Hadamard, &[v, q])?,
                ))
            }
            _ => Err(Stop::NoForm),
        }
    }
}
