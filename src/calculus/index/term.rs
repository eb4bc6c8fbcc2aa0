//! Sums of products with named indices. Why every nonlinear function is a tensor too: a function of an index
//! expression is a closed expression (its [`Lambda`]) and the indices it is used at, so that a term is one flat list of
//! factors and canonical labelling has one case.

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use num_bigint::BigInt;
use num_rational::Ratio;
use num_traits::One;
use smallvec::SmallVec;

use crate::expr::{Dimension, Function, Name, Rational};

/// An exponent of a factor.
pub(super) type Power = Ratio<i64>;

/// Bound indices of canonical terms are numbered from here, so that they never meet a free one.
pub(super) const BOUND: u32 = 1 << 30;

/// An index with its range.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Index {
    pub(super) id: u32,
    pub(super) size: Dimension,
}

/// One subscript of a tensor: a mixed-radix number of atomic indices, the first one fastest; empty for size 1.
pub(super) type Slot = SmallVec<[Index; 2]>;

/// All subscripts of a factor.
pub(super) type Slots = SmallVec<[Slot; 2]>;

/// What a factor is, without its indices.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A dimension's name as a scalar.
    Size(Name),
    /// A positive integer, only ever under a fractional power.
    Integer(BigInt),
    /// π, from the derivative of `erf`.
    Pi,
    /// 1 where both subscripts are the same number.
    Delta,
    /// An entry of a named value; subscripts: row, column.
    Variable(Name),
    /// An entry of the diagonal of a value declared diagonal.
    Diagonal(Name),
    /// exp of a term with coefficient 1.
    Exp(Arc<Lambda>),
    /// log.
    Log(Arc<Lambda>),
    /// An elementwise function without a rewriting into the others.
    Apply(Function, Arc<Lambda>),
    /// A sum (or what cannot be pulled out of a root), under a negative or fractional power.
    Sum(Arc<Lambda>),
    /// A base to a symbolic exponent: two bodies.
    Symbolic(Arc<Lambda>),
    /// The inverse of a matrix; subscripts: row, column.
    Inverse(Arc<Matrix>),
    /// The determinant of a matrix.
    Determinant(Arc<Matrix>),
    /// log |det|.
    LogDeterminant(Arc<Matrix>),
    /// |·| of the eigenvalues; subscripts: row, column.
    EigAbs(Arc<Matrix>),
    /// max(·, 0) of the eigenvalues; subscripts: row, column.
    EigClip(Arc<Matrix>),
}

/// A closed expression: `bodies` with the free indices `0 ..` of sizes `params`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Lambda {
    pub(super) params: Vec<Dimension>,
    pub(super) bodies: Vec<Vec<Term>>,
    /// The orders of the parameters that leave the bodies as they are, the identity included.
    pub(super) symmetries: Vec<Vec<u8>>,
}

/// A closed matrix: the first `rows` parameters are its row, the others its column.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Matrix {
    pub(super) rows: usize,
    pub(super) lambda: Lambda,
}

/// A kind with what is known of it.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) kind: Kind,
    /// The orders of the subscripts that leave the value as it is, the identity included.
    pub(super) symmetries: Vec<Vec<u8>>,
    /// The variables it depends on, sorted.
    pub(super) variables: Vec<Name>,
    /// True when every entry is known to be positive.
    pub(super) positive: bool,
    /// The nesting of functions.
    pub(super) depth: usize,
    hash: u64,
}

/// A shared head; compared by structure.
#[derive(Clone, Debug)]
pub(super) struct Symbol(Arc<Head>);

/// A head at indices, to a power.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Factor {
    pub(super) head: Symbol,
    pub(super) slots: Slots,
    pub(super) power: Power,
}

/// A coefficient times factors, summed over the bound indices.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Term {
    pub(super) factors: Vec<Factor>,
    pub(super) bound: Vec<Index>,
    pub(super) coefficient: Rational,
}

impl Symbol {
    /// A head whose subscripts may be exchanged as `symmetries` says.
    pub(super) fn new(kind: Kind, symmetries: Vec<Vec<u8>>) -> Self {
        let mut hasher = DefaultHasher::new();
        kind.hash(&mut hasher);
        symmetries.hash(&mut hasher);
        let (variables, depth) = kind.contents();
        let positive = kind.is_positive();
        let hash = hasher.finish();
        Self(Arc::new(Head {
            kind,
            symmetries,
            variables,
            positive,
            depth,
            hash,
        }))
    }

    /// A head whose subscripts each have their own meaning.
    pub(super) fn plain(kind: Kind) -> Self {
        Self::new(kind, Vec::new())
    }

    /// True when the head depends on the variable.
    pub(super) fn depends_on(&self, name: &Name) -> bool {
        self.variables.binary_search(name).is_ok()
    }
}

impl std::ops::Deref for Symbol {
    type Target = Head;
    fn deref(&self) -> &Head {
        &self.0
    }
}

impl PartialEq for Symbol {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.hash == other.hash
                && self.kind == other.kind
                && self.symmetries == other.symmetries)
    }
}

impl Eq for Symbol {}

impl PartialOrd for Symbol {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Symbol {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) {
            return Ordering::Equal;
        }
        self.kind
            .cmp(&other.kind)
            .then_with(|| self.symmetries.cmp(&other.symmetries))
    }
}

