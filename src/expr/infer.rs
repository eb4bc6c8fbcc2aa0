//! Shapes of operations. Why one place: the language, the rules and the kernels must agree on what is well
//! shaped, and a wrong product should be explained in the user's terms.

use super::{Dimension, Op, Shape};

/// What a node is: a matrix of some shape, or an elementwise function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A matrix, vector or scalar.
    Value(Shape),
    /// A dimension, which is also a scalar value.
    Dimension(Dimension),
    /// An elementwise function.
    Function,
}

impl Sort {
    /// The shape as a value; a dimension is a scalar, a function has none.
    pub fn shape(&self) -> Option<Shape> {
        match self {
            Self::Value(shape) => Some(shape.clone()),
            Self::Dimension(_) => Some(Shape::scalar()),
            Self::Function => None,
        }
    }
}

/// Why an operation has no meaning on its operands, and what would help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ShapeError {
    /// What is wrong, naming both sides.
    pub message: String,
    /// What to do instead, when something near is meant.
    pub help: Option<String>,
}

fn error<T>(message: String, help: Option<&str>) -> Result<T, ShapeError> {
    Err(ShapeError {
        message,
        help: help.map(str::to_owned),
    })
}

/// The sort of `op` applied to operands of sorts `children`. Variables are not covered: their shape is declared.
///
/// # Errors
/// When the operands' shapes contradict each other.
pub fn infer(op: &Op, children: &[Sort]) -> Result<Sort, ShapeError> {
    if let Some((name, arity)) = op.head() {
        let fits = arity.map_or(children.len() >= 2, |n| n == children.len());
        if !fits {
            return error(
                format!("`{name}` does not take {} operands", children.len()),
                None,
            );
        }
    }
    match op {
        Op::Variable(name) => error(format!("`{name}` is not declared"), None),
        Op::Number(_) => Ok(Sort::Value(Shape::scalar())),
        Op::Dimension(d) => Ok(Sort::Dimension(d.clone())),
        Op::Function(_) => Ok(Sort::Function),
        Op::Prime => match children {
            [Sort::Function] => Ok(Sort::Function),
            _ => error("`prime` takes an elementwise function".into(), None),
        },
        Op::Apply => match children {
            [Sort::Function, argument] => value(argument).map(Sort::Value),
            _ => error(
                "an elementwise function is applied to one value".into(),
                None,
            ),
        },
        Op::Eye | Op::Ones | Op::Zeros | Op::Commutation | Op::DimensionProduct => {
            let sizes = children
                .iter()
                .map(dimension)
                .collect::<Result<Vec<_>, _>>()?;
            Ok(match op {
                Op::Eye => Sort::Value(Shape::matrix(sizes[0].clone(), sizes[0].clone())),
                Op::Commutation => {
                    let n = sizes[0].times(&sizes[1]);
                    Sort::Value(Shape::matrix(n.clone(), n))
                }
                Op::DimensionProduct => Sort::Dimension(sizes[0].times(&sizes[1])),
                _ => Sort::Value(Shape::matrix(sizes[0].clone(), sizes[1].clone())),
            })
        }
        Op::Reshape => {
            let from = value(&children[0])?;
            let to = Shape::matrix(dimension(&children[1])?, dimension(&children[2])?);
            if from.size() != to.size() {
                return error(
                    format!("reshape from {from:?} to {to:?} changes the number of entries"),
                    None,
                );
            }
            Ok(Sort::Value(to))
        }
        Op::SampleRoots => {
            let columns = dimension(&children[0])?;
            let shapes = children[1..]
                .iter()
                .map(value)
                .collect::<Result<Vec<_>, _>>()?;
            let same = shapes.iter().all(|shape| *shape == shapes[0]);
            if !same || shapes.len().is_multiple_of(2) {
                return error(
                    "the terms of roots have one shape and come in pairs".into(),
                    None,
                );
            }
            let Shape { rows, cols } = shapes[0].clone();
            Ok(Sort::Value(Shape::matrix(rows, columns.times(&cols))))
        }
        Op::Rows | Op::Cols | Op::Size => {
            let shape = value(&children[0])?;
            Ok(Sort::Dimension(match op {
                Op::Rows => shape.rows,
                Op::Cols => shape.cols,
                _ => shape.size(),
            }))
        }
        _ => {
            let shapes = children.iter().map(value).collect::<Result<Vec<_>, _>>()?;
            if is_equation(op) {
                return stein(op, &shapes).map(Sort::Value);
            }
            infer_value(op, &shapes).map(Sort::Value)
        }
    }
}

fn value(sort: &Sort) -> Result<Shape, ShapeError> {
    sort.shape().map_or_else(
        || {
            error(
                "an elementwise function stands where a value is needed".into(),
                None,
            )
        },
        Ok,
    )
}

fn dimension(sort: &Sort) -> Result<Dimension, ShapeError> {
    match sort {
        Sort::Dimension(d) => Ok(d.clone()),
        _ => error("a value stands where a dimension is needed".into(), None),
    }
}

