//! What is known of an operation from what is known of its operands. Why apart from the analysis: these are
//! statements of mathematics, one line an operation, to be read and checked as such.

use num_traits::{One, Signed, ToPrimitive, Zero};

use super::analysis::{Fact, Knowledge, dimension_of};
use crate::expr::{Dimension, Op, Rational, Sort, infer};

/// The facts of an operation from the facts of its operands.
#[allow(clippy::too_many_lines, reason = "one table, an operation a line")]
pub(crate) fn fact_of(op: &Op, c: &[&Fact], knowledge: &Knowledge) -> Fact {
    let sorts: Vec<Sort> = c.iter().map(|f| f.sort.clone()).collect();
    let sort = match op {
        // A whole number may stand for a size.
        Op::Number(value) if value.is_integer() && u64::try_from(value.to_integer()).is_ok() => {
            let size = u64::try_from(value.to_integer()).unwrap_or_default();
            Sort::Dimension(Dimension::constant(size))
        }
        _ => infer(op, &sorts)
            .unwrap_or_else(|e| unreachable!("a rule made an ill-shaped term: {e}")),
    };
    let depends = match op {
        Op::Jacobian => c[0].depends,
        Op::Backpropagate => c[0].depends | c[1].depends,
        Op::Expectation => c[0].depends & !knowledge.sample_mask(),
        Op::Rows | Op::Cols | Op::Size => 0,
        _ => c.iter().fold(0, |mask, f| mask | f.depends),
    };
    let mut fact = Fact::plain(sort, depends);
    fact.number = number_of(op, c);
    if let Some(value) = &fact.number {
        fact.positive = value.is_positive();
        fact.nonnegative = !value.is_negative();
    }
    let all = |property: fn(&Fact) -> bool| c.iter().all(|f| property(f));
    match op {
        Op::Zeros => fact.zero = true,
        Op::Eye => (fact.identity, fact.symmetric, fact.diagonal) = (true, true, true),
        // The number 0 stands as a dimension too.
        Op::Dimension(d) => fact.positive = d.as_constant() != Some(0),
        Op::Ones => fact.positive = true,
        Op::Diag => (fact.symmetric, fact.diagonal, fact.zero) = (true, true, c[0].zero),
        Op::Transpose | Op::Expectation => {
            (fact.zero, fact.identity) = (c[0].zero, c[0].identity);
            (fact.symmetric, fact.diagonal) = (c[0].symmetric, c[0].diagonal);
            (fact.positive, fact.nonnegative) = (c[0].positive, c[0].nonnegative);
            fact.distribution = *op == Op::Expectation && c[0].distribution;
        }
        Op::Inverse => {
            fact.identity = c[0].identity;
            (fact.symmetric, fact.diagonal) = (c[0].symmetric, c[0].diagonal);
        }
        Op::Vec | Op::Reshape | Op::DiagVec | Op::Sum | Op::Trace | Op::Mean => {
            (fact.zero, fact.nonnegative) = (c[0].zero, c[0].nonnegative);
            fact.positive = c[0].positive;
        }
        Op::Kronecker => {
            fact.zero = c.iter().any(|f| f.zero);
            fact.identity = all(|f| f.identity);
            fact.symmetric = all(|f| f.symmetric);
            fact.diagonal = all(|f| f.diagonal);
            fact.positive = all(|f| f.positive);
            fact.nonnegative = all(|f| f.nonnegative);
        }
        Op::Hadamard => {
            fact.zero = c.iter().any(|f| f.zero);
            fact.symmetric |= all(|f| f.symmetric);
            fact.diagonal |= c.iter().any(|f| f.diagonal);
            fact.positive = all(|f| f.positive);
            fact.nonnegative = all(|f| f.nonnegative);
        }
        Op::Scale => {
            fact.zero = c.iter().any(|f| f.zero);
            fact.symmetric |= c[1].symmetric;
            fact.diagonal |= c[1].diagonal;
            fact.positive = all(|f| f.positive);
            fact.nonnegative = all(|f| f.nonnegative);
        }
        Op::Add => {
            fact.zero = all(|f| f.zero);
            fact.symmetric |= all(|f| f.symmetric);
            fact.diagonal |= all(|f| f.diagonal);
            fact.nonnegative = all(|f| f.nonnegative);
            fact.positive = fact.nonnegative && c.iter().any(|f| f.positive);
        }
        Op::Multiply => {
            fact.zero = c.iter().any(|f| f.zero);
            fact.identity = all(|f| f.identity);
            fact.diagonal |= all(|f| f.diagonal);
            fact.symmetric |= fact.diagonal;
            fact.positive = all(|f| f.positive);
            fact.nonnegative = all(|f| f.nonnegative);
        }
        Op::Congruence => {
            fact.symmetric |= c[1].symmetric;
            fact.zero = c.iter().any(|f| f.zero);
        }
        Op::Softmax => {
            fact.positive = true;
            fact.distribution = fact.shape().is_some_and(|s| s.is_column());
        }
        Op::Stein | Op::SteinGram | Op::ConjugateGradients | Op::ConjugateGradientsGram => {
            fact.zero = c[4].zero;
        }
        Op::Norm2 => fact.nonnegative = true,
        Op::Power => {
            fact.positive = c[0].positive;
            let even = c[1]
                .number
                .as_ref()
                .is_some_and(|p| p.is_integer() && (p.to_integer() % 2u32).is_zero());
            fact.nonnegative = even || c[0].nonnegative;
        }
        Op::Apply | Op::EigAbs | Op::EigClip => fact.symmetric |= c[c.len() - 1].symmetric,
        _ => {}
    }
    fact.zero |= fact.number.as_ref().is_some_and(Zero::is_zero);
    fact.nonnegative |= fact.positive;
    fact
}

/// The exact value, when the operands' exact values are known.
fn number_of(op: &Op, c: &[&Fact]) -> Option<Rational> {
    let numbers = || {
        c.iter()
            .map(|f| f.number.clone())
            .collect::<Option<Vec<_>>>()
    };
    match op {
        Op::Number(value) => Some(value.clone()),
        Op::Ones
            if c.iter()
                .all(|f| dimension_of(f).is_some_and(Dimension::is_one)) =>
        {
            Some(Rational::one())
        }
        Op::Dimension(d) => d
            .as_constant()
            .map(|value| Rational::from_integer(value.into())),
        Op::Add => numbers().map(|n| n.iter().sum()),
        Op::Scale | Op::Hadamard | Op::Multiply => {
            if !c.iter().all(|f| f.shape().is_some_and(|s| s.is_scalar())) {
                return None;
            }
            numbers().map(|n| n.iter().product())
        }
        Op::Power => {
            let n = numbers()?;
            let exponent = n[1]
                .is_integer()
                .then(|| n[1].to_integer().to_i32())
                .flatten()?;
            if exponent.abs() > 64 || (n[0].is_zero() && exponent <= 0) {
                return None;
            }
            Some(n[0].pow(exponent))
        }
        Op::Transpose | Op::Trace | Op::Sum | Op::Mean | Op::Vec | Op::Diag | Op::DiagVec => c[0]
            .number
            .clone()
            .filter(|_| c[0].shape().is_some_and(|s| s.is_scalar())),
        _ => None,
    }
}
