//! Factors taken up by products. Why: c A B costs one product when the product scales what it writes, and a pass over the
//! result when a loop does.

use std::collections::BTreeMap;

use super::builder::{Builder, Instruction};
use super::ir::{Block, Kernel, ValueId};
use super::scalar::{Number, Operand, ScalarOp};

/// Puts constant factors into the products that they scale, where nothing else reads the product.
pub(crate) fn absorb(builder: &mut Builder, outputs: &[(String, Block)]) {
    let roots: Vec<ValueId> = outputs.iter().flat_map(|(_, b)| b.values()).collect();
    let live = builder.live(&roots);
    let mut readers: BTreeMap<ValueId, usize> = BTreeMap::new();
    let reads = live
        .iter()
        .flat_map(|id| builder.instructions[id.index()].reads());
    for id in reads.chain(roots) {
        *readers.entry(id).or_default() += 1;
    }
    // Operands come first, so that c (d A B) becomes (c d) A B.
    for id in live {
        let Some((factor, product)) = scaled(builder, id) else {
            continue;
        };
        let Instruction::Kernel(Kernel::Product { scale, .. }) =
            &builder.instructions[product.index()]
        else {
            continue;
        };
        let scale = Number(scale.0 * factor);
        if readers[&product] == 1 && scale.0.is_finite() {
            let mut instruction = builder.instructions[product.index()].clone();
            if let Instruction::Kernel(Kernel::Product { scale: own, .. }) = &mut instruction {
                *own = scale;
            }
            builder.instructions[id.index()] = instruction;
        }
    }
}

/// The factor and the value that an instruction multiplies, entry by entry.
fn scaled(builder: &Builder, id: ValueId) -> Option<(f64, ValueId)> {
    let Instruction::Map(op, operands) = &builder.instructions[id.index()] else {
        return None;
    };
    let (factor, operand) = match (op, operands.as_slice()) {
        (ScalarOp::Multiply, [Operand::Number(factor), operand]) => (factor.0, operand),
        (ScalarOp::Negate, [operand]) => (-1.0, operand),
        _ => return None,
    };
    let Operand::Read(value, access) = operand else {
        return None;
    };
    let (own, read) = (&builder.values[id.index()], &builder.values[value.index()]);
    let is_whole =
        (own.rows, own.cols) == (read.rows, read.cols) && access.is_identity(own.rows, own.cols);
    is_whole.then_some((factor, *value))
}
