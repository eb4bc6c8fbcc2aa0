//! Numbers for index expressions, by summing out one bound index after the other. Why not through the expression
//! graph's evaluator: the two derivations are compared on numbers, and a shared evaluator would share its mistakes.

use std::collections::HashMap;
use std::rc::Rc;

use num_traits::{One, ToPrimitive};

use super::expression::IndexExpression;
use super::numeric;
use super::term::{Factor, Index, Kind, Lambda, Power, Symbol, Term};
use crate::expr::{Environment, EvaluateError, Matrix, Rational};

/// The largest number of entries of an intermediate array.
const ENTRIES: usize = 1 << 24;

type Outcome<T> = Result<T, EvaluateError>;

/// An array over named indices, the first one fastest.
struct Array {
    indices: Vec<(u32, usize)>,
    values: Vec<f64>,
}

struct Evaluator<'a> {
    environment: &'a Environment<f64>,
    heads: HashMap<Symbol, Rc<Vec<f64>>>,
}

impl IndexExpression {
    /// The value in an environment, by loops over the indices.
    ///
    /// # Errors
    /// When a size, a value or an abstract function is not given, a matrix is singular, or the loops are too large.
    pub fn evaluate(&self, environment: &Environment<f64>) -> Result<Matrix<f64>, EvaluateError> {
        let mut evaluator = Evaluator {
            environment,
            heads: HashMap::new(),
        };
        let free: Vec<Index> = self
            .tensor
            .row
            .iter()
            .chain(&self.tensor.col)
            .cloned()
            .collect();
        let values = evaluator.sum(&self.tensor.terms, &free)?;
        let size = |slot: &[Index]| slot.iter().try_fold(1, |n, i| Ok(n * evaluator.size(i)?));
        let (rows, cols) = (size(&self.tensor.row)?, size(&self.tensor.col)?);
        Matrix::new(rows, cols, values)
    }
}

