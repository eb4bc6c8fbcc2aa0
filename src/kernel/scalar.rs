//! Elementwise loops: small scalar programs run for every entry of a result. Why one form: scaling rows by a
//! diagonal, the Hadamard product with an outer product, adding a diagonal, mirroring a transpose, forming a
//! Kronecker product and applying a function differ only in which entry of an operand belongs to entry (i, j).

use smallvec::SmallVec;

use super::ir::ValueId;

/// A constant, compared by its bits so that programs can be shared.
#[derive(Clone, Copy, Debug)]
pub struct Number(pub f64);

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Number {}

impl std::hash::Hash for Number {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// A function of one or two scalars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScalarOp {
    /// The operand itself.
    Copy,
    /// a + b.
    Add,
    /// a − b.
    Subtract,
    /// a · b.
    Multiply,
    /// a to the power b.
    Power,
    /// −a.
    Negate,
    /// 1 / a.
    Reciprocal,
    /// a².
    Square,
    /// eᵃ.
    Exp,
    /// The natural logarithm.
    Log,
    /// The square root.
    Sqrt,
    /// |a|.
    Abs,
    /// The sine.
    Sin,
    /// The cosine.
    Cos,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e⁻ᵃ).
    Sigmoid,
    /// log(1 + eᵃ).
    Softplus,
    /// max(a, 0).
    Relu,
    /// a, or a/100 below 0.
    LeakyRelu,
    /// a, or eᵃ − 1 below 0.
    Elu,
    /// Scaled `elu` with PyTorch's constants.
    Selu,
    /// a Φ(a), Φ the normal distribution function.
    Gelu,
    /// a · sigmoid(a).
    Silu,
    /// The error function.
    Erf,
    /// 0 for a ≤ 0, 1 for a > 0.
    Step,
    /// −1, 0 or 1.
    Sign,
}

/// The functions that have a name in the language.
const NAMED: &[(&str, ScalarOp)] = &[
    ("exp", ScalarOp::Exp),
    ("log", ScalarOp::Log),
    ("sqrt", ScalarOp::Sqrt),
    ("abs", ScalarOp::Abs),
    ("sin", ScalarOp::Sin),
    ("cos", ScalarOp::Cos),
    ("tanh", ScalarOp::Tanh),
    ("sigmoid", ScalarOp::Sigmoid),
    ("softplus", ScalarOp::Softplus),
    ("relu", ScalarOp::Relu),
    ("leaky_relu", ScalarOp::LeakyRelu),
    ("elu", ScalarOp::Elu),
    ("selu", ScalarOp::Selu),
    ("gelu", ScalarOp::Gelu),
    ("silu", ScalarOp::Silu),
    ("erf", ScalarOp::Erf),
    ("step", ScalarOp::Step),
    ("sign", ScalarOp::Sign),
];

impl ScalarOp {
    /// The built-in function of this name.
    pub fn named(name: &str) -> Option<Self> {
        NAMED
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, op)| *op)
    }

    /// A word for plans.
    pub fn name(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Add => "add",
            Self::Subtract => "subtract",
            Self::Multiply => "multiply",
            Self::Power => "power",
            Self::Negate => "negate",
            Self::Reciprocal => "reciprocal",
            Self::Square => "square",
            _ => NAMED
                .iter()
                .find(|(_, op)| *op == self)
                .map_or("?", |(name, _)| name),
        }
    }

    /// Floating-point operations for one entry: a function evaluation counts as one.
    pub fn flops(self) -> u64 {
        u64::from(self != Self::Copy)
    }

    pub(crate) fn is_commutative(self) -> bool {
        matches!(self, Self::Add | Self::Multiply)
    }

    /// True when 0 is mapped to 0, so that zeros off a diagonal stay.
    pub(crate) fn keeps_zero(self) -> bool {
        !matches!(
            self,
            Self::Exp
                | Self::Log
                | Self::Cos
                | Self::Sigmoid
                | Self::Softplus
                | Self::Reciprocal
                | Self::Power
        )
    }
}

/// Which offset belongs to an index: `(i / divide % modulo) * stride + (i / divide / modulo) * carry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Axis {
    /// Entries of the result that share an entry of the operand.
    pub divide: usize,
    /// Entries of the operand before the pattern repeats.
    pub modulo: usize,
    /// Offset from one entry of the operand to the next.
    pub stride: usize,
    /// Offset from one repetition to the next.
    pub carry: usize,
}

impl Axis {
    /// Entries `stride` apart.
    pub fn plain(stride: usize) -> Self {
        Self {
            divide: 1,
            modulo: usize::MAX,
            stride,
            carry: 0,
        }
    }

    /// The offset of index `i`.
    pub fn offset(self, i: usize) -> usize {
        let i = i / self.divide;
        (i % self.modulo) * self.stride + (i / self.modulo) * self.carry
    }

    /// The distance between the entries of neighbouring indices, when it is the same for all.
    pub fn step(self) -> Option<usize> {
        (self.divide == 1 && self.modulo == usize::MAX).then_some(self.stride)
    }
}

/// Which entry of a stored operand belongs to entry (i, j) of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Access {
    /// The part of the offset that depends on the row i.
    pub row: Axis,
    /// The part of the offset that depends on the column j.
    pub col: Axis,
    /// Only entries with i = j are read; the others are 0.
    pub diagonal: bool,
}

impl Access {
    /// Offsets `i * row + j * col`.
    pub fn strided(row: usize, col: usize) -> Self {
        Self {
            row: Axis::plain(row),
            col: Axis::plain(col),
            diagonal: false,
        }
    }

    /// One entry for all.
    pub fn scalar() -> Self {
        Self::strided(0, 0)
    }

    /// The entries in the order in which a result of `rows × cols` stores them.
    pub(crate) fn is_identity(&self, rows: usize, cols: usize) -> bool {
        let row = rows == 1 || self.row == Axis::plain(1);
        let col = cols == 1 || self.col == Axis::plain(rows);
        row && col && !self.diagonal
    }

    /// One entry for all, wherever it is read.
    pub(crate) fn is_scalar(&self) -> bool {
        *self == Self::scalar()
    }
}

/// What a scalar operation reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// A constant.
    Number(Number),
    /// An entry of a stored value.
    Read(ValueId, Access),
}

/// An operand inside a fused loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Argument {
    /// A constant.
    Number(Number),
    /// Entry of [`Loop::reads`].
    Read(usize),
    /// The result of an earlier line of [`Loop::body`].
    Line(usize),
}

/// One line of a fused loop's body.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Line {
    /// The operation.
    pub op: ScalarOp,
    /// Its one or two operands.
    pub arguments: SmallVec<[Argument; 2]>,
}

/// A fused elementwise loop over all entries (i, j) of results of one shape.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Loop {
    /// Rows of every result.
    pub rows: usize,
    /// Columns of every result.
    pub cols: usize,
    /// What is read, each access once.
    pub reads: Vec<(ValueId, Access)>,
    /// The scalar program.
    pub body: Vec<Line>,
    /// The lines whose values are stored, one for every output of the step.
    pub stored: Vec<usize>,
}
