//! Steps that run side by side: gathered where they do not need each other, and never in one another's way.

use std::collections::BTreeSet;

use hbp::kernel::{Kernel, Program, compile};

use super::{graph, outputs, sized};

fn program(texts: &[&str], n: usize) -> Program {
    let mut graph = graph();
    let outputs = outputs(&mut graph, texts);
    compile(&graph, &outputs, &sized(n, 10, 2)).unwrap()
}

fn together(program: &Program) -> Vec<usize> {
    let stages = program.stages.iter().map(std::ops::Range::len);
    stages.filter(|steps| *steps > 1).collect()
}

#[test]
fn factorisations_that_do_not_need_each_other_share_a_stage() {
    let both = program(&["(inv A)", "(mul x (t x))", "(inv (add A (diag x)))"], 60);
    assert_eq!(together(&both), [2], "{both}");
    let stage = both.stages.iter().find(|stage| stage.len() > 1).unwrap();
    let mut buffers = BTreeSet::new();
    for step in &both.steps[stage.clone()] {
        assert!(matches!(step.kernel, Kernel::Inverse { .. }));
        for value in step.kernel.reads().iter().chain(&step.outputs) {
            buffers.extend(both.buffer_of[value.index()]);
        }
    }
    // The sum that one of them reads, and both results.
    assert_eq!(buffers.len(), 3, "{both}");
    assert!(both.to_string().contains("run side by side"), "{both}");
}

#[test]
fn what_needs_another_or_is_small_runs_by_itself() {
    for (texts, n) in [
        // The second reads the first.
        (["(inv A)", "(inv (add (inv A) (diag x)))"], 60),
        // Too small for a thread.
        (["(inv A)", "(inv (add A (diag x)))"], 20),
    ] {
        let program = program(&texts, n);
        assert!(together(&program).is_empty(), "{program}");
        assert_eq!(program.stages.len(), program.steps.len());
    }
}
