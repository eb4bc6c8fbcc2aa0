//! Forms of the solution of a linear system. Why apart from simplification: what is cheap to compute is sought, not what reads
//! well, and an iteration may be written only in forms that keep its iterates.

use super::book::RuleBook;
use super::extract::{Style, Taste};
use super::phase::{Phase, Rules};
use super::simplify::{Job, Report, RewriteError, Rewriter};
use crate::expr::{Graph, Id, Op};

/// How a linear system is going to be solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Solving {
    /// By factorisations, in closed form where there is one.
    Direct,
    /// By an iteration on the whole system.
    Iterated,
}

/// The rules for each way to solve, without and with those that move the equation to one column a sample.
#[derive(Debug)]
pub(super) struct SolveRules {
    direct: [Rules; 2],
    iterated: [Rules; 2],
}

impl SolveRules {
    pub(super) fn of(book: &RuleBook) -> Self {
        use Phase::{Closed, Samples, Step};
        let rules = |phases: &[Phase]| Rules::of(book, phases);
        Self {
            direct: [rules(&[Step, Closed]), rules(&[Step, Closed, Samples])],
            iterated: [rules(&[Step]), rules(&[Step, Samples])],
        }
    }
}

impl Rewriter {
    /// Writes `(αI + βH)⁻¹ v` in the form in which it is best computed: without an inverse of a Kronecker product and, where an
    /// iteration follows, as an equation `(stein …)` that it can run on. With `samples`, the equation has one column a
    /// sample where the factors are those of a batch.
    ///
    /// # Errors
    /// When the graph has too many variables, or a rule is unsound.
    pub fn solve(
        &self,
        graph: &mut Graph,
        root: Id,
        solving: Solving,
        samples: bool,
        report: &mut Report,
    ) -> Result<Id, RewriteError> {
        let sets = match solving {
            Solving::Direct => &self.solve.direct,
            Solving::Iterated => &self.solve.iterated,
        };
        let taste = Taste {
            style: Style::Hadamard,
            values: false,
            solving: Some(solving),
        };
        let job = Job {
            rules: &sets[usize::from(samples)],
            phase: Phase::Step,
            taste,
        };
        Ok(job.run(graph, &[root], &[], report)?[0])
    }
}

/// What an operation weighs beside its letters where a system is to be solved: more than any formula that avoids it.
pub(super) fn burden(op: &Op, solving: Solving) -> u64 {
    match (op, solving) {
        (Op::Kronecker, _) => 1_000_000,
        (Op::Inverse, Solving::Iterated) => 100_000,
        (Op::Inverse, Solving::Direct) => 100,
        (Op::Stein, _) => 10_000,
        (Op::SteinGram, _) => 1_000,
        _ => 0,
    }
}
