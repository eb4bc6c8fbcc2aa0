//! The choice between equal expressions by their cost. Why here: which form of a step is cheapest depends on sizes, which no floor before
//! this one knows.

use crate::expr::{Graph, Id, Sizes};

use super::plan::Program;
use super::{CompileError, compile_within, rank};

/// The cheapest program of several, by flops and then bytes, and its place: `forms` are lists of outputs that are equal, list by list. The first one
/// of equal cost is taken. Iterations count in full.
///
/// # Errors
/// When none compiles: why the first one does not.
///
/// ```
/// use hbp::expr::{Dimension, Facts, Graph, Op, Role, Shape, Sizes, Variable};
/// use hbp::kernel::{MEMORY_LIMIT, compile_cheapest};
/// let mut graph = Graph::default();
/// let n = Dimension::named("n");
/// let shape = Shape::matrix(n.clone(), n);
/// let a = graph.declare("A", Variable { shape, role: Role::Input, facts: Facts::default() });
/// let square = graph.node(Op::Multiply, &[a, a]).expect("well shaped");
/// let trace = graph.node(Op::Trace, &[square]).expect("well shaped");
/// let transposed = graph.node(Op::Transpose, &[a]).expect("well shaped");
/// let product = graph.node(Op::Hadamard, &[a, transposed]).expect("well shaped");
/// let sum = graph.node(Op::Sum, &[product]).expect("well shaped");
/// let forms = [vec![("z".into(), trace)], vec![("z".into(), sum)]];
/// let sizes = Sizes::from([("n".into(), 10)]);
/// let (place, program) = compile_cheapest(&graph, &forms, &sizes, MEMORY_LIMIT).expect("compiles");
/// assert!(place < 2 && program.flops() <= 200);
/// ```
pub fn compile_cheapest(
    graph: &Graph,
    forms: &[Vec<(String, Id)>],
    sizes: &Sizes,
    limit: u64,
) -> Result<(usize, Program), CompileError> {
    let programs = forms
        .iter()
        .map(|outputs| compile_within(graph, outputs, sizes, limit));
    let best = programs.enumerate().reduce(|best, other| {
        if rank(&other.1) < rank(&best.1) {
            other
        } else {
            best
        }
    });
    match best {
        Some((place, program)) => program.map(|program| (place, program)),
        None => Err(CompileError::Unsupported {
            operation: "a choice between no forms".into(),
        }),
    }
}
