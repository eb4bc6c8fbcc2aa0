//! Symbolic dimensions: polynomials in named sizes. Why: a Kronecker product of an `m × n` and a `p × q`
//! matrix is `m*p × n*q`, so the sizes of derivatives are products and sums of the declared names.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::Name;

/// A product of named sizes with exponents, sorted by name; empty means 1.
type Monomial = Vec<(Name, u32)>;

/// A size: a polynomial with non-negative integer coefficients in named sizes, in canonical form, so that
/// two dimensions are equal as polynomials exactly when they compare equal.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dimension(Arc<Vec<(Monomial, u64)>>);

/// Concrete sizes for named dimensions.
pub type Sizes = BTreeMap<Name, usize>;

impl Dimension {
    /// The integer `value`.
    pub fn constant(value: u64) -> Self {
        Self::from_terms(BTreeMap::from([(Vec::new(), value)]))
    }

    /// The size called `name`.
    pub fn named(name: impl Into<Name>) -> Self {
        Self::from_terms(BTreeMap::from([(vec![(name.into(), 1)], 1)]))
    }

    /// The dimension 1.
    pub fn one() -> Self {
        Self::constant(1)
    }

    fn from_terms(terms: BTreeMap<Monomial, u64>) -> Self {
        Self(Arc::new(
            terms.into_iter().filter(|(_, c)| *c != 0).collect(),
        ))
    }

    /// The sum of two dimensions.
    pub fn plus(&self, other: &Self) -> Self {
        let mut terms: BTreeMap<Monomial, u64> = self.0.iter().cloned().collect();
        for (monomial, c) in other.0.iter() {
            let entry = terms.entry(monomial.clone()).or_insert(0);
            *entry = entry.saturating_add(*c);
        }
        Self::from_terms(terms)
    }

    /// The product of two dimensions.
    pub fn times(&self, other: &Self) -> Self {
        if self.is_one() {
            return other.clone();
        }
        if other.is_one() {
            return self.clone();
        }
        let mut terms: BTreeMap<Monomial, u64> = BTreeMap::new();
        for (left, a) in self.0.iter() {
            for (right, b) in other.0.iter() {
                let entry = terms.entry(multiply(left, right)).or_insert(0);
                *entry = entry.saturating_add(a.saturating_mul(*b));
            }
        }
        Self::from_terms(terms)
    }

    /// True for the integer 1.
    pub fn is_one(&self) -> bool {
        self.as_constant() == Some(1)
    }

    /// The value, if it does not depend on any name.
    pub fn as_constant(&self) -> Option<u64> {
        match self.0.as_slice() {
            [] => Some(0),
            [(monomial, c)] if monomial.is_empty() => Some(*c),
            _ => None,
        }
    }

    /// The name, if the dimension is a single name.
    pub fn as_name(&self) -> Option<&Name> {
        match self.0.as_slice() {
            [(monomial, 1)] => match monomial.as_slice() {
                [(name, 1)] => Some(name),
                _ => None,
            },
            _ => None,
        }
    }

    /// Its terms: a product of names with exponents, and how often it occurs.
    pub fn terms(&self) -> impl Iterator<Item = (&[(Name, u32)], u64)> {
        self.0.iter().map(|(monomial, c)| (monomial.as_slice(), *c))
    }

