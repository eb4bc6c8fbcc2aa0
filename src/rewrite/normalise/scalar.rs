//! Products of scalars, and a matrix times one. Why powers are collected by base: whatever order the rules left the
//! factors in, the same product is the same node.

use indexmap::IndexMap;
use num_traits::{One, Pow, Signed, ToPrimitive, Zero};

use super::raised;
use crate::expr::{Graph, Id, Op, Rational, ShapeError};

/// Exponents by base. Positive and negative ones are kept apart where their sum is zero: s/s forgets that s is not 0, but
/// s²/s is s and s/s² is 1/s wherever they are anything.
#[derive(Clone, Debug, Default)]
pub(super) struct Powers(IndexMap<(Id, bool), Rational>);

impl Powers {
    /// Multiplies by a power.
    pub(super) fn times(&mut self, base: Id, exponent: Rational) {
        let negative = exponent.is_negative();
        let slot = self.0.entry((base, negative));
        let own = slot.or_insert_with(Rational::zero);
        *own += exponent;
        let own = own.clone();
        let Some(other) = self.0.get(&(base, !negative)) else {
            return;
        };
        let sum = own + other;
        if !sum.is_zero() {
            self.0.shift_remove(&(base, !sum.is_negative()));
            self.0.insert((base, sum.is_negative()), sum);
        }
    }

    /// Multiplies by a power of what is positive: exponents add up whatever their signs.
    fn times_positive(&mut self, base: Id, exponent: Rational) {
        let mut sum = exponent;
        for negative in [false, true] {
            sum += self.0.shift_remove(&(base, negative)).unwrap_or_default();
        }
        if !sum.is_zero() {
            self.0.insert((base, sum.is_negative()), sum);
        }
    }

    /// Where two bases are powers of one thing they become one: a'a beside norm2(a), a beside sqrt(a).
    pub(super) fn join(&mut self, graph: &Graph) {
        let two = Rational::from_integer(2.into());
        let bases: Vec<Id> = self.bases().collect();
        for base in &bases {
            let norm = bases.iter().find(|norm| is_square_of(graph, *base, **norm));
            if let Some(norm) = norm {
                self.replace(*base, *norm, &two);
            }
            let (Op::Apply, [function, a]) = (&graph[*base].op, &graph[*base].children[..]) else {
                continue;
            };
            if is_sqrt(graph, *function) && bases.contains(a) {
                self.replace(*base, *a, &two.recip());
            }
        }
    }

