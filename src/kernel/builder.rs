//! Instructions with hash-consing. Why: equal work is done once, and an order of multiplication may be tried by
//! building it, since what is not used in the end is dropped.

use std::collections::{BTreeSet, HashMap};

use smallvec::SmallVec;

use crate::expr::Name;

use super::ir::{Kernel, Representation, Value, ValueId, View};
use super::matrix::Scalar;
use super::scalar::{Access, Number, Operand, ScalarOp};

/// How a value comes about, before elementwise instructions are fused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Instruction {
    Input(Name),
    /// One scalar operation for every entry.
    Map(ScalarOp, SmallVec<[Operand; 2]>),
    Kernel(Kernel),
}

impl Instruction {
    pub(crate) fn reads(&self) -> SmallVec<[ValueId; 2]> {
        match self {
            Self::Input(_) => SmallVec::new(),
            Self::Map(_, operands) => operands
                .iter()
                .filter_map(|operand| match operand {
                    Operand::Read(value, _) => Some(*value),
                    Operand::Number(_) => None,
                })
                .collect(),
            Self::Kernel(kernel) => kernel.reads().into(),
        }
    }
}

#[derive(Default)]
pub(crate) struct Builder {
    pub(crate) instructions: Vec<Instruction>,
    pub(crate) values: Vec<Value>,
    index: HashMap<(Instruction, usize, usize), ValueId>,
    /// Needed by something already settled, so free for whatever else wants it.
    committed: Vec<bool>,
    /// The name given to the values made next.
    pub(crate) label: String,
}

impl Builder {
    fn add(
        &mut self,
        instruction: Instruction,
        rows: usize,
        cols: usize,
        symmetric: bool,
    ) -> ValueId {
        let next = ValueId(u32::try_from(self.values.len()).expect("fewer than 2^32 values"));
        let id = *self
            .index
            .entry((instruction.clone(), rows, cols))
            .or_insert(next);
        if id == next {
            let representation = match (rows, cols) {
                (1, 1) => Representation::Scalar,
                (1, _) | (_, 1) => Representation::Vector,
                _ if symmetric => Representation::Symmetric,
                _ => Representation::Dense,
            };
            self.instructions.push(instruction);
            self.values.push(Value {
                rows,
                cols,
                representation,
                label: self.label.clone(),
            });
            self.committed.push(false);
        }
        id
    }

    pub(crate) fn input(&mut self, name: &Name, rows: usize, cols: usize, symmetric: bool) -> View {
        let value = self.add(Instruction::Input(name.clone()), rows, cols, symmetric);
        View {
            value,
            rows,
            cols,
            transposed: false,
        }
    }

    pub(crate) fn is_input(&self, value: ValueId) -> bool {
        matches!(self.instructions[value.index()], Instruction::Input(_))
    }

    pub(crate) fn kernel(&mut self, kernel: Kernel, rows: usize, cols: usize) -> View {
        let symmetric = matches!(
            kernel,
            Kernel::Product {
                symmetric: true,
                ..
            } | Kernel::Spectral { .. }
        );
        let value = self.add(Instruction::Kernel(kernel), rows, cols, symmetric);
        View {
            value,
            rows,
            cols,
            transposed: false,
        }
    }

    pub(crate) fn map(
        &mut self,
        op: ScalarOp,
        rows: usize,
        cols: usize,
        operands: &[Operand],
        symmetric: bool,
    ) -> View {
        let mut operands: SmallVec<[Operand; 2]> = operands.into();
        if op.is_commutative() && order(&operands[1]) < order(&operands[0]) {
            operands.swap(0, 1);
        }
        let value = self.add(Instruction::Map(op, operands), rows, cols, symmetric);
        View {
            value,
            rows,
            cols,
            transposed: false,
        }
    }

    /// What reads a scalar everywhere.
    pub(crate) fn scalar_operand(&mut self, scalar: Scalar) -> Operand {
        let Some(value) = scalar.value else {
            return Operand::Number(scalar.number);
        };
        let read = Operand::Read(value, Access::scalar());
        if scalar.number == Number(1.0) {
            return read;
        }
        let operands = [Operand::Number(scalar.number), read];
        let view = if scalar.number == Number(-1.0) {
            self.map(ScalarOp::Negate, 1, 1, &operands[1..], true)
        } else {
            self.map(ScalarOp::Multiply, 1, 1, &operands, true)
        };
        Operand::Read(view.value, Access::scalar())
    }

    pub(crate) fn scalar_map(&mut self, op: ScalarOp, scalars: &[Scalar]) -> Scalar {
        if let Some(number) = constant(op, scalars) {
            return Scalar::number(number);
        }
        let operands: SmallVec<[Operand; 2]> =
            scalars.iter().map(|s| self.scalar_operand(*s)).collect();
        Scalar {
            number: Number(1.0),
            value: Some(self.map(op, 1, 1, &operands, true).value),
        }
    }

