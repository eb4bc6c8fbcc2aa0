//! From expressions to instructions. Why in one walk: children are lowered to matrices in whatever form they have,
//! and each operation decides by its operands' forms what, if anything, must be computed.

mod chain;
mod elementwise;
mod entries;
mod function;
mod multiply;
mod output;
mod stein;
mod structure;
mod sum;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use num_traits::ToPrimitive;

use crate::expr::{Dimension, Graph, Id, Op, Rational, Sizes, Sort};

use super::builder::Builder;
use super::error::CompileError;
use super::ir::{Block, Input, Kernel, View};
use super::matrix::{Form, Matrix, Scalar};
use super::reduction::{Reduction, Spectrum};

/// The instructions of some outputs, nothing dropped or fused yet.
pub(crate) struct Lowered {
    pub(crate) builder: Builder,
    pub(crate) inputs: Vec<Input>,
    pub(crate) outputs: Vec<(String, Block)>,
    /// Products and sums with several readers that could be multiplied or added once, or anew for each reader.
    pub(crate) shared: Vec<Id>,
    /// Products built on the way.
    pub(crate) effort: usize,
}

/// Lowers `outputs`. Shared products and sums in `flipped` are treated the other way than by the rule of thumb.
pub(crate) fn lower(
    graph: &Graph,
    outputs: &[(String, Id)],
    sizes: &Sizes,
    flipped: &BTreeSet<Id>,
    stored: Option<&BTreeSet<Id>>,
) -> Result<Lowered, CompileError> {
    let roots: Vec<Id> = outputs.iter().map(|(_, id)| *id).collect();
    let order = graph.topological(&roots);
    let mut uses: BTreeMap<Id, usize> = BTreeMap::new();
    for id in order
        .iter()
        .flat_map(|id| graph[*id].children.iter())
        .chain(&roots)
    {
        *uses.entry(*id).or_default() += 1;
    }
    let mut lowering = Lowering {
        graph,
        sizes,
        builder: Builder::default(),
        memo: BTreeMap::new(),
        products: HashMap::new(),
        effort: 0,
        inlining: Vec::new(),
        inputs: Vec::new(),
        keeps_inputs: stored.is_some(),
    };
    let mut shared = Vec::new();
    for id in order {
        if !matches!(graph[id].sort, Sort::Value(_)) {
            continue;
        }
        name(&graph[id].op).clone_into(&mut lowering.builder.label);
        let mut matrix = lowering.node(id)?;
        let is_open = matches!(matrix.form, Form::Product(_) | Form::Sum(_));
        if is_open && !matrix.has_kronecker() && stored.is_some_and(|stored| stored.contains(&id)) {
            matrix = lowering.stored(&matrix);
            lowering.commit(&matrix);
        }
        if uses[&id] > 1
            && matches!(matrix.form, Form::Product(_) | Form::Sum(_))
            && !matrix.has_kronecker()
        {
            shared.push(id);
            // What is smaller as factors is worth keeping as factors.
            let lazy = matrix.is_low_rank() || matches!(matrix.form, Form::Sum(_));
            if lazy == flipped.contains(&id) {
                matrix = lowering.settled(&matrix);
                lowering.commit(&matrix);
            }
        }
        lowering.memo.insert(id, matrix);
    }
    let mut blocks = Vec::new();
    for (label, id) in outputs {
        lowering.builder.label.clone_from(label);
        let matrix = lowering.value(*id)?;
        let block = lowering.block(&matrix);
        lowering.builder.commit(&block.values());
        blocks.push((label.clone(), block));
    }
    Ok(Lowered {
        builder: lowering.builder,
        inputs: lowering.inputs,
        outputs: blocks,
        shared,
        effort: lowering.effort,
    })
}

pub(super) struct Lowering<'a> {
    graph: &'a Graph,
    sizes: &'a Sizes,
    builder: Builder,
    memo: BTreeMap<Id, Matrix>,
    /// Products already brought into an order.
    products: HashMap<Vec<Matrix>, Matrix>,
    /// Products built so far.
    effort: usize,
    /// The user's functions being inlined, outermost first.
    inlining: Vec<String>,
    inputs: Vec<Input>,
    /// Inputs stay where results are, so that an output may be one.
    keeps_inputs: bool,
}

