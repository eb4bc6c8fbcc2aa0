//! Means over samples that stand side by side.

use super::{Form, Samples, Stop, known, noted};
use crate::expr::{Id, Op};

impl Samples<'_> {
    /// The mean over the samples.
    pub(super) fn mean(&mut self, id: Id) -> Form<Id> {
        if let Some(form) = known(self.means.get(&id)) {
            return form;
        }
        let form = self.new_mean(id);
        self.means.insert(id, noted(&form));
        form
    }

    fn new_mean(&mut self, id: Id) -> Form<Id> {
        if !self.varies(id) {
            return Ok(id);
        }
        let first = self.mean_of_columns(id);
        let Err(Stop::NoForm) = first else {
            return first;
        };
        let linear = self.mean_by_linearity(id);
        let Err(Stop::NoForm) = linear else {
            return linear;
        };
        match self.rank_one(id) {
            Ok((u, v)) => self.mean_product(u, v),
            Err(Stop::NoForm) => self.mean_of_entries(id),
            Err(stop) => Err(stop),
        }
    }

    /// The mean of a column or row.
    fn mean_of_columns(&mut self, id: Id) -> Form<Id> {
        if !self.is_column(id) && !self.is_row(id) {
            return Err(Stop::NoForm);
        }
        let columns = self.row(id)?;
        let ones = self.row_of_ones();
        let mean = self.mean_product(columns, ones)?;
        if self.is_column(id) {
            Ok(mean)
        } else {
            self.node(Op::Transpose, &[mean])
        }
    }

    /// The mean of what is linear in one part that differs, by the mean of that part.
    fn mean_by_linearity(&mut self, id: Id) -> Form<Id> {
        let node = self.graph[id].clone();
        match (&node.op, node.children.as_slice()) {
            (Op::Add, terms) => {
                let terms: Form<Vec<Id>> = terms.iter().map(|term| self.mean(*term)).collect();
                self.node(Op::Add, &terms?)
            }
            (Op::Transpose | Op::Diag | Op::DiagVec | Op::Vec | Op::Trace | Op::Sum, [a]) => {
                let mean = self.mean(*a)?;
                self.node(node.op.clone(), &[mean])
            }
            (Op::Scale | Op::Multiply | Op::Hadamard | Op::Kronecker, [a, b])
                if !self.varies(*a) =>
            {
                let mean = self.mean(*b)?;
                self.node(node.op.clone(), &[*a, mean])
            }
            (Op::Scale | Op::Multiply | Op::Hadamard | Op::Kronecker, [a, b])
                if !self.varies(*b) =>
            {
                let mean = self.mean(*a)?;
                self.node(node.op.clone(), &[mean, *b])
            }
            (Op::Scale, [s, a]) => self.mean_scaled(*s, *a),
            (Op::Multiply, [a, b]) => self.mean_of_product(*a, *b),
            (Op::Hadamard, [a, b]) => self.mean_of_hadamard(*a, *b),
            (Op::Congruence, [j, h]) => self.mean_of_congruence(*j, *h),
            _ => Err(Stop::NoForm),
        }
    }

    /// A scalar that differs goes to the one part of the matrix that it can stand at.
    fn mean_scaled(&mut self, s: Id, a: Id) -> Form<Id> {
        let node = self.graph[a].clone();
        let at = |batch: &mut Self, part: Id| batch.node(Op::Scale, &[s, part]);
        match (&node.op, node.children.as_slice()) {
            (Op::Add, terms) => {
                let terms: Form<Vec<Id>> = terms.iter().map(|term| at(self, *term)).collect();
                let sum = self.node(Op::Add, &terms?)?;
                self.mean(sum)
            }
            (Op::Transpose | Op::Diag, [x]) => {
                let inner = at(self, *x)?;
                let whole = self.node(node.op.clone(), &[inner])?;
                self.mean(whole)
            }
            (Op::Multiply | Op::Hadamard, [x, y]) if !self.varies(*x) => {
                let inner = at(self, *y)?;
                let whole = self.node(node.op.clone(), &[*x, inner])?;
                self.mean(whole)
            }
            (Op::Multiply | Op::Hadamard, [x, y]) if !self.varies(*y) => {
                let inner = at(self, *x)?;
                let whole = self.node(node.op.clone(), &[inner, *y])?;
                self.mean(whole)
            }
            (Op::Congruence, [j, h]) if !self.varies(*j) => {
                let inner = at(self, *h)?;
                let whole = self.node(Op::Congruence, &[*j, inner])?;
                self.mean(whole)
            }
            (Op::Congruence, [j, h]) => {
                let sum = self.graph[*j].clone();
                let terms = match sum.op {
                    Op::Add => sum.children.to_vec(),
                    _ => vec![*j],
                };
                self.mean_of_squares(Some(s), &terms, *h)
            }
            _ => Err(Stop::NoForm),
        }
    }

    /// The mean of A B where both differ: terms one by one, and diagonals as Hadamard products.
    fn mean_of_product(&mut self, a: Id, b: Id) -> Form<Id> {
        let (left, right) = (self.graph[a].clone(), self.graph[b].clone());
        match (
            (&left.op, left.children.as_slice()),
            (&right.op, right.children.as_slice()),
        ) {
            ((Op::Add, terms), _) => {
                self.mean_of_terms(terms, &|batch, term| batch.node(Op::Multiply, &[term, b]))
            }
            (_, (Op::Add, terms)) => {
                self.mean_of_terms(terms, &|batch, term| batch.node(Op::Multiply, &[a, term]))
            }
            // A (B C) with constant A, (A B) C with constant C
            ((Op::Multiply, [p, q]), _) if !self.varies(*p) => {
                let inner = self.node(Op::Multiply, &[*q, b])?;
                let mean = self.mean(inner)?;
                self.node(Op::Multiply, &[*p, mean])
            }
            (_, (Op::Multiply, [p, q])) if !self.varies(*q) => {
                let inner = self.node(Op::Multiply, &[a, *p])?;
                let mean = self.mean(inner)?;
                self.node(Op::Multiply, &[mean, *q])
            }
            ((Op::Diag, [u]), (Op::Diag, [v])) => {
                let product = self.node(Op::Hadamard, &[*u, *v])?;
                let diagonal = self.node(Op::Diag, &[product])?;
                self.mean(diagonal)
            }
            // diag(u) A diag(v) = A ⊙ u v'
            ((Op::Diag, [u]), (Op::Multiply, [p, q])) if !self.varies(*p) => {
                self.mean_between(*u, *p, *q)
            }
            ((Op::Multiply, [p, q]), (Op::Diag, [v])) if !self.varies(*q) => {
                let Op::Diag = self.graph[*p].op else {
                    return Err(Stop::NoForm);
                };
                let right = self.graph[*p].children[0];
                let diagonal = self.node(Op::Diag, &[*v])?;
                self.mean_between(right, *q, diagonal)
            }
            _ => Err(Stop::NoForm),
        }
    }

    /// The mean of `diag(u) A D` for a constant A and a diagonal matrix D.
    fn mean_between(&mut self, u: Id, a: Id, diagonal: Id) -> Form<Id> {
        let Op::Diag = self.graph[diagonal].op else {
            return Err(Stop::NoForm);
        };
        let v = self.graph[diagonal].children[0];
        let row = self.node(Op::Transpose, &[v])?;
        let outer = self.node(Op::Multiply, &[u, row])?;
        let mean = self.mean(outer)?;
        self.node(Op::Hadamard, &[a, mean])
    }

    fn mean_of_hadamard(&mut self, a: Id, b: Id) -> Form<Id> {
        for (sum, other) in [(a, b), (b, a)] {
            let node = self.graph[sum].clone();
            match (&node.op, node.children.as_slice()) {
                (Op::Add, terms) => {
                    return self.mean_of_terms(terms, &|batch, term| {
                        batch.node(Op::Hadamard, &[term, other])
                    });
                }
                // diag(u) ⊙ B = diag(u ⊙ b) with b the diagonal of B
                (Op::Diag, [u]) => {
                    let diagonal = self.node(Op::DiagVec, &[other])?;
                    let product = self.node(Op::Hadamard, &[*u, diagonal])?;
                    let whole = self.node(Op::Diag, &[product])?;
                    return self.mean(whole);
                }
                // (s A) ⊙ B and (A ⊙ B) ⊙ C with constant A
                (Op::Scale | Op::Hadamard, [x, y]) => {
                    for (p, q) in [(*x, *y), (*y, *x)] {
                        if node.op == Op::Hadamard && !self.varies(p) {
                            let inner = self.node(Op::Hadamard, &[q, other])?;
                            let mean = self.mean(inner)?;
                            return self.node(Op::Hadamard, &[p, mean]);
                        }
                    }
                    if node.op == Op::Scale {
                        let inner = self.node(Op::Hadamard, &[*y, other])?;
                        let whole = self.node(Op::Scale, &[*x, inner])?;
                        return self.mean(whole);
                    }
                }
                _ => {}
            }
        }
        Err(Stop::NoForm)
    }

    fn mean_of_terms(
        &mut self,
        terms: &[Id],
        with: &dyn Fn(&mut Self, Id) -> Form<Id>,
    ) -> Form<Id> {
        let terms: Form<Vec<Id>> = (terms.iter())
            .map(|term| {
                let whole = with(self, *term)?;
                self.mean(whole)
            })
            .collect();
        self.node(Op::Add, &terms?)
    }

    /// The mean of s (Σ a)'H(Σ a), H the same for all samples: pair by pair.
    fn mean_of_squares(&mut self, s: Option<Id>, terms: &[Id], h: Id) -> Form<Id> {
        if self.varies(h) {
            return Err(Stop::NoForm);
        }
        let mut parts = Vec::new();
        for a in terms {
            for b in terms {
                parts.push(self.mean_of_pair(s, *a, h, *b)?);
            }
        }
        match parts.as_slice() {
            [one] => Ok(*one),
            _ => self.node(Op::Add, &parts),
        }
    }

    /// The mean of s a'Hb, where that is of rank one, or a and b are diagonal matrices times constants.
    fn mean_of_pair(&mut self, s: Option<Id>, a: Id, h: Id, b: Id) -> Form<Id> {
        let at = |batch: &mut Self, part: Id| match s {
            Some(s) => batch.node(Op::Scale, &[s, part]),
            None => Ok(part),
        };
        let row = self.node(Op::Transpose, &[a])?;
        let right = self.node(Op::Multiply, &[h, b])?;
        let whole = self.node(Op::Multiply, &[row, right])?;
        let whole = at(self, whole)?;
        match self.rank_one(whole) {
            Ok((u, v)) => return self.mean_product(u, v),
            Err(Stop::NoForm) => {}
            Err(stop) => return Err(stop),
        }
        // L diag(u) P and M diag(v) Q leave L'HM between the diagonal matrices.
        let (a, left) = self.left_factor(a);
        let (b, right) = self.left_factor(b);
        let mut h = h;
        if let Some(right) = right {
            h = self.node(Op::Multiply, &[h, right])?;
        }
        if let Some(left) = left {
            let row = self.node(Op::Transpose, &[left])?;
            h = self.node(Op::Multiply, &[row, h])?;
        }
        let ((u, p), (v, q)) = (self.scaling(a)?, self.scaling(b)?);
        // P' [H ⊙ mean(s u v')] Q; without u or v the mean is that of what is there.
        let middle = match (u, v) {
            (Some(u), Some(v)) => {
                let (u, row) = (at(self, u)?, self.node(Op::Transpose, &[v])?);
                let outer = self.node(Op::Multiply, &[u, row])?;
                let mean = self.mean(outer)?;
                self.node(Op::Hadamard, &[h, mean])?
            }
            (Some(u), None) | (None, Some(u)) => {
                let scaled = at(self, u)?;
                let mean = self.mean(scaled)?;
                let diagonal = self.node(Op::Diag, &[mean])?;
                let sides = if v.is_none() {
                    [diagonal, h]
                } else {
                    [h, diagonal]
                };
                self.node(Op::Multiply, &sides)?
            }
            (None, None) => match s {
                Some(s) => {
                    let mean = self.mean(s)?;
                    self.node(Op::Scale, &[mean, h])?
                }
                None => h,
            },
        };
        let right = match q {
            Some(q) => self.node(Op::Multiply, &[middle, q])?,
            None => middle,
        };
        let Some(p) = p else { return Ok(right) };
        let row = self.node(Op::Transpose, &[p])?;
        self.node(Op::Multiply, &[row, right])
    }

    /// A and L of `L A`, L the same for all samples, where A differs.
    fn left_factor(&mut self, a: Id) -> (Id, Option<Id>) {
        let node = &self.graph[a];
        match (&node.op, node.children.as_slice()) {
            (Op::Multiply, [left, inner]) => {
                let (left, inner) = (*left, *inner);
                let splits = !self.varies(left) && self.varies(inner);
                if splits {
                    (inner, Some(left))
                } else {
                    (a, None)
                }
            }
            _ => (a, None),
        }
    }

    /// u and P of `diag(u) P`, P the same for all samples: either may not be there.
    fn scaling(&mut self, a: Id) -> Form<(Option<Id>, Option<Id>)> {
        if !self.varies(a) {
            return Ok((None, Some(a)));
        }
        let node = self.graph[a].clone();
        match (&node.op, node.children.as_slice()) {
            (Op::Diag, [u]) => Ok((Some(*u), None)),
            (Op::Scale, [s, x]) => {
                let (Some(u), p) = self.scaling(*x)? else {
                    return Err(Stop::NoForm);
                };
                Ok((Some(self.node(Op::Scale, &[*s, u])?), p))
            }
            (Op::Multiply, [d, p]) if !self.varies(*p) => {
                let (u, q) = self.scaling(*d)?;
                let p = match q {
                    Some(q) => self.node(Op::Multiply, &[q, *p])?,
                    None => *p,
                };
                Ok((u, Some(p)))
            }
            _ => Err(Stop::NoForm),
        }
    }

    /// The mean of J'HJ, J a diagonal matrix, constant, or a sum of such and of matrices of rank one.
    fn mean_of_congruence(&mut self, j: Id, h: Id) -> Form<Id> {
        if !self.varies(j) {
            let mean = self.mean(h)?;
            return self.node(Op::Congruence, &[j, mean]);
        }
        let node = self.graph[j].clone();
        match (&node.op, node.children.as_slice()) {
            (Op::Diag, [u]) => {
                let row = self.node(Op::Transpose, &[*u])?;
                let outer = self.node(Op::Multiply, &[*u, row])?;
                let whole = self.node(Op::Hadamard, &[h, outer])?;
                self.mean(whole)
            }
            (Op::Add, terms) => self.mean_of_squares(None, terms, h),
            // (A B)'H(A B) = B'(A'HA)B
            (Op::Multiply, [a, b]) => {
                let inner = self.node(Op::Congruence, &[*a, h])?;
                let whole = self.node(Op::Congruence, &[*b, inner])?;
                self.mean(whole)
            }
            _ => Err(Stop::NoForm),
        }
    }
}