impl Evaluator<'_> {
    fn size(&self, index: &Index) -> Outcome<usize> {
        let unknown = || EvaluateError::Size(index.size.to_string());
        index
            .size
            .evaluate(&self.environment.sizes)
            .ok_or_else(unknown)
    }

    /// The sum of the terms for every value of the free indices.
    fn sum(&mut self, terms: &[Term], free: &[Index]) -> Outcome<Vec<f64>> {
        let indices: Vec<(u32, usize)> = free
            .iter()
            .map(|i| Ok((i.id, self.size(i)?)))
            .collect::<Outcome<_>>()?;
        let mut total = vec![0.0; volume(&indices)?];
        for term in terms {
            let arrays = self.reduced(term)?;
            let coefficient = term.coefficient.to_f64().unwrap_or(f64::NAN);
            for (value, entry) in total.iter_mut().zip(product(&arrays, &indices)) {
                *value += coefficient * entry;
            }
        }
        Ok(total)
    }

    /// The factors of a term with all bound indices summed out.
    fn reduced(&mut self, term: &Term) -> Outcome<Vec<Array>> {
        let mut arrays: Vec<Array> = term
            .factors
            .iter()
            .map(|f| self.factor(f))
            .collect::<Outcome<_>>()?;
        let mut bound: Vec<(u32, usize)> = term
            .bound
            .iter()
            .map(|b| Ok((b.id, self.size(b)?)))
            .collect::<Outcome<_>>()?;
        while !bound.is_empty() {
            // The index whose factors span the least.
            let cost = |id: u32| volume(&union(&arrays, Some(id))).unwrap_or(usize::MAX);
            let at = (0..bound.len())
                .min_by_key(|&k| cost(bound[k].0))
                .unwrap_or(0);
            let (id, size) = bound.remove(at);
            let mut whole = union(&arrays, Some(id));
            whole.retain(|(i, _)| *i != id);
            let mut looped = vec![(id, size)];
            looped.extend(whole.iter().copied());
            volume(&looped)?;
            let (own, rest): (Vec<Array>, Vec<Array>) = arrays
                .into_iter()
                .partition(|a| a.indices.iter().any(|(i, _)| *i == id));
            let entries: Vec<f64> = product(&own, &looped).collect();
            let values = entries
                .chunks(size.max(1))
                .map(|chunk| chunk.iter().sum())
                .collect();
            arrays = rest;
            arrays.push(Array {
                indices: whole,
                values,
            });
        }
        Ok(arrays)
    }

    /// The entries of a factor over its distinct indices.
    fn factor(&mut self, factor: &Factor) -> Outcome<Array> {
        let mut indices: Vec<(u32, usize)> = Vec::new();
        for i in factor.indices() {
            if !indices.iter().any(|(id, _)| *id == i.id) {
                indices.push((i.id, self.size(i)?));
            }
        }
        let head = self.head(&factor.head)?;
        let slots: Vec<Vec<(usize, usize)>> = factor
            .slots
            .iter()
            .map(|slot| {
                let place = |i: &Index| indices.iter().position(|(id, _)| *id == i.id).unwrap_or(0);
                slot.iter()
                    .map(|i| (place(i), indices[place(i)].1))
                    .collect()
            })
            .collect();
        let mut values = Vec::with_capacity(volume(&indices)?);
        for at in counter(&indices) {
            // Each subscript is a mixed-radix number, and the entry one over the subscripts.
            let number = |slot: &Vec<(usize, usize)>| {
                slot.iter().rev().fold((0, 1), |(n, all), (k, size)| {
                    (n * size + at[*k], all * size)
                })
            };
            let numbers: Vec<(usize, usize)> = slots.iter().map(number).collect();
            let value = if factor.head.kind == Kind::Delta {
                f64::from(u8::from(numbers[0].0 == numbers[1].0))
            } else {
                head[numbers.iter().rev().fold(0, |n, (k, size)| n * size + k)]
            };
            values.push(raise(value, factor.power));
        }
        Ok(Array { indices, values })
    }

    /// All entries of a head, the first subscript fastest.
    fn head(&mut self, head: &Symbol) -> Outcome<Rc<Vec<f64>>> {
        if let Some(known) = self.heads.get(head) {
            return Ok(known.clone());
        }
        let values = self.entries(&head.kind)?;
        let values = Rc::new(values);
        self.heads.insert(head.clone(), values.clone());
        Ok(values)
    }

    fn entries(&mut self, kind: &Kind) -> Outcome<Vec<f64>> {
        if let Some(matrix) = kind.matrix() {
            let free = parameters(&matrix.lambda);
            let values = self.sum(&matrix.lambda.bodies[0], &free)?;
            let sizes = free[..matrix.rows]
                .iter()
                .map(|i| self.size(i))
                .collect::<Outcome<Vec<_>>>()?;
            let n = sizes.iter().product();
            return match kind {
                // Subscripts of the inverse: the matrix's column, then its row. Both count alike.
                Kind::Inverse(_) => numeric::inverse(&values, n).ok_or(EvaluateError::Singular),
                Kind::Determinant(_) => Ok(vec![numeric::determinant(&values, n)]),
                Kind::LogDeterminant(_) => Ok(vec![numeric::determinant(&values, n).abs().ln()]),
                Kind::EigAbs(_) => Ok(numeric::of_eigenvalues(&values, n, f64::abs)),
                _ => Ok(numeric::of_eigenvalues(&values, n, |e| e.max(0.0))),
            };
        }
        if let Some(lambda) = kind.lambda() {
            let free = parameters(lambda);
            let mut values = self.sum(&lambda.bodies[0], &free)?;
            match kind {
                Kind::Exp(_) => values.iter_mut().for_each(|v| *v = v.exp()),
                Kind::Log(_) => values.iter_mut().for_each(|v| *v = v.ln()),
                Kind::Symbolic(_) => {
                    let exponents = self.sum(&lambda.bodies[1], &free)?;
                    values
                        .iter_mut()
                        .zip(exponents)
                        .for_each(|(v, e)| *v = v.powf(e));
                }
                Kind::Apply(f, _) => {
                    for v in &mut values {
                        *v = self.function(&f.name, f.order, *v)?;
                    }
                }
                _ => {}
            }
            return Ok(values);
        }
        let scalar = |value: Option<f64>| Ok(vec![value.unwrap_or(f64::NAN)]);
        match kind {
            Kind::Size(name) => {
                let size = self.environment.sizes.get(name);
                let size = size.ok_or_else(|| EvaluateError::Size(name.to_string()))?;
                scalar(size.to_f64())
            }
            Kind::Integer(n) => scalar(n.to_f64()),
            Kind::Pi => scalar(Some(std::f64::consts::PI)),
            Kind::Variable(name) | Kind::Diagonal(name) => {
                let value = self.environment.get(name);
                let value = value.ok_or_else(|| EvaluateError::Variable(name.clone()))?;
                let step = if matches!(kind, Kind::Diagonal(_)) {
                    value.rows() + 1
                } else {
                    1
                };
                Ok(value.values().iter().copied().step_by(step).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn function(&self, name: &crate::expr::Name, order: u32, t: f64) -> Outcome<f64> {
        if let Some(smooth) = self.environment.functions.get(name) {
            let factorial: f64 = (1..=order).map(f64::from).product();
            let order = order as usize;
            return Ok(smooth
                .taylor(t, order)
                .get(order)
                .copied()
                .unwrap_or(f64::NAN)
                * factorial);
        }
        Ok(match (&**name, order) {
            ("sin", 0) => t.sin(),
            ("cos", 0) => t.cos(),
            ("erf", 0) => libm::erf(t),
            ("step", 0) => f64::from(u8::from(t > 0.0)),
            ("sign", 0) if t == 0.0 => 0.0,
            ("sign", 0) => t.signum(),
            _ => return Err(EvaluateError::Function(name.clone())),
        })
    }
}

fn parameters(lambda: &Lambda) -> Vec<Index> {
    (0u32..)
        .zip(&lambda.params)
        .map(|(id, size)| Index {
            id,
            size: size.clone(),
        })
        .collect()
}

fn raise(value: f64, power: Power) -> f64 {
    if power.is_one() {
        return value;
    }
    match i32::try_from(*power.numer()) {
        Ok(whole) if power.is_integer() => value.powi(whole),
        _ => value.powf(
            Rational::new((*power.numer()).into(), (*power.denom()).into())
                .to_f64()
                .unwrap_or(f64::NAN),
        ),
    }
}

fn volume(indices: &[(u32, usize)]) -> Outcome<usize> {
    let product = indices
        .iter()
        .try_fold(1usize, |n, (_, size)| n.checked_mul(*size));
    product
        .filter(|n| *n <= ENTRIES)
        .ok_or(EvaluateError::Large(ENTRIES, indices.len()))
}

/// The indices of the arrays that have `id` among theirs.
fn union(arrays: &[Array], id: Option<u32>) -> Vec<(u32, usize)> {
    let mut all: Vec<(u32, usize)> = Vec::new();
    for array in arrays {
        if id.is_none_or(|id| array.indices.iter().any(|(i, _)| *i == id)) {
            all.extend(&array.indices);
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// All values of the indices, the first one fastest.
fn counter(indices: &[(u32, usize)]) -> impl Iterator<Item = Vec<usize>> {
    let sizes: Vec<usize> = indices.iter().map(|(_, n)| *n).collect();
    let total = sizes.iter().product();
    (0..total).map(move |mut n: usize| {
        sizes
            .iter()
            .map(|size| {
                let digit = n % size;
                n /= size;
                digit
            })
            .collect()
    })
}

/// The product of arrays for every value of the indices.
fn product<'a>(arrays: &'a [Array], indices: &'a [(u32, usize)]) -> impl Iterator<Item = f64> + 'a {
    let strides: Vec<Vec<usize>> = arrays
        .iter()
        .map(|array| {
            let stride = |id: u32| {
                let at = array.indices.iter().position(|(i, _)| *i == id)?;
                Some(array.indices[..at].iter().map(|(_, n)| n).product())
            };
            indices
                .iter()
                .map(|(id, _)| stride(*id).unwrap_or(0))
                .collect()
        })
        .collect();
    counter(indices).map(move |at| {
        let offset =
            |strides: &Vec<usize>| strides.iter().zip(&at).map(|(s, k)| s * k).sum::<usize>();
        arrays
            .iter()
            .zip(&strides)
            .map(|(array, s)| array.values[offset(s)])
            .product()
    })
}
