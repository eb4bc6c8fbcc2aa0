//! Steps of a derivation as text. Why: a derivation is read line by line, each with the rule that allows it and
//! where that rule comes from.

use super::Step;
use crate::expr::{Id, Module, Names, print, printed_size};
use crate::rewrite::{Phase, Report, Rewriter, Rewriting};

/// The steps collected so far, with what each belongs to.
pub(crate) struct Steps(Vec<(String, Rewriting)>);

impl Steps {
    /// Begins with steps of `of`.
    pub(crate) fn new(of: &str, steps: &[Rewriting]) -> Self {
        Self(
            steps
                .iter()
                .map(|step| (of.to_owned(), step.clone()))
                .collect(),
        )
    }

    /// Takes the steps out of a report; the roots of the last calls were `of`.
    pub(crate) fn take(&mut self, report: &mut Report, of: &[&str]) {
        for (name, steps) in of.iter().zip(report.steps.drain(..)) {
            self.0
                .extend(steps.into_iter().map(|step| ((*name).to_owned(), step)));
        }
    }

    /// A form found by the index core.
    pub(crate) fn push_index_form(&mut self, before: Id, after: Id) {
        self.push("hessian", "index form", before, after);
    }

    /// Sums written in pairs of transposes.
    pub(crate) fn push_pairs(&mut self, before: &[(&str, Id)], after: &[Id]) {
        for ((of, before), after) in before.iter().zip(after) {
            if before != after {
                self.push(of, "pair transposes", *before, *after);
            }
        }
    }

    fn push(&mut self, of: &str, rule: &str, before: Id, after: Id) {
        let step = Rewriting {
            phase: Phase::Simplify,
            rule: rule.to_owned(),
            backwards: false,
            before,
            after,
        };
        self.0.push((of.to_owned(), step));
    }

    /// Prints the steps; what does not change the text is left out.
    pub(crate) fn print(self, module: &Module, rewriter: &Rewriter) -> Vec<Step> {
        let mut printed: Vec<Step> = Vec::new();
        let mut is_whole = true;
        for (of, step) in self.0 {
            let Some(step) = print_step(module, rewriter, &of, &step) else {
                is_whole = false;
                continue;
            };
            if is_whole && let Some(link) = link(printed.last(), &step) {
                append(&mut printed, link);
            }
            is_whole = true;
            append(&mut printed, step);
        }
        printed
    }
}

/// Adds a step. A detour that comes back to an earlier line of the same chain is no step forward.
fn append(printed: &mut Vec<Step>, step: Step) {
    match chain_start(printed, &step) {
        Some(start) => printed.truncate(start),
        None => printed.push(step),
    }
}

/// The step between two that follow on each other but for the order of terms and for names of locals.
fn link(last: Option<&Step>, next: &Step) -> Option<Step> {
    let last = last.filter(|last| last.of == next.of && last.after != next.before)?;
    Some(Step {
        rule: "collect terms".to_owned(),
        cites: "algebra".to_owned(),
        before: last.after.clone(),
        after: next.before.clone(),
        ..next.clone()
    })
}

/// Where in the chain that `step` continues its result stands already: what follows from there is a detour.
fn chain_start(printed: &[Step], step: &Step) -> Option<usize> {
    if step.before == step.after {
        return Some(printed.len());
    }
    let mut expected = &step.before;
    for (i, earlier) in printed.iter().enumerate().rev() {
        if earlier.of != step.of || earlier.after != *expected {
            return None;
        }
        if earlier.before == step.after {
            return Some(i);
        }
        expected = &earlier.before;
    }
    None
}

/// Prints the steps of a proof.
pub fn print_steps(
    module: &Module,
    rewriter: &Rewriter,
    of: &str,
    steps: &[Rewriting],
) -> Vec<Step> {
    let steps = steps
        .iter()
        .map(|step| (of.to_owned(), step.clone()))
        .collect();
    Steps(steps).print(module, rewriter)
}

/// Longer expressions are not worth reading, and may be exponentially long.
const MAX_STEP: u64 = 4_000;

/// Prints one step.
fn print_step(module: &Module, rewriter: &Rewriter, of: &str, step: &Rewriting) -> Option<Step> {
    let graph = &module.graph;
    let names: Names = module
        .locals
        .iter()
        .map(|(name, id)| (*id, name.clone()))
        .collect();
    let text =
        |id: Id| (printed_size(graph, id, &names) <= MAX_STEP).then(|| print(graph, id, &names));
    let cites = rewriter
        .book()
        .rule(&step.rule)
        .map_or("algebra", |rule| rule.cites.as_str());
    let direction = if step.backwards {
        " (from right to left)"
    } else {
        ""
    };
    Some(Step {
        of: of.to_owned(),
        phase: phase_name(step.phase).to_owned(),
        rule: format!("{}{direction}", step.rule),
        cites: cites.to_owned(),
        before: text(step.before)?,
        after: text(step.after)?,
    })
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Differentiate => "differentiate",
        Phase::Simplify => "simplify",
        Phase::Table => "table",
        Phase::Definitions => "definitions",
        Phase::Batch => "batch",
        Phase::Step => "step",
        Phase::Closed => "closed",
        Phase::Samples => "samples",
    }
}