fn infer_value(op: &Op, s: &[Shape]) -> Result<Shape, ShapeError> {
    match op {
        Op::Add | Op::Hadamard => {
            let (verb, name) = if *op == Op::Add {
                ("sum", "+")
            } else {
                ("Hadamard product", ".*")
            };
            for other in &s[1..] {
                if *other != s[0] {
                    return error(
                        format!("{verb} of {:?} and {other:?} has no meaning", s[0]),
                        Some(&same_shape_help(&s[0], other, name)),
                    );
                }
            }
            Ok(s[0].clone())
        }
        Op::Scale => {
            if s[0].is_scalar() {
                Ok(s[1].clone())
            } else {
                error(format!("{:?} is not a scalar", s[0]), None)
            }
        }
        Op::Multiply => {
            if s[0].cols == s[1].rows {
                return Ok(Shape::matrix(s[0].rows.clone(), s[1].cols.clone()));
            }
            let help = if s[0].rows == s[1].rows {
                Some("transpose the left operand, `A' * B`, or use `.*` for the entrywise product")
            } else if s[0].cols == s[1].cols {
                Some("transpose the right operand: `A * B'`")
            } else {
                Some("the columns of the left operand must equal the rows of the right one")
            };
            error(
                format!("product of {:?} and {:?} has no meaning", s[0], s[1]),
                help,
            )
        }
        Op::Power => {
            if s[1].is_scalar() || s[1] == s[0] {
                Ok(s[0].clone())
            } else {
                error(
                    format!(
                        "power of {:?} with an exponent of {:?} has no meaning",
                        s[0], s[1]
                    ),
                    Some("the exponent is a scalar or has the base's shape"),
                )
            }
        }
        Op::Transpose => Ok(s[0].transposed()),
        Op::Diag => {
            if s[0].is_column() {
                Ok(Shape::matrix(s[0].rows.clone(), s[0].rows.clone()))
            } else {
                error(
                    format!("`diag` takes a column vector, not {:?}", s[0]),
                    Some("`diagvec(A)` is the diagonal of a matrix"),
                )
            }
        }
        Op::DiagVec => square(op, &s[0]).map(|()| Shape::vector(s[0].rows.clone())),
        Op::Vec => Ok(Shape::vector(s[0].size())),
        Op::Kronecker => Ok(Shape::matrix(
            s[0].rows.times(&s[1].rows),
            s[0].cols.times(&s[1].cols),
        )),
        Op::Inverse | Op::EigAbs | Op::EigClip => square(op, &s[0]).map(|()| s[0].clone()),
        Op::Determinant | Op::LogDeterminant | Op::Trace => {
            square(op, &s[0]).map(|()| Shape::scalar())
        }
        Op::Sum | Op::Mean | Op::LogSumExp | Op::Norm2 => Ok(Shape::scalar()),
        Op::ColumnLogSumExp | Op::ColumnNorm2 => {
            Ok(Shape::matrix(Dimension::one(), s[0].cols.clone()))
        }
        Op::Softmax | Op::Expectation => Ok(s[0].clone()),
        Op::Congruence => congruence(&s[0], &s[1]),
        Op::Jacobian => Ok(Shape::matrix(s[0].size(), s[1].size())),
        Op::Backpropagate => {
            if s[0] == s[1] {
                Ok(s[2].clone())
            } else {
                error(
                    format!("a gradient of {:?} for a value of {:?}", s[1], s[0]),
                    None,
                )
            }
        }
        _ => unreachable!("`infer` handles {op:?}"),
    }
}

/// J'HJ is as large as J has columns.
fn congruence(jacobian: &Shape, hessian: &Shape) -> Result<Shape, ShapeError> {
    if jacobian.rows == hessian.rows && hessian.is_square() {
        let size = jacobian.cols.clone();
        return Ok(Shape::matrix(size.clone(), size));
    }
    error(
        format!("congruence of {hessian:?} by {jacobian:?} has no meaning"),
        None,
    )
}

/// Whether the operation solves α M + β B M K = R.
fn is_equation(op: &Op) -> bool {
    use Op::{ConjugateGradients, ConjugateGradientsGram, Stein, SteinGram};
    matches!(
        op,
        Stein | SteinGram | ConjugateGradients | ConjugateGradientsGram
    )
}

/// α M + β B M K = R: M has the shape of R.
fn stein(op: &Op, s: &[Shape]) -> Result<Shape, ShapeError> {
    let (left, right, of) = (&s[2], &s[3], &s[4]);
    let scalars = s[..2].iter().chain(&s[5..]);
    if let Some(other) = scalars.into_iter().find(|shape| !shape.is_scalar()) {
        return error(format!("{other:?} is not a scalar"), None);
    }
    square(op, left)?;
    square(op, right)?;
    if left.cols == of.rows && of.cols == right.rows {
        return Ok(of.clone());
    }
    error(
        format!("{left:?} and {right:?} do not fit around {of:?}"),
        None,
    )
}

fn square(op: &Op, shape: &Shape) -> Result<(), ShapeError> {
    if shape.is_square() {
        return Ok(());
    }
    let name = op.head().map_or("operation", |(name, _)| name);
    error(
        format!("`{name}` takes a square matrix, not {shape:?}"),
        None,
    )
}

fn same_shape_help(left: &Shape, right: &Shape, operator: &str) -> String {
    let (scalar, other) = if left.is_scalar() {
        (left, right)
    } else {
        (right, left)
    };
    if scalar.is_scalar() {
        let ones = if other.is_column() {
            format!("ones({})", other.rows)
        } else {
            format!("ones({}, {})", other.rows, other.cols)
        };
        return format!("shapes are never broadcast: write the scalar s as `s * {ones}`");
    }
    if *left == right.transposed() {
        return format!("transpose one side of `{operator}`");
    }
    format!("both sides of `{operator}` must have one shape")
}