    pub(crate) fn scalar_product(&mut self, a: Scalar, b: Scalar) -> Scalar {
        let number = Number(a.number.0 * b.number.0);
        let value = match (a.value, b.value) {
            (Some(a), Some(b)) => {
                let operands = [
                    Operand::Read(a, Access::scalar()),
                    Operand::Read(b, Access::scalar()),
                ];
                Some(self.map(ScalarOp::Multiply, 1, 1, &operands, true).value)
            }
            (value, None) | (None, value) => value,
        };
        Scalar { number, value }
    }

    pub(crate) fn scalar_sum(&mut self, a: Scalar, b: Scalar) -> Scalar {
        match (a.value, b.value) {
            (None, None) => Scalar::number(a.number.0 + b.number.0),
            _ if b.number == Number(-1.0) && b.value.is_some() => self.scalar_map(
                ScalarOp::Subtract,
                &[
                    a,
                    Scalar {
                        number: Number(1.0),
                        ..b
                    },
                ],
            ),
            _ => self.scalar_map(ScalarOp::Add, &[a, b]),
        }
    }

    /// The work still to be done for `roots`: operations, and entries written to break ties.
    pub(crate) fn cost(&self, roots: &[ValueId]) -> (u64, u64) {
        let mut total = (0u64, 0u64);
        self.visit(roots, |id| {
            if matches!(self.instructions[id.index()], Instruction::Input(_)) {
                return;
            }
            let written = self.values[id.index()].len() as u64;
            total = (
                total.0.saturating_add(self.flops(id)),
                total.1.saturating_add(written),
            );
        });
        total
    }

    /// Operations of one instruction.
    pub(crate) fn flops(&self, id: ValueId) -> u64 {
        let written = self.values[id.index()].len() as u64;
        match &self.instructions[id.index()] {
            Instruction::Input(_) => 0,
            Instruction::Map(op, _) => op.flops().saturating_mul(written),
            Instruction::Kernel(kernel) => kernel.flops(),
        }
    }

    /// What `roots` need, operands first.
    pub(crate) fn live(&self, roots: &[ValueId]) -> BTreeSet<ValueId> {
        let mut seen = BTreeSet::new();
        let mut stack = roots.to_vec();
        while let Some(id) = stack.pop() {
            if seen.insert(id) {
                stack.extend(self.instructions[id.index()].reads());
            }
        }
        seen
    }

    /// Settles that `roots` will be computed.
    pub(crate) fn commit(&mut self, roots: &[ValueId]) {
        let mut reached = Vec::new();
        self.visit(roots, |id| reached.push(id));
        for id in reached {
            self.committed[id.index()] = true;
        }
    }

    fn visit(&self, roots: &[ValueId], mut each: impl FnMut(ValueId)) {
        let mut seen = vec![false; self.values.len()];
        let mut stack = roots.to_vec();
        while let Some(id) = stack.pop() {
            if !self.committed[id.index()] && !std::mem::replace(&mut seen[id.index()], true) {
                each(id);
                stack.extend(self.instructions[id.index()].reads());
            }
        }
    }
}

/// The result where every operand is a constant and the operation arithmetic.
fn constant(op: ScalarOp, scalars: &[Scalar]) -> Option<f64> {
    if scalars.iter().any(|scalar| scalar.value.is_some()) {
        return None;
    }
    let numbers: SmallVec<[f64; 2]> = scalars.iter().map(|scalar| scalar.number.0).collect();
    match (op, numbers.as_slice()) {
        (ScalarOp::Add, [a, b]) => Some(a + b),
        (ScalarOp::Subtract, [a, b]) => Some(a - b),
        (ScalarOp::Multiply, [a, b]) => Some(a * b),
        (ScalarOp::Negate, [a]) => Some(-a),
        (ScalarOp::Reciprocal, [a]) => Some(1.0 / a),
        (ScalarOp::Square, [a]) => Some(a * a),
        (ScalarOp::Abs, [a]) => Some(a.abs()),
        (ScalarOp::Sqrt, [a]) => Some(a.sqrt()),
        _ => None,
    }
}

/// A place for every operand, so that `a + b` and `b + a` are one instruction.
fn order(operand: &Operand) -> (u8, u64, Access) {
    match operand {
        Operand::Number(number) => (0, number.0.to_bits(), Access::scalar()),
        Operand::Read(value, access) => (1, u64::from(value.0), *access),
    }
}

/// The operand that reads a whole view entry by entry.
pub(crate) fn read(view: View) -> Operand {
    let (row, col) = view.strides();
    let row = if view.rows == 1 { 0 } else { row };
    let col = if view.cols == 1 { 0 } else { col };
    Operand::Read(view.value, Access::strided(row, col))
}