    /// Writes `base` as a power of another.
    fn replace(&mut self, base: Id, other: Id, power: &Rational) {
        for negative in [false, true] {
            if let Some(exponent) = self.0.shift_remove(&(base, negative)) {
                self.times(other, exponent * power);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is raised.
    pub(super) fn bases(&self) -> impl Iterator<Item = Id> + '_ {
        self.0.keys().map(|(base, _)| *base)
    }

    /// The powers that both have.
    pub(super) fn common(&self, other: &Self) -> Self {
        let shared = self.0.iter().filter_map(|(key, mine)| {
            let theirs = other.0.get(key)?;
            let least = if mine.abs() < theirs.abs() {
                mine
            } else {
                theirs
            };
            Some((*key, least.clone()))
        });
        Self(shared.collect())
    }

    /// Divides by powers that are all there.
    pub(super) fn without(&mut self, common: &Self) {
        for (key, exponent) in &common.0 {
            if let Some(own) = self.0.get_mut(key) {
                *own -= exponent;
            }
        }
        self.0.retain(|_, exponent| !exponent.is_zero());
    }
}

impl IntoIterator for Powers {
    type Item = ((Id, bool), Rational);
    type IntoIter = indexmap::map::IntoIter<(Id, bool), Rational>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A product of scalars: an exact number times powers.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    pub(super) number: Rational,
    pub(super) powers: Powers,
}

impl Default for Scalar {
    fn default() -> Self {
        Self {
            number: Rational::one(),
            powers: Powers::default(),
        }
    }
}

impl Scalar {
    /// Multiplies by a scalar.
    pub(super) fn times(&mut self, graph: &Graph, factor: Id) {
        self.times_power(graph, factor, &Rational::one());
    }

    /// Multiplies by a scalar to a power.
    pub(super) fn times_power(&mut self, graph: &Graph, factor: Id, exponent: &Rational) {
        let mut stack = vec![(factor, exponent.clone())];
        while let Some((id, exponent)) = stack.pop() {
            let node = &graph[id];
            let whole = exponent.is_integer();
            match &node.op {
                Op::Number(value) if number_raised(value, &exponent).is_some() => {
                    self.number *= number_raised(value, &exponent).unwrap_or_default();
                }
                // Powers of products are products of powers, where they are whole.
                Op::Scale if whole => {
                    stack.extend(node.children.iter().rev().map(|c| (*c, exponent.clone())));
                }
                Op::Power if whole => match graph.as_number(node.children[1]) {
                    Some(inner) if exponent.is_one() || inner.is_integer() => {
                        stack.push((node.children[0], inner * exponent));
                    }
                    _ => self.power(graph, id, exponent),
                },
                _ => self.power(graph, id, exponent),
            }
        }
    }

    fn power(&mut self, graph: &Graph, base: Id, exponent: Rational) {
        let is_dimension = |id: Id| matches!(graph[id].op, Op::Dimension(_));
        let node = &graph[base];
        match (&node.op, node.children.as_slice()) {
            _ if is_dimension(base) => self.powers.times_positive(base, exponent),
            // √n to a power, n a dimension
            (Op::Apply, [function, n]) if is_dimension(*n) && is_sqrt(graph, *function) => {
                let half = exponent / Rational::from_integer(2.into());
                self.powers.times_positive(*n, half);
            }
            _ => self.powers.times(base, exponent),
        }
    }

    /// The product without its number, as one scalar node; `None` when it is empty.
    fn symbols(&self, graph: &mut Graph) -> Result<Option<Id>, ShapeError> {
        let mut factors = Vec::new();
        let mut powers = self.powers.clone();
        powers.join(graph);
        let mut powers: Vec<_> = powers.0.into_iter().collect();
        // Positive powers first: `a * b / c` reads better than `1 / c * a * b`.
        powers.sort_by_key(|((base, negative), _)| (*negative, *base));
        for ((base, _), exponent) in powers {
            factors.push(raised(graph, base, exponent)?);
        }
        let mut factors = factors.into_iter().rev();
        let Some(last) = factors.next() else {
            return Ok(None);
        };
        factors
            .try_fold(last, |tail, head| graph.node(Op::Scale, &[head, tail]))
            .map(Some)
    }

    /// The product as one scalar node.
    pub(super) fn write(&self, graph: &mut Graph) -> Result<Id, ShapeError> {
        let symbols = self.symbols(graph)?;
        with_number(graph, &self.number, symbols)
    }

    pub(super) fn is_one(&self) -> bool {
        self.number.is_one() && self.powers.0.is_empty()
    }
}

/// True for a'a, the square of norm2(a).
fn is_square_of(graph: &Graph, base: Id, norm: Id) -> bool {
    let (Op::Norm2, Op::Multiply) = (&graph[norm].op, &graph[base].op) else {
        return false;
    };
    let (a, left) = (graph[norm].children[0], graph[base].children[0]);
    graph[left].op == Op::Transpose && graph[left].children[0] == a && graph[base].children[1] == a
}

fn is_sqrt(graph: &Graph, function: Id) -> bool {
    matches!(&graph[function].op, Op::Function(f) if &*f.name == "sqrt" && f.order == 0)
}

/// The largest exponent to which a number is raised.
const LARGEST: i32 = 64;

/// A number to a whole power, where that is a number of moderate size.
fn number_raised(value: &Rational, exponent: &Rational) -> Option<Rational> {
    let exponent = exponent.is_integer().then(|| exponent.numer().to_i32())??;
    let fits = exponent.abs() <= LARGEST && !(value.is_zero() && exponent <= 0);
    fits.then(|| Pow::pow(value.clone(), exponent))
}

/// `scalar * value` with every scalar of `value` taken in front.
pub(super) fn scale(graph: &mut Graph, mut scalar: Scalar, value: Id) -> Result<Id, ShapeError> {
    let mut value = value;
    while graph[value].op == Op::Scale && !graph.shape(value).is_scalar() {
        let (s, inner) = (graph[value].children[0], graph[value].children[1]);
        scalar.times(graph, s);
        value = inner;
    }
    let shape = graph.shape(value);
    if scalar.number.is_zero() || graph.is_zero(value) {
        return Ok(super::zero(graph, value));
    }
    if shape.is_scalar() {
        scalar.times(graph, value);
        if scalar.number.is_zero() {
            return Ok(graph.integer(0));
        }
        return scalar.write(graph);
    }
    if scalar.is_one() {
        return Ok(value);
    }
    let scalar = scalar.write(graph)?;
    graph.node(Op::Scale, &[scalar, value])
}

fn with_number(
    graph: &mut Graph,
    number: &Rational,
    symbols: Option<Id>,
) -> Result<Id, ShapeError> {
    let Some(symbols) = symbols else {
        return Ok(graph.number(number.clone()));
    };
    if number.is_one() {
        return Ok(symbols);
    }
    let number = graph.number(number.clone());
    graph.node(Op::Scale, &[number, symbols])
}
