//! Steps that make little of much run while it is at hand, and no step runs before what it reads.

use std::collections::BTreeSet;

use hbp::kernel::{Kernel, Program, compile};
use proptest::prelude::*;

use super::{graph, outputs, sized};

fn program(texts: &[&str], n: usize) -> Program {
    let mut graph = graph();
    let outputs = outputs(&mut graph, texts);
    compile(&graph, &outputs, &sized(n, 10, 2)).unwrap()
}

/// The place of the step that makes a value of a shape, and of those that read it.
fn places(program: &Program, made: impl Fn(&Kernel) -> bool) -> (usize, Vec<usize>) {
    let maker = program.steps.iter().position(|step| made(&step.kernel));
    let maker = maker.unwrap();
    let output = program.steps[maker].outputs[0];
    let readers = program.steps.iter().enumerate();
    let readers = readers.filter(|(_, step)| step.kernel.reads().contains(&output));
    (maker, readers.map(|(place, _)| place).collect())
}

#[test]
fn a_product_with_a_vector_follows_what_it_reads() {
    // The Hadamard product is asked for first, and its product with x long after: what lies between does not need it.
    let texts = ["(had A X)", "(mul A (mul A A))", "(mul (had A X) x)"];
    for (n, is_large) in [(80, true), (20, false)] {
        let program = program(&texts, n);
        let (maker, readers) = places(&program, |kernel| matches!(kernel, Kernel::Loop(_)));
        assert_eq!(readers.len(), 1, "{program}");
        assert_eq!(readers[0] == maker + 1, is_large, "{program}");
    }
}

fn assert_ordered(program: &Program) {
    let mut known: BTreeSet<_> = program.inputs.iter().map(|input| input.value).collect();
    for step in &program.steps {
        for read in step.kernel.reads() {
            assert!(known.contains(&read), "{program}");
        }
        known.extend(step.outputs.iter().copied());
    }
}

proptest! {
    #[test]
    fn no_step_runs_before_what_it_reads(order in Just(vec![
        "(had A X)", "(mul A (mul A A))", "(mul (had A X) x)", "(mul (mul A A) x)", "(add (mul A x) (mul (had A X) a))", "(mul (t x) (mul (had A X) x))",
    ]).prop_shuffle(), count in 1usize..7, n in prop_oneof![Just(20usize), Just(80)]) {
        assert_ordered(&program(&order[..count], n));
    }
}