    /// The names it depends on, sorted, each once.
    pub fn names(&self) -> Vec<Name> {
        let mut names: Vec<Name> = self
            .0
            .iter()
            .flat_map(|(m, _)| m.iter().map(|(n, _)| n.clone()))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// The concrete size, or `None` when a name is unbound or the value does not fit a `usize`.
    pub fn evaluate(&self, sizes: &Sizes) -> Option<usize> {
        let mut total = 0usize;
        for (monomial, c) in self.0.iter() {
            let mut term = usize::try_from(*c).ok()?;
            for (name, power) in monomial {
                term = term.checked_mul(sizes.get(name)?.checked_pow(*power)?)?;
            }
            total = total.checked_add(term)?;
        }
        Some(total)
    }

    /// Replaces names by dimensions; names not in `map` stay.
    pub fn substitute(&self, map: &BTreeMap<Name, Dimension>) -> Self {
        let mut total = Self::constant(0);
        for (monomial, c) in self.0.iter() {
            let mut term = Self::constant(*c);
            for (name, power) in monomial {
                let factor = map
                    .get(name)
                    .cloned()
                    .unwrap_or_else(|| Self::named(name.clone()));
                for _ in 0..*power {
                    term = term.times(&factor);
                }
            }
            total = total.plus(&term);
        }
        total
    }

    /// `self / other` when `other` divides it term by term and is a single term.
    pub fn divide(&self, other: &Self) -> Option<Self> {
        let [(divisor, d)] = other.0.as_slice() else {
            return None;
        };
        let mut terms = BTreeMap::new();
        for (monomial, c) in self.0.iter() {
            if c % d != 0 {
                return None;
            }
            let mut rest = monomial.clone();
            for (name, power) in divisor {
                let slot = rest.iter_mut().find(|(n, p)| n == name && p >= power)?;
                slot.1 -= power;
            }
            rest.retain(|(_, p)| *p > 0);
            terms.insert(rest, c / d);
        }
        Some(Self::from_terms(terms))
    }

    /// `self - other` when no coefficient becomes negative.
    pub fn minus(&self, other: &Self) -> Option<Self> {
        let mut terms: BTreeMap<Monomial, u64> = self.0.iter().cloned().collect();
        for (monomial, c) in other.0.iter() {
            let slot = terms.get_mut(monomial)?;
            *slot = slot.checked_sub(*c)?;
        }
        Some(Self::from_terms(terms))
    }

    /// The number of terms, the largest number of sizes multiplied in one of them, and the largest coefficient.
    pub fn extent(&self) -> (usize, u32, u64) {
        let degree = |m: &Monomial| m.iter().fold(0u32, |sum, (_, p)| sum.saturating_add(*p));
        let degree = self.0.iter().map(|(m, _)| degree(m)).max().unwrap_or(0);
        (
            self.0.len(),
            degree,
            self.0.iter().map(|(_, c)| *c).max().unwrap_or(0),
        )
    }

    /// True when it is a sum of several terms, so that it needs parentheses inside a product.
    pub fn is_sum(&self) -> bool {
        self.0.len() > 1
    }
}

fn multiply(left: &Monomial, right: &Monomial) -> Monomial {
    let mut powers: BTreeMap<Name, u32> = left.iter().cloned().collect();
    for (name, power) in right {
        *powers.entry(name.clone()).or_insert(0) += power;
    }
    powers.into_iter().collect()
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return write!(f, "0");
        }
        // Highest degree first, the constant last: `m*n + 1`.
        for (i, (monomial, c)) in self.0.iter().rev().enumerate() {
            if i > 0 {
                write!(f, " + ")?;
            }
            let mut factors = Vec::new();
            if *c != 1 || monomial.is_empty() {
                factors.push(c.to_string());
            }
            for (name, power) in monomial {
                factors.extend(std::iter::repeat_n(name.to_string(), *power as usize));
            }
            write!(f, "{}", factors.join("*"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Rows and columns of a matrix; a vector has one column, a scalar is `1 × 1`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shape {
    /// Number of rows.
    pub rows: Dimension,
    /// Number of columns.
    pub cols: Dimension,
}

impl Shape {
    /// A matrix of `rows × cols`.
    pub fn matrix(rows: Dimension, cols: Dimension) -> Self {
        Self { rows, cols }
    }

    /// A column vector of `rows` entries.
    pub fn vector(rows: Dimension) -> Self {
        Self {
            rows,
            cols: Dimension::one(),
        }
    }

    /// A scalar.
    pub fn scalar() -> Self {
        Self::vector(Dimension::one())
    }

    /// True for `1 × 1`.
    pub fn is_scalar(&self) -> bool {
        self.rows.is_one() && self.cols.is_one()
    }

    /// True when there is one column.
    pub fn is_column(&self) -> bool {
        self.cols.is_one()
    }

    /// True when there is one row.
    pub fn is_row(&self) -> bool {
        self.rows.is_one()
    }

    /// True when rows and columns are the same dimension.
    pub fn is_square(&self) -> bool {
        self.rows == self.cols
    }

    /// The number of entries.
    pub fn size(&self) -> Dimension {
        self.rows.times(&self.cols)
    }

    /// The shape of the transpose.
    pub fn transposed(&self) -> Self {
        Self {
            rows: self.cols.clone(),
            cols: self.rows.clone(),
        }
    }

    /// Replaces dimension names.
    pub fn substitute(&self, map: &BTreeMap<Name, Dimension>) -> Self {
        Self {
            rows: self.rows.substitute(map),
            cols: self.cols.substitute(map),
        }
    }

    /// Concrete rows and columns.
    pub fn evaluate(&self, sizes: &Sizes) -> Option<(usize, usize)> {
        Some((self.rows.evaluate(sizes)?, self.cols.evaluate(sizes)?))
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_scalar() {
            write!(f, "R")
        } else if self.is_column() {
            write!(f, "R[{}]", self.rows)
        } else {
            write!(f, "R[{}, {}]", self.rows, self.cols)
        }
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {}", self.rows, self.cols)
    }
}