impl Lowering<'_> {
    fn dimension(&self, dimension: &Dimension) -> Result<usize, CompileError> {
        match dimension.evaluate(self.sizes) {
            Some(0) => Err(CompileError::Empty {
                dimension: dimension.to_string(),
            }),
            Some(n) => Ok(n),
            None => Err(CompileError::Unbound {
                dimension: dimension.to_string(),
            }),
        }
    }

    fn dimension_node(&self, id: Id) -> Result<usize, CompileError> {
        match &self.graph[id].sort {
            Sort::Dimension(dimension) => self.dimension(dimension),
            _ => Err(CompileError::Unsupported {
                operation: "a value as a dimension".into(),
            }),
        }
    }

    /// The matrix of a node; a dimension is a scalar.
    fn value(&mut self, id: Id) -> Result<Matrix, CompileError> {
        if let Sort::Dimension(dimension) = &self.graph[id].sort {
            return Ok(Matrix::scalar(Scalar::number(
                self.dimension(dimension)? as f64
            )));
        }
        Ok(self.memo[&id].clone())
    }

    fn node(&mut self, id: Id) -> Result<Matrix, CompileError> {
        let graph = self.graph;
        let shape = graph.shape(id);
        let (rows, cols) = (self.dimension(&shape.rows)?, self.dimension(&shape.cols)?);
        // The number of entries may be astronomic, the number of rows of an operand may not.
        if super::cost::product(&[rows, cols]) == u64::MAX {
            return Err(CompileError::Uncountable { rows, cols });
        }
        let matrix = self.operation(id, rows, cols)?;
        if (matrix.rows, matrix.cols) != (rows, cols) {
            let operation = name(&graph[id].op).to_owned();
            return Err(CompileError::Sizes { operation });
        }
        // A vector has no use for an open order: it is always best to go on from it.
        if matrix.is_scalar() {
            return Ok(Matrix::scalar(self.scalar(&matrix)));
        }
        if matrix.is_vector() && matches!(matrix.form, Form::Product(_) | Form::Sum(_)) {
            return Ok(self.settled(&matrix));
        }
        Ok(matrix)
    }

    fn operation(&mut self, id: Id, rows: usize, cols: usize) -> Result<Matrix, CompileError> {
        let graph = self.graph;
        let node = &graph[id];
        let children = node.children.clone();
        let mut operands = Vec::with_capacity(children.len());
        if !matches!(node.op, Op::Apply | Op::Variable(_)) {
            for child in &children {
                operands.push(self.value(*child)?);
            }
        }
        let a = |k: usize| &operands[k];
        Ok(match &node.op {
            Op::Variable(name) => self.input(name)?,
            Op::Number(value) => Matrix::scalar(Scalar::number(number(value))),
            Op::Eye => Matrix::identity(rows),
            Op::Ones => Matrix::ones(rows, cols),
            Op::Zeros => Matrix::zero(rows, cols),
            Op::Commutation => Matrix::commutation(
                self.dimension_node(children[0])?,
                self.dimension_node(children[1])?,
            ),
            Op::Reshape => self.reshape(a(0), rows, cols),
            Op::Vec => self.reshape(a(0), rows, 1),
            Op::Add => self.add(&operands),
            Op::Scale => {
                let scale = self.scalar(a(0));
                self.scaled(a(1), scale)
            }
            Op::Multiply => self.chain(&[a(0).clone(), a(1).clone()]),
            Op::Congruence => self.congruence(a(0), a(1)),
            Op::Hadamard => self.hadamard(a(0), a(1)),
            Op::Power => self.power(a(0), a(1)),
            Op::Transpose => a(0).transpose(),
            Op::Diag => self.diagonal_matrix(a(0)),
            Op::DiagVec => self.diagonal_of(a(0)),
            Op::Kronecker => self.kronecker(a(0), a(1)),
            Op::Inverse => self.inverse(a(0)),
            Op::Trace => self.trace(a(0)),
            Op::Determinant => self.determinant(a(0), false),
            Op::LogDeterminant => self.determinant(a(0), true),
            Op::Sum => self.total(a(0)),
            Op::Mean => {
                let total = self.total(a(0));
                self.scaled(&total, Scalar::number(1.0 / a(0).entries() as f64))
            }
            Op::LogSumExp => self.reduce(Reduction::LogSumExp, a(0)),
            Op::Norm2 => self.reduce(Reduction::Norm2, a(0)),
            Op::ColumnLogSumExp => self.reduce_columns(Reduction::LogSumExp, a(0)),
            Op::ColumnNorm2 => self.reduce_columns(Reduction::Norm2, a(0)),
            Op::SampleRoots => {
                let diagonal = self.contiguous(a(1));
                let pairs = operands[2..].chunks_exact(2);
                let outers =
                    pairs.map(|pair| (self.contiguous(&pair[0]), self.contiguous(&pair[1])));
                let kernel = Kernel::SampleRoots {
                    outers: outers.collect(),
                    columns: cols / diagonal.cols,
                    diagonal,
                };
                Matrix::dense(self.builder.kernel(kernel, rows, cols))
            }
            Op::Softmax => {
                let of = self.contiguous(a(0));
                Matrix::dense(self.builder.kernel(Kernel::Softmax { of }, rows, cols))
            }
            Op::EigAbs => self.spectral(a(0), Spectrum::Abs),
            Op::EigClip => self.spectral(a(0), Spectrum::Clip),
            Op::Stein | Op::SteinGram | Op::ConjugateGradients | Op::ConjugateGradientsGram => {
                let method = self.method(&node.op, &children)?;
                self.stein(&operands, method)
            }
            Op::Apply => {
                let argument = self.value(children[1])?;
                self.apply(children[0], &argument)?
            }
            Op::Expectation => return Err(CompileError::Expectation),
            Op::Jacobian | Op::Backpropagate => {
                let operation = name(&node.op).to_owned();
                return Err(CompileError::Derivative { operation });
            }
            op => {
                let operation = name(op).to_owned();
                return Err(CompileError::Unsupported { operation });
            }
        })
    }

    fn input(&mut self, name: &crate::expr::Name) -> Result<Matrix, CompileError> {
        let Some(variable) = self.graph.variables().get(name) else {
            return Err(CompileError::Unsupported {
                operation: name.to_string(),
            });
        };
        let (rows, cols) = (
            self.dimension(&variable.shape.rows)?,
            self.dimension(&variable.shape.cols)?,
        );
        let facts = variable.facts;
        let symmetric =
            rows == cols && (facts.symmetric || facts.positive_definite || facts.diagonal);
        self.builder.label = name.to_string();
        let view = self.builder.input(name, rows, cols, symmetric);
        if !self.inputs.iter().any(|input| input.name == *name) {
            self.inputs.push(Input {
                name: name.clone(),
                value: view.value,
            });
        }
        let matrix = Matrix::dense(view).marked(symmetric);
        // Only the diagonal of a matrix declared diagonal is read.
        Ok(if facts.diagonal && rows == cols && rows > 1 {
            let diagonal = self.diagonal_of(&matrix);
            self.diagonal_matrix(&diagonal)
        } else {
            matrix
        })
    }

    /// The matrix in a form whose work is decided: no open chain or sum, unless smaller as factors.
    fn settled(&mut self, matrix: &Matrix) -> Matrix {
        match &matrix.form {
            Form::Product(factors) if !matrix.is_low_rank() => {
                let factors = factors.clone();
                let product = self.multiplied(&factors);
                self.scaled(&product, matrix.scale).marked(matrix.symmetric)
            }
            Form::Sum(_) if !matrix.has_kronecker() => self.stored(matrix),
            _ => matrix.clone(),
        }
    }

    /// The matrix as a stored array, whatever it costs.
    fn stored(&mut self, matrix: &Matrix) -> Matrix {
        let view = self.force(matrix);
        Matrix::dense(view).marked(matrix.symmetric)
    }

    fn commit(&mut self, matrix: &Matrix) {
        let mut values = Vec::new();
        matrix.values(&mut values);
        self.builder.commit(&values);
    }

    fn cost(&self, matrix: &Matrix) -> (u64, u64) {
        let mut values = Vec::new();
        matrix.values(&mut values);
        self.builder.cost(&values)
    }

    /// The better of two forms of one matrix, the first on a tie.
    fn cheaper(&self, first: Matrix, second: Matrix) -> Matrix {
        if self.cost(&second) < self.cost(&first) {
            second
        } else {
            first
        }
    }

    fn scaled(&mut self, matrix: &Matrix, scale: Scalar) -> Matrix {
        if scale.is_zero() {
            return Matrix::zero(matrix.rows, matrix.cols);
        }
        let scale = self.builder.scalar_product(matrix.scale, scale);
        let scaled = Matrix {
            scale,
            ..matrix.clone()
        };
        if scaled.is_zero() {
            scaled.bare()
        } else {
            scaled
        }
    }

    /// The value of a 1 × 1 matrix.
    fn scalar(&mut self, matrix: &Matrix) -> Scalar {
        match &matrix.form {
            Form::Ones | Form::Identity => matrix.scale,
            Form::Zero => Scalar::number(0.0),
            _ => {
                let View { value, .. } = self.force(&matrix.bare());
                let value = Scalar {
                    value: Some(value),
                    ..Scalar::ONE
                };
                self.builder.scalar_product(matrix.scale, value)
            }
        }
    }
}

/// The name of an operation in rules.
fn name(op: &Op) -> &'static str {
    op.head().map_or("value", |(name, _)| name)
}

/// The nearest floating-point number.
fn number(value: &Rational) -> f64 {
    value.to_f64().unwrap_or(f64::NAN)
}
