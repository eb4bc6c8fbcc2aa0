//! Conditions of rules: a closed vocabulary over what the analysis knows. Why closed: each condition must be
//! decidable, checkable on numbers and readable beside the rule.

use egg::{Subst, Var};
use num_traits::Signed;

use super::analysis::{Egraph, Fact, dimension_of};

/// A condition on the variables of a rule's left side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) test: Test,
    pub(crate) first: Var,
    pub(crate) second: Option<Var>,
}

/// What a condition asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    Scalar,
    NotScalar,
    Column,
    NotColumn,
    IsOne,
    HasRows,
    HasCols,
    HasSize,
    Row,
    Square,
    Symmetric,
    Diagonal,
    Distribution,
    Positive,
    Number,
    NotNumber,
    Integer,
    HalfInteger,
    VariableItself,
    SampleConstant,
    Constant,
    Varies,
    SameShape,
    Conformable,
    SameSign,
    CarryAlike,
    NotMultiple,
}

const NAMES: &[(&str, Test, usize)] = &[
    ("scalar", Test::Scalar, 1),
    ("not-scalar", Test::NotScalar, 1),
    ("column", Test::Column, 1),
    ("not-column", Test::NotColumn, 1),
    ("is-one", Test::IsOne, 1),
    ("has-rows", Test::HasRows, 2),
    ("has-cols", Test::HasCols, 2),
    ("has-size", Test::HasSize, 2),
    ("row", Test::Row, 1),
    ("square", Test::Square, 1),
    ("symmetric", Test::Symmetric, 1),
    ("diagonal", Test::Diagonal, 1),
    ("distribution", Test::Distribution, 1),
    ("positive", Test::Positive, 1),
    ("number", Test::Number, 1),
    ("not-number", Test::NotNumber, 1),
    ("integer", Test::Integer, 1),
    ("half-integer", Test::HalfInteger, 1),
    ("variable", Test::VariableItself, 1),
    ("sample-constant", Test::SampleConstant, 1),
    ("constant", Test::Constant, 2),
    ("varies", Test::Varies, 2),
    ("same-shape", Test::SameShape, 2),
    ("conformable", Test::Conformable, 2),
    ("same-sign", Test::SameSign, 2),
    ("carry-alike", Test::CarryAlike, 2),
    ("not-multiple", Test::NotMultiple, 1),
];

impl Condition {
    pub(crate) const VOCABULARY: &'static str = "conditions: scalar, not-scalar, column, not-column, row, is-one, square, symmetric, diagonal, \
        distribution, positive, number, not-number, integer, half-integer, not-multiple, variable, sample-constant (one variable); constant, varies, has-rows, has-size, \
        has-cols, same-shape, conformable, same-sign, carry-alike (two)";

    /// Reads `name(?a` or `name(?a, ?b` (the closing parenthesis is cut by the caller).
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, arguments) = text
            .split_once('(')
            .ok_or_else(|| format!("`{text}` is no condition"))?;
        let (_, test, arity) = NAMES
            .iter()
            .find(|(known, ..)| *known == name.trim())
            .ok_or_else(|| format!("`{}` is no condition", name.trim()))?;
        let variables = arguments
            .split(',')
            .map(|v| {
                v.trim()
                    .parse::<Var>()
                    .map_err(|_| format!("`{}` is no variable", v.trim()))
            })
            .collect::<Result<Vec<_>, _>>()?;
        if variables.len() != *arity {
            return Err(format!("`{}` takes {arity} variables", name.trim()));
        }
        Ok(Self {
            test: *test,
            first: variables[0],
            second: variables.get(1).copied(),
        })
    }

    pub(crate) fn variables(&self) -> Vec<Var> {
        std::iter::once(self.first).chain(self.second).collect()
    }

    pub(crate) fn holds(&self, egraph: &Egraph, subst: &Subst) -> bool {
        let fact = |v: Var| &egraph[subst[v]].data;
        let a = fact(self.first);
        let b = self.second.map(fact);
        if self.test == Test::SampleConstant {
            return a.depends & egraph.analysis.sample_mask() == 0;
        }
        if self.test == Test::CarryAlike {
            let carries = |fact: &Fact| fact.depends & egraph.analysis.hessian_mask() != 0;
            return b.is_some_and(|b| carries(a) == carries(b));
        }
        if self.test == Test::NotMultiple {
            let is_number = |id: egg::Id| egraph[id].data.number.is_some();
            return egraph[subst[self.first]]
                .nodes
                .iter()
                .all(|node| node.op != crate::expr::Op::Scale || !is_number(node.children[0]));
        }
        if self.test == Test::VariableItself {
            return egraph[subst[self.first]]
                .nodes
                .iter()
                .any(|node| matches!(node.op, crate::expr::Op::Variable(_)));
        }
        test(self.test, a, b)
    }
}

fn test(test: Test, a: &Fact, b: Option<&Fact>) -> bool {
    let (shape, other) = (a.shape(), b.and_then(Fact::shape));
    let is = |property: fn(&crate::expr::Shape) -> bool| shape.as_ref().is_some_and(property);
    match test {
        Test::Scalar => is(crate::expr::Shape::is_scalar),
        Test::NotScalar => !is(crate::expr::Shape::is_scalar),
        Test::Column => is(crate::expr::Shape::is_column),
        Test::NotColumn => !is(crate::expr::Shape::is_column),
        Test::IsOne => dimension_of(a).is_some_and(crate::expr::Dimension::is_one),
        Test::HasRows => shape.is_some_and(|s| b.and_then(dimension_of) == Some(&s.rows)),
        Test::HasSize => shape.is_some_and(|s| b.and_then(dimension_of) == Some(&s.size())),
        Test::HasCols => shape.is_some_and(|s| b.and_then(dimension_of) == Some(&s.cols)),
        Test::Row => is(crate::expr::Shape::is_row),
        Test::Square => is(crate::expr::Shape::is_square),
        Test::Symmetric => a.symmetric,
        Test::Diagonal => a.diagonal,
        Test::Distribution => a.distribution,
        Test::Positive => a.positive,
        Test::Number => a.number.is_some(),
        Test::NotNumber => a.number.is_none(),
        Test::Integer => a
            .number
            .as_ref()
            .is_some_and(crate::expr::Rational::is_integer),
        Test::HalfInteger => a.number.as_ref().is_some_and(|p| *p.denom() == 2.into()),
        Test::Constant => b.is_some_and(|b| a.depends & b.depends == 0),
        Test::Varies => b.is_some_and(|b| a.depends & b.depends != 0),
        Test::SameShape => shape.is_some() && shape == other,
        Test::Conformable => match (shape, other) {
            (Some(a), Some(b)) => a.cols == b.rows,
            _ => false,
        },
        Test::SameSign => match (&a.number, b.and_then(|b| b.number.as_ref())) {
            (Some(p), Some(q)) => p.is_positive() == q.is_positive(),
            _ => false,
        },
        Test::VariableItself | Test::SampleConstant | Test::CarryAlike | Test::NotMultiple => false,
    }
}