impl Hash for Symbol {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

impl Kind {
    /// The bodies inside.
    pub(super) fn bodies(&self) -> &[Vec<Term>] {
        match self {
            Self::Exp(l) | Self::Log(l) | Self::Apply(_, l) | Self::Sum(l) | Self::Symbolic(l) => {
                &l.bodies
            }
            Self::Inverse(m)
            | Self::Determinant(m)
            | Self::LogDeterminant(m)
            | Self::EigAbs(m)
            | Self::EigClip(m) => &m.lambda.bodies,
            _ => &[],
        }
    }

    /// The closed argument of a function that acts entry by entry.
    pub(super) fn lambda(&self) -> Option<&Arc<Lambda>> {
        match self {
            Self::Exp(l) | Self::Log(l) | Self::Apply(_, l) | Self::Sum(l) | Self::Symbolic(l) => {
                Some(l)
            }
            _ => None,
        }
    }

    /// The closed argument of a function of a whole matrix.
    pub(super) fn matrix(&self) -> Option<&Arc<Matrix>> {
        match self {
            Self::Inverse(m)
            | Self::Determinant(m)
            | Self::LogDeterminant(m)
            | Self::EigAbs(m)
            | Self::EigClip(m) => Some(m),
            _ => None,
        }
    }

    /// True for scalars that divide everything: dimensions and numbers.
    pub(super) fn is_unit(&self) -> bool {
        matches!(self, Self::Size(_) | Self::Integer(_) | Self::Pi)
    }

    fn contents(&self) -> (Vec<Name>, usize) {
        let mut names = match self {
            Self::Variable(name) | Self::Diagonal(name) => vec![name.clone()],
            _ => Vec::new(),
        };
        let mut depth = 0;
        for factor in self.bodies().iter().flatten().flat_map(|t| &t.factors) {
            names.extend(factor.head.variables.iter().cloned());
            depth = depth.max(factor.head.depth);
        }
        names.sort();
        names.dedup();
        (names, depth + 1)
    }

    fn is_positive(&self) -> bool {
        match self {
            Self::Size(_) | Self::Integer(_) | Self::Pi | Self::Exp(_) => true,
            Self::Sum(l) => sum_is_positive(&l.bodies[0]),
            _ => false,
        }
    }
}

/// True when every term is at least zero and one is positive.
pub(super) fn sum_is_positive(terms: &[Term]) -> bool {
    let zero = Rational::from_integer(0.into());
    let even = |f: &Factor| f.head.positive || (f.power.is_integer() && f.power.numer() % 2 == 0);
    terms
        .iter()
        .all(|t| t.coefficient > zero && t.factors.iter().all(even))
        && terms
            .iter()
            .any(|t| t.factors.iter().all(|f| f.head.positive))
}

impl Factor {
    /// A factor to the power 1.
    pub(super) fn new(head: Symbol, slots: impl IntoIterator<Item = Slot>) -> Self {
        Self {
            head,
            slots: slots.into_iter().collect(),
            power: Power::one(),
        }
    }

    /// The indices, slot by slot.
    pub(super) fn indices(&self) -> impl Iterator<Item = &Index> {
        self.slots.iter().flatten()
    }

    /// True when the factor stands at the index.
    pub(super) fn touches(&self, id: u32) -> bool {
        self.indices().any(|i| i.id == id)
    }

    /// The arrangements of the subscripts that mean the same.
    pub(super) fn arrangements(&self) -> impl Iterator<Item = Slots> + '_ {
        let own = self.head.symmetries.is_empty().then(|| self.slots.clone());
        let permuted = self.head.symmetries.iter();
        own.into_iter().chain(permuted.map(|order| {
            order
                .iter()
                .map(|&k| self.slots[k as usize].clone())
                .collect()
        }))
    }

    /// Puts exchangeable subscripts into their least order.
    pub(super) fn order_slots(&mut self) {
        if self.head.symmetries.len() > 1
            && let Some(least) = self.arrangements().min()
        {
            self.slots = least;
        }
    }
}

impl Term {
    /// A number.
    pub(super) fn number(coefficient: Rational) -> Self {
        Self {
            factors: Vec::new(),
            bound: Vec::new(),
            coefficient,
        }
    }

    /// A single factor.
    pub(super) fn single(factor: Factor) -> Self {
        Self {
            factors: vec![factor],
            bound: Vec::new(),
            coefficient: Rational::one(),
        }
    }

    /// True when the index is summed over here.
    pub(super) fn binds(&self, id: u32) -> bool {
        self.bound.iter().any(|b| b.id == id)
    }

    /// Writes `parts` wherever `id` stands in a subscript. The list of bound indices is left alone.
    pub(super) fn substitute(&mut self, id: u32, parts: &[Index]) {
        for slot in self.factors.iter_mut().flat_map(|f| &mut f.slots) {
            substitute(slot, id, parts);
        }
    }

    /// Splits a bound index into parts.
    pub(super) fn split_bound(&mut self, id: u32, parts: &[Index]) {
        self.substitute(id, parts);
        self.bound.retain(|b| b.id != id);
        self.bound.extend(parts.iter().cloned());
    }
}

/// Writes `parts` wherever `id` stands.
pub(super) fn substitute(slot: &mut Slot, id: u32, parts: &[Index]) {
    while let Some(at) = slot.iter().position(|i| i.id == id) {
        if let [one] = parts {
            if one.id == id {
                return;
            }
            slot[at] = one.clone();
        } else {
            slot.remove(at);
            slot.insert_many(at, parts.iter().cloned());
        }
    }
}
